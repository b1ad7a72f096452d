// SPDX-License-Identifier: GPL-2.0

//! Going through the adopted sockets in process context, and handing back.

use super::control::{Control, Record, Shard};
use super::ops::{clear_private, private, Algorithm};
use super::socket::Socket;
use crate::sys::bindings as c;
use core::mem::offset_of;
use core::ptr;
use kernel::sync::atomic::Acquire;

/// What to do about a socket that a process has locked. It may keep it locked
/// for as long as it likes, for example in a page fault on a FUSE mapping.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Busy {
    Skip,
    Wait,
}

/// What to do with an adopted socket met by [`Control::review`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Review {
    /// Leave it adopted.
    Keep,
    /// Give it back to its own congestion control.
    HandBack,
}

impl<A: Algorithm> Control<A> {
    /// Looks at each adopted socket under its lock, once, and hands back those
    /// for which `judge` says so. Skips sockets that a process has locked this
    /// very moment. Returns how many it skipped.
    ///
    /// Context: process, sleeps; `judge` is called with BH off and must not.
    /// Sockets adopted meanwhile may be missed: stop adopting first.
    pub(crate) fn review(&self, judge: impl FnMut(&mut A, &Socket<'_>) -> Review) -> u32 {
        self.walk(Busy::Skip, judge)
    }

    fn walk(&self, busy: Busy, mut judge: impl FnMut(&mut A, &Socket<'_>) -> Review) -> u32 {
        let mut skipped = 0u32;
        if self.ready.load(Acquire) == 0 {
            return skipped;
        }
        for shard in &self.shards {
            // Rotating the list visits each entry once without holding its lock.
            let mut left = self.shard_len(shard);
            while left > 0 {
                left = left.saturating_sub(1);
                let Some(sk) = self.next_of(shard) else {
                    continue;
                };
                // SAFETY: `next_of` took a reference, returned below; this is process context. The
                // socket is locked while it is looked at, a full TCP socket as it was adopted.
                unsafe {
                    if c::appex_sock_trylock_bh(sk) {
                        self.review_one(sk, &mut judge);
                        c::appex_sock_unlock_bh(sk);
                    } else if busy == Busy::Wait {
                        c::appex_lock_sock(sk);
                        self.review_one(sk, &mut judge);
                        c::release_sock(sk);
                    } else {
                        skipped = skipped.saturating_add(1);
                    }
                    c::appex_sock_put(sk);
                }
            }
        }
        skipped
    }

    /// # Safety
    ///
    /// `sk` is a full TCP socket locked by this context.
    unsafe fn review_one(
        &self,
        sk: *mut c::sock,
        judge: &mut impl FnMut(&mut A, &Socket<'_>) -> Review,
    ) {
        if !self.uses_us(sk) {
            return;
        }
        // SAFETY: Our ops, locked: the area is a `Private<A>`.
        let record = unsafe { (*private::<A>(sk)).record };
        if record.is_null() {
            return;
        }
        // SAFETY: A record lives until `release`, which needs the lock that is held; so do these
        // fields. No reference to the whole record: its list node changes under the shard's lock.
        let keep = unsafe {
            (*record).saved.is_none()
                || judge(&mut (*record).algorithm, &Socket::from_raw(sk)) == Review::Keep
        };
        if keep {
            return;
        }
        // SAFETY: Promised by the caller; the ops are ours.
        unsafe { self.release(sk) };
        // SAFETY: As TCP does when it changes the algorithm: a clean area, then its `init`.
        unsafe {
            clear_private(sk);
            (*sk.cast::<c::tcp_sock>()).prior_ssthresh = 0;
            let ops = (*sk.cast::<c::inet_connection_sock>()).icsk_ca_ops;
            if let Some(init) = (*ops).init {
                init(sk);
            }
        }
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
    pub(super) fn hand_back_all(&self) {
        // First without waiting, so that a socket that somebody sits on does not keep the others.
        self.walk(Busy::Skip, |_, _| Review::HandBack);
        while self.adopted() > 0 {
            // What is not found on the lists is being destroyed by its owner this very moment.
            // SAFETY: Process context.
            unsafe { c::synchronize_rcu() };
            self.walk(Busy::Wait, |_, _| Review::HandBack);
        }
    }
}
