// SPDX-License-Identifier: GPL-2.0

//! The netfilter hooks: counting, flow records, adoption of sockets.
//!
//! A packet of a local socket meets `local_out` and `post_routing`, a
//! forwarded one `pre_routing` and `post_routing`, a received one
//! `pre_routing`. One of a socket of another network namespace meets `guest_out` there and `forward` here. Whatever is not understood passes uncounted. Nothing is dropped but, with
//! `bypassOverFlows` 0, what opens a connection beyond the session limit.

use crate::adoption::{self, Adoption};
use crate::capture;
use crate::congestion;
use crate::convert::{is_onlink, parse_scattered, units_family};
use crate::flows;
use crate::inbound;
use crate::model::classify::{self, Packet, Skip, TcpFlags, Transport, HEADERS};
use crate::model::copies::{synack_timeout_ms, Segment, LEAST_LOSS_Q16};
use crate::model::flow::wire_len;
use crate::model::policy::{self, Reason};
use crate::model::stats::{Counter, Event, Metric};
use crate::model::via::Way;
use crate::rules;
use crate::state::{Engine, State, STATE};
use crate::sys::net_device::Device;
use crate::sys::netfilter::{has_guests, Family, Hooks, LocalOut, Routed, Verdict};
use crate::sys::published::ReadSide;
use crate::sys::skb;
use crate::sys::tcp::Socket;
use kernel::sync::rcu;

/// The one set of hooks.
pub(crate) struct Engines;

/// What a hook knows once a packet concerns it.
struct Met<'a> {
    state: &'a State,
    number: u32,
    engine: &'a Engine,
    interface: u32,
    packet: Packet,
    wire: u64,
}

impl<'a> Met<'a> {
    /// `None` when the packet is none of the engine's business.
    #[inline(always)]
    fn new(
        guard: &'a impl ReadSide,
        family: Family,
        device: &Device<'_>,
        raw: &skb::Packet<'_>,
    ) -> Option<Self> {
        let interface = device.index();
        Self::where_attached(guard, family, raw, interface, |engine| {
            engine.attached.contains(interface)
        })
    }

    /// The same for a packet that is to be met on `interface`, if `attached` says that it concerns the engine.
    #[inline(always)]
    fn where_attached(
        guard: &'a impl ReadSide,
        family: Family,
        raw: &skb::Packet<'_>,
        interface: u32,
        attached: impl FnOnce(&Engine) -> bool,
    ) -> Option<Self> {
        let state = STATE.get(guard)?;
        let (number, engine) = state.current()?;
        if !attached(engine) {
            return None;
        }
        let scope = engine.scope();
        if !scope.handles(units_family(family)) {
            return None;
        }
        let parsed = match classify::parse(raw.linear(HEADERS), raw.len()) {
            Err(Skip::Truncated) => parse_scattered(raw),
            parsed => parsed,
        };
        let Ok(packet) = parsed else {
            state.count(number, Event::UnclassifiedPackets);
            return None;
        };
        if scope.tcp_only && !flows::is_tcp(&packet) {
            return None;
        }
        let segments = u16::try_from(raw.segments()).unwrap_or(u16::MAX);
        Some(Met {
            state,
            number,
            engine,
            interface,
            packet,
            wire: wire_len(&packet, segments),
        })
    }

    fn count(&self, metric: Metric) {
        let counter = Counter::Of(self.packet.family(), metric);
        self.state.add(self.number, counter, self.wire);
    }

    /// Takes the socket over if the settings and the peer's place allow it.
    #[cold]
    fn adopt(&self, guard: &impl ReadSide, is_onlink: bool, socket: &mut Socket<'_>) {
        let hot = self.engine.hot();
        let peer = self.packet.dest;
        adoption::note_near(self.state, &hot, socket, peer);
        let rules = &self.state.rules;
        let ports = (self.packet.source_port, self.packet.dest_port);
        let found = rules.find(guard, peer, ports, |path| socket.cgroup(path));
        let facts = self
            .engine
            .facts(self.state, &hot, peer, is_onlink, found.as_ref());
        let Ok(facts) = facts else { return };
        if let Err(reason) = policy::decide(&facts) {
            match (reason, found) {
                (Reason::Near, _) => self.state.count(self.number, Event::NfBypass),
                (Reason::Rule, Some(found)) => {
                    let (key, _) = self.packet.flow();
                    let flow = self.state.flows.find(guard, key.words());
                    // Met again with each packet: counted once.
                    if flow.is_some_and(|flow| flow.ruled_by(found.id)) {
                        rules.hit(guard, found.id);
                    }
                }
                _ => {}
            }
            return;
        }
        let adoption = Adoption {
            engine: self.number,
            interface: self.interface,
            is_onlink,
            rule: found.map_or(0, |found| found.id),
            choice: rules::choice(found.as_ref()),
            family: peer.family,
            peer: peer.bits.to_be_bytes(),
            initial_cwnd: if is_onlink {
                hot.initial_cwnd_lan
            } else {
                hot.initial_cwnd_wan
            },
        };
        if adoption::adopt(self.state, &hot, socket, adoption) {
            found.inspect(|found| rules.hit(guard, found.id));
        }
    }

    /// A SYN-ACK on a path that loses: it is sent twice, and again before the usual second is over.
    fn answer(&self, sending: &LocalOut<'_>) {
        if !self.engine.accelerates() || !sending.is_first_synack() {
            return;
        }
        let hot = self.engine.hot();
        let known = self.state.paths.find(self.packet.dest).unwrap_or_default();
        let lossy = known.loss_q16 >= LEAST_LOSS_Q16;
        let rtt_us = if lossy { known.base_rtt_us } else { 0 };
        if let Some(ms) = synack_timeout_ms(hot.syn_retran_ms, rtt_us) {
            sending.hasten_synack(ms);
        }
        if hot.copies && lossy && sending.send_copy() {
            self.state.count(self.number, Event::CopiedPackets);
        }
    }

    /// What there is to do about a packet that an adopted socket sends. `Some` if it is to be sent twice: whether the
    /// peer gets both in order.
    fn attend(&self, socket: &mut Socket<'_>, is_again: bool) -> Option<bool> {
        let packet = &self.packet;
        let Transport::Tcp { seq, flags, .. } = packet.transport else {
            return None;
        };
        if packet.payload == 0 {
            // A window that is offered with data is that of the acknowledgement before it, or little more.
            adoption::limit_window(self.state, socket);
        }
        let end = seq.wrapping_add(packet.payload);
        let segment = Segment {
            payload: packet.payload,
            is_fin: flags.has(TcpFlags::FIN),
            is_again,
            // A FIN takes a sequence number after the last byte.
            is_last: socket.write_seq().wrapping_sub(end) <= 1,
            is_drained: socket.write_seq().wrapping_sub(socket.snd_nxt()) <= 1,
        };
        if !segment.is_candidate() || !self.engine.hot().copies {
            return None;
        }
        let (sent, reordered) = (socket.bytes_sent(), socket.saw_reordering());
        let flow = |flow: &mut congestion::Flow| flow.wants_copy(segment, sent, reordered);
        congestion::control().with(socket, flow).flatten()
    }

    /// Sends the packet a second time.
    fn double(&self, sending: &mut LocalOut<'_>, in_order: bool) {
        if !sending.send_copy() {
            return;
        }
        self.state.count(self.number, Event::CopiedPackets);
        let segments = sending.packet().segments();
        if let Some(mut socket) = sending.socket(self.packet.source_port, self.packet.dest_port) {
            socket.count_copy(segments, in_order);
        }
    }

    fn inbound(&self) -> inbound::Place<'_> {
        let (engine, packet) = (self.engine, &self.packet);
        inbound::Place::new(self.state, self.number, engine, self.interface, packet)
    }

    /// Notes the flow. What opens a connection beyond the limits may be refused, and whoever is behind an
    /// interface is told so.
    fn note(&self, routed: &Routed<'_>, leaves: bool) -> Verdict {
        let place = flows::Place {
            engine: self.number,
            interface: self.interface,
            leaves,
        };
        if flows::note(self.state, &place, routed.packet(), &self.packet) {
            return Verdict::Pass;
        }
        flows::refuse(routed, self.packet);
        Verdict::Refuse
    }
}

impl Hooks for Engines {
    fn local_out(&self, family: Family, out: &Device<'_>, sending: &mut LocalOut<'_>) {
        if sending.is_copy() {
            return;
        }
        // A second borrow of the packet, because `sending` lends its own to the socket.
        let raw = sending.reading();
        let Some(met) = Met::new(&raw, family, out, &raw) else {
            return;
        };
        let packet = &met.packet;
        let Transport::Tcp { seq, flags, .. } = packet.transport else {
            met.count(Metric::LanInBytes);
            return;
        };
        let Some(mut socket) = sending.socket(packet.source_port, packet.dest_port) else {
            met.count(Metric::LanInBytes);
            met.answer(sending);
            return;
        };
        // The socket advances `snd_nxt` after the first transmission, so what
        // lies before it was sent already.
        let is_again = seq.wrapping_sub(socket.snd_nxt()) >> 31 == 1;
        if packet.payload == 0 || !is_again {
            met.count(Metric::LanInBytes);
        }
        if !met.engine.accelerates() {
            return;
        }
        if flags.opens() {
            if let Some(ms) = synack_timeout_ms(met.engine.hot().syn_retran_ms, 0) {
                socket.hasten_syn(ms);
            }
        }
        if !congestion::control().controls(&socket) {
            if !socket.can_send() {
                return;
            }
            met.adopt(&raw, is_onlink(out, packet.dest), &mut socket);
        }
        if let Some(in_order) = met.attend(&mut socket, is_again) {
            met.double(sending, in_order);
        }
    }

    fn guest_out(&self, family: Family, sending: &mut LocalOut<'_>) {
        if sending.is_copy() {
            return;
        }
        let raw = sending.reading();
        let met = Met::where_attached(&raw, family, &raw, 0, |engine| {
            !engine.attached.is_empty() && engine.accelerates()
        });
        let Some(mut met) = met else { return };
        let Transport::Tcp { seq, .. } = met.packet.transport else {
            return;
        };
        let ports = (met.packet.source_port, met.packet.dest_port);
        let Some(mut socket) = sending.socket(ports.0, ports.1) else {
            return;
        };
        if !congestion::control().controls(&socket) {
            // Who only acknowledges has nothing to accelerate.
            if met.packet.payload == 0 || !socket.can_send() {
                return;
            }
            let Some(way) = met.state.via.find(&met.packet.flow()) else {
                return;
            };
            if !met.engine.attached.contains(way.interface) {
                return;
            }
            met.interface = way.interface;
            if way.is_accelerated {
                let way = Way {
                    is_accelerated: false,
                    ..way
                };
                met.state.via.mark(&met.packet.flow(), way);
            }
            met.adopt(&raw, way.is_onlink, &mut socket);
        }
        // Sockets that use the algorithm by name are here, too, whichever way they leave.
        let adopted = congestion::control().with(&mut socket, |flow| flow.adoption().copied());
        let adopted = adopted
            .flatten()
            .filter(|adoption| met.engine.attached.contains(adoption.interface));
        let Some(adoption) = adopted else { return };
        if met.engine.captures() {
            let way = Way {
                interface: adoption.interface,
                is_onlink: adoption.is_onlink,
                is_accelerated: true,
            };
            met.state.via.mark(&met.packet.flow(), way);
        }
        let is_again = seq.wrapping_sub(socket.snd_nxt()) >> 31 == 1;
        if let Some(in_order) = met.attend(&mut socket, is_again) {
            met.double(sending, in_order);
        }
    }

    fn forward(&self, family: Family, dev: &Device<'_>, out: &Device<'_>, routed: &Routed<'_>) {
        if !has_guests() {
            return;
        }
        let raw = routed.packet();
        let Some(met) = Met::new(raw, family, out, raw) else {
            if capture::is_wanted(raw) {
                if let Some(met) = Met::new(raw, family, dev, raw) {
                    capture::to_guest(met.state, routed, &met.packet);
                }
            }
            return;
        };
        if flows::is_tcp(&met.packet) {
            let way = Way {
                interface: met.interface,
                is_onlink: is_onlink(out, met.packet.dest),
                is_accelerated: false,
            };
            met.state.via.note(&met.packet.flow(), way);
            if met.engine.captures() {
                capture::of_guest(met.state, routed, &met.packet);
            }
        }
    }

    fn post_routing(&self, family: Family, out: &Device<'_>, routed: &mut Routed<'_>) -> Verdict {
        // Not the packet's own read side: nothing may be borrowed of a packet that is written to.
        let guard = rcu::read_lock();
        let Some(met) = Met::new(&guard, family, out, routed.packet()) else {
            return Verdict::Pass;
        };
        let verdict = met.note(routed, true);
        if verdict == Verdict::Refuse {
            return verdict;
        }
        met.count(Metric::WanOutBytes);
        if routed.packet().was_received() {
            // Forwarded: what came from the LAN side is just what leaves.
            met.count(Metric::LanInBytes);
        }
        let onlink = || is_onlink(out, met.packet.dest);
        inbound::leaves(&met.inbound(), &guard, routed, onlink);
        if met.engine.captures() {
            capture::sent(met.state, routed, &met.packet);
        }
        verdict
    }

    fn pre_routing(&self, family: Family, dev: &Device<'_>, routed: &Routed<'_>) -> Verdict {
        let raw = routed.packet();
        let Some(met) = Met::new(raw, family, dev, raw) else {
            return Verdict::Pass;
        };
        met.count(Metric::WanInBytes);
        inbound::meter(&met.inbound(), met.wire, raw.segments());
        let verdict = met.note(routed, false);
        if verdict == Verdict::Pass {
            if met.engine.captures() {
                capture::received(met.state, routed, &met.packet);
            }
            met.count(Metric::LanOutBytes);
            inbound::arrived(&met.inbound(), raw);
        }
        verdict
    }
}
