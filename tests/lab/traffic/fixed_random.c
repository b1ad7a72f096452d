// SPDX-License-Identifier: GPL-2.0
/*
 * Preloaded into user-mode Linux's process, this replaces the host's randomness by a fixed sequence, so
 * that sequence numbers, hash keys and congestion controls' random choices are the same in every run
 * with one LAB_SEED. For measurements only; nothing here is fit for secrets.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>

ssize_t getrandom(void *buf, size_t len, unsigned int flags)
{
	static uint64_t state;
	uint8_t *out = buf;

	(void)flags;
	if (!state) {
		const char *seed = getenv("LAB_SEED");

		state = 0x9e3779b97f4a7c15u ^ (seed ? strtoull(seed, NULL, 10) : 1);
	}
	for (size_t i = 0; i < len; i++) {
		/* splitmix64: every state gives a well mixed word */
		uint64_t z = state += 0x9e3779b97f4a7c15u;

		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
		out[i] = (uint8_t)(z ^ (z >> 31));
	}
	return (ssize_t)len;
}
