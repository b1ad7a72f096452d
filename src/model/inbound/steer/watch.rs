// SPDX-License-Identifier: GPL-2.0

//! What single round trips show: how they vary, and a queue that stays.

use super::rates::{Rates, JUDGED_ROUNDS};
use super::{
    least, part, period, Mode, Round, Sample, Steer, LOOK_SHIFT, RESOLUTION_US, RETRY_SHIFT,
    SETTLING_ROUNDS,
};

/// Samples in a row above the threshold that make a queue: with eight probes in flight half of a round trip.
const SAMPLES: u8 = 4;

/// Of the least round trip, the noise up to which steering begins: flows on paths that vary by more have lost some percent by it.
/// The queues of others that begin make more for a while.
const STEADY: u32 = 16;

/// Samples that the noise is a mean of.
const MEAN_SAMPLES: u8 = 16;

impl Steer {
    /// A round trip was seen.
    pub fn sample(&mut self, sample: &Sample) {
        let Sample { now_us, rtt_us, .. } = *sample;
        self.vary(rtt_us);
        if self.base_us == 0 || rtt_us < self.base_us {
            self.base_us = rtt_us.max(1);
        }
        if let Mode::Yielding(until) = self.mode {
            if period(now_us, RETRY_SHIFT).wrapping_sub(until) >> 15 == 0 {
                self.open();
            }
        }
        let now_period = period(now_us, LOOK_SHIFT);
        let is_free = self.look.is_none() && self.raised == 0 && self.settling == 0;
        if self.mode == Mode::Steered && is_free && now_period != self.looked {
            self.begin_trial(now_period, sample.mss);
        }
        if self.mode == Mode::Open {
            self.watch(sample);
        }
    }

    /// Notes how round trips vary: by how much each lies beside the middle of those around it, so that a queue that grows or
    /// shrinks does not count.
    pub(super) fn vary(&mut self, rtt_us: u32) {
        if self.last_but_one_us != 0 {
            let middle = (rtt_us / 2).saturating_add(self.last_but_one_us / 2);
            let beside = self.last_us.abs_diff(middle);
            self.samples = self.samples.saturating_add(1).min(MEAN_SAMPLES);
            let of = u32::from(self.samples);
            let share = |part: u32| part.checked_div(of).unwrap_or(part);
            self.noise_us = self
                .noise_us
                .saturating_sub(share(self.noise_us))
                .saturating_add(share(beside));
        }
        self.last_but_one_us = self.last_us;
        self.last_us = rtt_us;
    }

    /// Looks for a queue that stays.
    pub(super) fn watch(&mut self, sample: &Sample) {
        // CAST: wraps.
        let now = sample.now_us as u32;
        // Others that are steered have found the path steady, and a queue on it.
        let is_known = self.others > 0;
        let queue_us = match is_known {
            true => (self.base_us / 8).saturating_add(RESOLUTION_US),
            false => self.threshold_us(),
        };
        let is_above = sample.rtt_us > self.base_us.saturating_add(queue_us);
        if !is_above || !is_known && !self.is_steady() {
            self.above = 0;
            return;
        }
        if self.above == 0 {
            self.above_since = now;
            self.above_bytes = sample.bytes;
            self.above_all = sample.all;
        }
        self.above = self.above.saturating_add(1);
        let took = now.wrapping_sub(self.above_since);
        if self.above > SAMPLES && took >= self.base_us / 2 {
            // There was a queue all the time, so this is what the path lets through.
            let passed = Round {
                now_us: sample.now_us,
                took_us: took.max(1),
                rtt_us: sample.rtt_us,
                mean_us: sample.rtt_us,
                bytes: sample.bytes.saturating_sub(self.above_bytes),
                all: sample.all.saturating_sub(self.above_all),
            };
            self.begin(&passed, sample.mss);
        }
    }

    /// Begins to steer: so much has passed while there was a queue.
    pub(super) fn begin(&mut self, passed: &Round, mss: u32) {
        let holds = part(passed.bytes, self.base_us, passed.took_us).max(self.shared_window());
        self.window = holds
            .saturating_add(self.own_queue(holds, mss))
            .max(least(mss));
        let rate = Rates::of(passed);
        // What it had for long is what it must not lose; what it had for a moment may be less.
        if self.free.rounds < JUDGED_ROUNDS || self.free.own < rate.own {
            self.free = rate;
        }
        self.mode = Mode::Steered;
        self.look = None;
        self.foreign = 0;
        self.losing = 0;
        self.roomy = 0;
        self.steered.rounds = 0;
        self.recent.rounds = 0;
        self.is_seen = false;
        self.noisy = 0;
        self.raised = 0;
        self.is_untried = true;
        self.slack_us = 0;
        // What is above the threshold is not known to be a queue before the first look, which is soon therefore.
        self.looked = period(passed.now_us, LOOK_SHIFT);
        self.settling = SETTLING_ROUNDS;
        self.before_us = u32::MAX;
    }

    /// Whether round trips have shown that they vary little.
    pub(super) fn is_steady(&self) -> bool {
        self.samples >= MEAN_SAMPLES / 2 && self.noise_us <= self.base_us / STEADY
    }

    /// Round trips above the base that count as a queue, microseconds.
    pub(super) fn threshold_us(&self) -> u32 {
        (self.base_us / 8)
            .saturating_add(self.noise_us.saturating_mul(4))
            .saturating_add(RESOLUTION_US)
    }
}
