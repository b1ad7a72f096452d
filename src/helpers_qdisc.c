// SPDX-License-Identifier: GPL-2.0
/*
 * See helpers_qdisc.h. Unless said otherwise: softirq or BH off, under the lock of the
 * queueing discipline's root.
 */
#include <linux/jhash.h>
#include <linux/ktime.h>
#include <linux/netdevice.h>
#include <net/flow_dissector.h>
#include <net/gso.h>
#include <net/inet_ecn.h>
#include <net/pkt_sched.h>

#include "helpers_qdisc.h"

/*
 * No module alias by which tc would load the module: whoever has a network namespace of
 * his own could load it, and keep it in use.
 */

/* What is kept in a packet's control block while it waits. */
struct appex_pkt_cb {
	u64 joined_ns;
};

static struct appex_pkt_cb *appex_cb(const struct sk_buff *skb)
{
	qdisc_cb_private_validate(skb, sizeof(struct appex_pkt_cb));
	return (struct appex_pkt_cb *)qdisc_skb_cb(skb)->data;
}

/* Bytes on the wire: of a GSO packet those of all its segments. */
u32 appex_pkt_len(const struct sk_buff *skb)
{
	return qdisc_pkt_len(skb);
}

u32 appex_pkt_truesize(const struct sk_buff *skb)
{
	return skb->truesize;
}

u32 appex_pkt_hash(struct sk_buff *skb)
{
	return skb_get_hash(skb);
}

/* Of the destination address. Reads headers wherever they lie. */
u32 appex_pkt_host_hash(const struct sk_buff *skb, u32 seed)
{
	struct flow_keys keys;

	if (!skb_flow_dissect_flow_keys(skb, &keys, FLOW_DISSECTOR_F_STOP_AT_ENCAP))
		return 0;
	/* All 16 bytes: addresses that give one hash without the seed give one with any. */
	if (keys.control.addr_type == FLOW_DISSECTOR_KEY_IPV6_ADDRS)
		return jhash2((__force const u32 *)&keys.addrs.v6addrs.dst,
			      sizeof(keys.addrs.v6addrs.dst) / sizeof(u32), seed);
	return jhash_1word((__force u32)flow_get_u32_dst(&keys), seed);
}

bool appex_pkt_is_gso(const struct sk_buff *skb)
{
	return skb_is_gso(skb);
}

void appex_pkt_stamp(struct sk_buff *skb, u64 ns)
{
	appex_cb(skb)->joined_ns = ns;
}

u64 appex_pkt_stamped(const struct sk_buff *skb)
{
	return appex_cb(skb)->joined_ns;
}

/*
 * False if the packet is of no ECN-capable transport, or there is no memory. A copy of
 * somebody else's packet gets a header of its own first; its size in memory may change. A
 * packet that its sender keeps for the next time (pktgen) cannot be given one.
 */
bool appex_pkt_set_ce(struct sk_buff *skb)
{
	int at = skb_network_offset(skb);

	if (at < 0 || skb_shared(skb) || skb_try_make_writable(skb, at + sizeof(struct ipv6hdr)))
		return false;
	return INET_ECN_set_ce(skb);
}

/* What lies in one piece from the network header on, len bytes; none if it is not IP. */
const u8 *appex_pkt_headers(const struct sk_buff *skb, u32 *len)
{
	int at = skb_network_offset(skb);
	u32 linear = skb_headlen(skb);

	if (at < 0 || (u32)at > linear ||
	    (skb->protocol != htons(ETH_P_IP) && skb->protocol != htons(ETH_P_IPV6)))
		at = linear;
	*len = linear - at;
	return skb->data + at;
}

/*
 * Takes a GSO packet and returns its segments, chained, as a device without
 * segmentation offload would get them. NULL if it is not to be cut, with the packet as it
 * was; an error if that failed: then it may be in pieces (skb_segment_list), and can only
 * be dropped.
 * A size table (tc's stab) is not applied to them: the kernel keeps that to itself.
 */
struct sk_buff *appex_pkt_segment(struct sk_buff *skb)
{
	netdev_features_t features = netif_skb_features(skb);
	struct sk_buff *segs, *seg;

	/* What cuts it may free what hangs on it. */
	skb_mark_not_on_list(skb);
	segs = skb_gso_segment(skb, features & ~NETIF_F_GSO_MASK);
	if (IS_ERR_OR_NULL(segs))
		return segs;
	for (seg = segs; seg; seg = seg->next) {
		seg->prev = NULL;
		qdisc_skb_cb(seg)->pkt_len = seg->len;
		qdisc_skb_cb(seg)->pkt_segs = 1;
	}
	consume_skb(skb);
	return segs;
}

/* As it is no longer needed: nothing was dropped. Any context but hard interrupts. */
void appex_pkt_consume(struct sk_buff *skb)
{
	consume_skb(skb);
}

/* Any context but hard interrupts. */
void appex_pkt_free(struct sk_buff *skb)
{
	kfree_skb_reason(skb, SKB_DROP_REASON_QDISC_DROP);
}

struct sk_buff *appex_pkt_next(const struct sk_buff *skb)
{
	return skb->next;
}

void appex_pkt_set_next(struct sk_buff *skb, struct sk_buff *next)
{
	skb->next = next;
}

struct appex_qdisc {
	struct qdisc_watchdog watchdog;
	void *data;
	/* What the disciplines above have to be told when a call ends. */
	int untold_packets;
	int untold_bytes;
};

u32 appex_qdisc_priv_size(void)
{
	return sizeof(struct appex_qdisc);
}

/* Process context, RTNL, before anybody else knows the discipline. */
void appex_qdisc_init(struct Qdisc *sch)
{
	struct appex_qdisc *q = qdisc_priv(sch);

	qdisc_watchdog_init(&q->watchdog, sch);
	q->data = NULL;
	q->untold_packets = 0;
	q->untold_bytes = 0;
}

void *appex_qdisc_data(struct Qdisc *sch)
{
	return ((struct appex_qdisc *)qdisc_priv(sch))->data;
}

void appex_qdisc_set_data(struct Qdisc *sch, void *data)
{
	((struct appex_qdisc *)qdisc_priv(sch))->data = data;
}

/* Waits for the timer's callback, which only schedules a softirq. */
void appex_qdisc_cancel(struct Qdisc *sch)
{
	qdisc_watchdog_cancel(&((struct appex_qdisc *)qdisc_priv(sch))->watchdog);
}

void appex_qdisc_wake(struct Qdisc *sch, u64 at_ns, u64 slack_ns)
{
	struct appex_qdisc *q = qdisc_priv(sch);

	qdisc_qstats_overlimit(sch);
	qdisc_watchdog_schedule_range_ns(&q->watchdog, at_ns, slack_ns);
}

/* The packet that a discipline above was shown and has not taken yet. */
struct sk_buff *appex_qdisc_shown(struct Qdisc *sch)
{
	return skb_peek(&sch->gso_skb);
}

/*
 * Keeps a packet for qdisc_dequeue_peeked(), as qdisc_peek_dequeued() does: it counts as
 * waiting until it is taken.
 */
void appex_qdisc_show(struct Qdisc *sch, struct sk_buff *skb)
{
	__skb_queue_head(&sch->gso_skb, skb);
	appex_qdisc_count(sch, 1, qdisc_pkt_len(skb));
}

/* Any context while the discipline lives. */
struct net_device *appex_qdisc_dev(struct Qdisc *sch)
{
	return qdisc_dev(sch);
}

/* Largest packet as the queue counts it. Any context while the discipline lives. */
u32 appex_qdisc_mtu(struct Qdisc *sch)
{
	return psched_mtu(qdisc_dev(sch));
}

/* Any context. */
u64 appex_now_ns(void)
{
	return ktime_get_ns();
}

/* What was added to a queue and taken from it. */
void appex_qdisc_count(struct Qdisc *sch, int packets, int bytes)
{
	WRITE_ONCE(sch->q.qlen, sch->q.qlen + packets);
	WRITE_ONCE(sch->qstats.backlog, sch->qstats.backlog + bytes);
}

/* What the disciplines above do not know of yet: so much less waits here. */
void appex_qdisc_note(struct Qdisc *sch, int packets, int bytes)
{
	struct appex_qdisc *q = qdisc_priv(sch);

	q->untold_packets += packets;
	q->untold_bytes += bytes;
}

/*
 * Tells them. Only when the discipline's own count is right: at zero packets they take it
 * out of their turns.
 */
void appex_qdisc_tell(struct Qdisc *sch)
{
	struct appex_qdisc *q = qdisc_priv(sch);
	int packets = q->untold_packets, bytes = q->untold_bytes;

	if (packets || bytes) {
		q->untold_packets = 0;
		q->untold_bytes = 0;
		qdisc_tree_reduce_backlog(sch, packets, bytes);
	}
}

void appex_qdisc_count_drop(struct Qdisc *sch)
{
	qdisc_qstats_drop(sch);
}

void appex_qdisc_count_sent(struct Qdisc *sch, const struct sk_buff *skb)
{
	qdisc_bstats_update(sch, skb);
}

/* The kernel frees the packet when the lock is released. */
void appex_qdisc_refuse(struct sk_buff *skb, struct sk_buff **to_free)
{
	/* Segments and packets that waited have no reason of the kernel's yet. */
	tcf_set_drop_reason(skb, SKB_DROP_REASON_QDISC_DROP);
	__qdisc_drop(skb, to_free);
}
