/* SPDX-License-Identifier: GPL-2.0 */
/*
 * As helpers.h, for src/sys/qdisc.rs and src/sys/queue.rs: packets that a queueing
 * discipline owns, and its place in the kernel's tree.
 */
#ifndef APPEX_HELPERS_QDISC_H
#define APPEX_HELPERS_QDISC_H

#include <linux/skbuff.h>
#include <linux/types.h>
#include <net/sch_generic.h>

/* A packet in a queue; the caller owns it. */
u32 appex_pkt_len(const struct sk_buff *skb);
u32 appex_pkt_truesize(const struct sk_buff *skb);
u32 appex_pkt_hash(struct sk_buff *skb);
u32 appex_pkt_host_hash(const struct sk_buff *skb, u32 seed);
bool appex_pkt_is_gso(const struct sk_buff *skb);
void appex_pkt_stamp(struct sk_buff *skb, u64 ns);
u64 appex_pkt_stamped(const struct sk_buff *skb);
bool appex_pkt_set_ce(struct sk_buff *skb);
const u8 *appex_pkt_headers(const struct sk_buff *skb, u32 *len);
struct sk_buff *appex_pkt_segment(struct sk_buff *skb);
void appex_pkt_free(struct sk_buff *skb);
void appex_pkt_consume(struct sk_buff *skb);
struct sk_buff *appex_pkt_next(const struct sk_buff *skb);
void appex_pkt_set_next(struct sk_buff *skb, struct sk_buff *next);

/* The discipline's private area: a timer of the kernel's, and ours. */
u32 appex_qdisc_priv_size(void);
void appex_qdisc_init(struct Qdisc *sch);
void *appex_qdisc_data(struct Qdisc *sch);
void appex_qdisc_set_data(struct Qdisc *sch, void *data);
void appex_qdisc_cancel(struct Qdisc *sch);
void appex_qdisc_wake(struct Qdisc *sch, u64 at_ns, u64 slack_ns);
struct net_device *appex_qdisc_dev(struct Qdisc *sch);
u32 appex_qdisc_mtu(struct Qdisc *sch);
u64 appex_now_ns(void);

struct sk_buff *appex_qdisc_shown(struct Qdisc *sch);
void appex_qdisc_show(struct Qdisc *sch, struct sk_buff *skb);

/* Its books. */
void appex_qdisc_count(struct Qdisc *sch, int packets, int bytes);
void appex_qdisc_note(struct Qdisc *sch, int packets, int bytes);
void appex_qdisc_tell(struct Qdisc *sch);
void appex_qdisc_count_drop(struct Qdisc *sch);
void appex_qdisc_count_sent(struct Qdisc *sch, const struct sk_buff *skb);
void appex_qdisc_refuse(struct sk_buff *skb, struct sk_buff **to_free);

#endif
