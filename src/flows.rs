// SPDX-License-Identifier: GPL-2.0

//! The flow table's records, and the reaper that forgets idle ones.

use crate::adoption;
use crate::convert::addr;
use crate::inbound;
use crate::model::classify::{FlowKey, Packet, TcpFlags, Transport, TCP};
use crate::model::flow::{self, Admit, Phase, Seen, Sessions};
use crate::model::plain::Plain;
use crate::model::refusal::Reset;
use crate::model::settings::{unpack, Key};
use crate::model::stats::{Event, Metric};
use crate::model::units::{Family, Millis};
use crate::state::{present, State};
use crate::sys::netfilter::Routed;
use crate::sys::published::ReadSide;
use crate::sys::time::now_ms;
use crate::sys::work::Task;
use kernel::sync::atomic::{Atomic, Full, Relaxed};
use kernel::sync::Arc;

/// Shortest and longest pause between two rounds of the reaper, milliseconds. A round looks at every flow, five times a
/// second at most; idle flows, and sockets whose interface is gone, do not wait for ever.
const REAP_MS: (u32, u32) = (200, 10_000);

/// Longest rest of the reaper between two looks whether its pause is over, milliseconds: a new pause counts that soon.
const LOOK_MS: u64 = 1_000;

/// Milliseconds for each unit of `taskSchedDelay`: as shipped (100) it is a second, short against every idle timeout.
const DELAY_UNIT_MS: u32 = 10;

/// Both ends have not taken part so far.
const NOT_YET: u32 = 0;
/// Both ends have taken part.
const COUNTED: u32 = 1;
/// The record is being removed: no longer counted, nor ever again.
const GONE: u32 = 2;

/// What is known of a flow. Changed by packets on several CPUs at once: bits
/// only get set, and of time stamps the latest counts.
pub(crate) struct Flow {
    seen: Atomic<u32>,
    last_ms: Atomic<u64>,
    /// When it last carried payload; 0 for never.
    last_data_ms: Atomic<u64>,
    /// The engine that made the record.
    pub(crate) engine: u32,
    /// Index of the interface that it was first met on.
    pub(crate) interface: u32,
    family: Family,
    pub(crate) protocol: u8,
    /// Whether it counts among its engine's two-way flows: [`NOT_YET`], [`COUNTED`] or [`GONE`].
    counted: Atomic<u32>,
    /// Whether what was sent last was accelerated. Kept while packets are captured only.
    accelerated: Atomic<u32>,
    /// The rule that last kept it from being accelerated; 0 for none.
    ruled: Atomic<u32>,
    /// The end that comes first in the key is on this side of the interface.
    pub(crate) near_is_low: bool,
    /// What comes in, and how it is steered.
    pub(crate) inbound: inbound::Control,
}

/// Where a packet was met.
pub(crate) struct Place {
    /// Number of the engine.
    pub(crate) engine: u32,
    /// Index of the interface.
    pub(crate) interface: u32,
    /// The packet leaves by the interface.
    pub(crate) leaves: bool,
}

impl Flow {
    fn new(place: &Place, packet: &Packet, seen: Seen, forward: bool, now: u64) -> Self {
        Flow {
            seen: Atomic::new(seen.0),
            last_ms: Atomic::new(now),
            last_data_ms: Atomic::new(if packet.payload > 0 { now } else { 0 }),
            engine: place.engine,
            interface: place.interface,
            family: packet.family(),
            protocol: packet.proto,
            counted: Atomic::new(NOT_YET),
            accelerated: Atomic::new(0),
            ruled: Atomic::new(0),
            near_is_low: forward == place.leaves,
            inbound: inbound::Control::new(),
        }
    }

    fn touch(&self, state: &State, packet: &Packet, bits: Seen, now: u64) {
        // Plain stores where nothing changes would still bounce the cache line.
        if self.last_ms.load(Relaxed) != now {
            self.last_ms.store(now, Relaxed);
        }
        if packet.payload > 0 && self.last_data_ms.load(Relaxed) != now {
            self.last_data_ms.store(now, Relaxed);
        }
        let seen = Seen(self.seen.load(Relaxed));
        if seen.restarts(packet) {
            self.seen.store(bits.0, Relaxed);
            self.set_accelerated(false);
        } else if seen.merge(bits) != seen && self.merge(bits).is_two_way() {
            self.count(state);
        }
    }

    /// Counts it among the two-way flows of its engine, once.
    #[cold]
    fn count(&self, state: &State) {
        let first = self.counted.cmpxchg(NOT_YET, COUNTED, Full).is_ok();
        if let (true, Some(engine)) = (first, state.engines().get(self.engine as usize)) {
            engine.two_way.add(1, Relaxed);
        }
    }

    /// Counts it no more.
    fn discount(&self, state: &State) {
        let last = self.counted.xchg(GONE, Full) == COUNTED;
        if let (true, Some(engine)) = (last, state.engines().get(self.engine as usize)) {
            engine.two_way.add(-1, Relaxed);
        }
    }

    /// Sets bits; returns all that are set now.
    fn merge(&self, bits: Seen) -> Seen {
        let mut old = self.seen.load(Relaxed);
        // A handful of bits in the life of a flow: contention ends at once.
        loop {
            let new = Seen(old).merge(bits);
            match self.seen.cmpxchg(old, new.0, Full) {
                Ok(_) => return new,
                Err(now) => old = now,
            }
        }
    }

    fn expired(&self, now: Millis, short: Millis) -> bool {
        let seen = Seen(self.seen.load(Relaxed));
        let last = Millis(self.last_ms.load(Relaxed));
        flow::expired(now, last, self.protocol, seen, short)
    }

    /// Notes whether what it sends is accelerated.
    pub(crate) fn set_accelerated(&self, accelerated: bool) {
        let new = u32::from(accelerated);
        if self.accelerated.load(Relaxed) != new {
            self.accelerated.store(new, Relaxed);
        }
    }

    /// What was noted last.
    pub(crate) fn is_accelerated(&self) -> bool {
        self.accelerated.load(Relaxed) != 0
    }

    /// Notes the rule that keeps it from being accelerated; whether that is news.
    pub(crate) fn ruled_by(&self, id: u32) -> bool {
        self.ruled.load(Relaxed) != id && self.ruled.xchg(id, Relaxed) != id
    }

    /// How far the flow is, and when its last packet was met.
    pub(crate) fn progress(&self) -> (Phase, Millis) {
        let seen = Seen(self.seen.load(Relaxed));
        (seen.phase(), Millis(self.last_ms.load(Relaxed)))
    }

    fn is_active(&self, now: Millis) -> bool {
        let last = self.last_data_ms.load(Relaxed);
        flow::is_active(now, (last != 0).then_some(Millis(last)))
    }
}

/// The connection that a packet opens is to be refused.
pub(crate) struct Refused;

/// Notes a packet of a flow, making the flow's record if there is room; the record, if there is one then.
///
/// Context: softirq or process, in the RCU read side that `guard` proves.
pub(crate) fn note<'g>(
    state: &'g State,
    place: &Place,
    guard: &'g impl ReadSide,
    packet: &Packet,
    plain: Option<Plain>,
) -> Result<Option<&'g Flow>, Refused> {
    let (key, forward) = packet.flow();
    let seen = Seen::of(packet, forward);
    let now = now_ms();
    let Some(flow) = state.flows.find(guard, key.words()) else {
        make(state, place, packet, (&key, forward), seen, now)?;
        return Ok(state.flows.find(guard, key.words()));
    };
    flow.touch(state, packet, seen, now);
    match plain {
        Some(plain) if plain.is_in_the_middle() => {
            if let Some(place) = state.recent.look(&plain, now) {
                state.recent.note(&place);
            }
        }
        // What follows is perhaps another connection.
        Some(plain) if plain.flags.has(TcpFlags::SYN) => state.recent.forget(&plain),
        _ => {}
    }
    Ok(Some(flow))
}

/// Whether the record of a packet's flow need not be told of it. Context: any.
#[inline(always)]
pub(crate) fn is_known(state: &State, packet: &Plain) -> bool {
    packet.is_in_the_middle() && state.recent.look(packet, now_ms()).is_none()
}

/// The record of a flow met for the first time.
#[cold]
fn make(
    state: &State,
    place: &Place,
    packet: &Packet,
    (key, forward): (&FlowKey, bool),
    seen: Seen,
    now: u64,
) -> Result<(), Refused> {
    let number = place.engine;
    let Some(engine) = state.engines().get(number as usize) else {
        return Ok(());
    };
    let sessions = Sessions {
        all: present(&engine.tracked),
        two_way: present(&engine.two_way),
    };
    match flow::admit(&engine.hot().limits, sessions, packet) {
        Admit::Track => {}
        Admit::Ignore => return Ok(()),
        Admit::Pass => {
            state.count(number, Event::OverLimitPassed);
            return Ok(());
        }
        Admit::Refuse => {
            state.count(number, Event::OverLimitRefused);
            return Err(Refused);
        }
    }
    // Counted first and taken back on failure: the other way round the reaper
    // could count a flow down before it was counted up.
    gauge(state, number, packet.family(), packet.proto, true);
    if state
        .flows
        .insert(key.words(), Flow::new(place, packet, seen, forward, now))
        .is_err()
    {
        // No memory, or another CPU was first: either way nothing to keep.
        gauge(state, number, packet.family(), packet.proto, false);
    }
    Ok(())
}

fn gauge(state: &State, engine: u32, family: Family, protocol: u8, up: bool) {
    if let Some(engine) = state.engines().get(engine as usize) {
        engine.tracked.add(if up { 1 } else { -1 }, Relaxed);
    }
    state.gauge(engine, family, Metric::NumOfFlows, up);
    if protocol == TCP {
        state.gauge(engine, family, Metric::NumOfTcpFlows, up);
    }
}

/// Tells whoever is behind an interface that the connection which `refused` opens is refused. Context: softirq or process.
#[cold]
pub(crate) fn refuse(routed: &Routed<'_>, mut refused: Packet) {
    // Whoever sent it is told in his own terms: behind a NAT these are other addresses.
    if let Some([source, dest]) = routed.untranslated() {
        let family = refused.family();
        (refused.source, refused.source_port) = (addr(family, &source.0), source.1);
        (refused.dest, refused.dest_port) = (addr(family, &dest.0), dest.1);
    }
    if let Some(reset) = Reset::of(&refused) {
        routed.send_reply(reset.bytes());
    }
}

/// Whether the packet is TCP.
pub(crate) fn is_tcp(packet: &Packet) -> bool {
    matches!(packet.transport, Transport::Tcp { .. })
}

/// Periodic work: forgets idle flows, counts active ones, hands back sockets
/// whose interface was detached.
pub(crate) struct Reaper {
    state: Arc<State>,
    /// When its last round was, milliseconds.
    last: Atomic<u64>,
}

impl Reaper {
    /// Its first round is at once.
    pub(crate) fn new(state: Arc<State>) -> Self {
        Reaper {
            state,
            last: Atomic::new(0),
        }
    }

    /// How long its pause lasts yet, milliseconds, as settings are now: not as they were when it began.
    fn rest_ms(&self, now_ms: u64) -> u32 {
        let since = now_ms.saturating_sub(self.last.load(Relaxed));
        let rest = u64::from(pause_ms(&self.state)).saturating_sub(since);
        // CAST: at most a second.
        rest.min(LOOK_MS) as u32
    }

    fn round(&self, now: Millis) {
        let state = &self.state;
        // Flows of one engine obey the engine's own setting.
        let short = |engine: u32| {
            let engine = state.engines().get(engine as usize);
            Millis(engine.map_or(0, |e| e.settings.get(Key::FlowShortTimeout)))
        };
        for engine in state.engines() {
            engine.counting[0].store(0, Relaxed);
            engine.counting[1].store(0, Relaxed);
        }
        state.flows.retain(|_, flow| {
            if flow.expired(now, short(flow.engine)) {
                gauge(state, flow.engine, flow.family, flow.protocol, false);
                flow.discount(state);
                return false;
            }
            if flow.protocol == TCP && flow.is_active(now) {
                if let Some(engine) = state.engines().get(flow.engine as usize) {
                    engine.counting[family_index(flow.family)].add(1, Relaxed);
                }
            }
            true
        });
        for engine in state.engines() {
            for (shown, counted) in engine.active.iter().zip(&engine.counting) {
                shown.store(counted.load(Relaxed), Relaxed);
            }
        }
        adoption::review_if_due(state);
    }
}

impl Task for Reaper {
    fn run(&self) -> u32 {
        let now = now_ms();
        let rest = self.rest_ms(now);
        if rest > 0 {
            return rest;
        }
        self.last.store(now, Relaxed);
        self.round(Millis(now));
        self.rest_ms(now)
    }
}

/// How long the reaper rests: as `taskSchedDelay` of the first engine says, for as long as there are flows, or none.
fn pause_ms(state: &State) -> u32 {
    let Some(first) = state.engines().first() else {
        return REAP_MS.1;
    };
    let (busy, idle) = unpack(first.settings.get(Key::TaskSchedDelay));
    let flows = state.engines().iter().map(|e| present(&e.tracked));
    let units = match flows.fold(0, u64::saturating_add) {
        0 => idle,
        _ => busy,
    };
    units
        .saturating_mul(DELAY_UNIT_MS)
        .clamp(REAP_MS.0, REAP_MS.1)
}

/// Index of a family in a pair.
pub(crate) const fn family_index(family: Family) -> usize {
    match family {
        Family::V4 => 0,
        Family::V6 => 1,
    }
}
