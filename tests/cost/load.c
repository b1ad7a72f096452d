// SPDX-License-Identifier: GPL-2.0
/*
 * Traffic whose cost is counted, for count.c's windows:
 *
 *	load sink FIRST-PORT PORTS
 *		takes connections and throws away what they bring
 *	load stream HOST PORT CONTROL BYTES-PER-S WARM-MS WINDOW-MS
 *		one connection at a fixed pace; a window after the warm-up
 *	load many HOST FIRST-PORT PORTS CONNECTIONS
 *		opens them and obeys lines of standard input:
 *		  send N    N times one segment on each, in order, in a window of its own
 *		  idle MS   nothing for that long, in a window of its own
 *	load idle MS
 *		nothing, in a window of its own
 *	load spin MS
 *		looks at the clock all the time, in a window of its own
 *
 * For each window one line goes to standard output: its length in microseconds
 * and the segments with payload, packets received, and repetitions in it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "mark.h"

/* Payload of a segment with time stamps and an MTU of 1500. */
#define SEGMENT 1448
/* Segments between two pauses of PAUSE_US in "send": 16,000 a second. */
#define BURST 16
#define PAUSE_US 1000

#define STRING(x) #x
#define MARK(number) \
	__asm__ volatile(".byte 0x0f, 0x1f, 0x84, 0x00\n\t.long " STRING(number) ::: "memory")

struct totals {
	uint64_t us, segments, received, repeated;
};

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void pause_us(uint64_t us)
{
	struct timespec t = { .tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000 };

	nanosleep(&t, NULL);
}

static void add(struct totals *sum, int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	memset(&info, 0, sizeof(info));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		die("TCP_INFO");
	sum->segments += info.tcpi_data_segs_out;
	sum->received += info.tcpi_segs_in;
	sum->repeated += info.tcpi_total_retrans;
}

static struct totals total(const int *fds, int count)
{
	struct totals sum = { .us = 0 };

	for (int i = 0; i < count; i++)
		add(&sum, fds[i]);
	sum.us = now_us();
	return sum;
}

static void report(struct totals before, struct totals after)
{
	printf("%llu %llu %llu %llu\n", (unsigned long long)(after.us - before.us),
	       (unsigned long long)(after.segments - before.segments),
	       (unsigned long long)(after.received - before.received),
	       (unsigned long long)(after.repeated - before.repeated));
	fflush(stdout);
}

static int open_socket(const char *host, int port, const char *control, unsigned long rate)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	uint64_t limit = rate;

	if (fd < 0)
		die("socket");
	if (control && setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, control, (socklen_t)strlen(control)))
		die(control);
	if (rate && setsockopt(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &limit, sizeof(limit)))
		die("SO_MAX_PACING_RATE");
	if (inet_pton(AF_INET, host, &to.sin_addr) != 1 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		die("connect");
	return fd;
}

static void idle(uint64_t ms)
{
	struct totals before = total(NULL, 0), after;

	MARK(MARK_BEGIN);
	pause_us(ms * 1000);
	MARK(MARK_END);
	after = total(NULL, 0);
	report(before, after);
}

static void spin(uint64_t ms)
{
	struct totals before = total(NULL, 0), after;

	MARK(MARK_BEGIN);
	while (now_us() < before.us + ms * 1000)
		;
	MARK(MARK_END);
	after = total(NULL, 0);
	report(before, after);
}

static void stream(char **argv)
{
	int fd = open_socket(argv[0], atoi(argv[1]), argv[2], strtoul(argv[3], NULL, 10));
	uint64_t begin = now_us() + strtoul(argv[4], NULL, 10) * 1000;
	uint64_t end = begin + strtoul(argv[5], NULL, 10) * 1000;
	struct totals before = { .us = 0 }, after;
	static char data[64 * SEGMENT];
	uint64_t now;

	while ((now = now_us()) < end) {
		if (now >= begin && !before.us) {
			before = total(&fd, 1);
			MARK(MARK_BEGIN);
		}
		if (write(fd, data, sizeof(data)) < 0)
			die("write");
	}
	MARK(MARK_END);
	after = total(&fd, 1);
	report(before, after);
}

static void many(char **argv)
{
	int first = atoi(argv[1]), ports = atoi(argv[2]), count = atoi(argv[3]);
	static char data[SEGMENT];
	struct totals before, after;
	unsigned long ms, rounds;
	uint64_t sent;
	char line[64];
	int *fds = calloc((size_t)count, sizeof(*fds));

	if (!fds)
		die("memory");
	for (int i = 0; i < count; i++)
		fds[i] = open_socket(argv[0], first + i % ports, NULL, 0);
	puts("open");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "idle %lu", &ms) == 1) {
			idle(ms);
			continue;
		}
		if (sscanf(line, "send %lu", &rounds) != 1)
			die("a line that is no command");
		before = total(fds, count);
		MARK(MARK_BEGIN);
		for (sent = 0; sent < rounds * (unsigned long)count; sent++) {
			if (write(fds[sent % (unsigned long)count], data, sizeof(data)) != sizeof(data))
				die("write");
			if (sent % BURST == BURST - 1)
				pause_us(PAUSE_US);
		}
		/* The last acknowledgements. */
		pause_us(100 * PAUSE_US);
		MARK(MARK_END);
		after = total(fds, count);
		report(before, after);
	}
}

static void take(int poll, int listener)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = accept(listener, NULL, NULL);

	if (fd < 0)
		return;
	/* The upper half says that it is a connection. */
	event.data.u64 = (1ull << 32) | (uint32_t)fd;
	if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event))
		die("epoll");
}

static void sink(int first, int ports)
{
	struct epoll_event events[64], event = { .events = EPOLLIN };
	int poll = epoll_create1(0), one = 1;

	for (int i = 0; i < ports; i++) {
		struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)(first + i)) };
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 4096))
			die("listen");
		event.data.u64 = (uint32_t)fd;
		if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event))
			die("epoll");
	}
	for (;;) {
		int ready = epoll_wait(poll, events, 64, -1);

		for (int i = 0; i < ready; i++) {
			int fd = (int)(uint32_t)events[i].data.u64;

			/* Dropped in the kernel, without a copy. */
			if (!(events[i].data.u64 >> 32))
				take(poll, fd);
			else if (recv(fd, NULL, 1 << 20, MSG_TRUNC | MSG_DONTWAIT) == 0)
				close(fd);
		}
	}
}

int main(int argc, char **argv)
{
	struct rlimit files = { .rlim_cur = 300000, .rlim_max = 300000 };

	if (setrlimit(RLIMIT_NOFILE, &files))
		die("RLIMIT_NOFILE");
	if (argc == 4 && !strcmp(argv[1], "sink"))
		sink(atoi(argv[2]), atoi(argv[3]));
	else if (argc == 8 && !strcmp(argv[1], "stream"))
		stream(argv + 2);
	else if (argc == 6 && !strcmp(argv[1], "many"))
		many(argv + 2);
	else if (argc == 3 && !strcmp(argv[1], "idle"))
		idle(strtoul(argv[2], NULL, 10));
	else if (argc == 3 && !strcmp(argv[1], "spin"))
		spin(strtoul(argv[2], NULL, 10));
	else
		return 2;
	return 0;
}
