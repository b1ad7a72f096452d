// SPDX-License-Identifier: GPL-2.0

//! A look at a socket that somebody else may be using: plain numbers, without its lock.

use super::control::Control;
use super::ops::{Algorithm, Summary};
use crate::sys::bindings as c;
use crate::sys::published::ReadSide;
use core::ptr;

/// Both ends of a connection of the initial network namespace.
pub(crate) struct Ends {
    /// IPv6, else IPv4, which has its address in the first four bytes.
    pub(crate) v6: bool,
    /// This machine's address, network order.
    pub(crate) local: [u8; 16],
    /// This machine's port.
    pub(crate) local_port: u16,
    /// The peer's address, network order.
    pub(crate) peer: [u8; 16],
    /// The peer's port.
    pub(crate) peer_port: u16,
}

/// A connection as it was found.
pub(crate) struct View {
    /// Its TCP state, `include/net/tcp_states.h`.
    pub(crate) state: u8,
    /// Length of the path of its control group; 0 if not asked for, not known or too long.
    pub(crate) cgroup_len: usize,
    /// `None` while the connection is a mere request, or in TIME_WAIT.
    pub(crate) numbers: Option<Numbers>,
}

/// Numbers of a full socket. Each is what it was at some instant; they may be of different ones.
pub(crate) struct Numbers {
    /// Name of its congestion control, padded with zeros.
    pub(crate) control: [u8; 16],
    /// The congestion control needs marks, or is made of BPF programs, so is not taken away.
    pub(crate) keeps_control: bool,
    /// What our algorithm shows, if the socket uses it.
    pub(crate) summary: Option<Summary>,
    /// Pacing rate, bytes per second; `None` without pacing.
    pub(crate) pacing_rate: Option<u64>,
    /// Smoothed round trip, microseconds; 0 if not measured.
    pub(crate) srtt_us: u32,
    /// Congestion window, packets.
    pub(crate) cwnd: u32,
    /// Bytes not yet sent.
    pub(crate) unsent: u32,
    /// Payload bytes sent, repetitions included.
    pub(crate) bytes_sent: u64,
    /// Payload bytes acknowledged.
    pub(crate) bytes_acked: u64,
    /// Payload bytes received in order.
    pub(crate) bytes_received: u64,
    /// Data segments sent, repetitions included.
    pub(crate) segments: u32,
    /// Retransmissions.
    pub(crate) again: u32,
}

impl<A: Algorithm> Control<A> {
    /// Looks for the connection between two ends, met on an interface. If `cgroup` has room the path of its control group goes
    /// there.
    ///
    /// Context: any, takes no lock.
    pub(crate) fn view(
        &self,
        _guard: &impl ReadSide,
        ends: &Ends,
        interface: u32,
        cgroup: &mut [u8],
    ) -> Option<View> {
        // SAFETY: The read side is held; the addresses have sixteen bytes.
        let sk = unsafe {
            c::appex_tcp_find(
                ends.v6,
                ends.local.as_ptr(),
                ends.local_port,
                ends.peer.as_ptr(),
                ends.peer_port,
                interface,
            )
        };
        if sk.is_null() {
            return None;
        }
        // SAFETY: Kept by the reference that the look-up took.
        let (state, is_full) = unsafe { (c::appex_sk_state(sk), c::appex_sk_is_full(sk)) };
        // SAFETY: A full TCP socket, kept by the reference; the read side is held.
        let numbers = is_full.then(|| unsafe { self.numbers(sk) });
        let mut cgroup_len = 0;
        if is_full && !cgroup.is_empty() {
            // SAFETY: As above.
            cgroup_len = unsafe { cgroup_of(sk, cgroup) }.len();
        }
        // SAFETY: The reference of the look-up.
        unsafe { c::sock_gen_put(sk) };
        Some(View {
            state,
            cgroup_len,
            numbers,
        })
    }

    /// # Safety
    ///
    /// `sk` is a full TCP socket that stays, and the RCU read side is held.
    unsafe fn numbers(&self, sk: *mut c::sock) -> Numbers {
        let icsk = sk.cast::<c::inet_connection_sock>();
        let tp = sk.cast::<c::tcp_sock>();
        let mut control = [0; 16];
        let mut keeps_control = false;
        let summary;
        // SAFETY: `sk` stays. The ops of a socket are replaced without our knowing, but those that are
        // no longer used go only after a grace period, so what was read is valid in the read side, as
        // inet_diag relies on, too.
        unsafe {
            let ops = ptr::read_volatile(&raw const (*icsk).icsk_ca_ops);
            if !ops.is_null() {
                for (to, &from) in control.iter_mut().zip(&(*ops).name) {
                    *to = from;
                }
                keeps_control = (*ops).flags & c::APPEX_CONG_ECN != 0 || c::appex_ca_is_bpf(ops);
            }
            summary = self.summary_of(sk);
        }
        // SAFETY: As above; single words, read as a snapshot.
        unsafe {
            let read = |field: *const u32| ptr::read_volatile(field);
            let wide = |field: *const u64| ptr::read_volatile(field);
            let pacing = c::appex_pacing_rate(sk);
            Numbers {
                control,
                keeps_control,
                summary,
                pacing_rate: (pacing != u64::MAX).then_some(pacing),
                srtt_us: read(&raw const (*tp).srtt_us) >> 3,
                cwnd: c::appex_tcp_snd_cwnd(sk),
                unsent: read(&raw const (*tp).write_seq)
                    .wrapping_sub(read(&raw const (*tp).snd_nxt)),
                bytes_sent: wide(&raw const (*tp).bytes_sent),
                bytes_acked: wide(&raw const (*tp).bytes_acked),
                bytes_received: wide(&raw const (*tp).bytes_received),
                segments: read(&raw const (*tp).data_segs_out),
                again: read(&raw const (*tp).total_retrans),
            }
        }
    }
}

/// Path of a socket's control group.
///
/// # Safety
///
/// `sk` is a full socket that stays.
pub(super) unsafe fn cgroup_of(sk: *mut c::sock, buffer: &mut [u8]) -> &[u8] {
    let size = u32::try_from(buffer.len()).unwrap_or(0);
    if size == 0 {
        return &[];
    }
    // SAFETY: `buffer` has room for `size` bytes; the caller promises the rest.
    let len = unsafe { c::appex_sk_cgroup(sk, buffer.as_mut_ptr().cast(), size) };
    buffer.get(..len as usize).unwrap_or(&[])
}
