// SPDX-License-Identifier: GPL-2.0

//! Was it us? Loss beyond the random rate is tested by sending less.

use super::aftermath::Aftermath;
use super::math::{inflate, mul_div, rate, share, Q16};
use super::path::Observation;
use super::phase::{sure_gain, Phase, Tally, Verify};
use super::rounds::Kind;
use super::types::{Ack, Settings};
use super::zeta::Zeta;

/// Packets to be resolved below capacity for a verdict, and the rounds in which they must come.
const VERIFY_PACKETS: u32 = 48;
const VERIFY_ROUNDS: u8 = 32;

/// Steps down, each to the rate delivered in the last one, before loss is believed to be the path's own; one is not enough
/// because the delivery rate at the time of the excess may have been inflated by a bucket of tokens or a buffer.
const VERIFY_STEPS: u8 = 1;

/// Steps after which a queue that does not drain is somebody else's.
const VERIFY_STEPS_MAX: u8 = 3;

/// Round trips within which a second excess confirms the first: more than a probing cycle, so that one probe decides.
const SUSPECT_ROUNDS: u64 = 12;

/// The same in bytes, for small windows: what it takes for a small surplus to show in the long-term tally.
const SUSPECT_BYTES: u64 = 1024 * 1448;

/// Share of the rate that was sent without harm, a sixteenth, by which a rate is above it only if a probe has found more: less is the
/// scatter of an estimate under loss.
const FOUND_SHARE: u64 = 16;

/// Why loss is taken for our doing.
#[derive(Clone, Copy, Debug)]
pub(super) enum Why {
    /// One round lost too much; `even` if all of it and of what is under way was sent at one rate.
    Excess { even: bool },
    /// Many rounds lost a little too much: no burst.
    Lasting,
}

impl Zeta {
    /// Excess loss: take the delivered part for the capacity and go below it.
    pub(super) fn verify(&mut self, ack: &Ack, settings: &Settings, seen: &Observation, why: Why) {
        let before = self.path.capacity.get();
        self.aftermath = match why {
            Why::Excess { even: true } => Aftermath::new(ack, seen, before, self.phase),
            _ => None,
        };
        let implied = if self.path.rtt.is_noisy() {
            // Waves make single samples too small.
            seen.round.map(|round| {
                let delivered = rate(round.delivered, ack.mss, round.span_us);
                inflate(delivered, self.path.compensated(settings))
            })
        } else {
            self.path.implied(ack, settings)
        };
        let kept = match why {
            // What many rounds lost too much has not passed.
            Why::Lasting => Some(Q16.saturating_sub(self.path.loss.surplus())),
            // Without a queue a sample right after a burst may say next to nothing.
            Why::Excess { .. } if !seen.loaded => {
                Some(Q16.saturating_sub(share(seen.lost, seen.total)))
            }
            Why::Excess { .. } => None,
        };
        let kept = kept.map_or(0, |kept| mul_div(before, u64::from(kept), u64::from(Q16)));
        match implied {
            Some(implied) if !ack.is_app_limited => {
                self.path.capacity.reset(implied.max(kept).min(before));
            }
            _ => {}
        }
        self.phase = Phase::Verify(Verify {
            before,
            tally: Tally::default(),
            lasting: matches!(why, Why::Lasting),
            gain_q8: sure_gain(self.path.compensated(settings)),
            steps: 0,
            rounds: 0,
        });
    }

    pub(super) fn step_verify(
        &mut self,
        ack: &Ack,
        settings: &Settings,
        seen: &Observation,
        mut test: Verify,
    ) {
        let Some(round) = seen.round else {
            return;
        };
        test.rounds = test.rounds.saturating_add(1);
        // The first round after a step was sent before it.
        if round.kind == Kind::Sure && test.rounds > 1 {
            test.tally.add(&round);
        }
        let tally = test.tally;
        let (lost, total) = (tally.lost, tally.total());
        self.phase = Phase::Verify(test);
        if total < VERIFY_PACKETS && test.rounds < VERIFY_ROUNDS {
            return;
        }
        // In the first step a count within the scatter of bursts is not good enough.
        let excess = if test.steps == 0 {
            self.path.loss.is_doubtful(lost, total)
        } else {
            self.path.loss.is_excess(lost, total)
        };
        if !excess {
            // Gone: with the overload, or because it was a burst. Only if it comes back was it our doing.
            if !seen.loaded || share(lost, total) < self.path.loss.random() {
                // What others overflow a queue with is not the path's own loss, and would pass for it a little more each time.
                self.path.loss.add_low(lost, total);
            }
            self.path.loss.discard_cruise();
            let again = ack.now_us < self.suspect_until_us;
            let span = u64::from(ack.srtt_us)
                .saturating_mul(SUSPECT_ROUNDS)
                .max(mul_div(SUSPECT_BYTES, 1_000_000, test.before));
            self.suspect_until_us = ack.now_us.saturating_add(span);
            if self.proven_kb == 0 {
                // Nothing but a growing window has ever said that the path takes more.
                self.suspect_until_us = 0;
            } else if !seen.loaded {
                let proven = u64::from(self.proven_kb).saturating_mul(1_000);
                // What probes have found since then may have been the tokens of a bucket.
                let found = test.before > proven.saturating_add(proven / FOUND_SHARE);
                if found {
                    self.schedule.overrun();
                }
                if !again && !test.lasting {
                    let known = if found { proven } else { test.before };
                    self.path.capacity.raise(known);
                }
            }
            self.cruise(ack.now_us);
            return;
        }
        if test.steps >= VERIFY_STEPS && !seen.loaded {
            // Slower than the path delivers, nothing queues, and it loses as before: the path's own loss has changed.
            if self.path.loss.allows(share(lost, total)) {
                self.path.loss.restart(lost, total);
                self.path.capacity.reset(test.before);
            } else {
                self.proof.suspect();
            }
            self.cruise(ack.now_us);
            return;
        }
        if test.steps >= VERIFY_STEPS_MAX {
            // The queue that overflows is filled by others, or round trips scatter and it is none.
            self.proof.doubt();
            self.cruise(ack.now_us);
            return;
        }
        let rate = self.path.mean_rate(
            tally.delivered,
            tally.lost,
            tally.span_us,
            ack.mss,
            settings,
        );
        if rate < self.path.capacity.get() && !round.app_limited {
            self.path.capacity.reset(rate);
        }
        self.phase = Phase::Verify(Verify {
            before: test.before,
            tally: Tally::default(),
            lasting: test.lasting,
            gain_q8: sure_gain(self.path.compensated(settings)),
            steps: test.steps.saturating_add(1),
            rounds: 0,
        });
    }
}
