/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What bindgen reads: the kernel headers this module needs beyond the ones the
 * kernel crate binds, and the prototypes of our own helpers.
 */

#include <linux/errno.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <linux/proc_fs.h>
#include <linux/rhashtable.h>
#include <linux/seq_file.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <net/inet_connection_sock.h>
#include <net/net_namespace.h>
#include <net/pkt_sched.h>
#include <net/sock.h>
#include <net/tcp.h>
#include <linux/inet_diag.h>

#include "helpers.h"
#include "helpers_qdisc.h"
#include "helpers_trace.h"

/* Macros that bindgen cannot evaluate by itself. */
enum {
	APPEX_CA_PRIV_BYTES = ICSK_CA_PRIV_SIZE,
	APPEX_SOCKET_LOCK_BYTES = sizeof(socket_lock_t),
	APPEX_CONG_NON_RESTRICTED = TCP_CONG_NON_RESTRICTED,
	/* All flags that ask for marks or for their negotiation. */
	APPEX_CONG_ECN = TCP_CONG_MASK & ~TCP_CONG_NON_RESTRICTED,
};
