// SPDX-License-Identifier: GPL-2.0
#include "traffic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

static void count(struct receipt *r, uint64_t at_us, size_t n)
{
	uint64_t bin = at_us / BIN_US;
	size_t i;

	if (!r->count)
		r->first = bin;
	i = (size_t)(bin - r->first);
	if (i >= r->room) {
		size_t room = (i + 1) * 2;

		r->bins = realloc(r->bins, room * sizeof(*r->bins));
		if (!r->bins)
			fail("realloc");
		memset(r->bins + r->room, 0, (room - r->room) * sizeof(*r->bins));
		r->room = room;
	}
	if (i >= r->count)
		r->count = i + 1;
	r->bins[i] += n;
	r->bytes += n;
}

enum receive_end receive(int fd, struct receipt *r, uint64_t want, uint64_t until_us, int verify)
{
	/* Large enough that a bin rarely needs a second call; discarded in the kernel unless verified. */
	const size_t piece = verify ? CHUNK : 64u << 20;
	uint8_t *data = verify ? malloc(CHUNK) : NULL;
	enum receive_end end = RECEIVE_DONE;

	while (r->bytes < want) {
		uint64_t now = now_us(), stop = (now / BIN_US + 1) * BIN_US;
		uint64_t left = want - r->bytes;
		struct timeval wait;
		ssize_t n;

		if (now >= until_us)
			break;
		if (stop > until_us)
			stop = until_us;
		wait.tv_sec = (time_t)((stop - now) / 1000000);
		wait.tv_usec = (suseconds_t)((stop - now) % 1000000);
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
		n = recv(fd, data, left < piece ? (size_t)left : piece, MSG_WAITALL | (verify ? 0 : MSG_TRUNC));
		if (n == 0) {
			end = RECEIVE_EOF;
			break;
		}
		if (n < 0) {
			if (errno == EAGAIN || errno == EINTR)
				continue;
			end = RECEIVE_BROKEN;
			break;
		}
		if (verify && memcmp(data, pattern_at(r->bytes), (size_t)n)) {
			fprintf(stderr, "traffic: payload differs from what was sent, near offset %llu\n",
				(unsigned long long)r->bytes);
			end = RECEIVE_CORRUPT;
			break;
		}
		/* The call began in this bin and was to end with it: all of its bytes belong there. */
		count(r, now, (size_t)n);
	}
	free(data);
	return end;
}

void print_bins(FILE *out, const struct receipt *r)
{
	fprintf(out, "\"bytes\":%llu,\"bin_us\":%u,\"first\":%llu,\"bins\":[", (unsigned long long)r->bytes, BIN_US,
		(unsigned long long)r->first);
	for (size_t i = 0; i < r->count; i++)
		fprintf(out, "%s%llu", i ? "," : "", (unsigned long long)r->bins[i]);
	fprintf(out, "]");
}
