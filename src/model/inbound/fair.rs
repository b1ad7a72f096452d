// SPDX-License-Identifier: GPL-2.0

//! The rate that each flow of an interface may have so that all together keep to a limit (`waninkbps`).
//!
//! As in the Rate Control Protocol (Dukkipati, "RCP: Congestion Control to Make Flows Complete Quickly", 2007): one rate for all,
//! raised while the interface receives less than the limit and lowered while it receives more or has received more. Flows
//! that take less leave the rest to others; packets that are not ours count too.

/// Least time between two steps, microseconds: long enough to count tens of packets at 20 Mbit/s. Otherwise a step is a mean
/// round trip: a sender that waits for its window sends all of it at once, so that over less the rate says nothing.
pub const STEP_US: u32 = 10_000;

/// Longest step, microseconds.
const STEP_MAX_US: u32 = 1_000_000;

/// Gains of what is missing now and of what was missing so far, 1/1024 a step. RCP is stable with both below 1/2 or so whatever
/// the round trips; windows answer a round trip late, so less.
const GAIN: i64 = 400;
const DEBT_GAIN: i64 = 200;

/// Of the limit, the least that a flow is left, 1/4096: more flows than that at the same time have windows below a packet anyway.
const LEAST: u64 = 4_096;

/// The most that a flow is allowed, times the limit. Its round trip is longer than the least one, by which windows are
/// made; and with a limit above what comes, nothing is to be held back.
const MOST: u64 = 2;

/// The rate of an interface's flows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Fair {
    /// Bytes per second for each flow; 0 before the first step.
    rate: u64,
    /// What was received beyond the limit and not made up for since, bytes; negative if it was less.
    debt: i64,
}

impl Fair {
    /// Bytes per second that each flow may have; `None` before the first step.
    pub fn rate(&self) -> Option<u64> {
        (self.rate != 0).then_some(self.rate)
    }

    /// Time until the next step, microseconds, with a mean round trip of `rtt_us`.
    pub fn step_us(rtt_us: u32) -> u64 {
        u64::from(rtt_us.clamp(STEP_US, STEP_MAX_US))
    }

    /// `bytes` were received in `elapsed_us`, the time of a step or more, on an interface with a limit of `limit` bytes per second.
    pub fn step(&mut self, bytes: u64, elapsed_us: u64, limit: u64) {
        let limit = limit.clamp(LEAST, 1 << 40);
        if self.rate == 0 {
            self.rate = limit;
        }
        let elapsed_us = elapsed_us.clamp(1, u64::from(STEP_MAX_US));
        let allowed = signed(limit.saturating_mul(elapsed_us) / 1_000_000).max(1);
        let excess = signed(bytes).saturating_sub(allowed);
        // A pause must not end in a burst, nor a burst in a pause: a step is made up for, not more.
        self.debt = self
            .debt
            .saturating_add(excess)
            .max(allowed.saturating_neg())
            .min(allowed);
        let share = |part: i64| {
            part.saturating_mul(1024)
                .checked_div(allowed)
                .unwrap_or(0)
                .clamp(-1024, 1024)
        };
        let change = GAIN
            .saturating_mul(share(excess))
            .saturating_add(DEBT_GAIN.saturating_mul(share(self.debt)))
            / 1024;
        let step = signed(self.rate).saturating_mul(change) / 1024;
        let rate = signed(self.rate).saturating_sub(step);
        self.rate = u64::try_from(rate)
            .unwrap_or(0)
            .min(limit.saturating_mul(MOST))
            .max((limit / LEAST).max(1));
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
