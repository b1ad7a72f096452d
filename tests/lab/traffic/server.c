// SPDX-License-Identifier: GPL-2.0
/*
 * traffic server [-6] [-p TCP_PORT] [-u UDP_PORT] [-c CONGESTION_CONTROL] [-s SAMPLE_MS] -o FILE
 *
 * Answers requests (see struct request) in one thread until SIGTERM. Lines printed:
 *   {"ev":"sample",...}  TCP_INFO of one connection, every SAMPLE_MS, for connections older than that
 *   {"ev":"close",...}   the same at the end of each connection, with the congestion control's name
 *   {"ev":"received",...} bytes of an upload by time, as in struct receipt
 */
#include "traffic.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#ifndef SOL_TCP
#define SOL_TCP 6
#endif

struct connection {
	struct connection *next, **link;
	int fd;
	uint16_t peer_port;
	struct request req;
	size_t have; /* bytes of the request read so far */
	uint64_t left; /* still to send */
	uint64_t offset; /* already sent */
	uint64_t accepted_us;
	struct receipt got; /* uploads only */
	int waits_for_space;
	int finished; /* everything handed to the kernel, our side shut down */
};

static struct connection *connections;
static FILE *out;
static int ep;
/* Guards `connections`, their contents and `out`; released only while the main thread waits for events. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void print_info(struct connection *c, const char *event)
{
	struct tcp_info ti;
	socklen_t len = sizeof(ti), cc_len = 16;
	char cc[17] = "";
	union tcp_cc_info model;
	socklen_t model_len = sizeof(model);

	memset(&ti, 0, sizeof(ti));
	if (getsockopt(c->fd, SOL_TCP, TCP_INFO, &ti, &len) < 0)
		return;
	getsockopt(c->fd, SOL_TCP, TCP_CONGESTION, cc, &cc_len);
	fprintf(out,
		"{\"ev\":\"%s\",\"t_us\":%llu,\"port\":%u,\"cc\":\"%s\",\"state\":%u,\"ca_state\":%u,\"cwnd\":%u,\"ssthresh\":%u,"
		"\"rtt_us\":%u,\"rttvar_us\":%u,\"min_rtt_us\":%u,\"rto_us\":%u,\"unacked\":%u,\"lost\":%u,\"sacked\":%u,\"retrans_out\":%u,"
		"\"pacing\":%llu,\"delivery\":%llu,\"app_limited\":%u,\"bytes_acked\":%llu,\"bytes_sent\":%llu,\"bytes_retrans\":%llu,"
		"\"segs_out\":%u,\"data_segs_out\":%u,\"total_retrans\":%u,\"delivered\":%u,\"reord_seen\":%u,\"reordering\":%u,\"dsack_dups\":%u,"
		"\"rwnd_limited_us\":%llu,\"sndbuf_limited_us\":%llu,\"busy_us\":%llu,\"notsent\":%u,\"snd_wnd\":%u,\"age_us\":%llu",
		event, (unsigned long long)now_us(), c->peer_port, cc, ti.tcpi_state, ti.tcpi_ca_state, ti.tcpi_snd_cwnd, ti.tcpi_snd_ssthresh,
		ti.tcpi_rtt, ti.tcpi_rttvar, ti.tcpi_min_rtt, ti.tcpi_rto, ti.tcpi_unacked, ti.tcpi_lost, ti.tcpi_sacked, ti.tcpi_retrans,
		(unsigned long long)ti.tcpi_pacing_rate, (unsigned long long)ti.tcpi_delivery_rate, ti.tcpi_delivery_rate_app_limited,
		(unsigned long long)ti.tcpi_bytes_acked, (unsigned long long)ti.tcpi_bytes_sent, (unsigned long long)ti.tcpi_bytes_retrans,
		ti.tcpi_segs_out, ti.tcpi_data_segs_out, ti.tcpi_total_retrans, ti.tcpi_delivered, ti.tcpi_reord_seen, ti.tcpi_reordering,
		ti.tcpi_dsack_dups, (unsigned long long)ti.tcpi_rwnd_limited, (unsigned long long)ti.tcpi_sndbuf_limited,
		(unsigned long long)ti.tcpi_busy_time, ti.tcpi_notsent_bytes, ti.tcpi_snd_wnd,
		(unsigned long long)(now_us() - c->accepted_us));
	/* Told by bbr and by zeta, as `ss -i` shows it. */
	if (getsockopt(c->fd, SOL_TCP, TCP_CC_INFO, &model, &model_len) == 0 && model_len == sizeof(model.bbr))
		fprintf(out, ",\"bw\":%llu,\"base_rtt_us\":%u,\"pacing_gain_q8\":%u",
			(unsigned long long)model.bbr.bbr_bw_hi << 32 | model.bbr.bbr_bw_lo, model.bbr.bbr_min_rtt,
			model.bbr.bbr_pacing_gain);
	fprintf(out, "}\n");
}

static void watch(struct connection *c, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = c };

	if (epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &ev) < 0)
		fail("epoll_ctl");
}

static void end_connection(struct connection *c)
{
	print_info(c, "close");
	if (c->got.bytes) {
		fprintf(out, "{\"ev\":\"received\",\"port\":%u,", c->peer_port);
		print_bins(out, &c->got);
		fprintf(out, "}\n");
	}
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	close(c->fd);
	free(c->got.bins);
	free(c);
}

/* Sends until the socket is full or the request is answered. Returns 0 when the connection broke. */
static int send_some(struct connection *c)
{
	while (c->left) {
		size_t want = c->left < CHUNK ? (size_t)c->left : CHUNK;
		ssize_t n = send(c->fd, pattern_at(c->offset), want, 0);

		if (n < 0 && errno == EAGAIN) {
			if (!c->waits_for_space)
				watch(c, EPOLLIN | EPOLLOUT);
			c->waits_for_space = 1;
			return 1;
		}
		if (n < 0)
			return 0;
		c->offset += (uint64_t)n;
		if (c->req.bytes)
			c->left -= (uint64_t)n;
	}
	c->finished = 1;
	watch(c, EPOLLIN);
	return shutdown(c->fd, SHUT_WR) == 0;
}

static void *take_upload(void *arg)
{
	struct connection *c = arg;

	fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) & ~O_NONBLOCK);
	receive(c->fd, &c->got, UINT64_MAX, UINT64_MAX, 0);
	pthread_mutex_lock(&lock);
	end_connection(c);
	pthread_mutex_unlock(&lock);
	return NULL;
}

static int read_request(struct connection *c)
{
	ssize_t n = recv(c->fd, (uint8_t *)&c->req + c->have, sizeof(c->req) - c->have, 0);

	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	c->have += (size_t)n;
	if (c->have < sizeof(c->req))
		return 1;
	if (c->req.magic != REQUEST_MAGIC)
		return 0;
	if (c->req.kind == REQUEST_PUT) {
		pthread_t thread;

		/* From here on the connection belongs to its thread. */
		epoll_ctl(ep, EPOLL_CTL_DEL, c->fd, NULL);
		if (pthread_create(&thread, NULL, take_upload, c))
			fail("pthread_create");
		pthread_detach(thread);
		return 1;
	}
	c->left = c->req.bytes ? c->req.bytes : UINT64_MAX;
	return send_some(c);
}

/* Handles one connection's events. Returns 0 when it is over. */
static int serve(struct connection *c, uint32_t events)
{
	uint8_t byte;

	if (events & EPOLLIN) {
		if (c->have < sizeof(c->req))
			return read_request(c);
		/* A downloader has nothing more to say: this is its end. */
		if (recv(c->fd, &byte, 1, 0) >= 0 || errno != EAGAIN)
			return 0;
	}
	if ((events & EPOLLOUT) && c->left && !c->finished)
		return send_some(c);
	return !(events & (EPOLLERR | EPOLLHUP)) || (events & EPOLLIN);
}

static void accept_all(int listener)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	int fd;

	while ((fd = accept4(listener, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK)) >= 0) {
		struct connection *c = calloc(1, sizeof(*c));
		struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

		if (!c || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) < 0)
			fail("accept");
		c->fd = fd;
		c->peer_port = address_port(&peer);
		c->accepted_us = now_us();
		c->next = connections;
		c->link = &connections;
		if (connections)
			connections->link = &c->next;
		connections = c;
		len = sizeof(peer);
	}
}

static void echo_probes(int fd)
{
	struct probe_packet p;
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	ssize_t n;

	while ((n = recvfrom(fd, &p, sizeof(p), MSG_DONTWAIT, (struct sockaddr *)&peer, &len)) > 0) {
		sendto(fd, &p, (size_t)n, MSG_DONTWAIT, (struct sockaddr *)&peer, len);
		len = sizeof(peer);
	}
}

static int bound_socket(int type, const char *any, uint16_t port)
{
	struct sockaddr_storage sa;
	socklen_t len = parse_address(any, port, &sa);
	int one = 1, fd = socket(sa.ss_family, type | SOCK_NONBLOCK, 0);

	if (fd < 0)
		fail("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&sa, len) < 0)
		fail("bind");
	return fd;
}

static void add(int fd, void *tag)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = tag };

	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) < 0)
		fail("epoll_ctl");
}

int server_main(int argc, char **argv)
{
	static int listener, echo, timer, stop; /* their addresses tag their events */
	const char *any = "0.0.0.0", *cc = NULL, *out_path = NULL;
	uint16_t tcp_port = 5001, udp_port = 5002;
	long sample_ms = 100;
	sigset_t signals;
	int opt;

	while ((opt = getopt(argc, argv, "6p:u:c:s:o:")) != -1) {
		switch (opt) {
		case '6': any = "::"; break;
		case 'p': tcp_port = (uint16_t)atoi(optarg); break;
		case 'u': udp_port = (uint16_t)atoi(optarg); break;
		case 'c': cc = optarg; break;
		case 's': sample_ms = atol(optarg); break;
		case 'o': out_path = optarg; break;
		default: return 2;
		}
	}
	out = open_output(out_path);
	ep = epoll_create1(0);
	listener = bound_socket(SOCK_STREAM, any, tcp_port);
	choose_congestion_control(listener, cc);
	if (listen(listener, 4096) < 0)
		fail("listen");
	echo = bound_socket(SOCK_DGRAM, any, udp_port);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	stop = signalfd(-1, &signals, 0);
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	if (sample_ms > 0) {
		struct timespec every = { sample_ms / 1000, sample_ms % 1000 * 1000000 };
		struct itimerspec its = { every, every };

		timerfd_settime(timer, 0, &its, NULL);
	}
	add(listener, &listener);
	add(echo, &echo);
	add(timer, &timer);
	add(stop, &stop);

	for (;;) {
		struct epoll_event ev[64];
		int n = epoll_wait(ep, ev, 64, -1);

		pthread_mutex_lock(&lock);
		for (int i = 0; i < n; i++) {
			void *tag = ev[i].data.ptr;
			uint64_t ticks;

			if (tag == &listener) {
				accept_all(listener);
			} else if (tag == &echo) {
				echo_probes(echo);
			} else if (tag == &timer) {
				if (read(timer, &ticks, sizeof(ticks)) > 0)
					for (struct connection *c = connections; c; c = c->next)
						print_info(c, "sample");
			} else if (tag == &stop) {
				for (struct connection *c = connections; c; c = c->next)
					print_info(c, "close");
				return fclose(out) ? 1 : 0;
			} else if (!serve(tag, ev[i].events)) {
				end_connection(tag);
			}
		}
		pthread_mutex_unlock(&lock);
	}
}
