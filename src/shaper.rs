// SPDX-License-Identifier: GPL-2.0

//! The shaper: packets and timers around the decisions of [`crate::model::shaper`].
//!
//! A [`Shaper`] is one queue of an interface: its only one, or that of one hardware queue. Its lock is
//! held by the kernel around every call. Settings are those of the first engine, whatever the CPU: the
//! scripts write the same to all.

use crate::links::Link;
use crate::model::shaper::{
    ticks, Chosen, Flow, Host, Orders, Pace, Plan, Scheduler, Slot, Verdict, FLOWS, HOSTS,
    TICKS_PER_NS,
};
use crate::model::stats::Event;
use crate::proc;
use crate::state::{State, STATE};
use crate::sys::net_device::Device;
use crate::sys::qdisc::{Arrival, Arriving, Discipline, Leaving, Load, Qdisc};
use crate::sys::queue::{Fifo, Packet};
use crate::sys::random;
use crate::sys::time::now_ns;
use kernel::prelude::*;
use kernel::sync::Arc;

/// How far a sparse flow's packet may be ahead of the clock, nanoseconds: others make up for it. Many
/// hardware queues hold slots of up to a millisecond each; this is the time after which a sparse packet waits
/// for its slot like all others, below what a person or a name server's client would notice.
const AHEAD_NS: u64 = 4_000_000;
/// Longest sleep, nanoseconds: a new setting is obeyed that soon, also where a packet takes minutes.
const NAP_NS: u64 = 20_000_000;
/// How much later than asked a timer may fire where a burst makes up for it, nanoseconds.
const SLACK_NS: u64 = 50_000;
/// How far the clock may be ahead, nanoseconds, for a queue to take a slot for more than a turn: many busy
/// queues with long slots would keep sparse packets waiting.
const CROWDED_NS: u64 = AHEAD_NS / 2;
/// Packets that one call drops at most from a queue that stands, so that its time is bounded.
const DROPS: u32 = 64;

mod acks;

type Queue = Scheduler<KVVec<u32>, KVVec<Flow>, KVVec<Host>>;

/// One queue of an interface.
pub(crate) struct Shaper {
    state: Arc<State>,
    link: Arc<Link>,
    plan: Plan,
    /// The state of the settings and the size of packets that the plan was made for.
    made_for: (u32, u32),
    queue: Queue,
    packets: KVVec<Fifo>,
    /// Memory that they take, bytes.
    memory: u64,
    /// The turn that this queue has on the interface.
    slot: Option<Slot>,
    /// Bytes sent in it.
    used: u32,
    seed: u32,
}

/// By which right a packet leaves.
enum Turn {
    /// There is no rate to keep to.
    Free,
    /// It is sparse, and others will make up for it.
    Ahead,
    /// This slot has begun.
    Slot(Slot),
}

fn filled<T>(count: usize, make: impl Fn() -> T) -> Result<KVVec<T>> {
    let mut vec = KVVec::with_capacity(count, GFP_KERNEL)?;
    for _ in 0..count {
        vec.push(make(), GFP_KERNEL)?;
    }
    Ok(vec)
}

/// A plan by the settings as they are, and the state that they are in.
fn plan(state: &State, mtu: u32) -> Option<(Plan, u32)> {
    let settings = &state.engines().first()?.settings;
    // First, so that a change in between makes another plan.
    let changes = proc::changes();
    let orders = Orders::read(|key| settings.get(key));
    Some((Plan::new(&orders, mtu), changes))
}

impl Shaper {
    /// Obeys settings that have changed. Context: the queue's lock held.
    fn refresh(&mut self, mtu: u32) {
        if proc::have_changed(self.made_for.0) || mtu != self.made_for.1 {
            self.plan_anew(mtu);
        }
    }

    #[cold]
    fn plan_anew(&mut self, mtu: u32) {
        let Some((plan, changes)) = plan(&self.state, mtu) else {
            return;
        };
        let rate = |plan: &Plan| plan.pace.map(|pace| pace.rate());
        if rate(&plan) != rate(&self.plan) {
            // A slot of the old rate's clock.
            self.slot = None;
        }
        self.link.set_rate(plan.pace.as_ref(), now_ns());
        self.queue.set_quantum(plan.quantum_bytes);
        self.plan = plan;
        self.made_for = (changes, mtu);
    }

    fn count(&self, event: Event) {
        if let Some((engine, _)) = self.state.current() {
            self.state.count(engine, event);
        }
    }

    /// Takes the first packet of a flow out of the books.
    fn take(&mut self, flow: u16) -> Option<Packet> {
        let packet = self.packets.get_mut(usize::from(flow))?.pop()?;
        self.queue.left(flow, packet.len());
        self.memory = self.memory.saturating_sub(u64::from(packet.truesize()));
        if self.queue.packets() == 0 {
            // A packet's size in memory may have changed while it waited.
            self.memory = 0;
        }
        Some(packet)
    }

    /// Puts a packet into a flow's queue, unless it is one too many. Another flow's packet may have to
    /// go for it.
    fn admit(
        &mut self,
        qdisc: &mut Arriving<'_>,
        packet: Packet,
        (flow, host): (u16, u16),
        now: u64,
    ) -> bool {
        let Err(mut packet) = self.thin(packet, (flow, host), now) else {
            return true;
        };
        if self.queue.packets() >= self.plan.limits.packets(self.memory) {
            self.count(Event::QueueDrops);
            let victim = self.queue.fattest(flow);
            let out = if victim == flow {
                None
            } else {
                self.take(victim)
            };
            match out {
                Some(old) => qdisc.discard(old),
                None => {
                    qdisc.discard(packet);
                    return false;
                }
            }
        }
        packet.stamp(now);
        let (bytes, memory) = (packet.len(), packet.truesize());
        let Some(fifo) = self.packets.get_mut(usize::from(flow)) else {
            qdisc.discard(packet);
            return false;
        };
        fifo.push(packet);
        self.queue.joined(flow, host, bytes);
        self.memory = self.memory.saturating_add(u64::from(memory));
        true
    }

    /// Whether the chosen flow's packet of `bytes` may leave now; `Err` is the tick at which to ask again.
    fn turn(&mut self, chosen: Chosen, bytes: u32, now: u64) -> Result<Turn, u64> {
        let Some(pace) = self.plan.pace else {
            return Ok(Turn::Free);
        };
        if let Some(slot) = self.slot {
            if pace.opens(&slot, bytes) <= ticks(now) {
                return Ok(Turn::Slot(slot));
            }
        }
        let mut earliest = u64::MAX;
        if chosen.is_sparse && pace.has_burst() {
            earliest = self.link.open_ahead(&pace, now, AHEAD_NS);
            if earliest <= ticks(now) {
                return Ok(Turn::Ahead);
            }
        }
        let slot = match self.slot {
            Some(slot) => slot,
            None => self.claim(&pace, bytes, now),
        };
        let opens = pace.opens(&slot, bytes);
        if opens <= ticks(now) {
            return Ok(Turn::Slot(slot));
        }
        Err(opens.min(earliest))
    }

    /// Takes a slot: for a packet of `bytes`, or for as many that wait as are worth an interrupt.
    fn claim(&mut self, pace: &Pace, bytes: u32, now: u64) -> Slot {
        let is_crowded = self.link.clock() > ticks(now.saturating_add(CROWDED_NS));
        let bytes = self.plan.slot_bytes(is_crowded, bytes, self.queue.bytes());
        self.used = 0;
        *self.slot.insert(self.link.claim(pace, now, bytes))
    }

    /// A packet of `bytes` leaves.
    fn settle(&mut self, turn: &Turn, bytes: u32, now: u64) {
        let Some(pace) = self.plan.pace else { return };
        match turn {
            Turn::Free => {}
            Turn::Ahead => {
                self.link.go_ahead(&pace, now, bytes);
            }
            Turn::Slot(slot) => {
                self.used = self.used.saturating_add(bytes);
                if self.used >= slot.bytes {
                    self.link.settle(&pace, slot, self.used);
                    self.slot = None;
                }
            }
        }
    }

    /// Gives back what nobody is left to use of a slot.
    fn return_slot(&mut self) {
        if let (Some(pace), Some(slot)) = (self.plan.pace, self.slot.take()) {
            self.link.settle(&pace, &slot, self.used);
        }
    }

    /// What becomes of a packet whose flow may have a queue that stands.
    fn manage(&mut self, flow: u16, packet: &Packet, now: u64) -> Verdict {
        let behind = self.queue.bytes_of(flow);
        let waited = now.saturating_sub(packet.stamped()) / 1_000;
        let Some(codel) = self.queue.codel(flow) else {
            return Verdict::Pass;
        };
        let waited = u32::try_from(waited).unwrap_or(u32::MAX);
        // CAST: microseconds that wrap, as the model wants them.
        codel.judge(&self.plan.aqm, waited, behind, (now / 1_000) as u32)
    }
}

impl Discipline for Shaper {
    const NAME: &'static [u8] = b"appex";

    fn new(device: &Device<'_>, qdisc: &Qdisc<'_>) -> Result<KBox<Self>> {
        let state = STATE.shared().ok_or(ENODEV)?;
        let mtu = qdisc.mtu();
        let (plan, changes) = plan(&state, mtu).ok_or(ENODEV)?;
        let mut queue = Scheduler::new(
            filled(FLOWS, || 0)?,
            filled(FLOWS, Flow::default)?,
            filled(HOSTS, Host::default)?,
        );
        queue.set_quantum(plan.quantum_bytes);
        let packets = filled(FLOWS, Fifo::new)?;
        let link = state.links.join(device.identity())?;
        link.set_rate(plan.pace.as_ref(), now_ns());
        let shaper = Shaper {
            state,
            link,
            plan,
            made_for: (changes, mtu),
            queue,
            packets,
            memory: 0,
            slot: None,
            used: 0,
            // CAST: any 32 bits of it.
            seed: random::word() as u32,
        };
        // If there is no memory, `Drop` leaves the link.
        Ok(KBox::new(shaper, GFP_KERNEL)?)
    }

    fn enqueue(&mut self, qdisc: &mut Arriving<'_>, mut packet: Packet) -> Arrival {
        self.refresh(qdisc.mtu());
        let now = now_ns();
        let flow = self.queue.place(packet.hash());
        let host = if self.plan.host_fair {
            // CAST: HOSTS fits.
            (packet.host_hash(self.seed) as usize % HOSTS) as u16
        } else {
            0
        };
        let place = (flow, host);
        if !packet.is_gso() || packet.len() <= self.plan.whole_bytes {
            return arrival(self.admit(qdisc, packet, place, now));
        }
        let mut segments = qdisc.segment(packet);
        let mut any = false;
        while let Some(segment) = segments.pop() {
            any |= self.admit(qdisc, segment, place, now);
        }
        arrival(any)
    }

    fn dequeue(&mut self, qdisc: &mut Leaving<'_>) -> Option<Packet> {
        self.refresh(qdisc.mtu());
        let now = now_ns();
        let mut dropped = 0u32;
        loop {
            let chosen = self.queue.choose()?;
            let bytes = self.packets.get(usize::from(chosen.flow))?.first_len()?;
            let turn = match self.turn(chosen, bytes, now) {
                Ok(turn) => turn,
                Err(tick) => {
                    let at = tick.div_ceil(TICKS_PER_NS);
                    let slack = self.plan.pace.is_some_and(|pace| pace.has_burst());
                    qdisc.wake_at(
                        at.min(now.saturating_add(NAP_NS)),
                        if slack { SLACK_NS } else { 0 },
                    );
                    return None;
                }
            };
            let mut packet = self.take(chosen.flow)?;
            if self.manage(chosen.flow, &packet, now) == Verdict::Signal {
                if packet.mark() {
                    self.count(Event::QueueMarks);
                } else if dropped < DROPS {
                    dropped = dropped.saturating_add(1);
                    self.count(Event::QueueDrops);
                    qdisc.discard(packet);
                    continue;
                }
            }
            let bytes = packet.len();
            self.settle(&turn, bytes, now);
            self.queue.sent(chosen.flow, bytes);
            if self.queue.packets() == 0 {
                self.return_slot();
            }
            return Some(packet);
        }
    }

    fn load(&self) -> Load {
        Load {
            packets: self.queue.packets(),
            bytes: self.queue.bytes(),
        }
    }

    fn clear(&mut self) {
        for fifo in self.packets.iter_mut() {
            fifo.clear();
        }
        self.queue.clear();
        self.memory = 0;
        self.return_slot();
    }
}

impl Drop for Shaper {
    fn drop(&mut self) {
        self.return_slot();
        self.state.links.leave(&self.link);
    }
}

fn arrival(queued: bool) -> Arrival {
    if queued {
        Arrival::Queued
    } else {
        Arrival::Refused
    }
}
