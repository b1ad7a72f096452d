// SPDX-License-Identifier: GPL-2.0

//! A queueing discipline.
//!
//! C headers: `include/net/sch_generic.h`, `include/net/pkt_sched.h`.
//!
//! The kernel calls everything about one discipline under one lock (that of the root it belongs to) or
//! where nobody else knows it, so an implementation has `&mut self` and needs no lock of its own.

use super::bindings as c;
use super::net_device::Device;
use super::queue::{Fifo, Packet};
use core::marker::PhantomData;
use core::pin::Pin;
use kernel::error::to_result;
use kernel::ffi;
use kernel::prelude::*;
use kernel::types::Opaque;

/// How many packets and bytes wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Load {
    /// Packets; a GSO packet is one.
    pub(crate) packets: u32,
    /// Bytes on the wire.
    pub(crate) bytes: u32,
}

/// What became of a packet that was given to the discipline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arrival {
    /// It waits, perhaps as several.
    Queued,
    /// It was refused; the sender learns of it.
    Refused,
}

/// A queueing discipline. None of the functions but `new` may sleep.
pub(crate) trait Discipline: Sized + Send + 'static {
    /// Name for `tc`, with up to 15 bytes.
    const NAME: &'static [u8];

    /// Makes an empty one for an interface of the initial network namespace. Context: process, RTNL.
    fn new(device: &Device<'_>, qdisc: &Qdisc<'_>) -> Result<KBox<Self>>;

    /// Takes a packet. Context: BH off, the root's lock held, as for the following ones.
    fn enqueue(&mut self, qdisc: &mut Arriving<'_>, packet: Packet) -> Arrival;

    /// Gives the packet to be sent now, if any; otherwise it has the kernel ask again by
    /// [`Leaving::wake_at`].
    fn dequeue(&mut self, qdisc: &mut Leaving<'_>) -> Option<Packet>;

    /// What waits.
    fn load(&self) -> Load;

    /// Frees all packets.
    fn clear(&mut self);
}

/// A discipline during a callback.
///
/// # Invariants
///
/// `sch` is valid during `'a` and is a discipline of this module, after `appex_qdisc_init`.
pub(crate) struct Qdisc<'a> {
    sch: *mut c::Qdisc,
    _call: PhantomData<&'a c::Qdisc>,
}

impl Qdisc<'_> {
    /// # Safety
    ///
    /// As the type's invariant says.
    unsafe fn from_raw(sch: *mut c::Qdisc) -> Self {
        // INVARIANT: Promised by the caller.
        Qdisc {
            sch,
            _call: PhantomData,
        }
    }

    /// Bytes of the interface's largest packets, link header included.
    pub(crate) fn mtu(&self) -> u32 {
        // SAFETY: Valid by the type invariant.
        unsafe { c::appex_qdisc_mtu(self.sch) }
    }

    fn count_drop(&self) {
        // SAFETY: Valid by the type invariant, and under its lock.
        unsafe { c::appex_qdisc_count_drop(self.sch) }
    }

    /// Books what changed, and notes what the disciplines above do not know yet: they count on `packets`
    /// and `bytes` themselves.
    fn book(&self, before: Load, after: Load, packets: i32, bytes: i32) {
        let more_packets = difference(after.packets, before.packets);
        let more_bytes = difference(after.bytes, before.bytes);
        // SAFETY: Valid by the type invariant, and under its lock.
        unsafe {
            c::appex_qdisc_count(self.sch, more_packets, more_bytes);
            c::appex_qdisc_note(
                self.sch,
                packets.wrapping_sub(more_packets),
                bytes.wrapping_sub(more_bytes),
            );
        }
    }
}

/// The kernel's counts are 32 bits that wrap.
fn difference(after: u32, before: u32) -> i32 {
    i32::from_ne_bytes(after.wrapping_sub(before).to_ne_bytes())
}

/// A discipline that is given a packet.
///
/// # Invariants
///
/// `to_free` is the caller's list of packets to be freed.
pub(crate) struct Arriving<'a> {
    qdisc: Qdisc<'a>,
    to_free: *mut *mut c::sk_buff,
}

impl Arriving<'_> {
    /// Bytes of the interface's largest packets, link header included.
    pub(crate) fn mtu(&self) -> u32 {
        self.qdisc.mtu()
    }

    /// Drops a packet, and counts it.
    pub(crate) fn discard(&mut self, packet: Packet) {
        self.qdisc.count_drop();
        // SAFETY: The packet is given away; the list is valid by the type invariant.
        unsafe { c::appex_qdisc_refuse(packet.into_raw(), self.to_free) }
    }

    /// Cuts a GSO packet into its segments, if it is to be cut. Drops it without memory: it may be in pieces by then.
    pub(crate) fn segment(&mut self, packet: Packet) -> Fifo {
        let skb = packet.into_raw();
        // SAFETY: The packet was ours and has all its headers, being on its way to the interface.
        match kernel::error::from_err_ptr(unsafe { c::appex_pkt_segment(skb) }) {
            // SAFETY: The packet is ours still, and as it was.
            Ok(chain) if chain.is_null() => unsafe { Fifo::from_chain(skb) },
            // SAFETY: The segments are ours instead.
            Ok(chain) => unsafe { Fifo::from_chain(chain) },
            Err(_) => {
                self.qdisc.count_drop();
                // SAFETY: Ours still, to be freed; the list is valid by the type invariant.
                unsafe { c::appex_qdisc_refuse(skb, self.to_free) };
                Fifo::new()
            }
        }
    }
}

/// A discipline that is asked for a packet.
pub(crate) struct Leaving<'a> {
    qdisc: Qdisc<'a>,
}

impl Leaving<'_> {
    /// Bytes of the interface's largest packets, link header included.
    pub(crate) fn mtu(&self) -> u32 {
        self.qdisc.mtu()
    }

    /// Drops a packet, and counts it.
    pub(crate) fn discard(&mut self, packet: Packet) {
        self.qdisc.count_drop();
        drop(packet);
    }

    /// Has the kernel ask again at a monotonic time in nanoseconds, or up to `slack_ns` later.
    pub(crate) fn wake_at(&mut self, ns: u64, slack_ns: u64) {
        // SAFETY: Valid by the type invariant of `Qdisc`, with an initialised timer that `destroy` stops.
        unsafe { c::appex_qdisc_wake(self.qdisc.sch, ns, slack_ns) }
    }
}

/// A discipline that `tc` knows; unknown again when dropped. Those in use hold references on the module,
/// so that none is left then.
pub(crate) struct Registration<D: Discipline> {
    ops: Pin<KBox<Opaque<c::Qdisc_ops>>>,
    _discipline: PhantomData<fn() -> D>,
}

// SAFETY: The ops are only touched by the kernel, under its lock.
unsafe impl<D: Discipline> Send for Registration<D> {}
// SAFETY: `&Registration` offers nothing.
unsafe impl<D: Discipline> Sync for Registration<D> {}

impl<D: Discipline> Registration<D> {
    /// Makes the discipline known. Nothing may fail in module init after this: from now on disciplines can
    /// be made, and hold references on the module.
    ///
    /// Context: process. Errors: `EEXIST` when the name is taken.
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: All-zero means: no classes, none of the optional operations.
        let mut ops: c::Qdisc_ops = unsafe { core::mem::zeroed() };
        // SAFETY: No requirement.
        ops.priv_size = i32::try_from(unsafe { c::appex_qdisc_priv_size() })?;
        for (to, &from) in ops.id.iter_mut().zip(D::NAME).take(15) {
            *to = from;
        }
        ops.init = Some(init::<D>);
        ops.destroy = Some(destroy::<D>);
        ops.reset = Some(reset::<D>);
        ops.enqueue = Some(enqueue::<D>);
        ops.dequeue = Some(dequeue::<D>);
        ops.peek = Some(peek::<D>);
        // SAFETY: No requirement.
        ops.owner = unsafe { c::appex_this_module() };
        let ops = KBox::pin(Opaque::new(ops), GFP_KERNEL)?;
        // SAFETY: The ops stay where they are until `drop` unregisters them.
        to_result(unsafe { c::register_qdisc(ops.get()) })?;
        Ok(Registration {
            ops,
            _discipline: PhantomData,
        })
    }
}

impl<D: Discipline> Drop for Registration<D> {
    fn drop(&mut self) {
        // SAFETY: Registered by `new`; disciplines that use the ops hold the module, so there are none.
        unsafe { c::unregister_qdisc(self.ops.get()) };
    }
}

/// # Safety
///
/// Called by the kernel under RTNL with a new discipline of `D`.
unsafe extern "C" fn init<D: Discipline>(
    sch: *mut c::Qdisc,
    options: *mut c::nlattr,
    _extack: *mut c::netlink_ext_ack,
) -> ffi::c_int {
    // SAFETY: Promised by the caller. `destroy` follows even if this fails.
    unsafe { c::appex_qdisc_init(sch) };
    // The settings are elsewhere: what is asked for here would be ignored.
    if !options.is_null() {
        return EINVAL.to_errno();
    }
    // SAFETY: Valid for the call, and its interface as long as the discipline.
    if !unsafe { c::appex_dev_in_init_net(c::appex_qdisc_dev(sch)) } {
        // It would hold the module for whoever owns that namespace.
        return EPERM.to_errno();
    }
    // SAFETY: As above; initialised just now.
    let made = unsafe {
        Device::from_raw(c::appex_qdisc_dev(sch))
            .ok_or(EINVAL)
            .and_then(|device| D::new(&device, &Qdisc::from_raw(sch)))
    };
    match made {
        Ok(discipline) => {
            // SAFETY: Nobody else knows the discipline yet.
            unsafe { c::appex_qdisc_set_data(sch, KBox::into_raw(discipline).cast()) };
            0
        }
        Err(error) => error.to_errno(),
    }
}

/// # Safety
///
/// Called by the kernel in process context with a discipline after `init`, which nobody else uses any more.
unsafe extern "C" fn destroy<D: Discipline>(sch: *mut c::Qdisc) {
    // SAFETY: Promised by the caller; non-null data come from `KBox::into_raw` in `init`.
    unsafe {
        c::appex_qdisc_cancel(sch);
        let data = c::appex_qdisc_data(sch).cast::<D>();
        if !data.is_null() {
            c::appex_qdisc_set_data(sch, core::ptr::null_mut());
            drop(KBox::from_raw(data));
        }
    }
}

/// # Safety
///
/// Called by the kernel under the root's lock, or when nobody else uses the discipline any more.
unsafe extern "C" fn reset<D: Discipline>(sch: *mut c::Qdisc) {
    // SAFETY: Promised by the caller: nobody else has a reference to the data. The kernel sets the counts itself.
    unsafe {
        c::appex_qdisc_cancel(sch);
        if let Some(discipline) = c::appex_qdisc_data(sch).cast::<D>().as_mut() {
            discipline.clear();
        }
    }
}

/// # Safety
///
/// Called by the kernel under the root's lock, BH off, with a packet that is given away.
unsafe extern "C" fn enqueue<D: Discipline>(
    skb: *mut c::sk_buff,
    sch: *mut c::Qdisc,
    to_free: *mut *mut c::sk_buff,
) -> ffi::c_int {
    // SAFETY: Promised by the caller: nobody else has a reference to the data, and the packet is ours.
    let (discipline, packet) = unsafe {
        (
            c::appex_qdisc_data(sch).cast::<D>().as_mut(),
            Packet::from_raw(skb),
        )
    };
    let (Some(discipline), Some(packet)) = (discipline, packet) else {
        return c::NET_XMIT_DROP as ffi::c_int;
    };
    let mut arriving = Arriving {
        // SAFETY: Valid during the call. INVARIANT: `to_free` is the caller's list.
        qdisc: unsafe { Qdisc::from_raw(sch) },
        to_free,
    };
    let before = discipline.load();
    let bytes = difference(packet.len(), 0);
    let arrival = discipline.enqueue(&mut arriving, packet);
    let (packets, bytes, answer) = match arrival {
        Arrival::Queued => (1, bytes, c::NET_XMIT_SUCCESS),
        Arrival::Refused => (0, 0, c::NET_XMIT_DROP),
    };
    arriving
        .qdisc
        .book(before, discipline.load(), packets, bytes);
    // SAFETY: Promised by the caller.
    unsafe { c::appex_qdisc_tell(sch) };
    answer as ffi::c_int
}

/// Gives the next packet, without telling the disciplines above of those that were dropped for it.
///
/// # Safety
///
/// As [`dequeue`]; `appex_qdisc_tell` follows.
unsafe fn next<D: Discipline>(sch: *mut c::Qdisc) -> *mut c::sk_buff {
    // SAFETY: Promised by the caller: nobody else has a reference to the data.
    let Some(discipline) = (unsafe { c::appex_qdisc_data(sch).cast::<D>().as_mut() }) else {
        return core::ptr::null_mut();
    };
    let before = discipline.load();
    if before.packets == 0 {
        return core::ptr::null_mut();
    }
    let mut leaving = Leaving {
        // SAFETY: Valid during the call.
        qdisc: unsafe { Qdisc::from_raw(sch) },
    };
    let packet = discipline.dequeue(&mut leaving);
    let (packets, bytes) = match &packet {
        Some(packet) => (-1, difference(0, packet.len())),
        None => (0, 0),
    };
    leaving
        .qdisc
        .book(before, discipline.load(), packets, bytes);
    match packet {
        Some(packet) => {
            let skb = packet.into_raw();
            // SAFETY: The packet is ours until the return; the discipline is valid, under its lock.
            unsafe { c::appex_qdisc_count_sent(sch, skb) };
            skb
        }
        None => core::ptr::null_mut(),
    }
}

/// # Safety
///
/// Called by the kernel under the root's lock, BH off.
unsafe extern "C" fn dequeue<D: Discipline>(sch: *mut c::Qdisc) -> *mut c::sk_buff {
    // SAFETY: As promised by the caller.
    unsafe {
        let skb = next::<D>(sch);
        c::appex_qdisc_tell(sch);
        skb
    }
}

/// As `qdisc_peek_dequeued`, but what is shown counts again before anybody is told that nothing is left.
///
/// # Safety
///
/// As [`dequeue`].
unsafe extern "C" fn peek<D: Discipline>(sch: *mut c::Qdisc) -> *mut c::sk_buff {
    // SAFETY: As promised by the caller. The packet is ours until it is given to the list.
    unsafe {
        let shown = c::appex_qdisc_shown(sch);
        if !shown.is_null() {
            return shown;
        }
        let skb = next::<D>(sch);
        if !skb.is_null() {
            c::appex_qdisc_show(sch, skb);
        }
        c::appex_qdisc_tell(sch);
        skb
    }
}
