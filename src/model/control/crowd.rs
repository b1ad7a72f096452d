// SPDX-License-Identifier: GPL-2.0

//! Equal shares among flows of ours that meet at one bottleneck.
//!
//! A lone flow empties the queue whenever it drains. A drain that does not is the sign of others. If they are of our kind they
//! see the same queue and can share it: each flow allows itself the same few packets of backlog, so the rate at which it comes
//! to rest is those packets over the queue delay, and thus the same for all. That is the law of TCP Vegas (Brakmo and Peterson,
//! 1995) and FAST TCP (Wei et al., 2006). Here it corrects the rate that the path was measured to take, so that the sum of all
//! fits the bottleneck at once and only the shares have to drift.
//!
//! If the queue stands all the same, the others fill whatever buffer there is. Nobody shares with them by yielding: what was
//! given up is taken back, and their queue is ignored for a while.

use super::math::{low32, ms, mul_div};
use super::rounds::{Kind, Round};
use super::types::{Ack, Settings};
use super::zeta::{Zeta, IGNORE_QUEUE_ROUNDS};

/// Packets of backlog that a flow allows itself: enough to be seen against the bursts of two that delayed ACKs make, few enough
/// for eight flows to stay below the threshold of a standing queue at 100 Mbit/s.
const BACKLOG_MIN: u32 = 8;
const BACKLOG_MAX: u32 = 12;

/// One packet of backlog for so much round trip, microseconds: a long path hides a small queue better.
const BACKLOG_GRAIN_US: u32 = 8_000;

/// Share of the difference that a round corrects: a half. More swings, as an effect shows only a round trip later.
const STEP_SHARE: u64 = 2;

/// Most that a round takes away, a quarter of the rate, and adds, an eighth.
const DOWN_SHARE: u64 = 4;
const UP_SHARE: u64 = 8;

/// Time that the sign of others is good for, milliseconds: several cycles of probing on a long path.
const CROWD_MS: u32 = 30_000;

/// Time within which two signs of others confirm each other, milliseconds.
const PRESSED_MS: u32 = 10_000;

/// Least queue that is large, microseconds: on a short path timers and bursts make smaller ones.
const LARGE_US: u32 = 4_000;

/// Share by which a round's mean may exceed the estimate, a sixteenth: taking only the lower ones would follow their scatter
/// downwards.
const SCATTER_SHARE: u64 = 16;

/// Rounds with a large queue, less those without, after which the others are no flows of ours: those would have given up nearly
/// all they had.
const FILLER_ROUNDS: u8 = 20;

/// Probes after growth that found next to nothing (less than half of what there was) that may not grow again: the room was what
/// others had left in a drain.
const HUMBLE_PROBES: u8 = 30;

/// Each probe that finds room without a queue leaves one part in so many of them: three do.
const ROOM_SHARE: u8 = 4;

/// Who shares the bottleneck, as far as is known.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Others {
    #[default]
    None,
    /// Flows that yield to a queue as we do.
    Ours,
    /// Flows that fill the buffer.
    Fillers,
}

/// What is known of others at the bottleneck. Times are milliseconds and wrap.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Crowd {
    others: Others,
    /// The others are believed in until then.
    until_ms: u32,
    /// Last of the signs that need to be confirmed, if any.
    pressed_ms: u32,
    pressed: bool,
    /// Capacity before the queue stood, kilobytes per second, and the rounds since.
    before_kb: u32,
    full_rounds: u8,
    humble_probes: u8,
}

/// True if `end_ms` is yet to come. What is older than 24 days may seem so again, for a connection that was idle as long: it then
/// shares for half a minute for nothing.
fn is_ahead(end_ms: u32, now_us: u64) -> bool {
    // CAST: Differences of wrapping times are signed.
    end_ms.wrapping_sub(ms(now_us)) as i32 > 0
}

impl Crowd {
    fn believe(&mut self, others: Others, now_us: u64) {
        self.others = others;
        self.until_ms = ms(now_us).wrapping_add(CROWD_MS);
    }

    fn are(&self, others: Others, now_us: u64) -> bool {
        self.others == others && is_ahead(self.until_ms, now_us)
    }

    /// Whether flows of our kind share the bottleneck.
    pub(super) fn is_on(&self, now_us: u64) -> bool {
        self.are(Others::Ours, now_us)
    }

    /// A drain did not empty the queue. Returns whether that is to be answered by sharing.
    pub(super) fn met(&mut self, now_us: u64) -> bool {
        let fair = !self.are(Others::Fillers, now_us);
        if fair {
            self.believe(Others::Ours, now_us);
        }
        fair
    }

    /// A large queue stood while this flow sent no more than its part, or a probe got more while packets waited. Twice is no
    /// accident.
    pub(super) fn pressed(&mut self, now_us: u64) {
        let again = self.pressed && is_ahead(self.pressed_ms.wrapping_add(PRESSED_MS), now_us);
        self.pressed = true;
        self.pressed_ms = ms(now_us);
        if again {
            self.met(now_us);
        }
    }

    /// Growth that started at `from` has ended at `reached`, by a queue.
    pub(super) fn grown(&mut self, from: u64, reached: u64) {
        if reached < from.saturating_add(from / 2) {
            self.humble_probes = HUMBLE_PROBES;
        }
    }

    /// A probe is over; `room` if all that was sent more arrived, and nothing waited: a few of those in a row, and the others
    /// are gone.
    pub(super) fn probed(&mut self, room: bool) {
        self.humble_probes = if room {
            self.humble_probes / ROOM_SHARE
        } else {
            self.humble_probes.saturating_sub(1)
        };
    }

    /// Room that a probe finds may be taken fast.
    pub(super) fn may_grow(&self, now_us: u64) -> bool {
        !self.is_on(now_us) || self.humble_probes == 0
    }
}

impl Zeta {
    /// The queue never fell below a quarter of the base round trip during `round`, which no probe of this flow explains.
    pub(super) fn large_queue(&self, round: &Round) -> bool {
        let large = (self.path.rtt.base().unwrap_or(0) / 4).max(LARGE_US);
        self.path
            .least_queue(round)
            .is_some_and(|queue| queue > large)
    }

    /// Something that hints at others, if round trips tell anything.
    pub(super) fn hint_of_others(&mut self, now_us: u64) {
        if !self.path.is_blurred() {
            self.crowd.pressed(now_us);
        }
    }

    /// Takes a round of a flow in a crowd: are the others really of our kind?
    pub(super) fn watch_crowd(&mut self, ack: &Ack, round: &Round) {
        if !self.crowd.is_on(ack.now_us) {
            self.crowd.full_rounds = 0;
            return;
        }
        if !self.large_queue(round) {
            self.crowd.full_rounds = self.crowd.full_rounds.saturating_sub(1);
            return;
        }
        if self.crowd.full_rounds == 0 {
            self.crowd.before_kb = low32(self.path.capacity.get() / 1_000);
        }
        self.crowd.full_rounds = self.crowd.full_rounds.saturating_add(1);
        if self.crowd.full_rounds > FILLER_ROUNDS {
            let before = u64::from(self.crowd.before_kb).saturating_mul(1_000);
            self.path.capacity.raise(before);
            self.crowd.believe(Others::Fillers, ack.now_us);
            self.ignore_queue = IGNORE_QUEUE_ROUNDS;
            self.cruise(ack.now_us);
        }
    }

    /// Corrects the estimate by a round of cruising in a crowd. Returns whether the backlog is large enough for no probe to be
    /// due.
    pub(super) fn balance(&mut self, round: &Round, ack: &Ack, settings: &Settings) -> bool {
        let rtt = &self.path.rtt;
        let (Some(least), Some(base)) = (self.path.least_queue(round), rtt.base()) else {
            return false;
        };
        if round.kind != Kind::Cruise || self.path.is_blurred() {
            return false;
        }
        // Jitter lifts the least of a round trip's samples over a base that is the least of many round trips.
        let queue_us = least.saturating_sub(rtt.noise());
        let measured = self.path.round_rate(round, ack.mss, settings);
        let known = self.path.capacity.get();
        let rate = measured.min(known.saturating_add(known / SCATTER_SHARE));
        let packets = (base / BACKLOG_GRAIN_US).clamp(BACKLOG_MIN, BACKLOG_MAX);
        let allowed = u64::from(packets).saturating_mul(u64::from(ack.mss));
        let backlog = mul_div(u64::from(queue_us), rate, 1_000_000);
        let base = u64::from(base.max(1)).saturating_mul(STEP_SHARE);
        let new = if backlog > allowed {
            let over = mul_div(backlog.saturating_sub(allowed), 1_000_000, base);
            rate.saturating_sub(over.min(rate / DOWN_SHARE))
        } else if self.schedule.may_regrow() {
            let under = mul_div(allowed.saturating_sub(backlog), 1_000_000, base);
            // Without a queue nothing has held up what was sent.
            let from = if backlog == 0 { rate.max(known) } else { rate };
            from.saturating_add(under.min(rate / UP_SHARE))
        } else {
            known
        };
        self.path.capacity.reset(new);
        backlog > allowed / 2
    }
}
