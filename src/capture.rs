// SPDX-License-Identifier: GPL-2.0

//! `pcapEnable`: packets of accelerated connections go to an nflog group, where `tcpdump -i nflog:24944` or whoever
//! else listens takes them.
//!
//! No rule and no mark is needed for it, so those of the administrator stay as they are. Where nobody listens, or the
//! listener is too slow, packets are not captured, and pass all the same.
//!
//! A packet that is sent knows its socket. One that is received does not, so the flow's record keeps what was found for
//! the last one that was sent.

use crate::congestion;
use crate::flows;
use crate::model::classify::Packet;
use crate::state::State;
use crate::sys::netfilter::Routed;

/// The nflog group: "ap" in ASCII, far from the small numbers that people choose for their own rules.
const GROUP: u16 = 0x6170;

/// A packet on its way out. Context: as the hooks.
#[cold]
pub(crate) fn sent(state: &State, routed: &Routed<'_>, packet: &Packet) {
    // What is forwarded was accelerated elsewhere, if at all.
    if routed.packet().was_received() || !flows::is_tcp(packet) {
        return;
    }
    let (key, _) = packet.flow();
    let Some(flow) = state.flows.find(routed.packet(), key.words()) else {
        return;
    };
    // A second copy has no socket, but follows a packet that had.
    if let Some(ours) = congestion::control().controls_sender(routed.packet()) {
        flow.set_accelerated(ours);
    }
    if flow.is_accelerated() {
        routed.log(GROUP);
    }
}

/// A packet on its way in. Context: as the hooks.
#[cold]
pub(crate) fn received(state: &State, routed: &Routed<'_>, packet: &Packet) {
    if !flows::is_tcp(packet) {
        return;
    }
    let (key, _) = packet.flow();
    let flow = state.flows.find(routed.packet(), key.words());
    if flow.is_some_and(|flow| flow.is_accelerated()) {
        routed.log(GROUP);
    }
}
