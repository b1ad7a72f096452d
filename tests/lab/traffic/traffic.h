/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The lab's traffic tool. One static binary with three roles:
 *
 *   server  sends what a request asks for, receives uploads, echoes probes, samples TCP_INFO
 *   client  makes the requests: long flows for a given time, or short downloads one after another
 *   probe   measures round trips with small UDP packets beside whatever else runs
 *
 * All of them print one JSON object a line on their output file. All times are CLOCK_MONOTONIC, so in
 * the lab they are simulated time and the two ends of a path share one clock. Nothing here is random:
 * local ports count up from a base, so two runs with one netem seed send the same packets.
 */
#ifndef LAB_TRAFFIC_H
#define LAB_TRAFFIC_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#define REQUEST_MAGIC 0x61707831u

/* Length of the period of the payload; prime, so that a byte lost or doubled anywhere shows. */
#define PATTERN_PERIOD 1000003u
/* Largest piece handed to send() or taken from recv() at once. */
#define CHUNK (256u * 1024u)

enum request_kind {
	REQUEST_GET = 'G', /* server sends `bytes` (0: without end) */
	REQUEST_PUT = 'P', /* client sends until it closes its side */
};

/* What a client sends first on every connection; both ends run on one machine, so host order. */
struct request {
	uint32_t magic;
	uint32_t kind;
	uint64_t bytes;
};

struct probe_packet {
	uint64_t seq;
	uint64_t sent_us;
	uint8_t pad[48]; /* about the size of a game or voice packet */
};

int server_main(int argc, char **argv);
int client_main(int argc, char **argv);
int probe_main(int argc, char **argv);

/* util.c */
uint64_t now_us(void);
void fail(const char *what) __attribute__((noreturn));
FILE *open_output(const char *path);
void set_nonblocking(int fd);
/* Fills `out` from a literal IPv4 or IPv6 address and returns its length. */
socklen_t parse_address(const char *text, uint16_t port, struct sockaddr_storage *out);
uint16_t address_port(const struct sockaddr_storage *addr);
/* The payload that starts at stream offset `offset`; at least CHUNK bytes are readable. */
const uint8_t *pattern_at(uint64_t offset);
void choose_congestion_control(int fd, const char *name);

/* receive.c */

/* Length of the slices of time that received bytes are counted in. */
#define BIN_US 100000u

/* Bytes received on one connection, by absolute time: bins[i] covers BIN_US from (first + i) * BIN_US. */
struct receipt {
	uint64_t first;
	uint64_t bytes;
	uint64_t *bins;
	size_t count, room;
};

enum receive_end {
	RECEIVE_DONE, /* all wanted bytes are there, or the time is over */
	RECEIVE_EOF, /* the peer closed first */
	RECEIVE_BROKEN,
	RECEIVE_CORRUPT, /* verification failed */
};

/*
 * Receives on a blocking socket until `want` bytes are there or the clock says `until_us`. Waits inside
 * the kernel for large pieces: a return to user space for each packet would cost a user-mode kernel far more
 * than the packet. Window updates and ACKs are those of a reader that takes everything at once.
 */
enum receive_end receive(int fd, struct receipt *r, uint64_t want, uint64_t until_us, int verify);
void print_bins(FILE *out, const struct receipt *r);

#endif
