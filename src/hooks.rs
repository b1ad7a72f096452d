// SPDX-License-Identifier: GPL-2.0

//! The netfilter hooks: counting, flow records, adoption of sockets.
//!
//! A packet of a local socket meets `local_out` and `post_routing`, a
//! forwarded one `pre_routing` and `post_routing`, a received one
//! `pre_routing`. One of a socket of another network namespace meets `guest_out` there and `forward` here. Whatever is not understood passes uncounted. Nothing is dropped but, with
//! `bypassOverFlows` 0, what opens a connection beyond the session limit, and what is withheld from a peer that may lie
//! ([`crate::challenge`]).

use crate::adoption::{self, Adoption};
use crate::capture;
use crate::congestion;
use crate::convert::is_onlink;
use crate::flows::{self, Flow, Refused};
use crate::inbound;
use crate::meet::{Here, Met};
use crate::model::classify::{TcpFlags, Transport};
use crate::model::copies::{synack_timeout_ms, LEAST_LOSS_Q16};
use crate::model::plain::Plain;
use crate::model::policy::{self, Reason};
use crate::model::stats::{Event, Metric};
use crate::model::via::Way;
use crate::outgoing::Outgoing;
use crate::rules;
use crate::state::STATE;
use crate::sys::net_device::Device;
use crate::sys::netfilter::{has_guests, Departure, Family, Hooks, LocalOut, Routed, Verdict};
use crate::sys::published::ReadSide;
use crate::sys::tcp::Socket;
use kernel::sync::rcu;

/// The one set of hooks.
pub(crate) struct Engines;

impl Met<'_> {
    /// Takes the socket over if the settings and the peer's place allow it.
    #[cold]
    fn adopt(&self, guard: &impl ReadSide, is_onlink: bool, socket: &mut Socket<'_>) {
        let hot = self.here.engine.hot();
        let peer = self.packet.dest;
        adoption::note_near(self.here.state, &hot, socket, peer);
        let rules = &self.here.state.rules;
        let ports = (self.packet.source_port, self.packet.dest_port);
        let found = rules.find(guard, peer, ports, |path| socket.cgroup(path));
        let facts = self
            .here
            .engine
            .facts(self.here.state, &hot, peer, is_onlink, found.as_ref());
        let Ok(facts) = facts else { return };
        if let Err(reason) = policy::decide(&facts) {
            match (reason, found) {
                (Reason::Near, _) => self.here.state.count(self.here.number, Event::NfBypass),
                (Reason::Rule, Some(found)) => {
                    let (key, _) = self.packet.flow();
                    let flow = self.here.state.flows.find(guard, key.words());
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
            engine: self.here.number,
            interface: self.here.interface,
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
        if adoption::adopt(self.here.state, &hot, socket, adoption) {
            found.inspect(|found| rules.hit(guard, found.id));
        }
    }

    /// A SYN-ACK on a path that loses: it is sent twice, and again before the usual second is over.
    fn answer(&self, sending: &LocalOut<'_>) {
        if !self.here.scope.accelerates() || !sending.is_first_synack() {
            return;
        }
        let hot = self.here.engine.hot();
        let known = self
            .here
            .state
            .paths
            .find(self.packet.dest)
            .unwrap_or_default();
        let lossy = known.loss_q16 >= LEAST_LOSS_Q16;
        let rtt_us = if lossy { known.base_rtt_us } else { 0 };
        if let Some(ms) = synack_timeout_ms(hot.syn_retran_ms, rtt_us) {
            sending.hasten_synack(ms);
        }
        if hot.copies && lossy && sending.send_copy() {
            self.here
                .state
                .count(self.here.number, Event::CopiedPackets);
        }
    }

    /// Whether inbound control wants to see the packet. What SYNs say is noted before there is anything to control.
    fn is_for_inbound(&self) -> bool {
        let Transport::Tcp { flags, .. } = self.packet.transport else {
            return false;
        };
        self.here.scope.is_inbound_on() || flags.has(TcpFlags::SYN)
    }

    fn inbound<'m>(&'m self, flow: &'m Flow) -> inbound::Place<'m> {
        inbound::Place::new(&self.here, &self.packet, flow)
    }

    /// Notes the flow, and gives its record. What opens a connection beyond the limits may be refused, and whoever is behind an
    /// interface is told so.
    fn note<'g>(
        &'g self,
        guard: &'g impl ReadSide,
        routed: &Routed<'_>,
        leaves: bool,
    ) -> Result<Option<&'g Flow>, Refused> {
        let place = flows::Place {
            engine: self.here.number,
            interface: self.here.interface,
            leaves,
        };
        let plain = self.here.plain(routed.packet());
        let noted = flows::note(self.here.state, &place, guard, &self.packet, plain);
        if noted.is_err() {
            flows::refuse(routed, self.packet);
        }
        noted
    }
}

impl Hooks for Engines {
    fn local_out(&self, family: Family, out: &Device<'_>, sending: &mut LocalOut<'_>) -> Departure {
        // A second borrow of the packet, because `sending` lends its own to the socket.
        let raw = sending.reading();
        let Some(here) = Here::new(&raw, family, out) else {
            return Departure::Leaves;
        };
        if let Some(plain) = here.plain(&raw).filter(Plain::is_in_the_middle) {
            let segments = raw.segments();
            let wire = plain.wire_len(segments);
            let sent = Outgoing::of_plain(&plain);
            if let Some(departure) = sent.of_ours(&here, sending, wire, segments) {
                return departure;
            }
        }
        opening(&here, out, sending)
    }

    fn guest_out(&self, family: Family, sending: &mut LocalOut<'_>) -> Departure {
        let raw = sending.reading();
        // Nobody's packets were ever forwarded to where they would be accelerated.
        if STATE.get(&raw).is_none_or(|state| state.via.is_empty()) {
            return Departure::Leaves;
        }
        let here = Here::where_attached(&raw, family, 0, |engine| {
            !engine.attached.is_empty() && engine.accelerates()
        });
        let Some(mut met) = here.and_then(|here| Met::new(here, &raw)) else {
            return Departure::Leaves;
        };
        let Some(sent) = Outgoing::of(&met.packet) else {
            return Departure::Leaves;
        };
        let Some(mut socket) = sending.socket(sent.ports.0, sent.ports.1) else {
            return Departure::Leaves;
        };
        if !congestion::control().controls(&socket) {
            // Who only acknowledges has nothing to accelerate.
            if met.packet.payload == 0 || !socket.can_send() {
                return Departure::Leaves;
            }
            let Some(way) = met.here.state.via.find(&met.packet.flow()) else {
                return Departure::Leaves;
            };
            if !met.here.engine.attached.contains(way.interface) {
                return Departure::Leaves;
            }
            met.here.interface = way.interface;
            if way.is_accelerated {
                let way = Way {
                    is_accelerated: false,
                    ..way
                };
                met.here.state.via.mark(&met.packet.flow(), way);
            }
            met.adopt(&raw, way.is_onlink, &mut socket);
        }
        // Sockets that use the algorithm by name are here, too, whichever way they leave.
        let adopted = congestion::control().with(&mut socket, |flow| flow.adoption().copied());
        let adopted = adopted
            .flatten()
            .filter(|adoption| met.here.engine.attached.contains(adoption.interface));
        let Some(adoption) = adopted else {
            return Departure::Leaves;
        };
        if met.here.scope.captures() {
            let way = Way {
                interface: adoption.interface,
                is_onlink: adoption.is_onlink,
                is_accelerated: true,
            };
            met.here.state.via.mark(&met.packet.flow(), way);
        }
        let is_again = sent.is_again(&socket);
        let fate = sent.attend(&met.here, &mut socket, is_again, raw.segments());
        sent.depart(&met.here, sending, fate)
    }

    fn forward(&self, family: Family, dev: &Device<'_>, out: &Device<'_>, routed: &Routed<'_>) {
        if !has_guests() {
            return;
        }
        let raw = routed.packet();
        let met = |device| Met::new(Here::new(raw, family, device)?, raw);
        let Some(met) = met(out) else {
            if capture::is_wanted(raw) {
                if let Some(met) = met(dev) {
                    capture::to_guest(met.here.state, routed, &met.packet);
                }
            }
            return;
        };
        if flows::is_tcp(&met.packet) {
            let way = Way {
                interface: met.here.interface,
                is_onlink: is_onlink(out, met.packet.dest),
                is_accelerated: false,
            };
            met.here.state.via.note(&met.packet.flow(), way);
            if met.here.scope.captures() {
                capture::to_attached(met.here.state, routed, &met.packet);
            }
        }
    }

    fn post_routing(&self, family: Family, out: &Device<'_>, routed: &mut Routed<'_>) -> Verdict {
        let raw = routed.packet();
        let Some(here) = Here::new(raw, family, out) else {
            return Verdict::Pass;
        };
        if let Some(plain) = here.known(raw) {
            let wire = plain.wire_len(raw.segments());
            here.count(Metric::WanOutBytes, wire);
            if raw.was_received() {
                here.count(Metric::LanInBytes, wire);
            }
            return Verdict::Pass;
        }
        leaving(family, out, routed)
    }

    fn pre_routing(&self, family: Family, dev: &Device<'_>, routed: &Routed<'_>) -> Verdict {
        let raw = routed.packet();
        let Some(here) = Here::new(raw, family, dev) else {
            return Verdict::Pass;
        };
        if let Some(plain) = here.known(raw) {
            let wire = plain.wire_len(raw.segments());
            here.count(Metric::WanInBytes, wire);
            here.count(Metric::LanOutBytes, wire);
            return Verdict::Pass;
        }
        arriving(&here, routed)
    }
}

/// A packet in LOCAL_OUT that is not one of many: no socket of ours sends it, or it is the first or last of its connection.
#[inline(never)]
fn opening(here: &Here<'_>, out: &Device<'_>, sending: &mut LocalOut<'_>) -> Departure {
    let raw = sending.reading();
    let Some(met) = Met::new(*here, &raw) else {
        return Departure::Leaves;
    };
    let packet = &met.packet;
    let Some(sent) = Outgoing::of(packet) else {
        met.count(Metric::LanInBytes);
        return Departure::Leaves;
    };
    let Some(mut socket) = sending.socket(sent.ports.0, sent.ports.1) else {
        met.count(Metric::LanInBytes);
        met.answer(sending);
        return Departure::Leaves;
    };
    let is_again = sent.is_again(&socket);
    if packet.payload == 0 || !is_again {
        met.count(Metric::LanInBytes);
    }
    if !here.scope.accelerates() {
        return Departure::Leaves;
    }
    if sent.flags.opens() {
        if let Some(ms) = synack_timeout_ms(here.engine.hot().syn_retran_ms, 0) {
            socket.hasten_syn(ms);
        }
    }
    if !congestion::control().controls(&socket) {
        if !socket.can_send() {
            return Departure::Leaves;
        }
        met.adopt(&raw, is_onlink(out, packet.dest), &mut socket);
    }
    let fate = sent.attend(here, &mut socket, is_again, raw.segments());
    sent.depart(here, sending, fate)
}

/// A packet in POST_ROUTING that is not one of many.
#[inline(never)]
fn leaving(family: Family, out: &Device<'_>, routed: &mut Routed<'_>) -> Verdict {
    // Not the packet's own read side: nothing may be borrowed of a packet that is written to.
    let guard = rcu::read_lock();
    let here = Here::new(&guard, family, out);
    let Some(met) = here.and_then(|here| Met::new(here, routed.packet())) else {
        return Verdict::Pass;
    };
    let Ok(flow) = met.note(&guard, routed, true) else {
        return Verdict::Refuse;
    };
    met.count(Metric::WanOutBytes);
    if routed.packet().was_received() {
        // Forwarded: what came from the LAN side is just what leaves.
        met.count(Metric::LanInBytes);
    }
    let Some(flow) = flow else {
        return Verdict::Pass;
    };
    if met.is_for_inbound() {
        let onlink = || is_onlink(out, met.packet.dest);
        inbound::leaves(&met.inbound(flow), &guard, routed, onlink);
    }
    if met.here.scope.captures() {
        capture::sent(routed, &met.packet, flow);
    }
    Verdict::Pass
}

/// A packet in PRE_ROUTING that is not one of many.
#[inline(never)]
fn arriving(here: &Here<'_>, routed: &Routed<'_>) -> Verdict {
    let raw = routed.packet();
    let Some(met) = Met::new(*here, raw) else {
        return Verdict::Pass;
    };
    met.count(Metric::WanInBytes);
    if here.scope.is_inbound_on() {
        inbound::meter(here, met.wire, raw.segments());
    }
    let Ok(flow) = met.note(raw, routed, false) else {
        return Verdict::Refuse;
    };
    met.count(Metric::LanOutBytes);
    let Some(flow) = flow else {
        return Verdict::Pass;
    };
    if here.scope.captures() {
        capture::received(routed, &met.packet, flow);
    }
    if met.is_for_inbound() {
        inbound::arrived(&met.inbound(flow), raw);
    }
    Verdict::Pass
}
