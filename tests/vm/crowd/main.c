// SPDX-License-Identifier: GPL-2.0
#include "crowd.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

/* Length of the period of the payload; prime, so that a byte lost or doubled anywhere shows. */
#define PERIOD 65521u

static uint8_t pattern[PERIOD + PIECE];

void die(const char *what)
{
	fprintf(stderr, "crowd: %s: %s\n", what, strerror(errno));
	exit(1);
}

uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

const uint8_t *pattern_at(uint64_t offset)
{
	return pattern + offset % PERIOD;
}

int main(int argc, char **argv)
{
	/* Room for every connection of the largest crowd, and some. */
	struct rlimit files = { 65536, 65536 };
	uint32_t x = 1;

	for (size_t i = 0; i < sizeof(pattern); i++) {
		x = x * 1664525u + 1013904223u; /* Numerical Recipes' generator */
		pattern[i] = i < PERIOD ? (uint8_t)(x >> 24) : pattern[i - PERIOD];
	}
	signal(SIGPIPE, SIG_IGN);
	/* Where this is not allowed, a crowd that is too large says so itself. */
	setrlimit(RLIMIT_NOFILE, &files);
	if (argc == 5 && !strcmp(argv[1], "serve"))
		return serve(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
	if (argc == 8 && !strcmp(argv[1], "reconnect"))
		return reconnect(argv[2], atoi(argv[3]), atoi(argv[4]), atol(argv[5]), atoi(argv[6]),
				 (uint32_t)atol(argv[7]));
	if (argc == 8 && !strcmp(argv[1], "hold"))
		return hold(argv[2], atoi(argv[3]), atoi(argv[4]), atoi(argv[5]), atoi(argv[6]),
			    (uint32_t)atol(argv[7]));
	fprintf(stderr, "crowd: see the top of crowd.h\n");
	return 2;
}
