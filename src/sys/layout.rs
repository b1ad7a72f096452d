// SPDX-License-Identifier: GPL-2.0

//! Compares what bindgen (libclang) saw with what the C compiler saw.
//!
//! A differing flag or macro would shift fields silently and corrupt memory;
//! the module refuses to load instead.

use super::bindings as c;
use core::mem::{offset_of, size_of};
use kernel::prelude::*;

/// Fails with `ENOEXEC`, naming the type, if a layout differs.
///
/// Context: process, once, before anything else is used.
pub(crate) fn check() -> Result {
    let mut want = c::appex_layout::default();
    // SAFETY: `want` is valid for writes for the duration of the call.
    unsafe { c::appex_layout_get(&mut want) };

    let pairs = [
        ("tcp_sock", size_of::<c::tcp_sock>(), want.tcp_sock),
        (
            "inet_connection_sock",
            size_of::<c::inet_connection_sock>(),
            want.inet_connection_sock,
        ),
        ("sk_buff", size_of::<c::sk_buff>(), want.sk_buff),
        (
            "tcp_congestion_ops",
            size_of::<c::tcp_congestion_ops>(),
            want.congestion_ops,
        ),
        ("rate_sample", size_of::<c::rate_sample>(), want.rate_sample),
        ("nf_hook_ops", size_of::<c::nf_hook_ops>(), want.nf_hook_ops),
        (
            "nf_hook_state",
            size_of::<c::nf_hook_state>(),
            want.nf_hook_state,
        ),
        ("proc_ops", size_of::<c::proc_ops>(), want.proc_ops),
        ("rhashtable", size_of::<c::rhashtable>(), want.rhashtable),
        ("Qdisc_ops", size_of::<c::Qdisc_ops>(), want.qdisc_ops),
        ("spinlock_t", size_of::<c::spinlock_t>(), want.spinlock),
        (
            "delayed_work",
            size_of::<c::delayed_work>(),
            want.delayed_work,
        ),
        (
            "notifier_block",
            size_of::<c::notifier_block>(),
            want.notifier_block,
        ),
        ("seq_file", size_of::<c::seq_file>(), want.seq_file),
        (
            "appex_flow_node",
            size_of::<c::appex_flow_node>(),
            want.flow_node,
        ),
        (
            "tcp_sock.snd_cwnd",
            offset_of!(c::tcp_sock, snd_cwnd),
            want.off_snd_cwnd,
        ),
        (
            "inet_connection_sock.icsk_ca_priv",
            offset_of!(c::inet_connection_sock, icsk_ca_priv),
            want.off_ca_priv,
        ),
        (
            "inet_connection_sock.icsk_ca_ops",
            offset_of!(c::inet_connection_sock, icsk_ca_ops),
            want.off_ca_ops,
        ),
        (
            "tcp_sock.mss_cache",
            offset_of!(c::tcp_sock, mss_cache),
            want.off_mss_cache,
        ),
        (
            "tcp_sock.mdev_max_us",
            offset_of!(c::tcp_sock, mdev_max_us),
            want.off_mdev_max_us,
        ),
        (
            "tcp_sock.rttvar_us",
            offset_of!(c::tcp_sock, rttvar_us),
            want.off_rttvar_us,
        ),
        (
            "inet_connection_sock.icsk_rto_min",
            offset_of!(c::inet_connection_sock, icsk_rto_min),
            want.off_rto_min,
        ),
        (
            "tcp_sock.retrans_out",
            offset_of!(c::tcp_sock, retrans_out),
            want.off_retrans_out,
        ),
        (
            "tcp_sock.lost_out",
            offset_of!(c::tcp_sock, lost_out),
            want.off_lost_out,
        ),
        (
            "sock.sk_max_pacing_rate",
            offset_of!(c::sock, sk_max_pacing_rate),
            want.off_max_pacing_rate,
        ),
        (
            "net_device.ifindex",
            offset_of!(c::net_device, ifindex),
            want.off_ifindex,
        ),
        (
            "tcp_sock.snd_nxt",
            offset_of!(c::tcp_sock, snd_nxt),
            want.off_snd_nxt,
        ),
        (
            "tcp_sock.delivered",
            offset_of!(c::tcp_sock, delivered),
            want.off_delivered,
        ),
        (
            "sock.skc_state",
            offset_of!(c::sock, __sk_common.skc_state),
            want.off_state,
        ),
        (
            "sock.skc_num",
            offset_of!(
                c::sock,
                __sk_common.__bindgen_anon_3.__bindgen_anon_1.skc_num
            ),
            want.off_num,
        ),
        (
            "sock.skc_dport",
            offset_of!(
                c::sock,
                __sk_common.__bindgen_anon_3.__bindgen_anon_1.skc_dport
            ),
            want.off_dport,
        ),
    ];
    for (name, ours, theirs) in pairs {
        if ours != theirs {
            pr_err!("{name} is {ours} for Rust but {theirs} for C: not loading; rebuild the module against this kernel's headers\n");
            return Err(ENOEXEC);
        }
    }
    Ok(())
}
