// SPDX-License-Identifier: GPL-2.0
/*
 * See helpers.h. Most functions here are one inline function or macro of the
 * kernel made callable; the comments give context and locking where the
 * wrapped thing has any.
 */
#include <linux/bpf.h>
#include <linux/cgroup.h>
#include <linux/inetdevice.h>
#include <linux/jhash.h>
#include <linux/module.h>
#include <linux/netfilter.h>
#include <linux/netfilter_bridge.h>
#include <linux/percpu.h>
#include <linux/proc_fs.h>
#include <linux/random.h>
#include <linux/ratelimit.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>
#include <net/addrconf.h>
#include <net/if_inet6.h>
#include <net/inet6_hashtables.h>
#include <net/inet_hashtables.h>
#include <net/ip6_route.h>
#include <net/l3mdev.h>
#include <net/net_namespace.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/netfilter/nf_log.h>
#include <net/netns/generic.h>
#include <net/route.h>
#include <net/sch_generic.h>
#include <net/tcp.h>

#include "helpers.h"

/*
 * No MODULE_ALIAS("tcp_zeta"): `ip route ... congctl zeta` would wait for our loading
 * with RTNL held, and our loading takes it.
 */
MODULE_VERSION(APPEX_VERSION);

void appex_spin_lock_init(spinlock_t *lock)
{
	spin_lock_init(lock);
}

void appex_spin_lock_bh(spinlock_t *lock)
	__acquires(lock)
{
	spin_lock_bh(lock);
}

void appex_spin_unlock_bh(spinlock_t *lock)
	__releases(lock)
{
	spin_unlock_bh(lock);
}

void appex_list_init(struct list_head *head)
{
	INIT_LIST_HEAD(head);
}

void appex_list_add_tail(struct list_head *entry, struct list_head *head)
{
	list_add_tail(entry, head);
}

void appex_list_del(struct list_head *entry)
{
	list_del_init(entry);
}

/*
 * Rust knows no address spaces: per-CPU pointers travel as plain ones. By way of
 * an integer, because gcc has a named address space for them on x86.
 */
static u64 __percpu *percpu(u64 *counters)
{
	return (u64 __percpu *)(__force unsigned long)counters;
}

u64 *appex_percpu_alloc(u32 counters)
{
	return (u64 *)(__force unsigned long)__alloc_percpu(array_size(counters, sizeof(u64)),
							    sizeof(u64));
}

void appex_percpu_free(u64 *counters)
{
	free_percpu(percpu(counters));
}

/* Any context. */
void appex_percpu_add(u64 *counters, u32 index, u64 value)
{
	this_cpu_add(percpu(counters)[index], value);
}

u64 appex_percpu_read(u64 *counters, u32 index, u32 cpu)
{
	return READ_ONCE(per_cpu_ptr(percpu(counters), cpu)[index]);
}

/* A hint: the caller may migrate right after. */
u32 appex_cpu_current(void)
{
	return raw_smp_processor_id();
}

u32 appex_cpu_ids(void)
{
	return nr_cpu_ids;
}

bool appex_cpu_possible(u32 cpu)
{
	return cpu < nr_cpu_ids && cpu_possible(cpu);
}

u64 appex_now_ms(void)
{
	return jiffies64_to_msecs(get_jiffies_64());
}

u64 appex_now_us(void)
{
	return tcp_clock_us();
}

u32 appex_hz(void)
{
	return HZ;
}

u64 appex_random_u64(void)
{
	return get_random_u64();
}

int appex_skb_copy_bits(const struct sk_buff *skb, u32 offset, void *to, u32 len)
{
	const void *from = skb_header_pointer(skb, offset, len, to);

	if (!from)
		return -EINVAL;
	if (from != to)
		memcpy(to, from, len);
	return 0;
}

u32 appex_skb_gso_segs(const struct sk_buff *skb)
{
	return skb_is_gso(skb) ? skb_shinfo(skb)->gso_segs : 1;
}

/*
 * A packet that has been through a device's queue has a link header set. Virtual
 * devices (VRF, ipvlan) send such packets through LOCAL_OUT again, possibly from
 * softirq without the socket's lock.
 */
bool appex_skb_from_transport(const struct sk_buff *skb)
{
	return !skb_mac_header_was_set(skb) && !skb->skb_iif;
}

/*
 * A packet that its socket is sending right now, in this context, under its lock: TCP
 * lends the packet its route for as long as that takes. Whoever keeps a packet for
 * later (nf_queue, and with it user space, which may be anybody with a user
 * namespace) or sends it from elsewhere (ipvlan) has to take a reference first. Some
 * then lend it a route of their own, as IPVS does, which marks it: that route may be
 * the one that its socket keeps, as a next hop has one for each CPU.
 */
static bool appex_skb_is_being_sent(const struct sk_buff *skb)
{
#if IS_ENABLED(CONFIG_IP_VS)
	if (skb->ipvs_property)
		return false;
#endif
	return appex_skb_from_transport(skb) && skb_dst_is_noref(skb) &&
	       (!skb->sk || !sk_fullsock(skb->sk) ||
		skb_dst(skb) == rcu_access_pointer(skb->sk->sk_dst_cache));
}

/* A packet without a socket is in its hook's namespace as far as this is concerned. */
static bool appex_skb_sk_in(const struct sk_buff *skb, const struct nf_hook_state *state)
{
	return !skb->sk || net_eq(sock_net(skb->sk), state->net);
}

int appex_skb_iif(const struct sk_buff *skb)
{
	return skb->skb_iif;
}

struct sock *appex_skb_full_sk(const struct sk_buff *skb)
{
	return skb->sk && sk_fullsock(skb->sk) ? skb->sk : NULL;
}

/*
 * The task that is sending a copy on this CPU, with BH off. Its copy is met in
 * LOCAL_OUT within the call; with PREEMPT_RT other tasks may come in between.
 */
static DEFINE_PER_CPU(struct task_struct *, appex_copying);

static bool appex_sending_copy(void)
{
	return this_cpu_read(appex_copying) == current;
}

/*
 * Whether LOCAL_OUT is to look at a packet: neither a copy of ours nor one that a virtual
 * device has brought here from another namespace.
 */
bool appex_skb_is_own(const struct sk_buff *skb, const struct nf_hook_state *state)
{
	return appex_skb_sk_in(skb, state) && !appex_sending_copy();
}

/* Takes a packet away that TCP, in LOCAL_OUT, is to believe to be sent: no error, and nothing counts as dropped. */
void appex_skb_withhold(struct sk_buff *skb)
{
	consume_skb(skb);
}

/*
 * Sends a second copy of a packet that is being sent, from LOCAL_OUT on. The
 * copy has headers of its own, shares the data, and names the same socket to
 * whoever asks, without being charged to it. Data that the device is still to
 * encrypt is not copied: only its socket may send it.
 */
bool appex_skb_send_copy(struct sk_buff *skb, bool v6)
{
	struct sk_buff *copy;
	struct net *net;
	struct sock *sk;

	if (!skb_dst(skb) || skb_is_decrypted(skb))
		return false;
	copy = pskb_copy(skb, GFP_ATOMIC | __GFP_NOWARN);
	if (!copy)
		return false;
	if (skb->sk)
		skb_set_owner_edemux(copy, skb->sk);
	sk = skb_to_full_sk(skb);
	net = sk ? sock_net(sk) : dev_net(skb_dst(copy)->dev);
	local_bh_disable();
	this_cpu_write(appex_copying, current);
	if (v6)
		ip6_local_out(net, sk, copy);
	else
		ip_local_out(net, sk, copy);
	this_cpu_write(appex_copying, NULL);
	local_bh_enable();
	return true;
}

/*
 * A copy was sent: its receipt will be reported like that of a needless
 * repetition (DSACK), so let TCP expect one. The report takes the place of
 * a SACK block, and what is not reported looks like a packet that was
 * overtaken: on a path that is known to keep the @in_order no reason to wait
 * longer before a packet counts as lost.
 */
void appex_tcp_count_copy(struct sock *sk, u32 segments, bool in_order)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->total_retrans += segments;
	if (in_order)
		WRITE_ONCE(tp->reord_seen, 0);
	if (tp->undo_marker)
		tp->undo_retrans = max(tp->undo_retrans, 0) + segments;
}

/*
 * What TCP knows of the bytes from @begin to before @end, all of them sent: whether any is acknowledged selectively, and
 * whether any counts as lost. The socket is locked.
 */
u32 appex_tcp_fate(const struct sock *sk, u32 begin, u32 end)
{
	struct rb_node *node = sk->tcp_rtx_queue.rb_node;
	struct sk_buff *found = NULL;
	u32 fate = 0;

	while (node) {
		struct sk_buff *skb = rb_to_skb(node);

		if (before(begin, TCP_SKB_CB(skb)->end_seq)) {
			found = skb;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	for (; found && before(TCP_SKB_CB(found)->seq, end); found = skb_rb_next(found)) {
		if (TCP_SKB_CB(found)->sacked & TCPCB_SACKED_ACKED)
			fate |= APPEX_SACKED;
		if (TCP_SKB_CB(found)->sacked & TCPCB_LOST)
			fate |= APPEX_LOST;
	}
	return fate;
}

/*
 * Whether a packet is the first SYN-ACK of a request, straight from TCP, while
 * the listener is not crowded. Not so: cookies, what other modules or virtual
 * devices send, and repetitions but the first, which TCP counts when it is sent.
 */
bool appex_skb_is_first_synack(const struct sk_buff *skb)
{
	const struct sock *sk = skb->sk;
	const struct request_sock *req;
	const struct sock *listener;

	if (!sk || sk->sk_state != TCP_NEW_SYN_RECV || !appex_skb_from_transport(skb))
		return false;
	req = inet_reqsk(sk);
	listener = req->rsk_listener;
	return !req->num_retrans && !req->num_timeout && listener &&
	       inet_csk_reqsk_queue_len(listener) <=
		       (int)(READ_ONCE(listener->sk_max_ack_backlog) / 2);
}

/*
 * The ends of a packet as they were before anything translated them, if connection
 * tracking knows: to be shown to whoever sent it. `ends` are both addresses in network
 * order, 16 bytes each, `ports` in the processor's.
 */
bool appex_skb_untranslated(const struct sk_buff *skb, bool v6, u8 *ends, u16 *ports)
{
#if IS_ENABLED(CONFIG_NF_CONNTRACK)
	const struct nf_conntrack_tuple *tuple;
	enum ip_conntrack_info info;
	const struct nf_conn *ct;

	ct = nf_ct_get(skb, &info);
	if (!ct || nf_ct_is_template(ct))
		return false;
	tuple = &ct->tuplehash[CTINFO2DIR(info)].tuple;
	if (tuple->src.l3num != (v6 ? NFPROTO_IPV6 : NFPROTO_IPV4) ||
	    tuple->dst.protonum != IPPROTO_TCP)
		return false;
	memcpy(ends, &tuple->src.u3, 16);
	memcpy(ends + 16, &tuple->dst.u3, 16);
	ports[0] = ntohs(tuple->src.u.tcp.port);
	ports[1] = ntohs(tuple->dst.u.tcp.port);
	return true;
#else
	return false;
#endif
}

/* The hooks of IP see frames that a bridge passes on, too, with br_netfilter. */
static bool appex_skb_is_bridged(const struct sk_buff *skb)
{
#if IS_ENABLED(CONFIG_BRIDGE_NETFILTER)
	return nf_bridge_info_exists(skb);
#else
	return false;
#endif
}

static struct dst_entry *appex_reply_route_v6(struct net *net, const struct sk_buff *skb,
					      const struct net_device *in, const void *bytes)
{
	const struct ipv6hdr *ip = bytes;
	struct flowi6 fl6 = {
		.daddr = ip->daddr, .saddr = ip->saddr, .flowi6_proto = IPPROTO_TCP,
		.flowi6_mark = IP6_REPLY_MARK(net, skb->mark),
		.flowi6_oif = ipv6_addr_type(&ip->daddr) & IPV6_ADDR_LINKLOCAL ?
			      in->ifindex : l3mdev_master_ifindex_rcu(in),
	};
	struct dst_entry *dst;

	if (!(ipv6_addr_type(&ip->daddr) & IPV6_ADDR_UNICAST) ||
	    !(ipv6_addr_type(&ip->saddr) & IPV6_ADDR_UNICAST))
		return NULL;
	dst = ip6_route_output(net, NULL, &fl6);
	if (dst->error || dst_rt6_info(dst)->rt6i_flags & (RTF_LOCAL | RTF_ANYCAST)) {
		dst_release(dst);
		return NULL;
	}
	return dst;
}

static struct dst_entry *appex_reply_route_v4(struct net *net, const struct sk_buff *skb,
					      const struct net_device *in, const void *bytes)
{
	const struct iphdr *ip = bytes;
	struct flowi4 fl4 = {
		.daddr = ip->daddr, .saddr = ip->saddr, .flowi4_proto = IPPROTO_TCP,
		.flowi4_mark = IP4_REPLY_MARK(net, skb->mark),
		.flowi4_oif = l3mdev_master_ifindex_rcu(in),
		.flowi4_flags = FLOWI_FLAG_ANYSRC,
	};
	unsigned int type = inet_addr_type_dev_table(net, in, ip->saddr);
	struct rtable *route;

	if (type == RTN_BROADCAST || type == RTN_MULTICAST)
		return NULL;
	route = ip_route_output_key(net, &fl4);
	if (IS_ERR(route))
		return NULL;
	if (route->rt_type != RTN_UNICAST) {
		ip_rt_put(route);
		return NULL;
	}
	return &route->dst;
}

/*
 * Sends a packet of our own back to where `skb`, which was received, came from: `bytes`
 * begin at the network header. The source may be any address, as a router answers for
 * others. Not where TCP itself sends no reset: nothing answers what was meant for
 * everybody or is only bridged, or goes to this machine. RCU.
 */
bool appex_skb_send_reply(const struct sk_buff *skb, const void *bytes, u32 len, bool v6)
{
	const struct net_device *in;
	struct dst_entry *dst;
	struct sk_buff *reply;
	struct net *net;

	if (skb->pkt_type != PACKET_HOST || appex_skb_is_bridged(skb))
		return false;
	net = dev_net(skb->dev);
	/* `skb->dev` may be where it leaves already. */
	in = dev_get_by_index_rcu(net, skb->skb_iif);
	if (!in)
		return false;
	dst = v6 ? appex_reply_route_v6(net, skb, in, bytes) :
		   appex_reply_route_v4(net, skb, in, bytes);
	if (!dst)
		return false;
	reply = alloc_skb(LL_RESERVED_SPACE(dst->dev) + len, GFP_ATOMIC | __GFP_NOWARN);
	if (!reply) {
		dst_release(dst);
		return false;
	}
	skb_reserve(reply, LL_RESERVED_SPACE(dst->dev));
	skb_put_data(reply, bytes, len);
	skb_reset_network_header(reply);
	skb_set_transport_header(reply, v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
	reply->protocol = v6 ? htons(ETH_P_IPV6) : htons(ETH_P_IP);
	reply->mark = v6 ? IP6_REPLY_MARK(net, skb->mark) : IP4_REPLY_MARK(net, skb->mark);
	skb_dst_set(reply, dst);
	if (v6)
		ip6_local_out(net, NULL, reply);
	else
		ip_local_out(net, NULL, reply);
	return true;
}

/*
 * Writes the window of a TCP header that begins at an offset from the network header, and mends the
 * checksum, unless the device is going to make it: then the header has that of its addresses only. For
 * packets of netfilter hooks behind routing. False, with the packet as it was, without memory.
 */
bool appex_skb_set_window(struct sk_buff *skb, u32 offset, u16 window)
{
	struct tcphdr *th;
	__be16 new = cpu_to_be16(window);

	if (offset > skb->len || skb_ensure_writable(skb, offset + sizeof(*th)))
		return false;
	th = (struct tcphdr *)(skb->data + offset);
	inet_proto_csum_replace2(&th->check, skb, th->window, new, false);
	th->window = new;
	return true;
}

/*
 * Gives a copy of a packet to whoever listens to an nflog group, as the statement
 * "log group" of nft does; no more than a look into a table where nobody does. RCU.
 */
void appex_skb_log(const struct sk_buff *skb, const struct nf_hook_state *state, u16 group)
{
	const struct nf_loginfo info = {
		.type = NF_LOG_TYPE_ULOG,
		.u.ulog.group = group,
	};

	nf_log_packet(state->net, state->pf, state->hook, skb, state->in, state->out, &info,
		      "appex");
}

/*
 * Brings the first repetition of a SYN-ACK forward, not those after it. Its
 * timer is running already; a request that is being dropped has stopped it for
 * good. The packet is a first SYN-ACK.
 */
void appex_skb_hasten_synack(struct sk_buff *skb, u32 ms)
{
	struct request_sock *req = inet_reqsk(skb->sk);
	unsigned long wait = msecs_to_jiffies(ms);

	if (wait < req->timeout)
		mod_timer_pending(&req->rsk_timer, jiffies + wait);
}

/* The same for a SYN; the timer is started after it has been sent. */
void appex_tcp_hasten_syn(struct sock *sk, u32 ms)
{
	struct inet_connection_sock *icsk = inet_csk(sk);

	if (sk->sk_state == TCP_SYN_SENT && !icsk->icsk_retransmits)
		icsk->icsk_rto = min_t(u32, icsk->icsk_rto, msecs_to_jiffies(ms));
}

/*
 * Bounds the windows that are going to be offered, as TCP_WINDOW_CLAMP does; a
 * growing receive buffer lifts the bound again. TCP itself takes care never to
 * take back what was offered. Socket lock held, or nobody else can reach the socket.
 */
void appex_tcp_bound_window(struct sock *sk, u32 bytes)
{
	struct tcp_sock *tp = tcp_sk(sk);

	tp->rcv_ssthresh = min(tp->rcv_ssthresh, bytes);
	WRITE_ONCE(tp->window_clamp, bytes);
}

/* Whether the sockets of all of TCP take more memory than net.ipv4.tcp_mem likes. */
bool appex_tcp_memory_is_short(void)
{
	return READ_ONCE(tcp_memory_pressure) != 0;
}

int appex_dev_ifindex(const struct net_device *dev)
{
	return READ_ONCE(dev->ifindex);
}

/* Stable under RTNL only. */
const char *appex_dev_name(const struct net_device *dev)
{
	return dev->name;
}

bool appex_dev_in_init_net(const struct net_device *dev)
{
	return net_eq(dev_net(dev), &init_net);
}

struct net_device *appex_notifier_dev(void *info)
{
	return netdev_notifier_info_to_dev(info);
}

/* RCU. An interface of the initial namespace, or NULL. */
const struct net_device *appex_dev_by_index(u32 index)
{
	return dev_get_by_index_rcu(&init_net, (int)index);
}

/* RCU. `peer` is an IPv4 address in network order. */
bool appex_dev_onlink_v4(const struct net_device *dev, const u8 *peer)
{
	const struct in_device *in_dev = __in_dev_get_rcu(dev);
	const struct in_ifaddr *ifa;
	__be32 addr;

	if (!in_dev)
		return false;
	memcpy(&addr, peer, sizeof(addr));
	in_dev_for_each_ifa_rcu(ifa, in_dev)
		if (inet_ifa_match(addr, ifa))
			return true;
	return false;
}

/* As above for IPv6. */
bool appex_dev_onlink_v6(const struct net_device *dev, const u8 *peer)
{
	struct inet6_dev *idev = __in6_dev_get(dev);
	const struct inet6_ifaddr *ifp;
	struct in6_addr addr;

	if (!idev)
		return false;
	memcpy(&addr, peer, sizeof(addr));
	list_for_each_entry_rcu(ifp, &idev->addr_list, if_list)
		if (ipv6_prefix_equal(&addr, &ifp->addr, ifp->prefix_len))
			return true;
	return false;
}

/* One set of hooks for all namespaces; whether one has it is kept with it. */
static const struct nf_hook_ops *appex_net_hooks;
static u32 appex_net_hooks_count;
static atomic_t appex_nets_hooked;
static unsigned int appex_net_id;

struct appex_net {
	bool hooked;
};

/* An error would keep the namespace from being made: without hooks it goes on as if we were not there. */
static int appex_net_init(struct net *net)
{
	struct appex_net *own = net_generic(net, appex_net_id);

	/*
	 * Not those that anybody can make: who is root there may choose zeta by name, and
	 * needs no hooks to break his own connections, but shall not be near anybody else's.
	 */
	if (net_eq(net, &init_net) || net->user_ns != &init_user_ns ||
	    nf_register_net_hooks(net, appex_net_hooks, appex_net_hooks_count))
		return 0;
	own->hooked = true;
	atomic_inc(&appex_nets_hooked);
	return 0;
}

static void appex_net_pre_exit(struct net *net)
{
	struct appex_net *own = net_generic(net, appex_net_id);

	if (!own->hooked)
		return;
	own->hooked = false;
	atomic_dec(&appex_nets_hooked);
	nf_unregister_net_hooks(net, appex_net_hooks, appex_net_hooks_count);
}

static struct pernet_operations appex_net_ops = {
	.init = appex_net_init,
	.pre_exit = appex_net_pre_exit,
	.id = &appex_net_id,
	.size = sizeof(struct appex_net),
};

/* Process context, sleeps. `hooks` stays until they are unregistered; one user at a time. */
int appex_nets_register(const struct nf_hook_ops *hooks, u32 count)
{
	int status;

	if (appex_net_hooks)
		return -EBUSY;
	appex_net_hooks = hooks;
	appex_net_hooks_count = count;
	status = register_pernet_subsys(&appex_net_ops);
	if (status)
		appex_net_hooks = NULL;
	return status;
}

/* As above. Callbacks may still be running when this returns, until a grace period is over. */
void appex_nets_unregister(void)
{
	unregister_pernet_subsys(&appex_net_ops);
	appex_net_hooks = NULL;
}

bool appex_nets_exist(void)
{
	return atomic_read(&appex_nets_hooked) != 0;
}

bool appex_sk_is_tcp_stream(const struct sock *sk)
{
	return sk->sk_type == SOCK_STREAM && sk->sk_protocol == IPPROTO_TCP &&
	       (sk->sk_family == AF_INET || sk->sk_family == AF_INET6);
}

bool appex_sk_refs_get(struct sock *sk)
{
	return refcount_inc_not_zero(&sk->sk_refcnt);
}

/*
 * RCU. The socket of the initial namespace with these ends, of a request and of a
 * connection in TIME_WAIT too, with a reference: sock_gen_put() gives it back.
 * Addresses in network order, ports in the processor's.
 */
struct sock *appex_tcp_find(bool v6, const u8 *local, u16 local_port, const u8 *peer,
			    u16 peer_port, u32 interface)
{
	struct in6_addr local6, peer6;
	__be32 local4, peer4;

	if (v6) {
		memcpy(&local6, local, sizeof(local6));
		memcpy(&peer6, peer, sizeof(peer6));
		return __inet6_lookup_established(&init_net, &peer6, htons(peer_port), &local6,
						  local_port, (int)interface, 0);
	}
	memcpy(&local4, local, sizeof(local4));
	memcpy(&peer4, peer, sizeof(peer4));
	return __inet_lookup_established(&init_net, peer4, htons(peer_port), local4, local_port,
					 (int)interface, 0);
}

/* Neither a request nor in TIME_WAIT. */
bool appex_sk_is_full(const struct sock *sk)
{
	return sk_fullsock(sk);
}

/*
 * Path of the control group (version 2) that a full socket was made in; its length,
 * 0 if there is none or it does not fit. The socket holds the group.
 */
u32 appex_sk_cgroup(struct sock *sk, char *path, u32 size)
{
#ifdef CONFIG_SOCK_CGROUP_DATA
	int len = cgroup_path(sock_cgroup_ptr(&sk->sk_cgrp_data), path, size);

	/* Cut to fit, it fills the buffer but for the end. */
	return len > 0 && (u32)len + 1 < size ? len : 0;
#else
	return 0;
#endif
}

u8 appex_sk_state(const struct sock *sk)
{
	return READ_ONCE(sk->sk_state);
}

/* Bytes that may be queued unsent, as the namespace says. Any context. */
u32 appex_sk_default_notsent_lowat(const struct sock *sk)
{
	return READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_notsent_lowat);
}

/* Bytes per second; all ones for a socket that is not paced. */
u64 appex_pacing_rate(const struct sock *sk)
{
	unsigned long rate = READ_ONCE(sk->sk_pacing_rate);

	if (READ_ONCE(sk->sk_pacing_status) == SK_PACING_NONE || rate == ~0UL)
		return ~0ULL;
	return rate;
}

/* Whether anyone holds the socket's lock: a tripwire, not a proof. */
static bool appex_sk_owned(const struct sock *sk)
{
#ifdef CONFIG_LOCKDEP
	return lockdep_sock_is_held(sk);
#else
	return sock_owned_by_user_nocheck(sk) || !IS_ENABLED(CONFIG_SMP) ||
	       spin_is_locked((spinlock_t *)&sk->sk_lock.slock);
#endif
}

/*
 * The TCP stream socket that is sending a packet right now, in this context, under its
 * lock; NULL if there is none, or somebody else may be holding the lock.
 */
struct sock *appex_skb_sending_sk(const struct sk_buff *skb)
{
	struct sock *sk = skb->sk;

	return sk && appex_skb_is_being_sent(skb) && sk_fullsock(sk) &&
	       appex_sk_is_tcp_stream(sk) && appex_sk_owned(sk) ? sk : NULL;
}

/* Process context, sleeps. */
void appex_lock_sock(struct sock *sk)
{
	lock_sock(sk);
}

/*
 * As softirq locks a socket: BH off until the unlock, which only follows success.
 * Fails when a process owns the socket; that can last as long as a page fault.
 */
bool appex_sock_trylock_bh(struct sock *sk)
{
	local_bh_disable();
	bh_lock_sock(sk);
	if (!sock_owned_by_user_nocheck(sk))
		return true;
	bh_unlock_sock(sk);
	local_bh_enable();
	return false;
}

void appex_sock_unlock_bh(struct sock *sk)
{
	bh_unlock_sock(sk);
	local_bh_enable();
}

void appex_sock_put(struct sock *sk)
{
	sock_put(sk);
}

/* Bit-fields, which bindgen only offers through functions of its own. */
bool appex_tcp_peer_time(const struct sock *sk, u32 *time)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	*time = tp->rx_opt.rcv_tsval;
	return tp->rx_opt.tstamp_ok && tp->rx_opt.saw_tstamp;
}

u32 appex_tcp_snd_cwnd(const struct sock *sk)
{
	return tcp_snd_cwnd(tcp_sk(sk));
}

/* Socket lock held. */
void appex_tcp_snd_cwnd_set(struct sock *sk, u32 segments)
{
	tcp_snd_cwnd_set(tcp_sk(sk), segments);
}

void appex_pacing_rate_set(struct sock *sk, u64 bytes_per_s)
{
	WRITE_ONCE(sk->sk_pacing_rate, (unsigned long)min_t(u64, bytes_per_s, ULONG_MAX));
}

/* True when this call is what made the socket paced. */
bool appex_pacing_request(struct sock *sk)
{
	return cmpxchg(&sk->sk_pacing_status, SK_PACING_NONE, SK_PACING_NEEDED) == SK_PACING_NONE;
}

/* Not when the application has set SO_MAX_PACING_RATE: that asks for pacing, too. */
void appex_pacing_withdraw(struct sock *sk)
{
	if (READ_ONCE(sk->sk_max_pacing_rate) == ~0UL)
		cmpxchg(&sk->sk_pacing_status, SK_PACING_NEEDED, SK_PACING_NONE);
}

/* A congestion control whose callbacks are BPF programs. */
bool appex_ca_is_bpf(const struct tcp_congestion_ops *ops)
{
#ifdef BPF_MODULE_OWNER
	return ops->owner == BPF_MODULE_OWNER;
#else
	return false;
#endif
}

/*
 * Process context, sleeps. Waits for RCU readers, and until every task that was
 * preempted inside a callback of this module has left it.
 */
void appex_wait_for_callers(void)
{
	synchronize_rcu();
	synchronize_rcu_tasks();
}

bool appex_capable_net_admin(void)
{
	return capable(CAP_NET_ADMIN);
}

struct proc_dir_entry *appex_proc_net(void)
{
	return init_net.proc_net;
}

void *appex_proc_data(const struct file *file)
{
	return pde_data(file_inode(file));
}

/* Of a file that seq_open() has opened. */
struct seq_file *appex_file_seq(const struct file *file)
{
	return file->private_data;
}

/* Process context, sleeps. Bytes not copied, as copy_from_user. */
long appex_copy_from_user(void *to, const char __user *from, size_t len)
{
	return copy_from_user(to, from, len);
}

struct module *appex_this_module(void)
{
	return THIS_MODULE;
}

/* At most ten lines in five seconds; the kernel reports what it suppressed. */
bool appex_log_allowed(void)
{
	static DEFINE_RATELIMIT_STATE(limit, 5 * HZ, 10);

	return __ratelimit(&limit);
}

void appex_smp_rmb(void)
{
	smp_rmb();
}

void appex_smp_wmb(void)
{
	smp_wmb();
}

u32 appex_usecs_to_jiffies(u32 us)
{
	return usecs_to_jiffies(us);
}

u32 appex_jiffies_to_usecs(u32 jiffies)
{
	return jiffies_to_usecs(jiffies);
}

/*
 * Multilinear hashing: a sum of products with random numbers, of which the upper
 * half is strongly universal (Lemire and Kaser, "Strongly universal string hashing
 * is fast", The Computer Journal 57, 2014). Whoever chooses addresses and ports
 * cannot choose collisions, and it takes a third of the instructions of jhash().
 */
static u64 appex_flow_random[2 * APPEX_FLOW_KEY_WORDS + 1] __read_mostly;

static u32 appex_flow_hash(const void *data, u32 len, u32 seed)
{
	const u64 *random = appex_flow_random;
	u64 sum = random[0] * seed;
	const u64 *word = data;

	/* Written out: gcc does not unroll loops at -O2. */
	BUILD_BUG_ON(APPEX_FLOW_KEY_WORDS != 5);
	sum += random[1] * (u32)word[0] + random[2] * (word[0] >> 32);
	sum += random[3] * (u32)word[1] + random[4] * (word[1] >> 32);
	sum += random[5] * (u32)word[2] + random[6] * (word[2] >> 32);
	sum += random[7] * (u32)word[3] + random[8] * (word[3] >> 32);
	sum += random[9] * (u32)word[4] + random[10] * (word[4] >> 32);
	return sum >> 32;
}

static u32 appex_flow_hash_node(const void *node, u32 len, u32 seed)
{
	return appex_flow_hash(((const struct appex_flow_node *)node)->key, len, seed);
}

/* Zero for equal, as memcmp(). */
static int appex_flow_differs(struct rhashtable_compare_arg *arg, const void *node)
{
	const u64 *a = arg->key, *b = ((const struct appex_flow_node *)node)->key;

	return ((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]) | (a[4] ^ b[4])) != 0;
}

static const struct rhashtable_params appex_flow_params = {
	.head_offset = offsetof(struct appex_flow_node, hash),
	.key_offset = offsetof(struct appex_flow_node, key),
	.key_len = sizeof_field(struct appex_flow_node, key),
	.hashfn = appex_flow_hash,
	.obj_hashfn = appex_flow_hash_node,
	.obj_cmpfn = appex_flow_differs,
	.min_size = 1024,
	.automatic_shrinking = true,
};

int appex_flows_init(struct rhashtable *table)
{
	/*
	 * One key for all tables: one that is in use must not change. Not get_random_once():
	 * that holds the module for a moment, and who unloads at once would be refused.
	 */
	if (!appex_flow_random[0])
		get_random_bytes(appex_flow_random, sizeof(appex_flow_random));
	return rhashtable_init(table, &appex_flow_params);
}

/* Process context; no reader may be left. */
void appex_flows_destroy(struct rhashtable *table, void (*free_fn)(void *ptr, void *arg))
{
	rhashtable_free_and_destroy(table, free_fn, NULL);
}

/* RCU read side; the result is valid inside it. */
struct appex_flow_node *appex_flows_find(struct rhashtable *table, const u64 *key)
{
	return rhashtable_lookup(table, key, appex_flow_params);
}

/* RCU read side or process context. -EEXIST when the key is there. */
int appex_flows_insert(struct rhashtable *table, struct appex_flow_node *node)
{
	return rhashtable_lookup_insert_key(table, node->key, &node->hash, appex_flow_params);
}

int appex_flows_remove(struct rhashtable *table, struct appex_flow_node *node)
{
	return rhashtable_remove_fast(table, &node->hash, appex_flow_params);
}

void appex_flows_free_later(struct appex_flow_node *node, rcu_callback_t free_fn)
{
	call_rcu(&node->rcu, free_fn);
}

/*
 * Process context. Calls `visit` under RCU for each flow; a flow may be met
 * twice or, while the table grows, not at all.
 */
void appex_flows_walk(struct rhashtable *table,
		      void (*visit)(struct appex_flow_node *node, void *arg), void *arg)
{
	struct appex_flow_node *node;
	struct rhashtable_iter iter;
	u32 seen = 0;

	rhashtable_walk_enter(table, &iter);
	rhashtable_walk_start(&iter);
	while ((node = rhashtable_walk_next(&iter))) {
		if (IS_ERR(node)) {
			if (PTR_ERR(node) == -EAGAIN)
				continue;
			break;
		}
		visit(node, arg);
		/* A long table must not keep RCU and the CPU for itself. */
		if (!(++seen % 256)) {
			rhashtable_walk_stop(&iter);
			cond_resched();
			rhashtable_walk_start(&iter);
		}
	}
	rhashtable_walk_stop(&iter);
	rhashtable_walk_exit(&iter);
}

/* Process context, as all of the cursor's. */
void appex_flows_cursor_open(struct appex_flows_cursor *cursor, struct rhashtable *table)
{
	rhashtable_walk_enter(table, &cursor->iter);
}

void appex_flows_cursor_close(struct appex_flows_cursor *cursor)
{
	rhashtable_walk_exit(&cursor->iter);
}

/* Takes the RCU read lock until the stop; nodes are valid that long. */
void appex_flows_cursor_start(struct appex_flows_cursor *cursor, bool anew)
	__acquires(RCU)
{
	struct rhashtable *table = cursor->iter.ht;

	if (anew) {
		rhashtable_walk_exit(&cursor->iter);
		rhashtable_walk_enter(table, &cursor->iter);
	}
	rhashtable_walk_start(&cursor->iter);
}

void appex_flows_cursor_stop(struct appex_flows_cursor *cursor)
	__releases(RCU)
{
	rhashtable_walk_stop(&cursor->iter);
}

/* Lets others have RCU and the CPU. False if the reader is to be killed. */
bool appex_flows_cursor_pause(struct appex_flows_cursor *cursor)
{
	rhashtable_walk_stop(&cursor->iter);
	cond_resched();
	rhashtable_walk_start(&cursor->iter);
	return !fatal_signal_pending(current);
}

/* A table that is being resized is walked from its start again. */
struct appex_flow_node *appex_flows_cursor_peek(struct appex_flows_cursor *cursor)
{
	struct appex_flow_node *node;

	do
		node = rhashtable_walk_peek(&cursor->iter);
	while (IS_ERR(node) && PTR_ERR(node) == -EAGAIN);
	return IS_ERR(node) ? NULL : node;
}

struct appex_flow_node *appex_flows_cursor_next(struct appex_flows_cursor *cursor)
{
	struct appex_flow_node *node;

	do
		node = rhashtable_walk_next(&cursor->iter);
	while (IS_ERR(node) && PTR_ERR(node) == -EAGAIN);
	return IS_ERR(node) ? NULL : node;
}

/* src/sys/work.rs gets from a work item to what it is part of. */
static_assert(offsetof(struct delayed_work, work) == 0);

void appex_work_init(struct delayed_work *work, work_func_t run)
{
	INIT_DELAYED_WORK(work, run);
}

void appex_work_schedule(struct delayed_work *work, u32 delay_ms)
{
	queue_delayed_work(system_dfl_wq, work, msecs_to_jiffies(delay_ms));
}

void appex_work_cancel(struct delayed_work *work)
{
	disable_delayed_work_sync(work);
}

void appex_layout_get(struct appex_layout *layout)
{
	layout->tcp_sock = sizeof(struct tcp_sock);
	layout->inet_connection_sock = sizeof(struct inet_connection_sock);
	layout->sk_buff = sizeof(struct sk_buff);
	layout->congestion_ops = sizeof(struct tcp_congestion_ops);
	layout->rate_sample = sizeof(struct rate_sample);
	layout->nf_hook_ops = sizeof(struct nf_hook_ops);
	layout->nf_hook_state = sizeof(struct nf_hook_state);
	layout->proc_ops = sizeof(struct proc_ops);
	layout->rhashtable = sizeof(struct rhashtable);
	layout->qdisc_ops = sizeof(struct Qdisc_ops);
	layout->spinlock = sizeof(spinlock_t);
	layout->delayed_work = sizeof(struct delayed_work);
	layout->notifier_block = sizeof(struct notifier_block);
	layout->seq_file = sizeof(struct seq_file);
	layout->flow_node = sizeof(struct appex_flow_node);
	layout->off_snd_cwnd = offsetof(struct tcp_sock, snd_cwnd);
	layout->off_ca_priv = offsetof(struct inet_connection_sock, icsk_ca_priv);
	layout->off_ca_ops = offsetof(struct inet_connection_sock, icsk_ca_ops);
	layout->off_sk_refcnt = offsetof(struct sock, sk_refcnt);
	layout->off_mss_cache = offsetof(struct tcp_sock, mss_cache);
	layout->off_mdev_max_us = offsetof(struct tcp_sock, mdev_max_us);
	layout->off_rttvar_us = offsetof(struct tcp_sock, rttvar_us);
	layout->off_rto_min = offsetof(struct inet_connection_sock, icsk_rto_min);
	layout->off_retrans_out = offsetof(struct tcp_sock, retrans_out);
	layout->off_lost_out = offsetof(struct tcp_sock, lost_out);
	layout->off_max_pacing_rate = offsetof(struct sock, sk_max_pacing_rate);
	layout->off_snd_nxt = offsetof(struct tcp_sock, snd_nxt);
	layout->off_ifindex = offsetof(struct net_device, ifindex);
	layout->off_delivered = offsetof(struct tcp_sock, delivered);
	layout->off_state = offsetof(struct sock, __sk_common.skc_state);
	layout->off_num = offsetof(struct sock, __sk_common.skc_num);
	layout->off_dport = offsetof(struct sock, __sk_common.skc_dport);
}
