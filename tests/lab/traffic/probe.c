// SPDX-License-Identifier: GPL-2.0
/*
 * traffic probe -a ADDR -p PORT -i INTERVAL_MS -d SECONDS -o FILE
 *
 * Sends a small UDP packet every interval and prints each answered one's round trip:
 * {"ev":"probe","sent":N,"lost":N,"rtt_us":[...]}. A probe that never comes back counts as lost.
 */
#include "traffic.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long to wait for the answers of the last probes. */
#define LINGER_US 3000000u

int probe_main(int argc, char **argv)
{
	const char *addr = NULL, *out_path = NULL;
	uint64_t interval_us = 20000, length_us = 10000000, sent = 0, received = 0;
	uint16_t port = 5002;
	struct sockaddr_storage sa;
	struct pollfd pfd;
	uint32_t *rtt;
	FILE *out;
	int opt;

	while ((opt = getopt(argc, argv, "a:p:i:d:o:")) != -1) {
		switch (opt) {
		case 'a': addr = optarg; break;
		case 'p': port = (uint16_t)atoi(optarg); break;
		case 'i': interval_us = (uint64_t)(atof(optarg) * 1e3); break;
		case 'd': length_us = (uint64_t)(atof(optarg) * 1e6); break;
		case 'o': out_path = optarg; break;
		default: return 2;
		}
	}
	if (!addr || !interval_us)
		return 2;
	out = open_output(out_path);
	rtt = calloc(length_us / interval_us + 1, sizeof(*rtt));
	pfd.fd = socket(strchr(addr, ':') ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
	pfd.events = POLLIN;
	if (pfd.fd < 0 || !rtt)
		fail("probe set-up");
	if (connect(pfd.fd, (struct sockaddr *)&sa, parse_address(addr, port, &sa)) < 0)
		fail("connect");
	set_nonblocking(pfd.fd);

	uint64_t start = now_us(), next = start;

	for (;;) {
		struct probe_packet p;
		uint64_t now = now_us();

		while (recv(pfd.fd, &p, sizeof(p), 0) == (ssize_t)sizeof(p))
			if (received <= length_us / interval_us)
				rtt[received++] = (uint32_t)(now - p.sent_us);
		if (now >= start + length_us + LINGER_US || (received == sent && now >= start + length_us))
			break;
		if (now >= next && now < start + length_us) {
			memset(&p, 0, sizeof(p));
			p.seq = sent++;
			p.sent_us = now;
			/* A full local queue is loss like any other. */
			if (send(pfd.fd, &p, sizeof(p), 0) < 0 && errno != EAGAIN && errno != ENOBUFS && errno != ECONNREFUSED)
				fail("send");
			next += interval_us;
		}

		uint64_t until = next < start + length_us ? next : start + length_us + LINGER_US;
		uint64_t wait_us = until > now ? until - now : 0;

		poll(&pfd, 1, (int)((wait_us + 999) / 1000));
	}
	fprintf(out, "{\"ev\":\"probe\",\"sent\":%llu,\"lost\":%llu,\"rtt_us\":[", (unsigned long long)sent,
		(unsigned long long)(sent - received));
	for (uint64_t i = 0; i < received; i++)
		fprintf(out, "%s%u", i ? "," : "", rtt[i]);
	fprintf(out, "]}\n");
	return fclose(out) ? 1 : 0;
}
