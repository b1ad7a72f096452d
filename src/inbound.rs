// SPDX-License-Identifier: GPL-2.0

//! Inbound control: packets of the hooks in, windows of [`crate::model::inbound`] out.
//!
//! Local receivers and forwarded flows are handled alike, on the WAN side: what comes by an attached interface is
//! looked at in PRE_ROUTING, and the windows of what leaves by it are written in POST_ROUTING. Sockets are not
//! touched: a window that the kernel offers is only ever made smaller, and the kernel takes data beyond it.

use crate::flows::Flow;
use crate::meet::Here;
use crate::model::classify::{Packet, TcpFlags, Transport, HEADERS};
use crate::model::inbound::{Arrival, Handshake, Inbound, Offer, Segment};
use crate::model::policy;
use crate::model::stats::Event;
use crate::sys::bh_lock::BhLock;
use crate::sys::late::Late;
use crate::sys::netfilter::Routed;
use crate::sys::published::ReadSide;
use crate::sys::skb;
use crate::sys::tcp::is_short_of_memory;
use crate::sys::time::now_ns;
use kernel::sync::atomic::{Atomic, Full, Relaxed};

/// Time for which a decision whether a flow is controlled holds, microseconds: settings are obeyed that soon.
const DECIDED_US: u64 = 1_000_000;

/// Ethernet's header, bytes: the limit is one of frames, as that of the shaper.
const FRAME: u64 = 14;

/// What a flow's record has for inbound control.
pub(crate) struct Control {
    /// What the SYNs said, [`Handshake`].
    handshake: Atomic<u32>,
    /// When it was last found whether the flow is one of those that are accelerated, microseconds, with the answer as lowest bit.
    decided: Atomic<u64>,
    /// Made when it is found to be one.
    flow: Late<BhLock<Inbound>>,
}

/// Where a packet was met, and what is to be done there.
pub(crate) struct Place<'a> {
    here: &'a Here<'a>,
    packet: &'a Packet,
    flow: &'a Flow,
}

impl<'a> Place<'a> {
    /// `packet` of `flow`, as it was met.
    pub(crate) fn new(here: &'a Here<'a>, packet: &'a Packet, flow: &'a Flow) -> Self {
        Place { here, packet, flow }
    }
}

impl Control {
    /// Nothing is known of the flow.
    pub(crate) const fn new() -> Self {
        Control {
            handshake: Atomic::new(0),
            decided: Atomic::new(0),
            flow: Late::new(),
        }
    }

    /// Notes the shift of windows that a SYN offers. What was known ends with what opens a connection anew.
    #[cold]
    fn greet(&self, is_near: bool, opens: bool, shift: Option<u8>) {
        let mut old = self.handshake.load(Relaxed);
        // Two packets in the life of a flow: contention ends at once.
        loop {
            let known = match opens {
                true => Handshake::default(),
                false => Handshake(old),
            };
            match self
                .handshake
                .cmpxchg(old, known.note(is_near, shift).0, Full)
            {
                Ok(_) => break,
                Err(now) => old = now,
            }
        }
        if let (true, Some(flow)) = (opens, self.flow.get()) {
            flow.with(|inbound| *inbound = Inbound::default());
        }
    }

    /// Whether the flow is one of those that are accelerated; `decide` is asked when that is not known or long ago.
    fn is_wanted(&self, now_us: u64, decide: impl FnOnce() -> bool) -> bool {
        let decided = self.decided.load(Relaxed);
        if decided != 0 && now_us.saturating_sub(decided) < DECIDED_US {
            return decided & 1 == 1;
        }
        let is_wanted = decide();
        // Two CPUs that ask at the same time get the same answer.
        self.decided
            .store(now_us & !1 | u64::from(is_wanted), Relaxed);
        is_wanted
    }

    fn shift(&self) -> Option<u8> {
        Handshake(self.handshake.load(Relaxed)).shift()
    }
}

/// Counts what an interface receives. Context: softirq.
pub(crate) fn meter(here: &Here<'_>, wire: u64, packets: u32) {
    let orders = here.engine.inbound();
    if !orders.is_on() {
        return;
    }
    let now = now_us();
    if let Some(meter) = here.state.meters.of(here.interface, now) {
        let frames = FRAME.saturating_mul(u64::from(packets));
        meter.count(wire.saturating_add(frames), now, orders.limit);
    }
}

/// Looks at a packet that came in. Context: softirq, RCU.
pub(crate) fn arrived(place: &Place<'_>, raw: &skb::Packet<'_>) {
    let packet = place.packet;
    let Transport::Tcp { seq, flags, .. } = packet.transport else {
        return;
    };
    let is_syn = flags.has(TcpFlags::SYN);
    let is_on = place.here.engine.inbound().is_on();
    if !is_syn && (!is_on || packet.payload == 0) {
        return;
    }
    let Some(segment) = Segment::read(raw.linear(HEADERS), packet) else {
        return;
    };
    if is_syn {
        place
            .flow
            .inbound
            .greet(false, flags.opens(), segment.shift);
        return;
    }
    let Some(controlled) = place.flow.inbound.flow.get() else {
        return;
    };
    let meter = place.here.state.meters.find(place.here.interface);
    let arrival = Arrival {
        now_us: now_us(),
        end: seq.wrapping_add(packet.payload),
        payload: packet.payload,
        packets: raw.segments(),
        echo: segment.times.map(|(_, echo)| echo),
        all: meter.map_or(0, |meter| meter.all()),
    };
    let report = controlled.with(|inbound| {
        let is_over = inbound.arrived(&arrival);
        is_over.then(|| inbound.report(arrival.now_us))
    });
    let Some(report) = report else {
        return;
    };
    if let Some(meter) = meter {
        meter.round_trip(report.rtt_us);
    }
    if place.here.engine.inbound().steers {
        let known = place.here.state.routes.note(packet.source, &report);
        controlled.with(|inbound| inbound.learn(&known));
    }
}

/// Looks at a packet that leaves, and writes its window if that is to be smaller. Context: softirq or process, RCU.
pub(crate) fn leaves(
    place: &Place<'_>,
    guard: &impl ReadSide,
    routed: &mut Routed<'_>,
    is_onlink: impl FnOnce() -> bool,
) {
    let bytes = routed.packet().linear(HEADERS);
    if let Some(rewrite) = judge(place, guard, bytes, is_onlink) {
        rewrite.write(place, routed);
    }
}

/// What to write as the window of a packet that leaves, if not what is there.
fn judge(
    place: &Place<'_>,
    guard: &impl ReadSide,
    bytes: &[u8],
    is_onlink: impl FnOnce() -> bool,
) -> Option<Rewrite> {
    let (packet, flow) = (place.packet, place.flow);
    let Transport::Tcp { flags, .. } = packet.transport else {
        return None;
    };
    let orders = place.here.engine.inbound();
    if flags.has(TcpFlags::SYN) {
        let segment = Segment::read(bytes, packet)?;
        flow.inbound.greet(true, flags.opens(), segment.shift);
        return None;
    }
    if !orders.is_on() || !flags.has(TcpFlags::ACK) || flags.has(TcpFlags::RST) {
        return None;
    }
    let segment = Segment::read(bytes, packet)?;
    let shift = flow.inbound.shift()?;
    if segment.is_signed {
        return None;
    }
    let now_us = now_us();
    let is_wanted = flow
        .inbound
        .is_wanted(now_us, || is_wanted(place, guard, is_onlink()));
    let controlled = match is_wanted {
        true => flow
            .inbound
            .flow
            .get_or_make(|| BhLock::new(Inbound::default()))?,
        // One that was controlled is let go of by an offer as large as its receiver's.
        false => flow.inbound.flow.get()?,
    };
    let rate = orders
        .limit
        .and(place.here.state.meters.find(place.here.interface))
        .and_then(|meter| meter.rate());
    let steers = (orders.steers && is_wanted).then(|| place.here.engine.queue_limits());
    let offer = Offer {
        now_us,
        ack: segment.ack,
        field: segment.window,
        shift,
        stamp: segment.times.map(|(stamp, _)| stamp),
        queue: steers.map(|(full, idle)| match is_short_of_memory() {
            true => full,
            false => idle,
        }),
        rate: rate.filter(|_| is_wanted),
    };
    let written = controlled.with(|inbound| inbound.offer(&offer));
    (written != segment.window).then_some(Rewrite {
        offset: segment.offset,
        window: written,
        ack: segment.ack,
        field: segment.window,
        shift,
    })
}

/// A window to be written.
struct Rewrite {
    /// Where the TCP header begins, bytes from the network header.
    offset: u32,
    window: u16,
    ack: u32,
    /// The window as it is, and by how much it is shifted.
    field: u16,
    shift: u8,
}

impl Rewrite {
    fn write(&self, place: &Place<'_>, routed: &mut Routed<'_>) {
        if routed.set_window(self.offset, self.window) {
            place
                .here
                .state
                .count(place.here.number, Event::LoweredWindows);
            return;
        }
        // It goes out as it was: that is what the sender was offered now.
        if let Some(flow) = place.flow.inbound.flow.get() {
            flow.with(|inbound| inbound.passed(self.ack, self.field, self.shift));
        }
    }
}

/// Whether a flow with the peer of a packet that leaves is one of those that are accelerated.
fn is_wanted(place: &Place<'_>, guard: &impl ReadSide, is_onlink: bool) -> bool {
    let packet = place.packet;
    let hot = place.here.engine.hot();
    let ports = (packet.source_port, packet.dest_port);
    // Whose control group counts is the socket's business: its own rules are obeyed where it is adopted.
    let found = place
        .here
        .state
        .rules
        .find(guard, packet.dest, ports, |_| &[][..]);
    match place.here.engine.facts(
        place.here.state,
        &hot,
        packet.dest,
        is_onlink,
        found.as_ref(),
    ) {
        Ok(facts) => policy::decide(&facts).is_ok(),
        Err(_) => false,
    }
}

fn now_us() -> u64 {
    now_ns() / 1_000
}
