/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Many connections at once or one after the other, every byte compared:
 *
 *	crowd serve PORT PORTS WORKERS
 *		answers requests on PORTS ports from PORT on, until it is killed
 *	crowd reconnect HOST PORT PORTS COUNT PARALLEL BYTES
 *		COUNT connections, PARALLEL at a time; each asks for BYTES and ends, in turn, by
 *		the client's FIN, the client's reset, and the server's FIN
 *	crowd hold HOST PORT PORTS COUNT ROUNDS BYTES
 *		opens COUNT connections, says so, asks each of them for BYTES, ROUNDS times, and closes
 *
 * The clients print "held COUNT" (hold only) and at last "N whole, M failed, MS ms", with the reason of the first
 * failure before it. They exit with 1 if anything failed. With CROWD_LIES=1 the server sends one wrong byte in each
 * connection, at offset 1000.
 */
#ifndef VM_CROWD_H
#define VM_CROWD_H

#include <stddef.h>
#include <stdint.h>

/* Largest piece handed to send() or taken from recv() at once. */
#define PIECE 65536u

/* What a client sends; both ends run on one machine, so host order. */
struct request {
	uint32_t bytes;
	uint32_t close_then; /* the server ends the connection after its answer */
};

int serve(int port, int ports, int workers);
int reconnect(const char *host, int port, int ports, long count, int parallel, uint32_t bytes);
int hold(const char *host, int port, int ports, int count, int rounds, uint32_t bytes);

/* Ends the process with the reason. */
void die(const char *what) __attribute__((noreturn));
uint64_t now_ms(void);
/* What a connection carries from `offset` on; PIECE bytes can be read. */
const uint8_t *pattern_at(uint64_t offset);

#endif
