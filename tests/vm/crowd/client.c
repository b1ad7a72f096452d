// SPDX-License-Identifier: GPL-2.0
#include "crowd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Shared by the processes of one crowd. */
struct totals {
	long next, whole, failed;
};

/* Nothing comes for so long: it is stuck. Longer than any outage of the tests and its backed-off timer. */
static const struct timeval patience = { .tv_sec = 120 };

static int open_to(const char *host, int port)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int is_six = inet_pton(AF_INET6, host, &six.sin6_addr) == 1;
	int fd = socket(is_six ? AF_INET6 : AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (!is_six)
		inet_pton(AF_INET, host, &four.sin_addr);
	if (connect(fd, is_six ? (struct sockaddr *)&six : (struct sockaddr *)&four, is_six ? sizeof(six) : sizeof(four))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A reason why the answer is not what was asked for, or NULL. */
static const char *take(int fd, uint64_t offset, uint32_t bytes)
{
	static uint8_t data[PIECE];

	while (bytes) {
		ssize_t n = recv(fd, data, bytes < PIECE ? bytes : PIECE, 0);

		if (n == 0)
			return "ended early";
		if (n < 0)
			return strerror(errno);
		if (memcmp(data, pattern_at(offset), (size_t)n))
			return "content differs";
		offset += (uint64_t)n;
		bytes -= (uint32_t)n;
	}
	return NULL;
}

static const char *ask(int fd, uint32_t bytes, uint32_t close_then)
{
	struct request req = { bytes, close_then };

	return send(fd, &req, sizeof(req), 0) == sizeof(req) ? NULL : strerror(errno);
}

static struct totals *shared(void)
{
	struct totals *t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (t == MAP_FAILED)
		die("mmap");
	return t;
}

static int result(const struct totals *t, uint64_t began)
{
	printf("%ld whole, %ld failed, %llu ms\n", t->whole, t->failed, (unsigned long long)(now_ms() - began));
	return t->failed != 0 || t->whole == 0;
}

static void note(struct totals *t, const char *why)
{
	if (!why) {
		__atomic_add_fetch(&t->whole, 1, __ATOMIC_RELAXED);
	} else if (__atomic_add_fetch(&t->failed, 1, __ATOMIC_RELAXED) == 1) {
		printf("%s\n", why);
		fflush(stdout);
	}
}

static const char *once(const char *host, int port, uint32_t bytes, int end)
{
	static const struct linger reset = { .l_onoff = 1 };
	int fd = open_to(host, port);
	const char *why;
	char more;

	if (fd < 0)
		return strerror(errno);
	why = ask(fd, bytes, end == 2);
	if (!why)
		why = take(fd, 0, bytes);
	if (!why && end == 2 && recv(fd, &more, 1, 0) != 0)
		why = "the server did not end it";
	if (end == 1)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	return why;
}

int reconnect(const char *host, int port, int ports, long count, int parallel, uint32_t bytes)
{
	struct totals *t = shared();
	uint64_t began = now_ms();

	for (int i = 0; i < parallel; i++) {
		if (fork())
			continue;
		for (;;) {
			long mine = __atomic_fetch_add(&t->next, 1, __ATOMIC_RELAXED);

			if (mine >= count)
				_exit(0);
			note(t, once(host, port + (int)(mine % ports), bytes, (int)(mine % 3)));
		}
	}
	while (wait(NULL) > 0)
		;
	return result(t, began);
}

int hold(const char *host, int port, int ports, int count, int rounds, uint32_t bytes)
{
	struct totals *t = shared();
	uint64_t began = now_ms();
	int *fds = calloc((size_t)count, sizeof(*fds));
	/* Asked at a time: one window of each is what the path has to carry at once. */
	const int batch = 64;

	if (!fds)
		die("calloc");
	for (int i = 0; i < count; i++) {
		fds[i] = open_to(host, port + i % ports);
		if (fds[i] < 0)
			note(t, strerror(errno));
	}
	printf("held %ld\n", count - t->failed);
	fflush(stdout);
	for (int round = 0; round < rounds; round++)
		for (int first = 0; first < count; first += batch) {
			int last = first + batch < count ? first + batch : count;

			for (int i = first; i < last; i++)
				if (fds[i] >= 0 && ask(fds[i], bytes, 0))
					note(t, strerror(errno));
			for (int i = first; i < last; i++)
				if (fds[i] >= 0)
					note(t, take(fds[i], (uint64_t)round * bytes, bytes));
		}
	for (int i = 0; i < count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return result(t, began);
}
