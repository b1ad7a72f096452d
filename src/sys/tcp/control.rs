// SPDX-License-Identifier: GPL-2.0

//! Registration of a congestion control, adoption and hand-back of sockets.
//!
//! Adopted sockets hold no reference on this module. They are listed instead,
//! and the end of the [`Registration`] gives every one back first, so that the
//! module can be unloaded at any time with connections open.
//!
//! Lock order: socket lock, then a shard's lock (BH off). The walker takes
//! them one after the other, never both.

use super::ops::{self, private, Algorithm, Private};
use super::socket::Socket;
use crate::sys::bindings as c;
use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::mem::{offset_of, size_of};
use core::ptr;
use kernel::alloc::flags::__GFP_NOWARN;
use kernel::prelude::*;
use kernel::sync::atomic::{Atomic, Relaxed};

/// Adopted sockets are spread over this many lists by address, so that CPUs
/// that open and close connections rarely meet on one lock.
const SHARDS: usize = 64;

/// What a socket had before it was adopted.
struct Saved {
    ops: *const c::tcp_congestion_ops,
    rto_min: u32,
    delack_max: u32,
    /// We are the ones who asked for pacing.
    pacing_requested: bool,
}

/// One flow under our control; on a shard's list while `saved` is there.
#[repr(C)]
pub(super) struct Record<A> {
    node: c::list_head,
    sk: *mut c::sock,
    saved: Option<Saved>,
    pub(super) algorithm: A,
}

#[repr(C)]
struct Shard {
    lock: UnsafeCell<c::spinlock_t>,
    head: UnsafeCell<c::list_head>,
}

/// A congestion control: its C ops and its adopted sockets.
pub(crate) struct Control<A> {
    ops: UnsafeCell<c::tcp_congestion_ops>,
    shards: [Shard; SHARDS],
    adopted: Atomic<i64>,
    _algorithm: PhantomData<fn() -> A>,
}

// SAFETY: `ops` is written before registration and then belongs to TCP; the lists are used under
// their locks; the rest is atomic.
unsafe impl<A> Sync for Control<A> {}

/// What to do with an adopted socket met by [`Control::review`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Review {
    /// Leave it adopted.
    Keep,
    /// Give it back to its own congestion control.
    HandBack,
}

impl<A: Algorithm> Control<A> {
    /// For one `static` per algorithm; unusable until registered.
    pub(crate) const fn new() -> Self {
        Control {
            // SAFETY: All-zero is valid for these C types: null pointers and numbers.
            ops: UnsafeCell::new(unsafe { core::mem::zeroed() }),
            // SAFETY: As above; lock and list are initialised by `register`.
            shards: unsafe { core::mem::zeroed() },
            adopted: Atomic::new(0),
            _algorithm: PhantomData,
        }
    }

    fn shard(&self, sk: *mut c::sock) -> &Shard {
        // The low bits of an allocation's address are alike: use those above.
        let index = (sk.addr() >> 10) % SHARDS;
        &self.shards[index]
    }

    /// Number of sockets adopted now.
    pub(crate) fn adopted(&self) -> i64 {
        self.adopted.load(Relaxed)
    }

    fn uses_us(&self, sk: *mut c::sock) -> bool {
        // SAFETY: `sk` is a live TCP socket; a single pointer is read.
        let ops = unsafe {
            ptr::read_volatile(&raw const (*sk.cast::<c::inet_connection_sock>()).icsk_ca_ops)
        };
        ptr::eq(ops, self.ops.get())
    }

    /// Whether this algorithm controls the socket already.
    pub(crate) fn controls(&self, socket: &Socket<'_>) -> bool {
        self.uses_us(socket.as_ptr())
    }

    /// Runs `f` on the flow's algorithm if this algorithm controls the socket.
    pub(crate) fn with_flow<R>(
        &self,
        socket: &mut Socket<'_>,
        f: impl FnOnce(&mut A, &mut Socket<'_>) -> R,
    ) -> Option<R> {
        if !self.controls(socket) {
            return None;
        }
        // SAFETY: Our ops are the socket's, so the area is a `Private<A>`, and the lock is held.
        let record = unsafe { (*private::<A>(socket.as_ptr())).record };
        // SAFETY: A non-null record lives until `release`, which needs the lock that is held.
        let algorithm = unsafe { &mut record.as_mut()?.algorithm };
        Some(f(algorithm, socket))
    }

    /// Takes the socket over. Fails, leaving it as it is, when it has no
    /// initialised congestion control, one that needs ECN marking, ours
    /// already, or when there is no memory.
    ///
    /// Context: the socket's lock held, softirq or process with BH off or on.
    pub(crate) fn adopt(&self, socket: &mut Socket<'_>, context: A::Context) -> Result {
        let sk = socket.as_ptr();
        let icsk = socket.icsk_ptr();
        if self.uses_us(sk) {
            return Err(EALREADY);
        }
        // SAFETY: The socket is live and locked; `icsk` is its start.
        let (old, initialized) = unsafe { ((*icsk).icsk_ca_ops, (*icsk).icsk_ca_initialized()) };
        if old.is_null() || initialized == 0 {
            return Err(EINVAL);
        }
        // SAFETY: The socket's ops are referenced by it.
        let (flags, old_release) = unsafe { ((*old).flags, (*old).release) };
        // DCTCP and its like need marks on every packet: leave them alone.
        if flags & c::APPEX_CONG_NEEDS_ECN != 0 {
            return Err(EOPNOTSUPP);
        }
        // No warning: under memory pressure the flow simply stays as it is.
        let slot = KBox::<Record<A>>::new_uninit(GFP_ATOMIC | __GFP_NOWARN)?;

        // From here on nothing fails.
        if let Some(old_release) = old_release {
            // SAFETY: What TCP itself does when the algorithm changes; the lock is held.
            unsafe { old_release(sk) };
        }
        // SAFETY: The area belongs to the socket's congestion control, which is nobody now.
        unsafe { ptr::write_bytes(private::<A>(sk), 0, 1) };
        // SAFETY: The lock is held; the fields are plain words.
        let saved = unsafe {
            Saved {
                ops: old,
                rto_min: (*icsk).icsk_rto_min,
                delack_max: (*icsk).icsk_delack_max,
                pacing_requested: c::appex_pacing_request(sk),
            }
        };
        let algorithm = A::start(socket, Some(context));
        let summary = algorithm.summary();
        let record = KBox::into_raw(slot.write(Record {
            node: c::list_head::default(),
            sk,
            saved: Some(saved),
            algorithm,
        }));
        // SAFETY: The area is ours now, and large enough (asserted in `private`).
        unsafe { ptr::write(private::<A>(sk), Private { record, summary }) };
        // SAFETY: A lock-free reader sees either the old or our ops; both are valid.
        unsafe { ptr::write_volatile(&raw mut (*icsk).icsk_ca_ops, self.ops.get()) };
        let shard = self.shard(sk);
        // SAFETY: The shard was initialised by `register`; the record is not on a list yet.
        unsafe {
            c::appex_spin_lock_bh(shard.lock.get());
            c::appex_list_add_tail(&raw mut (*record).node, shard.head.get());
            c::appex_spin_unlock_bh(shard.lock.get());
        }
        self.adopted.add(1, Relaxed);
        Ok(())
    }

    /// Starts a flow whose user chose us by name. Without memory the record
    /// stays null and the next ACK tries again.
    ///
    /// # Safety
    ///
    /// `sk` is a locked full TCP socket with our ops and no record.
    pub(super) unsafe fn start_named(&self, sk: *mut c::sock) {
        let Ok(slot) = KBox::<Record<A>>::new_uninit(GFP_ATOMIC | __GFP_NOWARN) else {
            return;
        };
        // SAFETY: Promised by the caller.
        let mut socket = unsafe { Socket::from_raw(sk) };
        // SAFETY: As above.
        unsafe { c::appex_pacing_request(sk) };
        let algorithm = A::start(&mut socket, None);
        let summary = algorithm.summary();
        let record = KBox::into_raw(slot.write(Record {
            node: c::list_head::default(),
            sk,
            saved: None,
            algorithm,
        }));
        // SAFETY: The area is ours and large enough (asserted in `private`).
        unsafe { ptr::write(private::<A>(sk), Private { record, summary }) };
    }

    /// Ends our control of a flow: frees the record and, if the socket was
    /// adopted, makes everything what it was, without starting the old
    /// algorithm. TCP calls this too (close, disconnect, setsockopt) and goes
    /// on to drop the reference of the ops it finds: the old ones again.
    ///
    /// # Safety
    ///
    /// `sk` is a full TCP socket with our ops, locked or out of others' reach.
    pub(super) unsafe fn release(&self, sk: *mut c::sock) {
        let area = private::<A>(sk);
        // SAFETY: With our ops the area is a `Private<A>`; the caller is its only user.
        let record = unsafe { ptr::replace(&raw mut (*area).record, ptr::null_mut()) };
        if record.is_null() {
            return;
        }
        // SAFETY: Promised by the caller.
        let mut socket = unsafe { Socket::from_raw(sk) };
        // SAFETY: The record is alive and only reachable under the lock, except for its list
        // node, which is not touched here.
        unsafe { (*record).algorithm.stop(&mut socket) };
        // SAFETY: As above; only the owner of the lock writes `saved`.
        if let Some(saved) = unsafe { (*record).saved.take() } {
            let shard = self.shard(sk);
            // SAFETY: The record is on this shard's list: `saved` was there.
            unsafe {
                c::appex_spin_lock_bh(shard.lock.get());
                c::appex_list_del(&raw mut (*record).node);
                c::appex_spin_unlock_bh(shard.lock.get());
            }
            self.adopted.add(-1, Relaxed);
            let icsk = socket.icsk_ptr();
            // SAFETY: The socket is live and ours to write.
            unsafe {
                ptr::write_volatile(&raw mut (*icsk).icsk_rto_min, saved.rto_min);
                ptr::write_volatile(&raw mut (*icsk).icsk_delack_max, saved.delack_max);
                if saved.pacing_requested {
                    c::appex_pacing_withdraw(sk);
                }
                // The reference that the socket held all the time goes back to it.
                ptr::write_volatile(&raw mut (*icsk).icsk_ca_ops, saved.ops);
            }
        }
        // SAFETY: Allocated as a `KBox` by `adopt` or `start_named`; unlisted, unreachable.
        drop(unsafe { KBox::from_raw(record) });
    }

    /// Looks at each adopted socket under its lock, once, and hands back those
    /// for which `judge` says so. Returns how many it handed back.
    ///
    /// Context: process, sleeps. Sockets adopted meanwhile may be missed: stop
    /// adopting first.
    pub(crate) fn review(&self, mut judge: impl FnMut(&mut A) -> Review) -> u32 {
        let mut handed_back = 0u32;
        for shard in &self.shards {
            // Rotating the list visits each entry once without holding its lock.
            let mut left = self.shard_len(shard);
            while left > 0 {
                left = left.saturating_sub(1);
                let Some(sk) = self.next_of(shard) else { break };
                // SAFETY: `next_of` took a reference; this is process context.
                unsafe { c::appex_lock_sock(sk) };
                // SAFETY: Locked just above, a full TCP socket as it was adopted.
                let done = unsafe { self.review_one(sk, &mut judge) };
                // SAFETY: Undoes the lock and the reference of above.
                unsafe {
                    c::release_sock(sk);
                    c::appex_sock_put(sk);
                }
                handed_back = handed_back.saturating_add(u32::from(done));
            }
        }
        handed_back
    }

    /// # Safety
    ///
    /// `sk` is a full TCP socket locked by this context, not in softirq.
    unsafe fn review_one(
        &self,
        sk: *mut c::sock,
        judge: &mut impl FnMut(&mut A) -> Review,
    ) -> bool {
        if !self.uses_us(sk) {
            return false;
        }
        // SAFETY: Our ops, locked: the area is a `Private<A>`.
        let record = unsafe { (*private::<A>(sk)).record };
        // SAFETY: A record lives until `release`, which needs the lock that is held.
        let Some(flow) = (unsafe { record.as_mut() }) else {
            return false;
        };
        if flow.saved.is_none() || judge(&mut flow.algorithm) == Review::Keep {
            return false;
        }
        // SAFETY: Promised by the caller; the ops are ours.
        unsafe { self.release(sk) };
        // SAFETY: As TCP does when it changes the algorithm: a clean area, then its `init`.
        unsafe {
            ptr::write_bytes(private::<A>(sk), 0, 1);
            (*sk.cast::<c::tcp_sock>()).prior_ssthresh = 0;
            let ops = (*sk.cast::<c::inet_connection_sock>()).icsk_ca_ops;
            if let Some(init) = (*ops).init {
                init(sk);
            }
        }
        true
    }

    fn shard_len(&self, shard: &Shard) -> u32 {
        let mut len = 0u32;
        // SAFETY: The list is only changed under its lock, which is held for the walk.
        unsafe {
            c::appex_spin_lock_bh(shard.lock.get());
            let head = shard.head.get();
            let mut node = (*head).next;
            while !ptr::eq(node, head) {
                len = len.saturating_add(1);
                node = (*node).next;
            }
            c::appex_spin_unlock_bh(shard.lock.get());
        }
        len
    }

    /// Moves the first entry to the end and returns its socket with a
    /// reference; skips sockets that are being destroyed.
    fn next_of(&self, shard: &Shard) -> Option<*mut c::sock> {
        let mut found = None;
        // SAFETY: Under the list's lock its records stay allocated (`release` unlists first), and
        // so do their sockets: they are freed after `release`.
        unsafe {
            c::appex_spin_lock_bh(shard.lock.get());
            let head = shard.head.get();
            let node = (*head).next;
            if !ptr::eq(node, head) {
                let record = node
                    .byte_sub(offset_of!(Record<A>, node))
                    .cast::<Record<A>>();
                c::appex_list_del(node);
                c::appex_list_add_tail(node, head);
                let sk = (*record).sk;
                if c::appex_sk_refs_get(sk) {
                    found = Some(sk);
                }
            }
            c::appex_spin_unlock_bh(shard.lock.get());
        }
        found
    }

    /// Gives every adopted socket back. Adopting must have stopped.
    ///
    /// Context: process, sleeps.
    pub(crate) fn hand_back_all(&self) -> u32 {
        let mut total = 0u32;
        while self.adopted() > 0 {
            total = total.saturating_add(self.review(|_| Review::HandBack));
            // What is left is being destroyed by its owner this very moment.
            // SAFETY: Process context.
            unsafe { c::synchronize_rcu() };
        }
        total
    }
}

/// A registered congestion control; dropping it hands back all sockets.
pub(crate) struct Registration<A: Algorithm>(PhantomData<A>);

impl<A: Algorithm> Registration<A> {
    /// Registers the algorithm under its name.
    ///
    /// Context: process, module init. Errors: `EEXIST` when the name is taken.
    pub(crate) fn new() -> Result<Self> {
        const {
            assert!(A::NAME.len() < c::TCP_CA_NAME_MAX as usize);
            assert!(size_of::<Private<A>>() <= c::APPEX_CA_PRIV_BYTES as usize);
        }
        let control = A::control();
        for shard in &control.shards {
            // SAFETY: Before registration nobody else knows the shard.
            unsafe {
                c::appex_spin_lock_init(shard.lock.get());
                c::appex_list_init(shard.head.get());
            }
        }
        let ops = control.ops.get();
        // SAFETY: Before registration nobody else knows `ops`.
        unsafe {
            (*ops).init = Some(ops::init::<A>);
            (*ops).release = Some(ops::release::<A>);
            (*ops).cong_control = Some(ops::cong_control::<A>);
            (*ops).ssthresh = Some(ops::ssthresh::<A>);
            (*ops).undo_cwnd = Some(ops::undo_cwnd::<A>);
            (*ops).set_state = Some(ops::set_state::<A>);
            (*ops).cwnd_event_tx_start = Some(ops::cwnd_event_tx_start::<A>);
            (*ops).sndbuf_expand = Some(ops::sndbuf_expand);
            (*ops).get_info = Some(ops::get_info::<A>);
            (*ops).flags = c::APPEX_CONG_NON_RESTRICTED;
            (*ops).owner = c::appex_this_module();
            for (to, &from) in (*ops).name.iter_mut().zip(A::NAME) {
                *to = from as _;
            }
        }
        // SAFETY: `ops` is static and complete; `Drop` unregisters it.
        kernel::error::to_result(unsafe { c::tcp_register_congestion_control(ops) })?;
        Ok(Registration(PhantomData))
    }
}

impl<A: Algorithm> Drop for Registration<A> {
    fn drop(&mut self) {
        let control = A::control();
        control.hand_back_all();
        // SAFETY: Registered by `new`. Users by name hold a module reference, so there are none;
        // the call waits for readers of the list under RCU.
        unsafe { c::tcp_unregister_congestion_control(control.ops.get()) };
        // A diagnostic reader may have fetched the ops of a socket just handed back.
        // SAFETY: Process context.
        unsafe { c::synchronize_rcu() };
    }
}
