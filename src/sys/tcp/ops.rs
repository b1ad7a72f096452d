// SPDX-License-Identifier: GPL-2.0

//! The congestion-control callbacks: a safe trait, and the C entry points.

use super::control::Control;
use super::socket::{CaState, RateSample, Socket};
use crate::sys::bindings as c;
use core::ptr;
use kernel::ffi;

/// What `ss -ti` shows, in the format of `struct tcp_bbr_info`.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub(crate) struct Summary {
    /// Estimated bandwidth, bytes per second.
    pub(crate) bw_bytes_per_s: u64,
    /// Base round-trip time, microseconds.
    pub(crate) base_rtt_us: u32,
    /// Pacing rate over bandwidth, times 256.
    pub(crate) pacing_gain_q8: u32,
    /// Window over bandwidth-delay product, times 256.
    pub(crate) cwnd_gain_q8: u32,
    /// Queueing delay, microseconds. This and what follows is not for `ss`.
    pub(crate) queue_us: u32,
    /// Random loss, 1/65536.
    pub(crate) loss_q16: u32,
    /// A number of the algorithm's own for what it is doing.
    pub(crate) phase: u8,
    /// A number of the algorithm's own for how it was told to do it.
    pub(crate) mode: u8,
    /// Not zero for a socket that was adopted, zero for one configured by name. No `bool`: a reader
    /// without the lock may find anything here.
    pub(crate) adopted: u8,
    /// Not zero if the flow wants to see what it sends, see [`Control::is_attentive`].
    pub(crate) attentive: u8,
}

/// One flow's congestion control.
///
/// All methods run with the socket's lock held, mostly in softirq; none may
/// sleep. `Self` lives on the heap, one record a flow.
pub(crate) trait Algorithm: Sized + Send + 'static {
    /// Name in `tcp_available_congestion_control`, at most 15 bytes.
    const NAME: &'static [u8];

    /// What an adopting caller passes on to [`Algorithm::start`].
    type Context: Copy;

    /// What it keeps in the socket itself, where a little room is left: its record has none.
    type Aside: Default + 'static;

    /// The one [`Control`] of this algorithm.
    fn control() -> &'static Control<Self>;

    /// A new flow; `context` is `None` when the user chose the algorithm by name.
    fn start(socket: &mut Socket<'_>, context: Option<Self::Context>) -> Self;

    /// After the ACK's bookkeeping: sets window and pacing rate. Returns whether what is shown of the flow is to be renewed.
    fn on_ack(
        &mut self,
        aside: &mut Self::Aside,
        socket: &mut Socket<'_>,
        sample: &RateSample<'_>,
    ) -> bool;

    /// Loss recovery starts: the new slow-start threshold, segments.
    fn ssthresh(&mut self, socket: &mut Socket<'_>) -> u32;

    /// The reduction was needless: the window to go back to, segments.
    fn undo_cwnd(&mut self, aside: &mut Self::Aside, socket: &mut Socket<'_>) -> u32;

    /// Loss recovery is about to change its state.
    fn on_state(&mut self, socket: &mut Socket<'_>, new: CaState);

    /// The first data after the pipe was empty.
    fn on_tx_start(&mut self, aside: &mut Self::Aside, socket: &mut Socket<'_>);

    /// The flow ends or goes back to what it had before.
    fn stop(&mut self, aside: &mut Self::Aside, socket: &mut Socket<'_>);

    /// What to show for this flow.
    fn summary(&self, aside: &Self::Aside) -> Summary;
}

/// What our congestion control keeps in the socket's 104 private bytes.
///
/// `summary` is a copy: `get_info` runs without the lock, possibly while the
/// area already belongs to another algorithm, and must not follow a pointer.
#[repr(C)]
pub(super) struct Private<A: Algorithm> {
    pub(super) record: *mut super::control::Record<A>,
    pub(super) summary: Summary,
    /// Valid while there is a record.
    pub(super) aside: A::Aside,
}

/// The private area of a socket.
pub(super) fn private<A: Algorithm>(sk: *mut c::sock) -> *mut Private<A> {
    const {
        assert!(core::mem::size_of::<Private<A>>() <= c::APPEX_CA_PRIV_BYTES as usize);
        assert!(core::mem::align_of::<Private<A>>() <= core::mem::align_of::<u64>());
    }
    // SAFETY: Only an address inside the socket is computed.
    unsafe { (&raw mut (*sk.cast::<c::inet_connection_sock>()).icsk_ca_priv).cast() }
}

/// Clears the private area, all of it, as TCP does between two algorithms: the
/// next one may rely on zeros that its `init` does not write.
///
/// # Safety
///
/// `sk` is a full TCP socket locked by this context; no algorithm uses the area.
pub(super) unsafe fn clear_private(sk: *mut c::sock) {
    // SAFETY: Promised by the caller; zero is valid for an array of words.
    unsafe {
        ptr::write_bytes(
            &raw mut (*sk.cast::<c::inet_connection_sock>()).icsk_ca_priv,
            0,
            1,
        );
    }
}

/// Renews what is shown of a flow.
///
/// # Safety
///
/// As [`with`], and the socket has a record.
unsafe fn show<A: Algorithm>(sk: *mut c::sock, algorithm: &A, aside: &A::Aside) {
    let summary = algorithm.summary(aside);
    // SAFETY: Our ops imply that the area holds a `Private<A>`; the lock makes us its only writer.
    unsafe { ptr::write_volatile(&raw mut (*private::<A>(sk)).summary, summary) };
}

/// Runs `f` on the flow's algorithm, if the socket has a record.
///
/// # Safety
///
/// `sk` is a full TCP socket locked by this context whose `icsk_ca_ops` are ours.
pub(super) unsafe fn with<A: Algorithm, R>(
    sk: *mut c::sock,
    f: impl FnOnce(&mut A, &mut A::Aside, &mut Socket<'_>) -> R,
) -> Option<R> {
    // SAFETY: Promised by the caller; `f` is called with the record.
    unsafe {
        with_quietly::<A, R>(sk, |algorithm, aside, socket| {
            let result = f(algorithm, aside, socket);
            show(sk, algorithm, aside);
            result
        })
    }
}

/// The same, and what is shown of the flow stays.
///
/// # Safety
///
/// As [`with`].
pub(super) unsafe fn with_quietly<A: Algorithm, R>(
    sk: *mut c::sock,
    f: impl FnOnce(&mut A, &mut A::Aside, &mut Socket<'_>) -> R,
) -> Option<R> {
    let private = private::<A>(sk);
    // Out of reach meanwhile: who came here again from `f` would have the flow twice.
    // SAFETY: Our ops imply that the area holds a `Private<A>`; the lock makes us its only user.
    let record = unsafe { ptr::replace(&raw mut (*private).record, ptr::null_mut()) };
    if record.is_null() {
        return None;
    }
    // SAFETY: A non-null record stays allocated until `release`, which needs the lock we hold,
    // and `algorithm` is touched under that lock only. No reference to the whole record: its
    // list node changes under the shard's lock.
    let algorithm = unsafe { &mut (*record).algorithm };
    // SAFETY: Written together with the record, so valid as long; touched under the same lock only. Nobody else refers to this
    // part of the area: what is shown lies beside it, and a `Socket` never reaches in here.
    let aside = unsafe { &mut (*private).aside };
    // SAFETY: Promised by the caller.
    let mut socket = unsafe { Socket::from_raw(sk) };
    let result = f(algorithm, aside, &mut socket);
    // SAFETY: As above; a `Socket` cannot change whose area it is.
    unsafe { (*private).record = record };
    Some(result)
}

/// # Safety
///
/// Called by TCP with the socket locked, when our ops become the socket's.
pub(super) unsafe extern "C" fn init<A: Algorithm>(sk: *mut c::sock) {
    // SAFETY: Promised by the caller.
    unsafe { A::control().start_named(sk) };
}

/// # Safety
///
/// Called by TCP with the socket locked or no longer reachable by others.
pub(super) unsafe extern "C" fn release<A: Algorithm>(sk: *mut c::sock) {
    // SAFETY: Promised by the caller.
    unsafe { A::control().release(sk) };
}

/// # Safety
///
/// Called by TCP with the socket locked; `rs` is valid for the call.
pub(super) unsafe extern "C" fn cong_control<A: Algorithm>(
    sk: *mut c::sock,
    _ack: u32,
    _flag: ffi::c_int,
    rs: *const c::rate_sample,
) {
    // SAFETY: Promised by the caller.
    let sample = RateSample::new(unsafe { &*rs });
    // SAFETY: Promised by the caller.
    let done = unsafe {
        with_quietly::<A, _>(sk, |a, aside, socket| {
            if a.on_ack(aside, socket, &sample) {
                show(sk, a, aside);
            }
        })
    };
    let icsk = sk.cast_const().cast::<c::inet_connection_sock>();
    // SAFETY: Our ops, so a socket with an `inet_connection_sock`, locked.
    let begun = || unsafe { c::inet_connection_sock::icsk_ca_initialized_raw(icsk) != 0 };
    // The ACK of a SYN comes here before `init`, and TCP calls `release` only
    // after an `init`: a record made now would never be freed.
    if done.is_none() && begun() {
        // The record could not be had when the flow began: try again. Until then
        // the window stays as it is, and halves on loss like Reno's.
        // SAFETY: As above; there is no record.
        unsafe { A::control().start_named(sk) };
    }
}

/// # Safety
///
/// Called by TCP with the socket locked.
pub(super) unsafe extern "C" fn ssthresh<A: Algorithm>(sk: *mut c::sock) -> u32 {
    // SAFETY: Promised by the caller.
    let own = unsafe { with::<A, _>(sk, |a, _, socket| a.ssthresh(socket).max(2)) };
    own.unwrap_or_else(|| {
        // SAFETY: Promised by the caller; Reno's rule for a flow without a record.
        unsafe {
            let half = c::tcp_reno_ssthresh(sk);
            c::appex_tcp_snd_cwnd_set(sk, half.max(2));
            half
        }
    })
}

/// # Safety
///
/// Called by TCP with the socket locked.
pub(super) unsafe extern "C" fn undo_cwnd<A: Algorithm>(sk: *mut c::sock) -> u32 {
    // TCP warns about a window that is not positive as an `int`.
    // SAFETY: Promised by the caller.
    let own = unsafe {
        with::<A, _>(sk, |a, aside, socket| {
            a.undo_cwnd(aside, socket).clamp(1, i32::MAX as u32)
        })
    };
    // SAFETY: Promised by the caller.
    own.unwrap_or_else(|| unsafe { c::tcp_reno_undo_cwnd(sk) })
}

/// # Safety
///
/// Called by TCP with the socket locked.
pub(super) unsafe extern "C" fn set_state<A: Algorithm>(sk: *mut c::sock, new: u8) {
    let new = CaState::from_raw(u32::from(new));
    // SAFETY: Promised by the caller.
    let _ = unsafe { with::<A, _>(sk, |a, _, socket| a.on_state(socket, new)) };
}

/// # Safety
///
/// Called by TCP with the socket locked.
pub(super) unsafe extern "C" fn cwnd_event_tx_start<A: Algorithm>(sk: *mut c::sock) {
    // SAFETY: Promised by the caller.
    let _ = unsafe { with::<A, _>(sk, |a, aside, socket| a.on_tx_start(aside, socket)) };
}

/// Windows of room in the send buffer; without this callback TCP keeps two. With
/// random loss there is a window being repaired beside the one in flight.
///
/// # Safety
///
/// Called by TCP; touches nothing.
pub(super) unsafe extern "C" fn sndbuf_expand(_sk: *mut c::sock) -> u32 {
    3
}

/// # Safety
///
/// Called by inet_diag and getsockopt (`TCP_CC_INFO`) without the lock, the former under RCU, for a socket that stays; `attr`
/// and `info` are valid.
pub(super) unsafe extern "C" fn get_info<A: Algorithm>(
    sk: *mut c::sock,
    ext: u32,
    attr: *mut ffi::c_int,
    info: *mut c::tcp_cc_info,
) -> usize {
    const WANTED: u32 = (1 << (c::INET_DIAG_BBRINFO - 1)) | (1 << (c::INET_DIAG_VEGASINFO - 1));
    if ext & WANTED == 0 {
        return 0;
    }
    // SAFETY: Promised by the caller.
    let Some(summary) = (unsafe { A::control().summary_of(sk) }) else {
        return 0;
    };
    let shown = c::tcp_bbr_info {
        bbr_bw_lo: summary.bw_bytes_per_s as u32,
        bbr_bw_hi: (summary.bw_bytes_per_s >> 32) as u32,
        bbr_min_rtt: summary.base_rtt_us,
        bbr_pacing_gain: summary.pacing_gain_q8,
        bbr_cwnd_gain: summary.cwnd_gain_q8,
    };
    // SAFETY: Promised by the caller.
    unsafe {
        (*info).bbr = shown;
        *attr = c::INET_DIAG_BBRINFO as ffi::c_int;
    }
    core::mem::size_of::<c::tcp_bbr_info>()
}
