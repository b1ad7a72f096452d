// SPDX-License-Identifier: GPL-2.0

//! A congestion control and its sockets: taking over, and giving back.
//!
//! Adopted sockets hold no reference on this module. They are listed instead,
//! and the end of the registration gives every one back first, so that the
//! module can be unloaded at any time with connections open.
//!
//! Lock order: socket lock, then a shard's lock (BH off). The walker takes
//! them one after the other, never both.

use super::super::skb::Packet;
use super::ops::{clear_private, private, Algorithm, Private, Summary};
use super::socket::Socket;
use crate::sys::barrier;
use crate::sys::bindings as c;
use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::ptr;
use kernel::alloc::flags::__GFP_NOWARN;
use kernel::prelude::*;
use kernel::sync::atomic::{Acquire, Atomic, Relaxed, Release};

/// Adopted sockets are spread over this many lists by address, so that CPUs
/// that open and close connections rarely meet on one lock.
const SHARDS: usize = 64;

/// What a socket had before it was adopted.
pub(super) struct Saved {
    ops: *const c::tcp_congestion_ops,
    rto_min: u32,
    /// We are the ones who asked for pacing.
    pacing_requested: bool,
}

/// One flow under our control; on a shard's list while `saved` is there.
#[repr(C)]
pub(super) struct Record<A> {
    pub(super) node: c::list_head,
    pub(super) sk: *mut c::sock,
    pub(super) saved: Option<Saved>,
    pub(super) algorithm: A,
}

#[repr(C)]
pub(super) struct Shard {
    pub(super) lock: UnsafeCell<c::spinlock_t>,
    pub(super) head: UnsafeCell<c::list_head>,
}

/// A congestion control: its C ops and its adopted sockets.
pub(crate) struct Control<A> {
    pub(super) ops: UnsafeCell<c::tcp_congestion_ops>,
    pub(super) shards: [Shard; SHARDS],
    adopted: Atomic<i64>,
    /// Not zero while a registration exists: the lists are initialised.
    pub(super) ready: Atomic<u32>,
    _algorithm: PhantomData<fn() -> A>,
}

// SAFETY: `ops` is written before registration and then belongs to TCP; the lists are used under
// their locks; the rest is atomic. Records are used by one context after another, so `A: Send`.
unsafe impl<A: Send> Sync for Control<A> {}

impl<A: Algorithm> Control<A> {
    /// For one `static` per algorithm; unusable until registered.
    pub(crate) const fn new() -> Self {
        Control {
            // SAFETY: All-zero is valid for these C types: null pointers and numbers.
            ops: UnsafeCell::new(unsafe { core::mem::zeroed() }),
            // SAFETY: As above; lock and list are initialised by `register`.
            shards: unsafe { core::mem::zeroed() },
            adopted: Atomic::new(0),
            ready: Atomic::new(0),
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
        self.adopted.load(Acquire)
    }

    pub(super) fn uses_us(&self, sk: *mut c::sock) -> bool {
        // SAFETY: `sk` is a live TCP socket; a single pointer is read.
        let ops = unsafe {
            ptr::read_volatile(&raw const (*sk.cast::<c::inet_connection_sock>()).icsk_ca_ops)
        };
        ptr::eq(ops, self.ops.get())
    }

    /// What is shown of a socket under this algorithm's control: a copy that may be torn. Context: any, without the socket's lock.
    ///
    /// # Safety
    ///
    /// `sk` is a full TCP socket that stays.
    pub(super) unsafe fn summary_of(&self, sk: *mut c::sock) -> Option<Summary> {
        // What another algorithm keeps there is nobody's to see, least of all addresses. The ops are those of the
        // next algorithm before that writes to the area, and those of the one before are not ours while it may still
        // have something there: TCP says so until the area is clear. Who changes it to another one and back while
        // this reads is not noticed; that takes CAP_NET_ADMIN.
        let ours = || {
            let icsk = sk.cast_const().cast::<c::inet_connection_sock>();
            // SAFETY: A full TCP socket, as promised by the caller.
            let begun = unsafe { c::inet_connection_sock::icsk_ca_initialized_raw(icsk) };
            self.uses_us(sk) && begun != 0
        };
        if !ours() {
            return None;
        }
        barrier::read();
        // SAFETY: Words of the private area, whoever uses it.
        let summary = unsafe { ptr::read_volatile(&raw const (*private::<A>(sk)).summary) };
        barrier::read();
        ours().then_some(summary)
    }

    /// Whether this algorithm controls the socket already.
    pub(crate) fn controls(&self, socket: &Socket<'_>) -> bool {
        self.uses_us(socket.as_ptr())
    }

    /// Whether this algorithm controls the socket that sends a packet; `None` for packets without one. Context:
    /// any, without the socket's lock: the answer may be out of date by the time it is looked at.
    pub(crate) fn controls_sender(&self, packet: &Packet<'_>) -> Option<bool> {
        packet.unlocked_sender().map(|sk| self.uses_us(sk))
    }

    /// Runs `f`, which changes nothing that the summary shows, on the flow of a socket under this algorithm's control.
    /// Context: the socket's lock held, softirq or process.
    pub(crate) fn with<R>(
        &self,
        socket: &mut Socket<'_>,
        f: impl FnOnce(&mut A) -> R,
    ) -> Option<R> {
        if !self.uses_us(socket.as_ptr()) {
            return None;
        }
        // SAFETY: The socket is full and locked by its type's invariant, and its ops are ours.
        unsafe { super::ops::with_quietly::<A, R>(socket.as_ptr(), |flow, _, _| f(flow)) }
    }

    /// Whether the flow of a socket under this algorithm's control wants to see what the socket sends. Context: the socket's lock
    /// held.
    #[inline(always)]
    pub(crate) fn is_attentive(&self, socket: &Socket<'_>) -> bool {
        // SAFETY: A byte of the private area, whoever uses it.
        let attentive = unsafe {
            ptr::read_volatile(&raw const (*private::<A>(socket.as_ptr())).summary.attentive)
        };
        attentive != 0 && self.uses_us(socket.as_ptr())
    }

    /// Runs `f` on the flow of a socket under this algorithm's control and what lies aside, and renews what is shown of it.
    /// Context: as [`Control::with`].
    pub(crate) fn with_aside<R>(
        &self,
        socket: &mut Socket<'_>,
        f: impl FnOnce(&mut A, &mut A::Aside, &mut Socket<'_>) -> R,
    ) -> Option<R> {
        if !self.uses_us(socket.as_ptr()) {
            return None;
        }
        // SAFETY: The socket is full and locked by its type's invariant, and its ops are ours.
        unsafe { super::ops::with::<A, R>(socket.as_ptr(), f) }
    }

    /// Takes the socket over. Errors, leaving it as it is: `EINVAL` when it has
    /// no initialised congestion control, `EPERM` when that needs ECN marking or
    /// is made of BPF programs, `EEXIST` when it is ours already, `ENOMEM`.
    ///
    /// Context: the socket's lock held, softirq or process with BH off or on.
    pub(crate) fn adopt(&self, socket: &mut Socket<'_>, context: A::Context) -> Result {
        let sk = socket.as_ptr();
        let icsk = socket.icsk_ptr();
        // ORDERING: Pairs with the release in `Registration::new`: the lists are initialised.
        if self.ready.load(Acquire) == 0 {
            return Err(ENODEV);
        }
        if self.uses_us(sk) {
            return Err(EEXIST);
        }
        // SAFETY: The socket is live and locked; `icsk` is its start.
        let (old, initialized) = unsafe {
            (
                (*icsk).icsk_ca_ops,
                c::inet_connection_sock::icsk_ca_initialized_raw(icsk),
            )
        };
        if old.is_null() || initialized == 0 {
            return Err(EINVAL);
        }
        // SAFETY: The socket's ops are referenced by it.
        let (flags, old_release) = unsafe { ((*old).flags, (*old).release) };
        // DCTCP and its like need marks on every packet: leave them alone.
        if flags & c::APPEX_CONG_ECN != 0 {
            return Err(EPERM);
        }
        // A BPF program may send an ACK (bpf_tcp_send_ack) in the middle of a callback, so come
        // here, and then go on writing to the private area.
        // SAFETY: The socket's ops are referenced by it.
        if unsafe { c::appex_ca_is_bpf(old) } {
            return Err(EPERM);
        }
        // No warning: under memory pressure the flow simply stays as it is.
        let slot = KBox::<Record<A>>::new_uninit(GFP_ATOMIC | __GFP_NOWARN)?;

        // From here on nothing fails.
        if let Some(old_release) = old_release {
            // SAFETY: What TCP itself does when the algorithm changes; the lock is held.
            unsafe { old_release(sk) };
        }
        // SAFETY: The area belongs to the socket's congestion control, which is nobody now.
        unsafe { clear_private(sk) };
        // SAFETY: The lock is held; the fields are plain words.
        let saved = unsafe {
            Saved {
                ops: old,
                rto_min: (*icsk).icsk_rto_min,
                pacing_requested: c::appex_pacing_request(sk),
            }
        };
        let algorithm = A::start(socket, Some(context));
        let aside = A::Aside::default();
        let summary = algorithm.summary(&aside);
        let record = KBox::into_raw(slot.write(Record {
            node: c::list_head::default(),
            sk,
            saved: Some(saved),
            algorithm,
        }));
        let area = Private {
            record,
            summary,
            aside,
        };
        // SAFETY: The area is ours now, and large enough (asserted in `private`).
        unsafe { ptr::write(private::<A>(sk), area) };
        // ORDERING: With `summary_of`: who sees our ops sees our area.
        barrier::write();
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
    /// `sk` is a locked full TCP socket with our ops and no record, and TCP is
    /// going to call `release` for it.
    pub(super) unsafe fn start_named(&self, sk: *mut c::sock) {
        let Ok(slot) = KBox::<Record<A>>::new_uninit(GFP_ATOMIC | __GFP_NOWARN) else {
            return;
        };
        // SAFETY: Promised by the caller.
        let mut socket = unsafe { Socket::from_raw(sk) };
        // SAFETY: As above.
        unsafe { c::appex_pacing_request(sk) };
        let algorithm = A::start(&mut socket, None);
        let aside = A::Aside::default();
        let summary = algorithm.summary(&aside);
        let record = KBox::into_raw(slot.write(Record {
            node: c::list_head::default(),
            sk,
            saved: None,
            algorithm,
        }));
        let area = Private {
            record,
            summary,
            aside,
        };
        // SAFETY: The area is ours and large enough (asserted in `private`).
        unsafe { ptr::write(private::<A>(sk), area) };
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
        // node, which is not touched here. What lies aside was written with it.
        unsafe { (*record).algorithm.stop(&mut (*area).aside, &mut socket) };
        // SAFETY: As above; only the owner of the lock writes `saved`.
        if let Some(saved) = unsafe { (*record).saved.take() } {
            let shard = self.shard(sk);
            // SAFETY: The record is on this shard's list: `saved` was there.
            unsafe {
                c::appex_spin_lock_bh(shard.lock.get());
                c::appex_list_del(&raw mut (*record).node);
                c::appex_spin_unlock_bh(shard.lock.get());
            }
            let icsk = socket.icsk_ptr();
            // SAFETY: The socket is live and ours to write.
            unsafe {
                ptr::write_volatile(&raw mut (*icsk).icsk_rto_min, saved.rto_min);
                if saved.pacing_requested {
                    c::appex_pacing_withdraw(sk);
                }
                // The reference that the socket held all the time goes back to it.
                ptr::write_volatile(&raw mut (*icsk).icsk_ca_ops, saved.ops);
            }
            // ORDERING: With `summary_of`: who sees what is written to the area from now on sees that it is not ours.
            barrier::write();
            // ORDERING: Pairs with the acquire in `adopted`: who sees the last socket gone sees
            // it with its old ops.
            self.adopted.fetch_add(-1, Release);
        }
        // SAFETY: Allocated as a `KBox` by `adopt` or `start_named`; unlisted, unreachable.
        drop(unsafe { KBox::from_raw(record) });
    }
}
