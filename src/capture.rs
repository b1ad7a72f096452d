// SPDX-License-Identifier: GPL-2.0

//! `pcapEnable`: packets of accelerated connections go to an nflog group, where `tcpdump -i nflog:24944` or whoever
//! else listens takes them.
//!
//! No rule and no mark is needed for it, so those of the administrator stay as they are. Where nobody listens, or the
//! listener is too slow, packets are not captured, and pass all the same.
//!
//! A packet that is sent knows its socket. One that is received does not, so the flow's record keeps what was found for
//! the last one that was sent. Those of containers are met without their sockets, with their own addresses, where they are
//! forwarded: there the note of how they leave tells.

use crate::congestion;
use crate::flows::{self, Flow};
use crate::model::classify::Packet;
use crate::state::{State, STATE};
use crate::sys::netfilter::Routed;
use crate::sys::published::ReadSide;

/// The nflog group: "ap" in ASCII, far from the small numbers that people choose for their own rules.
const GROUP: u16 = 0x6170;

/// A packet of `flow` on its way out. Context: as the hooks.
#[cold]
pub(crate) fn sent(routed: &Routed<'_>, packet: &Packet, flow: &Flow) {
    // What is forwarded was captured in FORWARD, if it is ours.
    if routed.packet().was_received() || !flows::is_tcp(packet) {
        return;
    }
    // A second copy has no socket, but follows a packet that had.
    if let Some(ours) = congestion::control().controls_sender(routed.packet()) {
        flow.set_accelerated(ours);
    }
    if flow.is_accelerated() {
        routed.log(GROUP);
    }
}

/// A packet of `flow` on its way in. Context: as the hooks.
#[cold]
pub(crate) fn received(routed: &Routed<'_>, packet: &Packet, flow: &Flow) {
    if flows::is_tcp(packet) && flow.is_accelerated() {
        routed.log(GROUP);
    }
}

/// Whether the engine of this CPU captures packets. Context: any.
pub(crate) fn is_wanted(guard: &impl ReadSide) -> bool {
    let state = STATE.get(guard);
    let current = state.as_ref().and_then(|state| state.current());
    current.is_some_and(|(_, engine)| engine.captures())
}

/// A packet that is forwarded to an attached interface: of a container, or to one whose own interface is attached, too.
/// Context: as the hooks.
#[cold]
pub(crate) fn to_attached(state: &State, routed: &Routed<'_>, packet: &Packet) {
    let way = state.via.find(&packet.flow());
    if way.is_some_and(|way| way.is_accelerated) {
        routed.log(GROUP);
        return;
    }
    to_guest(state, routed, packet);
}

/// A packet that is forwarded from an attached interface, perhaps to a container. Context: as the hooks.
#[cold]
pub(crate) fn to_guest(state: &State, routed: &Routed<'_>, packet: &Packet) {
    let (key, forward) = packet.flow();
    // What matters is what the other end sends.
    let way = state.via.find(&(key, !forward));
    if flows::is_tcp(packet) && way.is_some_and(|way| way.is_accelerated) {
        routed.log(GROUP);
    }
}
