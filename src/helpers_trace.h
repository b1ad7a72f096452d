/* SPDX-License-Identifier: GPL-2.0 */
/*
 * As helpers.h, for src/sys/tcp/trace.rs: what is handed to the tracepoint
 * appex:appex_ack.
 */
#ifndef APPEX_HELPERS_TRACE_H
#define APPEX_HELPERS_TRACE_H

#include <linux/types.h>
#include <net/sock.h>

struct appex_traced {
	u64 pacing_rate;	/* bytes per second */
	u64 capacity;		/* the same, of the path */
	u32 cwnd;		/* packets, as all that follows without a unit */
	u32 in_flight;
	u32 delivered;
	u32 lost;
	u32 rtt_us;
	u32 srtt_us;
	u32 base_us;
	u32 queue_us;
	u32 loss_ppm;
	u8 phase;
	u8 mode;
};

bool appex_trace_wanted(void);
void appex_trace_ack(const struct sock *sk, const struct appex_traced *seen);

#endif
