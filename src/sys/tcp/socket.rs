// SPDX-License-Identifier: GPL-2.0

//! A locked TCP socket, and the rate sample of one ACK.

use super::view::cgroup_of;
use crate::sys::bindings as c;
use core::marker::PhantomData;
use core::ptr;

/// State of loss recovery, `enum tcp_ca_state`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CaState {
    /// No suspicion.
    Open,
    /// Duplicate ACKs or SACKs: loss or reordering.
    Disorder,
    /// Window being reduced after ECN or a local drop.
    Cwr,
    /// Fast retransmit.
    Recovery,
    /// After a retransmission timeout.
    Loss,
}

impl CaState {
    pub(super) fn from_raw(state: u32) -> Self {
        match state {
            c::tcp_ca_state_TCP_CA_Open => CaState::Open,
            c::tcp_ca_state_TCP_CA_Disorder => CaState::Disorder,
            c::tcp_ca_state_TCP_CA_CWR => CaState::Cwr,
            c::tcp_ca_state_TCP_CA_Recovery => CaState::Recovery,
            // An unknown state is treated as the most careful one.
            _ => CaState::Loss,
        }
    }
}

/// A full TCP stream socket whose lock the current context holds.
///
/// # Invariants
///
/// `sk` points to a `struct tcp_sock` (a full, non-request, non-timewait
/// socket) that stays allocated and locked by this context during `'a`.
pub(crate) struct Socket<'a> {
    sk: *mut c::sock,
    _lock: PhantomData<&'a mut c::sock>,
}

/// Reads one field of the `tcp_sock`. Never a reference to all of it: other
/// CPUs change what the socket's lock does not protect.
macro_rules! tp {
    ($socket:ident . $field:ident) => {{
        // SAFETY: By the type invariant `sk` is a live `tcp_sock`; this field is only written
        // under the lock that this context holds, or is a plain word read as a snapshot.
        unsafe { (*$socket.sk.cast::<c::tcp_sock>()).$field }
    }};
}

/// Reads one field of the `inet_connection_sock`, with which a `tcp_sock` starts.
macro_rules! icsk {
    ($socket:ident . $field:ident) => {{
        // SAFETY: As for `tp`.
        unsafe { (*$socket.icsk_ptr()).$field }
    }};
}

impl<'a> Socket<'a> {
    /// # Safety
    ///
    /// `sk` must be a full TCP socket, valid and locked by the caller for `'a`.
    pub(in crate::sys) unsafe fn from_raw(sk: *mut c::sock) -> Self {
        // INVARIANT: Promised by the caller.
        Socket {
            sk,
            _lock: PhantomData,
        }
    }

    pub(in crate::sys) fn as_ptr(&self) -> *mut c::sock {
        self.sk
    }

    pub(super) fn icsk_ptr(&self) -> *mut c::inet_connection_sock {
        self.sk.cast()
    }

    /// Congestion window, segments.
    pub(crate) fn cwnd(&self) -> u32 {
        tp!(self.snd_cwnd)
    }

    /// Sets the congestion window in segments; at least one, at most the clamp.
    pub(crate) fn set_cwnd(&mut self, segments: u32) {
        let segments = segments.min(self.cwnd_clamp()).clamp(1, i32::MAX as u32);
        // SAFETY: `sk` is a live TCP socket locked by us; the value is positive as an `int`.
        unsafe { c::appex_tcp_snd_cwnd_set(self.sk, segments) }
    }

    /// Upper bound of the window that the administrator or the route set, segments.
    pub(crate) fn cwnd_clamp(&self) -> u32 {
        tp!(self.snd_cwnd_clamp)
    }

    /// Slow-start threshold, segments.
    pub(crate) fn ssthresh(&self) -> u32 {
        tp!(self.snd_ssthresh)
    }

    /// Sets the slow-start threshold, segments (at least 2).
    pub(crate) fn set_ssthresh(&mut self, segments: u32) {
        // SAFETY: As for `tp`, and the lock makes this context the only writer.
        unsafe {
            let field = &raw mut (*self.sk.cast::<c::tcp_sock>()).snd_ssthresh;
            ptr::write_volatile(field, segments.max(2));
        }
    }

    /// Effective payload of a full segment, bytes. Never zero.
    pub(crate) fn mss(&self) -> u32 {
        tp!(self.mss_cache).max(1)
    }

    /// Smoothed round-trip time, microseconds; `None` before the first sample.
    pub(crate) fn srtt_us(&self) -> Option<u32> {
        // The kernel stores it times eight.
        let srtt = tp!(self.srtt_us) >> 3;
        (srtt != 0).then_some(srtt)
    }

    /// Variation term of the RTO, microseconds.
    pub(crate) fn rttvar_us(&self) -> u32 {
        // The kernel stores it times four.
        tp!(self.rttvar_us) >> 2
    }

    /// Packets delivered since the start, wraps.
    pub(crate) fn delivered(&self) -> u32 {
        tp!(self.delivered)
    }

    /// Packets marked lost since the start, wraps.
    pub(crate) fn lost(&self) -> u32 {
        tp!(self.lost)
    }

    /// Packets sent and not yet cumulatively acknowledged.
    pub(crate) fn packets_out(&self) -> u32 {
        tp!(self.packets_out)
    }

    /// Packets believed to be in the network.
    pub(crate) fn in_flight(&self) -> u32 {
        // As `tcp_packets_in_flight()`.
        let left = tp!(self.sacked_out).wrapping_add(tp!(self.lost_out));
        tp!(self.packets_out)
            .wrapping_sub(left)
            .wrapping_add(tp!(self.retrans_out))
    }

    /// Payload bytes acknowledged since the start.
    pub(crate) fn bytes_acked(&self) -> u64 {
        tp!(self.bytes_acked)
    }

    /// Bytes the receiver allows beyond the acknowledged ones.
    pub(crate) fn snd_wnd(&self) -> u32 {
        tp!(self.snd_wnd)
    }

    /// Next sequence number to be sent for the first time.
    pub(crate) fn snd_nxt(&self) -> u32 {
        tp!(self.snd_nxt)
    }

    /// Sequence number after the last byte that the application has given.
    pub(crate) fn write_seq(&self) -> u32 {
        tp!(self.write_seq)
    }

    /// Payload bytes sent, repetitions included.
    pub(crate) fn bytes_sent(&self) -> u64 {
        tp!(self.bytes_sent)
    }

    /// TCP has seen packets overtake others.
    pub(crate) fn saw_reordering(&self) -> bool {
        tp!(self.reord_seen) != 0
    }

    /// Tells TCP that `segments` were sent a second time, so that it expects to hear of it; and that
    /// what looks overtaken is not, if the path is known to keep packets `in_order`.
    pub(crate) fn count_copy(&mut self, segments: u32, in_order: bool) {
        // SAFETY: A locked TCP socket by the type invariant.
        unsafe { c::appex_tcp_count_copy(self.sk, segments, in_order) }
    }

    /// Has a first SYN repeated after `ms`; nothing once the connection has begun.
    pub(crate) fn hasten_syn(&mut self, ms: u32) {
        // SAFETY: A locked TCP socket by the type invariant.
        unsafe { c::appex_tcp_hasten_syn(self.sk, ms) }
    }

    /// Time of the latest packet sent or received, microseconds, monotonic.
    pub(crate) fn mstamp_us(&self) -> u64 {
        tp!(self.tcp_mstamp)
    }

    /// Time stamp on the packet being processed, in the peer's unit; `None` without the option.
    pub(crate) fn peer_time(&self) -> Option<u32> {
        let mut time = 0;
        // SAFETY: A locked TCP socket by the type invariant; `time` is written before the call returns.
        unsafe { c::appex_tcp_peer_time(self.sk, &mut time) }.then_some(time)
    }

    /// Whether sending paused for want of data since the last full window.
    pub(crate) fn is_app_limited(&self) -> bool {
        tp!(self.app_limited) != 0
    }

    /// State of loss recovery.
    pub(crate) fn ca_state(&self) -> CaState {
        // SAFETY: `sk` is a live, locked TCP socket.
        CaState::from_raw(u32::from(unsafe {
            c::inet_connection_sock::icsk_ca_state_raw(self.icsk_ptr())
        }))
    }

    /// Whether the connection is set up and may still send data: ESTABLISHED,
    /// or CLOSE_WAIT (the peer has finished sending).
    pub(crate) fn can_send(&self) -> bool {
        // SAFETY: `sk` is live; the state is one byte that only changes under the lock.
        let state = unsafe { ptr::read_volatile(&raw const (*self.sk).__sk_common.skc_state) };
        matches!(u32::from(state), c::TCP_ESTABLISHED | c::TCP_CLOSE_WAIT)
    }

    /// Sets what the pacing timer (or sch_fq) obeys, bytes per second; bounded
    /// by the application's SO_MAX_PACING_RATE.
    pub(crate) fn set_pacing_rate(&mut self, bytes_per_s: u64) {
        let rate = bytes_per_s.min(self.max_pacing_rate());
        // SAFETY: `sk` is a live TCP socket locked by us.
        unsafe { c::appex_pacing_rate_set(self.sk, rate) }
    }

    /// The application's own limit, bytes per second; `u64::MAX` without one.
    pub(crate) fn max_pacing_rate(&self) -> u64 {
        // SAFETY: `sk` is a live TCP socket by the type invariant; a word that applications set at any time.
        let rate = unsafe { ptr::read_volatile(&raw const (*self.sk).sk_max_pacing_rate) };
        // CAST: words have 64 bits.
        rate as u64
    }

    /// Lower bound of the retransmission timeout, microseconds.
    pub(crate) fn rto_min_us(&self) -> u32 {
        let ticks = icsk!(self.icsk_rto_min);
        // SAFETY: No memory is touched.
        unsafe { c::appex_jiffies_to_usecs(ticks) }
    }

    /// Sets the lower bound of the retransmission timeout's variation term, microseconds (at least one tick
    /// of the kernel's timer), from the next round-trip sample on.
    pub(crate) fn set_rto_min_us(&mut self, us: u32) {
        // SAFETY: No memory is touched.
        let ticks = unsafe { c::appex_usecs_to_jiffies(us) }.max(1);
        // SAFETY: `sk` is live and locked by us; readers use single-word loads.
        unsafe { ptr::write_volatile(&raw mut (*self.icsk_ptr()).icsk_rto_min, ticks) }
        // The kernel holds new variations against the bound, not the one it has: by itself the term only falls.
        let tp = self.sk.cast::<c::tcp_sock>();
        // SAFETY: `sk` is a live `tcp_sock` by the type invariant, and the lock that this context holds makes it the only writer
        // of both fields; readers without it (`tcp_get_info`) take what they find for a snapshot.
        unsafe {
            if (*tp).rttvar_us < us {
                ptr::write_volatile(&raw mut (*tp).rttvar_us, us);
            }
            if (*tp).mdev_max_us < us {
                ptr::write_volatile(&raw mut (*tp).mdev_max_us, us);
            }
        }
    }

    /// The local and the peer's port.
    pub(crate) fn ports(&self) -> (u16, u16) {
        // SAFETY: `sk` is live by the type invariant; the ports of a connection do not change.
        let ports = unsafe { (*self.sk).__sk_common.__bindgen_anon_3.__bindgen_anon_1 };
        (ports.skc_num, u16::from_be(ports.skc_dport))
    }

    /// Path of the control group that the socket was made in, empty if not known or too long.
    pub(crate) fn cgroup<'b>(&self, buffer: &'b mut [u8]) -> &'b [u8] {
        // SAFETY: `sk` is a live, full socket by the type invariant.
        unsafe { cgroup_of(self.sk, buffer) }
    }

    /// Whether the congestion control in use has the given name.
    pub(crate) fn control_is(&self, name: &[u8]) -> bool {
        let ops = icsk!(self.icsk_ca_ops);
        if ops.is_null() {
            return false;
        }
        // SAFETY: While the socket is locked its ops are referenced and so valid; the name is
        // never changed after registration.
        let theirs = unsafe { &(*ops).name };
        let mut theirs = theirs.iter().copied();
        name.iter().all(|&byte| theirs.next() == Some(byte)) && theirs.next() == Some(0)
    }
}

/// What one ACK told about the rate of delivery, `struct rate_sample`.
pub(crate) struct RateSample<'a>(&'a c::rate_sample);

impl<'a> RateSample<'a> {
    pub(super) fn new(raw: &'a c::rate_sample) -> Self {
        RateSample(raw)
    }

    /// Packets delivered and microseconds they took; `None` when invalid.
    pub(crate) fn delivered(&self) -> Option<(u32, u32)> {
        let packets = u32::try_from(self.0.delivered).ok()?;
        let interval = u32::try_from(self.0.interval_us).ok()?;
        (interval > 0).then_some((packets, interval))
    }

    /// Microseconds it took to send what `delivered` counts.
    pub(crate) fn snd_interval_us(&self) -> u32 {
        self.0.snd_interval_us
    }

    /// Microseconds it took to acknowledge what `delivered` counts.
    pub(crate) fn rcv_interval_us(&self) -> u32 {
        self.0.rcv_interval_us
    }

    /// `tp.delivered` when the most recently delivered packet was sent.
    pub(crate) fn prior_delivered(&self) -> u32 {
        self.0.prior_delivered
    }

    /// Round-trip time of the most recently delivered packet, microseconds.
    pub(crate) fn rtt_us(&self) -> Option<u32> {
        u32::try_from(self.0.rtt_us).ok()
    }

    /// Packets newly acknowledged or selectively acknowledged.
    pub(crate) fn acked_sacked(&self) -> u32 {
        self.0.acked_sacked
    }

    /// Packets newly marked lost.
    pub(crate) fn losses(&self) -> u32 {
        u32::try_from(self.0.losses).unwrap_or(0)
    }

    /// Packets in flight before this ACK.
    pub(crate) fn prior_in_flight(&self) -> u32 {
        self.0.prior_in_flight
    }

    /// The sample's packet was sent with a bubble in the pipe.
    pub(crate) fn is_app_limited(&self) -> bool {
        self.0.is_app_limited
    }

    /// The ACK was probably a delayed one.
    pub(crate) fn is_ack_delayed(&self) -> bool {
        self.0.is_ack_delayed
    }
}
