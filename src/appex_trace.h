/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints. Numbers only, no strings: how strings are declared has changed
 * from kernel to kernel.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM appex

#if !defined(APPEX_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define APPEX_TRACE_H

#include <linux/tracepoint.h>
#include <net/inet_sock.h>
#include <net/ipv6.h>
#include "helpers_trace.h"

TRACE_EVENT(appex_ack,

	TP_PROTO(const struct sock *sk, const struct appex_traced *seen),

	TP_ARGS(sk, seen),

	TP_STRUCT__entry(
		__field(__u16, family)
		__field(__u16, sport)
		__field(__u16, dport)
		__field(__u8, phase)
		__field(__u8, mode)
		/* IPv4 addresses are mapped ones, as in ::ffff:192.0.2.1. */
		__array(__u8, saddr, sizeof(struct in6_addr))
		__array(__u8, daddr, sizeof(struct in6_addr))
		__field(__u64, pacing_rate)
		__field(__u64, capacity)
		__field(__u32, cwnd)
		__field(__u32, in_flight)
		__field(__u32, delivered)
		__field(__u32, lost)
		__field(__u32, rtt_us)
		__field(__u32, srtt_us)
		__field(__u32, base_us)
		__field(__u32, queue_us)
		__field(__u32, loss_ppm)
	),

	TP_fast_assign(
		const struct inet_sock *inet = inet_sk(sk);
		struct in6_addr local, peer;

		ipv6_addr_set_v4mapped(inet->inet_saddr, &local);
		ipv6_addr_set_v4mapped(inet->inet_daddr, &peer);
#if IS_ENABLED(CONFIG_IPV6)
		if (sk->sk_family == AF_INET6) {
			local = sk->sk_v6_rcv_saddr;
			peer = sk->sk_v6_daddr;
		}
#endif
		memcpy(__entry->saddr, &local, sizeof(local));
		memcpy(__entry->daddr, &peer, sizeof(peer));
		__entry->family = sk->sk_family;
		__entry->sport = ntohs(inet->inet_sport);
		__entry->dport = ntohs(inet->inet_dport);
		__entry->phase = seen->phase;
		__entry->mode = seen->mode;
		__entry->pacing_rate = seen->pacing_rate;
		__entry->capacity = seen->capacity;
		__entry->cwnd = seen->cwnd;
		__entry->in_flight = seen->in_flight;
		__entry->delivered = seen->delivered;
		__entry->lost = seen->lost;
		__entry->rtt_us = seen->rtt_us;
		__entry->srtt_us = seen->srtt_us;
		__entry->base_us = seen->base_us;
		__entry->queue_us = seen->queue_us;
		__entry->loss_ppm = seen->loss_ppm;
	),

	TP_printk("local=[%pI6c]:%u peer=[%pI6c]:%u phase=%u mode=%u cwnd=%u in_flight=%u pacing_rate=%llu capacity=%llu rtt_us=%u srtt_us=%u base_us=%u queue_us=%u loss_ppm=%u delivered=%u lost=%u",
		  __entry->saddr, __entry->sport, __entry->daddr, __entry->dport,
		  __entry->phase, __entry->mode, __entry->cwnd, __entry->in_flight,
		  __entry->pacing_rate, __entry->capacity, __entry->rtt_us,
		  __entry->srtt_us, __entry->base_us, __entry->queue_us,
		  __entry->loss_ppm, __entry->delivered, __entry->lost)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE appex_trace
#include <trace/define_trace.h>
