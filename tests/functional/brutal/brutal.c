// SPDX-License-Identifier: GPL-2.0
/*
 * Stands in for tcp-brutal, which is not in Debian: a congestion control by that name that sends at a rate of its own,
 * whatever is lost. The real one takes the rate from its application.
 */
#include <linux/module.h>
#include <net/tcp.h>

/* In bytes per second: 8 Mbit/s. */
#define RATE 1000000
/* In packets: more than the test's path holds at that rate. */
#define WINDOW 200

static void brutal_control(struct sock *sk, u32 ack, int flag, const struct rate_sample *rs)
{
	tcp_snd_cwnd_set(tcp_sk(sk), WINDOW);
	WRITE_ONCE(sk->sk_pacing_rate, RATE);
}

static void brutal_init(struct sock *sk)
{
	cmpxchg(&sk->sk_pacing_status, SK_PACING_NONE, SK_PACING_NEEDED);
	WRITE_ONCE(sk->sk_pacing_rate, RATE);
}

static struct tcp_congestion_ops brutal = {
	.flags = TCP_CONG_NON_RESTRICTED,
	.name = "brutal",
	.owner = THIS_MODULE,
	.init = brutal_init,
	.cong_control = brutal_control,
	.ssthresh = tcp_reno_ssthresh,
	.undo_cwnd = tcp_reno_undo_cwnd,
};

static int __init brutal_load(void)
{
	return tcp_register_congestion_control(&brutal);
}

static void __exit brutal_unload(void)
{
	tcp_unregister_congestion_control(&brutal);
}

module_init(brutal_load);
module_exit(brutal_unload);
MODULE_DESCRIPTION("Sends at a fixed rate");
MODULE_LICENSE("GPL");
