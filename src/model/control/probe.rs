// SPDX-License-Identifier: GPL-2.0

//! When and how hard to probe for more capacity in steady state.
//!
//! A probe sends one round above the estimate and watches. Probes that only cause loss become smaller and rarer (shallow
//! buffers, policers); probes that find room are followed by exponential growth at once.

use super::math::{gain, isqrt, low32, Q8};

/// Probe at the reference rate: an eighth above. It builds at most an eighth of a round trip of queue, half the latency goal,
/// and is well above the noise of the capacity filter.
const GAIN_Q8: u32 = Q8 + Q8 / 8;

/// Probe of the maximum-transmit mode.
const GAIN_MAX_Q8: u32 = Q8 + Q8 / 4;

/// Rate at which the step of a probe is as above, bytes per second (12 Mbit/s).
///
/// A step that is the same share for everybody leaves the shares of flows of ours as they are: what one takes from the others it
/// loses to them again. So the step falls with the root of the rate: the smaller flow gains more by its probes than it loses
/// by those of the larger, until they are equal. The root, because the plain ratio makes small flows rough and large ones slow.
const REFERENCE_RATE: u64 = 1_500_000;

/// Bounds of the step over that at the reference rate: twice is the noise of small flows; with less than three quarters a fast
/// flow on a noisy path (thinned ACKs) no longer finds room.
const STEP_MIN_Q8: u32 = Q8 * 3 / 4;
const STEP_MAX_Q8: u32 = 2 * Q8;

/// Smallest probe, 1/32 above: below that a success could not be told from noise.
pub(super) const GAIN_MIN_Q8: u32 = Q8 + Q8 / 32;

/// Rounds of cruising between probes at best; with probe, judgement and drain a cycle has seven.
const CRUISE_ROUNDS: u8 = 4;

/// Longest pause between probes, in rounds and in time, after probes that overran the path.
const CRUISE_ROUNDS_MAX: u8 = 32;
const CRUISE_MAX_US: u64 = 2_500_000;

/// One drain of so many is deep enough to tell random loss for sure. On a path that loses 30 % such a drain costs a quarter of a
/// round trip more than the others, which is half a percent.
const SURE_DRAINS: u8 = 8;

/// One drain of so many lasts a full round, which measures the loss below capacity.
const MEASURED_DRAINS: u8 = 4;

/// Probing schedule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    failures: u8,
    drains: u8,
}

impl Schedule {
    pub(super) const fn new() -> Self {
        Self {
            failures: 0,
            drains: 0,
        }
    }

    /// Gain of the next probe of a flow at `rate`, bytes per second; `large` in maximum-transmit mode and in noise.
    pub(super) fn gain(&self, large: bool, rate: u64) -> u32 {
        let full = if large { GAIN_MAX_Q8 } else { GAIN_Q8 };
        let ratio_q16 = (REFERENCE_RATE << 16).checked_div(rate).unwrap_or(u64::MAX);
        let share = low32(isqrt(ratio_q16)).clamp(STEP_MIN_Q8, STEP_MAX_Q8);
        let step = low32(gain(u64::from(full.saturating_sub(Q8)), share)) >> self.failures.min(8);
        Q8.saturating_add(step).max(GAIN_MIN_Q8)
    }

    /// Rounds to cruise before the next probe. `now_us` spreads flows of one origin apart.
    pub(super) fn cruise_rounds(&self, now_us: u64) -> u8 {
        let spread = u8::try_from((now_us >> 4) % 3).unwrap_or(0);
        let rounds = CRUISE_ROUNDS
            .checked_shl(u32::from(self.failures))
            .unwrap_or(CRUISE_ROUNDS_MAX);
        rounds.min(CRUISE_ROUNDS_MAX).saturating_add(spread)
    }

    /// True if cruising has lasted long enough in time, whatever the rounds say.
    pub(super) fn overdue(&self, since_us: u64, now_us: u64, rounds_done: u8) -> bool {
        rounds_done >= CRUISE_ROUNDS && now_us.saturating_sub(since_us) >= CRUISE_MAX_US
    }

    /// The probe (or cruising itself) overran the path.
    pub(super) fn overrun(&mut self) {
        self.failures = self.failures.saturating_add(1).min(3);
    }

    /// The probe did no harm.
    pub(super) fn harmless(&mut self) {
        self.failures = self.failures.saturating_sub(1);
    }

    /// Whether the drain that begins must tell random loss for sure. To be asked once a drain.
    pub(super) fn is_sure_due(&mut self) -> bool {
        self.drains = self.drains.wrapping_add(1);
        self.drains % SURE_DRAINS == 0
    }

    /// Whether the drain that begins must last a full round, so that the loss below capacity is measured.
    pub(super) fn is_measure_due(&self) -> bool {
        self.drains % MEASURED_DRAINS == 0
    }

    /// No recent probe or growth overran the path: room that a probe finds may be taken fast. Otherwise it may be no more than a
    /// bucket of tokens, and the next step is another probe.
    pub(super) fn may_regrow(&self) -> bool {
        self.failures == 0
    }
}
