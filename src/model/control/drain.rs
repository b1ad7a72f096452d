// SPDX-License-Identifier: GPL-2.0

//! Emptying the queue, and telling a queue from a longer path.

use super::math::{gain, low32, mul_div, Q16, Q8};
use super::path::Observation;
use super::phase::{is_sure, sure_gain, Phase, DRAIN_MAX_Q8, DRAIN_MIN_Q8};
use super::rounds::Kind;
use super::types::{Ack, Settings};
use super::verify::Why;
use super::zeta::Zeta;

/// Gain of a deep drain, which empties the bottleneck of all flows that do the same to find a lost base round trip again.
pub(super) const DRAIN_DEEP_Q8: u32 = Q8 / 4;

/// Rounds after which a drain gives up: what is left is not our queue.
const DRAIN_ROUNDS: u8 = 4;

/// A queue that falls by less than this share (1/16) of what a drain should take from it in a round is not a queue.
const FLAT_SHARE: u64 = 16;

/// Cruise rounds in which the queue of others is ignored after a drain that did not help.
const IGNORE_QUEUE_ROUNDS: u8 = 16;

impl Zeta {
    pub(super) fn drain(&mut self) {
        let queue_us = self.path.rtt.queue().saturating_sub(self.path.rtt.noise());
        let base = self.path.rtt.base().unwrap_or(1).max(1);
        // base / (base + queue): what empties the queue in about one round.
        let fit = low32(mul_div(
            u64::from(base),
            u64::from(Q8),
            u64::from(base).saturating_add(u64::from(queue_us)),
        ));
        let loss = self.path.loss.random();
        let rest_q8 = if self.path.loss.is_thin() || self.schedule.is_sure_due() {
            sure_gain(loss).max(DRAIN_DEEP_Q8)
        } else {
            DRAIN_MAX_Q8
        };
        self.phase = Phase::Drain {
            gain_q8: fit.max(DRAIN_MIN_Q8).min(rest_q8),
            rest_q8,
            sure: is_sure(rest_q8, loss),
            rounds: 0,
            low_us: 0,
        };
    }

    /// Empties the bottleneck for good.
    pub(super) fn drain_deep(&mut self) {
        self.phase = Phase::Drain {
            gain_q8: DRAIN_DEEP_Q8,
            rest_q8: DRAIN_DEEP_Q8,
            sure: is_sure(DRAIN_DEEP_Q8, self.path.loss.random()),
            rounds: 0,
            low_us: 0,
        };
    }

    pub(super) fn step_drain(&mut self, ack: &Ack, settings: &Settings, seen: &Observation) {
        let Phase::Drain {
            gain_q8,
            rest_q8,
            sure,
            mut rounds,
            mut low_us,
        } = self.phase
        else {
            return;
        };
        if seen.excess && self.path.rounds.resolving() != Kind::High {
            self.verify(ack, settings, seen, Why::Excess { even: false });
            return;
        }
        if let Some(round) = seen.round {
            rounds = rounds.saturating_add(1);
            if self.standing_queue(&round) && !round.slowed {
                self.busy(&round, ack, settings);
            }
            if round.kind <= Kind::Low && self.standing_queue(&round) {
                let min = round.min_rtt_us.unwrap_or(0);
                let expected = gain(u64::from(low_us), Q8.saturating_sub(gain_q8));
                let fell = u64::from(low_us.saturating_sub(min)).saturating_mul(FLAT_SHARE);
                if low_us != 0 && fell < expected && self.path.rtt.has_jumped(ack.now_us) {
                    // It came at once and does not react to a drain: not a queue, the path has become longer.
                    self.path.rtt.rebase(min);
                    self.cruise(ack.now_us);
                    return;
                }
                low_us = min;
            }
        }
        let deep = rest_q8 <= DRAIN_DEEP_Q8;
        let bdp = self.path.bdp(ack.mss);
        let empty = ack.in_flight <= if deep { bdp / 2 } else { bdp };
        self.phase = Phase::Drain {
            // What is still to be learned needs no more than the rest.
            gain_q8: if empty { rest_q8 } else { gain_q8 },
            rest_q8,
            sure,
            rounds,
            low_us,
        };
        // With random loss a full round below capacity is wanted: it is what tells random from excess.
        let measured = rounds >= 1 || (!deep && self.path.loss.random() < Q16 / 256);
        if empty && measured && !seen.queued {
            self.cruise(ack.now_us);
        } else if rounds >= DRAIN_ROUNDS {
            if seen.queued && !deep {
                // Not our queue, or the path has become longer.
                self.ignore_queue = IGNORE_QUEUE_ROUNDS;
            }
            self.cruise(ack.now_us);
        }
    }
}
