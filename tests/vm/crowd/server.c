// SPDX-License-Identifier: GPL-2.0
#include "crowd.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Where CROWD_LIES puts its wrong byte. */
#define LIE_AT 1000u

struct connection {
	int fd;
	int listens;
	struct request req;
	size_t have; /* bytes of the request that have come */
	uint64_t left; /* of the answer */
	uint64_t offset; /* sent on this connection */
};

static int lies;

static int listener(int port)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
	int one = 1, fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 4096))
		die("bind");
	return fd;
}

static void watch(int ep, int fd, int listens)
{
	struct connection *c = calloc(1, sizeof(*c));
	struct epoll_event e = { .events = listens ? EPOLLIN : EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c };

	if (!c)
		die("calloc");
	c->fd = fd;
	c->listens = listens;
	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e))
		die("epoll_ctl");
}

static ssize_t give(struct connection *c)
{
	const uint8_t *from = pattern_at(c->offset);
	size_t size = c->left < PIECE ? c->left : PIECE;
	uint8_t wrong;

	if (!lies || c->offset > LIE_AT || c->offset + size <= LIE_AT)
		return send(c->fd, from, size, 0);
	if (c->offset < LIE_AT)
		return send(c->fd, from, LIE_AT - c->offset, 0);
	wrong = (uint8_t)~*from;
	return send(c->fd, &wrong, 1, 0);
}

/* Goes on until the kernel has nothing more to read or no room to write; 0 when the connection is over. */
static int go_on(struct connection *c)
{
	for (;;) {
		ssize_t n;

		if (c->left) {
			n = give(c);
			if (n < 0)
				return errno == EAGAIN;
			c->left -= (uint64_t)n;
			c->offset += (uint64_t)n;
			if (!c->left && c->req.close_then)
				return 0;
			continue;
		}
		n = recv(c->fd, (char *)&c->req + c->have, sizeof(c->req) - c->have, 0);
		if (n <= 0)
			return n < 0 && errno == EAGAIN;
		c->have += (size_t)n;
		if (c->have == sizeof(c->req)) {
			c->left = c->req.bytes;
			c->have = 0;
		}
	}
}

static void work(int port, int ports)
{
	struct epoll_event events[256];
	int ep = epoll_create1(0);

	for (int i = 0; i < ports; i++)
		watch(ep, listener(port + i), 1);
	for (;;) {
		int n = epoll_wait(ep, events, 256, -1);

		for (int i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;

			if (c->listens) {
				int fd = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK);

				if (fd >= 0)
					watch(ep, fd, 0);
			} else if (!go_on(c)) {
				close(c->fd);
				free(c);
			}
		}
	}
}

int serve(int port, int ports, int workers)
{
	lies = getenv("CROWD_LIES") != NULL;
	for (int i = 1; i < workers; i++)
		if (!fork())
			work(port, ports);
	work(port, ports);
	return 0;
}
