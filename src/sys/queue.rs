// SPDX-License-Identifier: GPL-2.0

//! Packets that a queueing discipline owns, and queues of them.
//!
//! C header: `include/net/sch_generic.h`.

use super::bindings as c;
use core::mem::ManuallyDrop;
use core::ptr::{self, NonNull};

/// A packet of our own. Dropping it frees it.
///
/// # Invariants
///
/// `skb` is owned by this value, in no list (`skb->next` means nothing), and its control block is
/// a queueing discipline's, with the length filled in.
pub(crate) struct Packet {
    skb: NonNull<c::sk_buff>,
}

// SAFETY: An owned packet is tied to no CPU or task.
unsafe impl Send for Packet {}

impl Packet {
    /// # Safety
    ///
    /// A non-null `skb` must be the caller's to give away, and as the type's invariant says.
    pub(in crate::sys) unsafe fn from_raw(skb: *mut c::sk_buff) -> Option<Self> {
        // INVARIANT: Promised by the caller.
        NonNull::new(skb).map(|skb| Packet { skb })
    }

    /// Gives the packet away.
    pub(in crate::sys) fn into_raw(self) -> *mut c::sk_buff {
        ManuallyDrop::new(self).skb.as_ptr()
    }

    fn raw(&self) -> *mut c::sk_buff {
        self.skb.as_ptr()
    }

    /// Bytes on the wire, link header included; of a GSO packet those of all its segments.
    pub(crate) fn len(&self) -> u32 {
        // SAFETY: Valid, with the length filled in, by the type invariant.
        unsafe { c::appex_pkt_len(self.raw()) }
    }

    /// Bytes of memory it takes.
    pub(crate) fn truesize(&self) -> u32 {
        // SAFETY: Valid by the type invariant.
        unsafe { c::appex_pkt_truesize(self.raw()) }
    }

    /// A number that all packets of its flow have.
    pub(crate) fn hash(&mut self) -> u32 {
        // SAFETY: Valid and ours by the type invariant; the hash may be stored in it.
        unsafe { c::appex_pkt_hash(self.raw()) }
    }

    /// A number that all packets to the same address have; `seed` makes it unpredictable.
    pub(crate) fn host_hash(&self, seed: u32) -> u32 {
        // SAFETY: Valid by the type invariant.
        unsafe { c::appex_pkt_host_hash(self.raw(), seed) }
    }

    /// Its headers from that of the network on, as far as they lie in one piece.
    pub(crate) fn headers(&self) -> &[u8] {
        let mut len = 0;
        // SAFETY: Valid by the type invariant.
        let data = unsafe { c::appex_pkt_headers(self.raw(), &raw mut len) };
        // SAFETY: So many bytes are there, as long as the packet is; who writes to them has to have it mutably, or
        // to copy them first (other users of the same bytes).
        unsafe { core::slice::from_raw_parts(data, len as usize) }
    }

    /// Whether it is to be cut into segments later on.
    pub(crate) fn is_gso(&self) -> bool {
        // SAFETY: Valid by the type invariant.
        unsafe { c::appex_pkt_is_gso(self.raw()) }
    }

    /// Notes a time in it, nanoseconds.
    pub(crate) fn stamp(&mut self, ns: u64) {
        // SAFETY: Valid by the type invariant, with a control block that is the queue's.
        unsafe { c::appex_pkt_stamp(self.raw(), ns) }
    }

    /// The time that was noted last.
    pub(crate) fn stamped(&self) -> u64 {
        // SAFETY: As above.
        unsafe { c::appex_pkt_stamped(self.raw()) }
    }

    /// Marks it as having met congestion; false if its ends have not negotiated that.
    pub(crate) fn mark(&mut self) -> bool {
        // SAFETY: Valid by the type invariant; the callee makes the header writable.
        unsafe { c::appex_pkt_set_ce(self.raw()) }
    }
}

impl Packet {
    /// Frees a packet that is no longer needed; to drop it would be told as a loss to those who watch.
    pub(crate) fn consume(self) {
        let packet = ManuallyDrop::new(self);
        // SAFETY: Ours by the type invariant, and not used afterwards: what would free it again is not run.
        unsafe { c::appex_pkt_consume(packet.raw()) };
    }
}

impl Drop for Packet {
    fn drop(&mut self) {
        // SAFETY: Ours by the type invariant, and not used afterwards.
        unsafe { c::appex_pkt_free(self.raw()) };
    }
}

/// Packets in the order of their arrival. Dropping it frees them.
///
/// # Invariants
///
/// `head` is null, or the first of a chain of packets that this value owns, linked by `skb->next`; then
/// `tail` is the last, whose link is null. With two and more, `before` is the last but one.
pub(crate) struct Fifo {
    head: *mut c::sk_buff,
    before: *mut c::sk_buff,
    tail: *mut c::sk_buff,
}

// SAFETY: Owned packets are tied to no CPU or task.
unsafe impl Send for Fifo {}

impl Fifo {
    /// No packets.
    pub(crate) const fn new() -> Self {
        // INVARIANT: Empty.
        Fifo {
            head: ptr::null_mut(),
            before: ptr::null_mut(),
            tail: ptr::null_mut(),
        }
    }

    /// Puts a packet behind the others.
    pub(crate) fn push(&mut self, packet: Packet) {
        let skb = packet.into_raw();
        // SAFETY: The packet was ours until now; the tail is by the type invariant.
        unsafe {
            c::appex_pkt_set_next(skb, ptr::null_mut());
            if self.head.is_null() {
                self.head = skb;
            } else {
                c::appex_pkt_set_next(self.tail, skb);
            }
        }
        // INVARIANT: The new packet is the last, and linked by the one before.
        self.before = self.tail;
        self.tail = skb;
    }

    /// Puts a packet in the place of the last one if `replaces` says so of both; gives back which is out.
    pub(crate) fn replace_last(
        &mut self,
        packet: Packet,
        replaces: impl FnOnce(&Packet, &Packet) -> bool,
    ) -> Result<Packet, Packet> {
        // An emptied queue keeps its stale tail.
        if self.head.is_null() || self.head == self.tail {
            return Err(packet);
        }
        // SAFETY: It is not empty, and there are two and more, so that the tail is ours by the type invariant, as that of `Packet` wants it but for
        // the link, which is null. Not dropped.
        let last = ManuallyDrop::new(match unsafe { Packet::from_raw(self.tail) } {
            Some(last) => last,
            None => return Err(packet),
        });
        if !replaces(&packet, &last) {
            return Err(packet);
        }
        let skb = packet.into_raw();
        // SAFETY: The packet was ours until now; the last but one is by the type invariant.
        unsafe {
            c::appex_pkt_set_next(skb, ptr::null_mut());
            c::appex_pkt_set_next(self.before, skb);
        }
        // INVARIANT: The new packet is the last, and linked by the one before; the old one is in no list any more.
        self.tail = skb;
        Ok(ManuallyDrop::into_inner(last))
    }

    /// Takes the first packet.
    pub(crate) fn pop(&mut self) -> Option<Packet> {
        let skb = NonNull::new(self.head)?;
        // SAFETY: The first packet is ours by the type invariant.
        unsafe {
            self.head = c::appex_pkt_next(skb.as_ptr());
            c::appex_pkt_set_next(skb.as_ptr(), ptr::null_mut());
        }
        // INVARIANT: In no list any more.
        Some(Packet { skb })
    }

    /// Bytes of the first packet on the wire.
    pub(crate) fn first_len(&self) -> Option<u32> {
        let skb = NonNull::new(self.head)?;
        // SAFETY: The first packet is valid and ours by the type invariant.
        Some(unsafe { c::appex_pkt_len(skb.as_ptr()) })
    }

    /// Frees all packets.
    pub(crate) fn clear(&mut self) {
        while self.pop().is_some() {}
    }

    /// # Safety
    ///
    /// `chain` must be null or packets as [`Packet`]'s invariant says, but linked by `skb->next`, that are
    /// the caller's to give away.
    pub(in crate::sys) unsafe fn from_chain(chain: *mut c::sk_buff) -> Self {
        let mut fifo = Fifo::new();
        let mut next = chain;
        while !next.is_null() {
            let skb = next;
            // SAFETY: Promised by the caller; the link is read before the packet is given to the queue.
            unsafe {
                next = c::appex_pkt_next(skb);
                if let Some(packet) = Packet::from_raw(skb) {
                    fifo.push(packet);
                }
            }
        }
        fifo
    }
}

impl Drop for Fifo {
    fn drop(&mut self) {
        self.clear();
    }
}
