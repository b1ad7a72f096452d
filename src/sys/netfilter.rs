// SPDX-License-Identifier: GPL-2.0

//! Netfilter hooks: all of them in the initial network namespace, LOCAL_OUT in the others, too.
//!
//! C header: `include/linux/netfilter.h`.
//!
//! A hook looks, counts, takes over sockets and may send a copy. It lets every
//! packet pass but the first ones of connections that are to be refused, and those of
//! local sockets that are to be [withheld](Departure::Withheld); it never queues.

use super::bindings as c;
use super::net_device::Device;
use super::skb::Packet;
use super::tcp::Socket;
pub(crate) use super::verdict::{Departure, Verdict};
use core::pin::Pin;
use kernel::error::to_result;
use kernel::ffi;
use kernel::prelude::*;

/// Address family of a hook.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Netfilter priorities, lower is earlier.
#[derive(Clone, Copy)]
pub(crate) struct Priorities {
    /// IPv4 PRE_ROUTING.
    pub(crate) rx_v4: i32,
    /// IPv4 POST_ROUTING.
    pub(crate) tx_v4: i32,
    /// IPv6 PRE_ROUTING.
    pub(crate) rx_v6: i32,
    /// IPv6 POST_ROUTING.
    pub(crate) tx_v6: i32,
}

/// A packet met in PRE_ROUTING, FORWARD or POST_ROUTING.
///
/// # Invariants
///
/// `packet` is in one of these hooks, and of the family `v6` says; `state` is what that hook was given.
pub(crate) struct Routed<'a> {
    packet: Packet<'a>,
    state: *const c::nf_hook_state,
    v6: bool,
}

impl<'a> Routed<'a> {
    /// # Safety
    ///
    /// `skb` and `state` must be what such a hook of that family was given, and `'a` lie in its call.
    unsafe fn new(skb: *mut c::sk_buff, state: *const c::nf_hook_state, v6: bool) -> Self {
        // SAFETY: Promised by the caller; hooks run in an RCU read side.
        let packet = unsafe { Packet::from_raw(skb) };
        // INVARIANT: Promised by the caller.
        Routed { packet, state, v6 }
    }

    /// The packet.
    pub(crate) fn packet(&self) -> &Packet<'a> {
        &self.packet
    }

    /// As [`Packet::set_window`].
    pub(crate) fn set_window(&mut self, offset: u32, window: u16) -> bool {
        self.packet.set_window(offset, window)
    }

    /// Source and destination as who sent it wrote them, whatever has translated them since, if that is known.
    pub(crate) fn untranslated(&self) -> Option<[([u8; 16], u16); 2]> {
        self.packet.untranslated(self.v6)
    }

    /// Gives a copy to whoever listens to the nflog group `group`. Takes time only if somebody does.
    pub(crate) fn log(&self, group: u16) {
        // SAFETY: Packet and state are valid during the hook's call, by the type invariant.
        unsafe { self.packet.log(self.state, group) }
    }

    /// Sends `bytes`, a packet from the network header on, to where this one came from.
    /// False if that was not possible, this one is from here, or nobody may be answered.
    pub(crate) fn send_reply(&self, bytes: &[u8]) -> bool {
        let header = if self.v6 { 40 } else { 20 };
        if bytes.len() < header || !self.packet.was_received() {
            return false;
        }
        // SAFETY: In such a hook, and of this family, by the type invariant; the header is complete.
        unsafe { self.packet.send_reply(bytes, self.v6) }
    }
}

/// A packet of a local socket on its way out.
///
/// # Invariants
///
/// `packet` is in LOCAL_OUT, and of the family `v6` says.
pub(crate) struct LocalOut<'a> {
    packet: Packet<'a>,
    v6: bool,
}

impl<'a> LocalOut<'a> {
    /// The packet.
    pub(crate) fn packet(&self) -> &Packet<'a> {
        &self.packet
    }

    /// The packet once more, to be looked at while a socket is borrowed.
    pub(crate) fn reading(&self) -> Packet<'a> {
        self.packet.again()
    }

    /// Sends a second copy ahead of this packet. It is met in LOCAL_OUT again
    /// before this returns. False if that was not possible.
    pub(crate) fn send_copy(&self) -> bool {
        // SAFETY: In LOCAL_OUT by the type invariant, and of this family.
        unsafe { self.packet.send_copy(self.v6) }
    }

    /// Whether this is the first SYN-ACK of a connection request, and the
    /// listener is not crowded.
    pub(crate) fn is_first_synack(&self) -> bool {
        self.packet.is_first_synack()
    }

    /// Has a first SYN-ACK repeated after `ms` if no answer comes. Does nothing
    /// to other packets.
    pub(crate) fn hasten_synack(&self, ms: u32) {
        if self.is_first_synack() {
            // SAFETY: Just checked.
            unsafe { self.packet.hasten_synack(ms) }
        }
    }

    /// The TCP socket that is sending it, locked, if the ports are its own. Only
    /// one [`Socket`] at a time, hence `&mut`.
    pub(crate) fn socket(&mut self, local_port: u16, remote_port: u16) -> Option<Socket<'_>> {
        // SAFETY: A `LocalOut` is only made in LOCAL_OUT.
        unsafe { self.packet.sending_socket(local_port, remote_port) }
    }
}

/// What the hooks call. RCU is held in all, none may sleep. BH is off in `pre_routing`; in the others it may be on
/// when a process sends.
pub(crate) trait Hooks: Sync + 'static {
    /// A packet of a local socket that will leave by `out`, but not a copy made by [`LocalOut::send_copy`].
    fn local_out(&self, family: Family, out: &Device<'_>, sending: &mut LocalOut<'_>) -> Departure;

    /// The same of a local socket of another namespace.
    fn guest_out(&self, family: Family, sending: &mut LocalOut<'_>) -> Departure;

    /// A packet that is forwarded from `dev` to `out`, before the sender's address is translated, and after the receiver's.
    fn forward(&self, family: Family, dev: &Device<'_>, out: &Device<'_>, packet: &Routed<'_>);

    /// A packet that leaves by `out`, local or forwarded.
    fn post_routing(&self, family: Family, out: &Device<'_>, packet: &mut Routed<'_>) -> Verdict;

    /// A packet that came in by `dev`.
    fn pre_routing(&self, family: Family, dev: &Device<'_>, packet: &Routed<'_>) -> Verdict;
}

/// Whether there are other network namespaces whose packets are met.
pub(crate) fn has_guests() -> bool {
    // SAFETY: No requirement.
    unsafe { c::appex_nets_exist() }
}

const HOOKS: usize = 8;
const GUEST_HOOKS: usize = 2;

/// Registered hooks; unregistered, with all callbacks done, when dropped.
///
/// # Invariants
///
/// `ops` is registered in the initial namespace, `guests` in the others; neither moves.
pub(crate) struct Registration {
    ops: Pin<KBox<[c::nf_hook_ops; HOOKS]>>,
    _guests: Pin<KBox<[c::nf_hook_ops; GUEST_HOOKS]>>,
}

// SAFETY: The ops are only touched by registering and unregistering.
unsafe impl Send for Registration {}
// SAFETY: `&Registration` offers nothing.
unsafe impl Sync for Registration {}

impl Registration {
    /// Registers all hooks. Context: process.
    pub(crate) fn new<H: Hooks>(hooks: &'static H, priorities: Priorities) -> Result<Self> {
        let target = core::ptr::from_ref(hooks).cast_mut().cast::<ffi::c_void>();
        let op = |family: u32, point: u32, priority: i32, hook: c::nf_hookfn| c::nf_hook_ops {
            hook,
            priv_: target,
            pf: family as u8,
            hooknum: point,
            priority,
            // SAFETY: All-zero means: no device, no ops type.
            ..unsafe { core::mem::zeroed() }
        };
        let (v4, v6) = (c::NFPROTO_IPV4, c::NFPROTO_IPV6);
        let local_out = c::nf_inet_hooks_NF_INET_LOCAL_OUT;
        let post = c::nf_inet_hooks_NF_INET_POST_ROUTING;
        let pre = c::nf_inet_hooks_NF_INET_PRE_ROUTING;
        let forward = c::nf_inet_hooks_NF_INET_FORWARD;
        // Sockets may only be touched before any rule could queue the packet
        // to user space and so break "sent under the lock": always first.
        let first = i32::MIN;
        let p = priorities;
        let ops = [
            op(v4, local_out, first, Some(local_out_hook::<H, false>)),
            op(v6, local_out, first, Some(local_out_hook::<H, true>)),
            op(v4, post, p.tx_v4, Some(post_routing_hook::<H, false>)),
            op(v6, post, p.tx_v6, Some(post_routing_hook::<H, true>)),
            op(v4, pre, p.rx_v4, Some(pre_routing_hook::<H, false>)),
            op(v6, pre, p.rx_v6, Some(pre_routing_hook::<H, true>)),
            // Behind the rules that filter: what they drop does not leave.
            op(v4, forward, i32::MAX, Some(forward_hook::<H, false>)),
            op(v6, forward, i32::MAX, Some(forward_hook::<H, true>)),
        ];
        let guests = [
            op(v4, local_out, first, Some(guest_out_hook::<H, false>)),
            op(v6, local_out, first, Some(guest_out_hook::<H, true>)),
        ];
        let ops = KBox::pin(ops, GFP_KERNEL)?;
        let guests = KBox::pin(guests, GFP_KERNEL)?;
        // SAFETY: The array stays where it is until it is unregistered in `drop`.
        to_result(unsafe {
            c::nf_register_net_hooks(&raw mut c::init_net, ops.as_ptr(), HOOKS as u32)
        })?;
        let guest_ops = guests.as_ptr();
        // SAFETY: As above; there is one registration at a time, the module's.
        let others = to_result(unsafe { c::appex_nets_register(guest_ops, GUEST_HOOKS as u32) });
        if let Err(error) = others {
            // SAFETY: Just registered; callbacks may run until a grace period is over.
            unsafe {
                c::nf_unregister_net_hooks(&raw mut c::init_net, ops.as_ptr(), HOOKS as u32);
                c::synchronize_rcu();
            }
            return Err(error);
        }
        // INVARIANT: Just registered, pinned.
        Ok(Registration {
            ops,
            _guests: guests,
        })
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // SAFETY: Registered by the type invariant. Callbacks may still run after unregistering,
        // until a grace period is over.
        unsafe {
            c::appex_nets_unregister();
            c::nf_unregister_net_hooks(&raw mut c::init_net, self.ops.as_ptr(), HOOKS as u32);
            c::synchronize_rcu();
        }
    }
}

const fn family(v6: bool) -> Family {
    if v6 {
        Family::V6
    } else {
        Family::V4
    }
}

/// # Safety
///
/// Called by netfilter with `target` being the `H` of the registration.
unsafe extern "C" fn local_out_hook<H: Hooks, const V6: bool>(
    target: *mut ffi::c_void,
    skb: *mut c::sk_buff,
    state: *const c::nf_hook_state,
) -> ffi::c_uint {
    // SAFETY: Promised by the caller; packet, state and device are valid for the call.
    unsafe {
        if !c::appex_skb_is_own(skb, state) {
            return c::NF_ACCEPT;
        }
        if let Some(out) = Device::from_raw((*state).out) {
            let packet = Packet::from_raw(skb);
            // INVARIANT: This hook is registered in LOCAL_OUT.
            let mut sending = LocalOut { packet, v6: V6 };
            let departure = (*target.cast::<H>()).local_out(family(V6), &out, &mut sending);
            return departure.to_raw(skb);
        }
    }
    c::NF_ACCEPT
}

/// # Safety
///
/// As [`local_out_hook`], of another network namespace.
unsafe extern "C" fn guest_out_hook<H: Hooks, const V6: bool>(
    target: *mut ffi::c_void,
    skb: *mut c::sk_buff,
    state: *const c::nf_hook_state,
) -> ffi::c_uint {
    // SAFETY: As above. Other hooks of the namespace may come first, and hand packets to user space;
    // `Packet::sending_socket` tells those that come back from there.
    unsafe {
        if !c::appex_skb_is_own(skb, state) {
            return c::NF_ACCEPT;
        }
        let packet = Packet::from_raw(skb);
        // INVARIANT: As above.
        let mut sending = LocalOut { packet, v6: V6 };
        let departure = (*target.cast::<H>()).guest_out(family(V6), &mut sending);
        departure.to_raw(skb)
    }
}

/// # Safety
///
/// As [`local_out_hook`].
unsafe extern "C" fn forward_hook<H: Hooks, const V6: bool>(
    target: *mut ffi::c_void,
    skb: *mut c::sk_buff,
    state: *const c::nf_hook_state,
) -> ffi::c_uint {
    // SAFETY: As above.
    unsafe {
        let (dev, out) = ((*state).in_, (*state).out);
        if let (Some(dev), Some(out)) = (Device::from_raw(dev), Device::from_raw(out)) {
            // This hook is registered in FORWARD.
            let routed = Routed::new(skb, state, V6);
            (*target.cast::<H>()).forward(family(V6), &dev, &out, &routed);
        }
    }
    c::NF_ACCEPT
}

/// # Safety
///
/// As [`local_out_hook`].
unsafe extern "C" fn post_routing_hook<H: Hooks, const V6: bool>(
    target: *mut ffi::c_void,
    skb: *mut c::sk_buff,
    state: *const c::nf_hook_state,
) -> ffi::c_uint {
    // SAFETY: As above.
    unsafe {
        let Some(out) = Device::from_raw((*state).out) else {
            return c::NF_ACCEPT;
        };
        // This hook is registered in POST_ROUTING.
        let mut routed = Routed::new(skb, state, V6);
        let verdict = (*target.cast::<H>()).post_routing(family(V6), &out, &mut routed);
        verdict.to_raw()
    }
}

/// # Safety
///
/// As [`local_out_hook`].
unsafe extern "C" fn pre_routing_hook<H: Hooks, const V6: bool>(
    target: *mut ffi::c_void,
    skb: *mut c::sk_buff,
    state: *const c::nf_hook_state,
) -> ffi::c_uint {
    // SAFETY: As above.
    unsafe {
        let Some(dev) = Device::from_raw((*state).in_) else {
            return c::NF_ACCEPT;
        };
        // This hook is registered in PRE_ROUTING.
        let routed = Routed::new(skb, state, V6);
        let verdict = (*target.cast::<H>()).pre_routing(family(V6), &dev, &routed);
        verdict.to_raw()
    }
}
