// SPDX-License-Identifier: GPL-2.0

//! Steady state: cruising at capacity, and probing for more.

use super::math::{gain, inflate, low32, rate, Q8};
use super::path::Observation;
use super::phase::{Phase, Tally};
use super::rounds::Kind;
use super::startup::Startup;
use super::types::{Ack, Settings};
use super::verify::Why;
use super::zeta::Zeta;

/// Rounds of cruising after which all that is heard of was sent at one rate.
const EVEN_ROUNDS: u8 = 2;

/// Packets a probe should move, and the most rounds it may take for that.
const PROBE_PACKETS: u32 = 64;
const PROBE_ROUNDS: u8 = 4;

/// Probes in a row that found room, each a step above the one before, after which one failure is forgotten: a bucket of tokens is
/// empty by then.
const TRUSTED_FINDS: u8 = 6;

impl Zeta {
    pub(super) fn cruise(&mut self, now_us: u64) {
        self.cruise_rounds = self.schedule.cruise_rounds(now_us);
        if self.unsure {
            // One noisy reading may have ended the search: ask at once.
            self.cruise_rounds = 1;
        }
        self.phase = Phase::Cruise {
            rounds: 0,
            since_us: now_us,
        };
    }

    pub(super) fn step_cruise(
        &mut self,
        ack: &Ack,
        settings: &Settings,
        seen: &Observation,
        rounds: u8,
        since_us: u64,
    ) {
        if seen.excess {
            // What got lost was sent as fast as what is under way now, and no queue of others can have overflown.
            let even = rounds >= EVEN_ROUNDS && !seen.loaded;
            self.verify(ack, settings, seen, Why::Excess { even });
            return;
        }
        let Some(round) = seen.round else {
            return;
        };
        if self.path.loss.is_cruise_excess() {
            self.verify(ack, settings, seen, Why::Lasting);
            return;
        }
        let full = !round.app_limited && !seen.rwnd_limited && !seen.forgiven;
        let clean = !round.slowed && !self.path.loss.is_surplus(seen.lost, seen.total);
        if full && round.kind == Kind::Cruise && clean {
            self.proven_kb = low32(self.path.capacity.get() / 1_000).max(1);
        }
        let rounds = rounds.saturating_add(1);
        self.ignore_queue = self.ignore_queue.saturating_sub(1);
        let calm = self.ignore_queue == 0 && !self.max_tx(ack.now_us, settings);
        if calm && full && self.crowd.is_on(ack.now_us) {
            if self.balance(&round, ack, settings) {
                self.phase = Phase::Cruise { rounds, since_us };
                return;
            }
        } else if calm && self.standing_queue(&round) {
            if self.large_queue(&round) {
                self.hint_of_others(ack.now_us);
            }
            self.busy(&round, ack, settings);
            self.drain();
            return;
        }
        let due = rounds >= settings.pause(self.cruise_rounds)
            || self.schedule.overdue(since_us, ack.now_us, rounds);
        if due && !round.app_limited && !seen.rwnd_limited {
            let before = self.path.capacity.get();
            self.phase = Phase::Up {
                before,
                gain_q8: self.probe_gain(ack, settings),
                rounds: 0,
                tally: Tally::default(),
            };
        } else {
            self.phase = Phase::Cruise { rounds, since_us };
        }
    }

    /// Gain of the next probe: it must stand out against the noise.
    fn probe_gain(&self, ack: &Ack, settings: &Settings) -> u32 {
        let large = self.max_tx(ack.now_us, settings) || self.path.rtt.is_noisy();
        settings.probe_gain(self.schedule.gain(large, self.path.capacity.get()))
    }

    /// A queue that is no accident.
    fn is_blocked(&self, seen: &Observation) -> bool {
        seen.queued && self.ignore_queue == 0 && !self.path.rtt.is_noisy()
    }

    /// Rounds a probe lasts: one, or as many as it takes for the count of packets to mean something.
    pub(super) fn probe_rounds(&self, mss: u32) -> u8 {
        let per_round = self.path.bdp(mss).max(1);
        let rounds = PROBE_PACKETS
            .saturating_add(per_round.saturating_sub(1))
            .checked_div(per_round)
            .unwrap_or(1);
        u8::try_from(rounds)
            .unwrap_or(u8::MAX)
            .clamp(1, PROBE_ROUNDS)
    }

    pub(super) fn step_up(
        &mut self,
        ack: &Ack,
        seen: &Observation,
        (before, gain_q8, rounds, mut tally): (u64, u32, u8, Tally),
    ) {
        if seen.excess {
            self.overrun();
            return;
        }
        if rounds > 0 && self.is_blocked(seen) {
            // What is heard of was sent by the probe already, and more of it would only wait, too.
            self.phase = Phase::Judge {
                before,
                gain_q8,
                tally,
                queued: true,
            };
            return;
        }
        let Some(round) = seen.round else {
            return;
        };
        let rounds = rounds.saturating_add(1);
        // The first round that ends was sent before the probe.
        if rounds > 1 {
            tally.add(&round);
        }
        self.phase = if rounds >= self.probe_rounds(ack.mss) {
            Phase::Judge {
                before,
                gain_q8,
                tally,
                queued: false,
            }
        } else {
            Phase::Up {
                before,
                gain_q8,
                rounds,
                tally,
            }
        };
    }

    pub(super) fn step_judge(
        &mut self,
        ack: &Ack,
        settings: &Settings,
        seen: &Observation,
        (before, gain_q8, mut tally, queued): (u64, u32, Tally, bool),
    ) {
        if seen.excess {
            self.overrun();
            return;
        }
        let queued = queued || (seen.queued && self.ignore_queue == 0);
        let Some(round) = seen.round else {
            self.phase = Phase::Judge {
                before,
                gain_q8,
                tally,
                queued,
            };
            return;
        };
        tally.add(&round);
        let total = rate(tally.total(), ack.mss, tally.span_us);
        let got = if self.path.loss.is_surplus(tally.lost, tally.total()) {
            // Counting the lost packets would find room where a policer or a short buffer drops the surplus.
            let delivered = rate(tally.delivered, ack.mss, tally.span_us);
            total.min(inflate(delivered, self.path.compensated(settings)))
        } else {
            total
        };
        let got = self.path.sent_bound(got);
        let step = gain_q8.saturating_sub(Q8);
        // More sent, as much more delivered: the bottleneck was not busy, whatever the round-trip times say.
        let found = got >= gain(before, Q8.saturating_add(step.saturating_mul(5) / 8));
        // A quarter as much more, while packets wait: a bottleneck of one's own would deliver what it did.
        let partly = queued && got >= gain(before, Q8.saturating_add(step / 4));
        if !round.app_limited && (found || !queued) {
            self.path.capacity.raise(got);
        }
        self.crowd.probed(found && !queued && !seen.loaded);
        let blocked = queued && !self.path.rtt.is_noisy();
        // As much more delivered as sent: the queue that ended the search was jitter.
        let misled =
            core::mem::take(&mut self.unsure) && found && blocked && self.path.rtt.is_jumpy();
        // One find may be a wave of the path.
        let clear = misled || !self.path.rtt.is_noisy() || self.finds != 0;
        self.finds = if found {
            self.finds.saturating_add(1)
        } else {
            0
        };
        if found && self.finds % TRUSTED_FINDS == 0 {
            self.schedule.harmless();
        }
        if misled {
            self.path.rtt.mistaken();
        } else if seen.loaded && (found || partly) {
            // What a probe gets while packets wait comes from others.
            self.hint_of_others(ack.now_us);
        }
        if !misled && (!found || blocked || round.app_limited) {
            self.schedule.harmless();
            self.drain_probe(ack);
        } else if seen.loaded && self.crowd.is_on(ack.now_us) && !misled {
            // One step was taken from others: they shall have time to see it.
            self.schedule.harmless();
            self.cruise(ack.now_us);
        } else if clear && self.schedule.may_regrow() && self.crowd.may_grow(ack.now_us) {
            self.phase = Phase::Startup(Startup::new(before));
        } else {
            self.phase = Phase::Up {
                before: self.path.capacity.get(),
                gain_q8: self.probe_gain(ack, settings),
                rounds: 0,
                tally: Tally::default(),
            };
        }
    }

    /// A probe has overrun the path: go back to what was known before it.
    pub(super) fn overrun(&mut self) {
        self.schedule.overrun();
        self.drain();
    }
}
