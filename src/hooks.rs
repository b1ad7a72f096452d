// SPDX-License-Identifier: GPL-2.0

//! The netfilter hooks: counting, flow records, adoption of sockets.
//!
//! A packet of a local socket meets `local_out` and `post_routing`, a
//! forwarded one `pre_routing` and `post_routing`, a received one
//! `pre_routing`. Whatever is not understood passes uncounted.

use crate::adoption;
use crate::congestion::{self, Adoption};
use crate::flows;
use crate::model::classify::{self, Packet, Transport, HEADERS};
use crate::model::flow::wire_len;
use crate::model::settings::Hot;
use crate::model::stats::{Counter, Event, Metric};
use crate::model::units;
use crate::state::{Engine, State, STATE};
use crate::sys::net_device::Device;
use crate::sys::netfilter::{Family, Hooks, LocalOut};
use crate::sys::skb;
use kernel::sync::rcu;

/// The one set of hooks.
pub(crate) struct Engines;

/// What a hook knows once a packet concerns it.
struct Met<'a> {
    state: &'a State,
    number: u32,
    engine: &'a Engine,
    hot: Hot,
    packet: Packet,
    wire: u64,
}

impl<'a> Met<'a> {
    /// `None` when the packet is none of the engine's business.
    fn new(
        guard: &'a rcu::Guard,
        family: Family,
        device: &Device<'_>,
        raw: &skb::Packet<'_>,
    ) -> Option<Self> {
        let state = STATE.get(guard)?;
        let (number, engine) = state.current()?;
        if !engine.attached.contains(device.index()) {
            return None;
        }
        let hot = engine.hot();
        if !hot.handles(units_family(family)) {
            return None;
        }
        let mut head = [0u8; HEADERS];
        let Ok(packet) = classify::parse(raw.head(&mut head), raw.len()) else {
            state.count(number, Event::UnclassifiedPackets);
            return None;
        };
        if hot.tcp_only && !flows::is_tcp(&packet) {
            return None;
        }
        let segments = u16::try_from(raw.segments()).unwrap_or(u16::MAX);
        Some(Met {
            state,
            number,
            engine,
            hot,
            packet,
            wire: wire_len(&packet, segments),
        })
    }

    fn count(&self, metric: Metric) {
        let counter = Counter::Of(self.packet.family(), metric);
        self.state.add(self.number, counter, self.wire);
    }

    /// Whether the peer is in a subnet of the interface it is reached by.
    fn peer_is_onlink(&self, device: &Device<'_>) -> bool {
        let bits = self.packet.dest.bits.to_be_bytes();
        match self.packet.family() {
            units::Family::V4 => bits
                .first_chunk()
                .is_some_and(|addr| device.is_onlink_v4(addr)),
            units::Family::V6 => device.is_onlink_v6(&bits),
        }
    }
}

impl Hooks for Engines {
    fn local_out(&self, family: Family, out: &Device<'_>, sending: &mut LocalOut<'_>) {
        let guard = rcu::read_lock();
        let Some(met) = Met::new(&guard, family, out, sending.packet()) else {
            return;
        };
        let packet = &met.packet;
        let socket = sending.socket(packet.source_port, packet.dest_port);
        let (Transport::Tcp { seq, .. }, Some(mut socket)) = (packet.transport, socket) else {
            met.count(Metric::LanInBytes);
            return;
        };
        // The socket advances `snd_nxt` after the first transmission, so what
        // lies before it was sent already.
        let again = packet.payload > 0 && seq.wrapping_sub(socket.snd_nxt()) >> 31 == 1;
        if !again {
            met.count(Metric::LanInBytes);
        }
        if !met.hot.tcp_acc || congestion::control().controls(&socket) || !socket.can_send() {
            return;
        }
        let onlink = met.peer_is_onlink(out);
        let rule = met.engine.settings.rule_for(packet.dest);
        if !rule.unwrap_or(met.hot.subnet_acc || !onlink) {
            return;
        }
        let adoption = Adoption {
            engine: met.number,
            interface: out.index(),
            family: packet.family(),
            initial_cwnd: if onlink {
                met.hot.initial_cwnd_lan
            } else {
                met.hot.initial_cwnd_wan
            },
        };
        adoption::adopt(met.state, &met.hot, &mut socket, adoption);
    }

    fn post_routing(&self, family: Family, out: &Device<'_>, raw: &skb::Packet<'_>) {
        let guard = rcu::read_lock();
        let Some(met) = Met::new(&guard, family, out, raw) else {
            return;
        };
        met.count(Metric::WanOutBytes);
        if raw.was_received() {
            // Forwarded: what came from the LAN side is just what leaves.
            met.count(Metric::LanInBytes);
        }
        flows::note(met.state, met.number, &met.hot, &met.packet);
    }

    fn pre_routing(&self, family: Family, dev: &Device<'_>, raw: &skb::Packet<'_>) {
        let guard = rcu::read_lock();
        let Some(met) = Met::new(&guard, family, dev, raw) else {
            return;
        };
        met.count(Metric::WanInBytes);
        met.count(Metric::LanOutBytes);
        flows::note(met.state, met.number, &met.hot, &met.packet);
    }
}

const fn units_family(family: Family) -> units::Family {
    match family {
        Family::V4 => units::Family::V4,
        Family::V6 => units::Family::V6,
    }
}
