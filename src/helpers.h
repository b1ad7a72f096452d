/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kernel interfaces that exist only as inline functions or macros, as plain
 * functions for src/sys. One call each, no policy: what is worth reviewing is
 * in Rust. Contexts are those of the wrapped function.
 */
#ifndef APPEX_HELPERS_H
#define APPEX_HELPERS_H

#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/rhashtable.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <net/sock.h>

struct tcp_congestion_ops;

/* Locks that are taken in process context and in softirq. */
void appex_spin_lock_init(spinlock_t *lock);
void appex_spin_lock_bh(spinlock_t *lock);
void appex_spin_unlock_bh(spinlock_t *lock);

void appex_list_init(struct list_head *head);
void appex_list_add_tail(struct list_head *entry, struct list_head *head);
void appex_list_del(struct list_head *entry);

/* Per-CPU counters: an array of u64 for each possible CPU. */
u64 *appex_percpu_alloc(u32 counters);
void appex_percpu_free(u64 *counters);
void appex_percpu_add(u64 *counters, u32 index, u64 value);
u64 appex_percpu_read(u64 *counters, u32 index, u32 cpu);
u32 appex_cpu_current(void);
u32 appex_cpu_ids(void);
bool appex_cpu_possible(u32 cpu);

/* Milliseconds from the jiffies counter, in steps of a tick. */
u64 appex_now_ms(void);
u64 appex_now_us(void);
u32 appex_hz(void);
u64 appex_random_u64(void);

int appex_skb_copy_bits(const struct sk_buff *skb, u32 offset, void *to, u32 len);
u32 appex_skb_gso_segs(const struct sk_buff *skb);
bool appex_skb_from_transport(const struct sk_buff *skb);
bool appex_skb_is_own(const struct sk_buff *skb, const struct nf_hook_state *state);
struct sock *appex_skb_sending_sk(const struct sk_buff *skb);
int appex_skb_iif(const struct sk_buff *skb);
struct sock *appex_skb_full_sk(const struct sk_buff *skb);
bool appex_skb_send_copy(struct sk_buff *skb, bool v6);
void appex_skb_withhold(struct sk_buff *skb);
bool appex_skb_is_first_synack(const struct sk_buff *skb);
bool appex_skb_untranslated(const struct sk_buff *skb, bool v6, u8 *ends, u16 *ports);
void appex_skb_log(const struct sk_buff *skb, const struct nf_hook_state *state, u16 group);
bool appex_skb_send_reply(const struct sk_buff *skb, const void *bytes, u32 len, bool v6);
bool appex_skb_set_window(struct sk_buff *skb, u32 offset, u16 window);
void appex_skb_hasten_synack(struct sk_buff *skb, u32 ms);

int appex_dev_ifindex(const struct net_device *dev);
const char *appex_dev_name(const struct net_device *dev);
bool appex_dev_in_init_net(const struct net_device *dev);
struct net_device *appex_notifier_dev(void *info);
const struct net_device *appex_dev_by_index(u32 index);

/* Hooks in every network namespace but the initial one. */
int appex_nets_register(const struct nf_hook_ops *hooks, u32 count);
void appex_nets_unregister(void);
bool appex_nets_exist(void);

bool appex_sk_is_tcp_stream(const struct sock *sk);
bool appex_sk_refs_get(struct sock *sk);
struct sock *appex_tcp_find(bool v6, const u8 *local, u16 local_port, const u8 *peer,
			    u16 peer_port, u32 interface);
bool appex_sk_is_full(const struct sock *sk);
u32 appex_sk_cgroup(struct sock *sk, char *path, u32 size);
u8 appex_sk_state(const struct sock *sk);
u32 appex_sk_default_notsent_lowat(const struct sock *sk);
u64 appex_pacing_rate(const struct sock *sk);
void appex_lock_sock(struct sock *sk);
bool appex_sock_trylock_bh(struct sock *sk);
void appex_sock_unlock_bh(struct sock *sk);
void appex_sock_put(struct sock *sk);
bool appex_tcp_peer_time(const struct sock *sk, u32 *time);
void appex_tcp_count_copy(struct sock *sk, u32 segments, bool in_order);
/* Of bytes that were sent. */
#define APPEX_SACKED 1
#define APPEX_LOST 2
u32 appex_tcp_fate(const struct sock *sk, u32 begin, u32 end);
void appex_tcp_hasten_syn(struct sock *sk, u32 ms);
void appex_tcp_bound_window(struct sock *sk, u32 bytes);
bool appex_tcp_memory_is_short(void);
u32 appex_tcp_snd_cwnd(const struct sock *sk);
void appex_tcp_snd_cwnd_set(struct sock *sk, u32 segments);
void appex_pacing_rate_set(struct sock *sk, u64 bytes_per_s);
bool appex_pacing_request(struct sock *sk);
void appex_pacing_withdraw(struct sock *sk);
bool appex_ca_is_bpf(const struct tcp_congestion_ops *ops);
void appex_wait_for_callers(void);
bool appex_dev_onlink_v4(const struct net_device *dev, const u8 *peer);
bool appex_dev_onlink_v6(const struct net_device *dev, const u8 *peer);
bool appex_capable_net_admin(void);
struct proc_dir_entry *appex_proc_net(void);
void *appex_proc_data(const struct file *file);
struct seq_file *appex_file_seq(const struct file *file);
long appex_copy_from_user(void *to, const char __user *from, size_t len);
struct module *appex_this_module(void);
bool appex_log_allowed(void);
void appex_smp_rmb(void);
void appex_smp_wmb(void);
u32 appex_usecs_to_jiffies(u32 us);
u32 appex_jiffies_to_usecs(u32 jiffies);

/* The flow table: the kernel's rhashtable over records that start like this. */
#define APPEX_FLOW_KEY_WORDS 5

struct appex_flow_node {
	struct rhash_head hash;
	u64 key[APPEX_FLOW_KEY_WORDS];
	struct rcu_head rcu;
};

int appex_flows_init(struct rhashtable *table);
void appex_flows_destroy(struct rhashtable *table, void (*free_fn)(void *ptr, void *arg));
struct appex_flow_node *appex_flows_find(struct rhashtable *table, const u64 *key);
int appex_flows_insert(struct rhashtable *table, struct appex_flow_node *node);
int appex_flows_remove(struct rhashtable *table, struct appex_flow_node *node);
void appex_flows_free_later(struct appex_flow_node *node, rcu_callback_t free_fn);
void appex_flows_walk(struct rhashtable *table,
		      void (*visit)(struct appex_flow_node *node, void *arg), void *arg);

/* A walk that pauses wherever a reader's buffer is full. One for each open file. */
struct appex_flows_cursor {
	struct rhashtable_iter iter;
	const void *file;
	/* Entries since the last pause. */
	u32 met;
};

void appex_flows_cursor_open(struct appex_flows_cursor *cursor, struct rhashtable *table);
void appex_flows_cursor_close(struct appex_flows_cursor *cursor);
void appex_flows_cursor_start(struct appex_flows_cursor *cursor, bool anew);
void appex_flows_cursor_stop(struct appex_flows_cursor *cursor);
bool appex_flows_cursor_pause(struct appex_flows_cursor *cursor);
struct appex_flow_node *appex_flows_cursor_peek(struct appex_flows_cursor *cursor);
struct appex_flow_node *appex_flows_cursor_next(struct appex_flows_cursor *cursor);

/* Periodic work in process context. */
void appex_work_init(struct delayed_work *work, work_func_t run);
void appex_work_schedule(struct delayed_work *work, u32 delay_ms);
void appex_work_cancel(struct delayed_work *work);

/* What the C compiler thinks of the types that bindgen described. */
struct appex_layout {
	size_t tcp_sock, inet_connection_sock, sk_buff, congestion_ops, rate_sample;
	size_t nf_hook_ops, nf_hook_state, proc_ops, rhashtable, qdisc_ops;
	size_t spinlock, delayed_work, notifier_block, seq_file, flow_node;
	size_t off_snd_cwnd, off_ca_priv, off_ca_ops, off_sk_refcnt, off_mss_cache, off_rto_min;
	size_t off_mdev_max_us, off_rttvar_us;
	size_t off_snd_nxt, off_ifindex, off_retrans_out, off_lost_out,
	       off_max_pacing_rate, off_delivered, off_state, off_num, off_dport;
};
void appex_layout_get(struct appex_layout *layout);

#endif
