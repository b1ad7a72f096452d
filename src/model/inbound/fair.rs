// SPDX-License-Identifier: GPL-2.0

//! The rate that each flow of an interface may have so that all together keep to a limit (`waninkbps`).
//!
//! As in the Rate Control Protocol (Dukkipati, "RCP: Congestion Control to Make Flows Complete Quickly", 2007): one rate for all,
//! raised while the interface receives less than the limit and lowered while it receives more or has received more. Flows
//! that take less leave the rest to others; packets that are not ours count too.

/// Time between two steps, microseconds: as short as round trips on a continent, and long enough to count tens of packets at
/// 20 Mbit/s.
pub const STEP_US: u64 = 10_000;

/// Gains of what is missing and of what was too much, 1/1024 per round trip. RCP is stable with both below 1/2 or so whatever the
/// round trips; windows answer a round trip late, so half of that.
const GAIN: i64 = 400;
const BACKLOG_GAIN: i64 = 200;

/// Of the limit, the least that a flow is left, 1/4096: more flows than that at the same time have windows below a packet anyway.
const LEAST: u64 = 4_096;

/// The rate of an interface's flows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Fair {
    /// Bytes per second for each flow; 0 before the first step.
    rate: u64,
    /// What was received beyond the limit and not made up for since, bytes.
    backlog: u64,
}

impl Fair {
    /// Bytes per second that each flow may have; `None` before the first step.
    pub fn rate(&self) -> Option<u64> {
        (self.rate != 0).then_some(self.rate)
    }

    /// `bytes` were received in `elapsed_us` on an interface with a limit of `limit` bytes per second, whose flows have a round trip
    /// of `rtt_us`.
    pub fn step(&mut self, bytes: u64, elapsed_us: u64, limit: u64, rtt_us: u32) {
        let limit = limit.clamp(LEAST, 1 << 40);
        let elapsed_us = elapsed_us.clamp(1, 1_000_000);
        let allowed = limit.saturating_mul(elapsed_us) / 1_000_000;
        self.backlog = self.backlog.saturating_add(bytes).saturating_sub(allowed);
        // More than a second of it is not made up for: the link would be idle as long.
        self.backlog = self.backlog.min(limit);
        if self.rate == 0 {
            self.rate = limit;
        }
        let rtt_us = u64::from(rtt_us).clamp(STEP_US, 1_000_000);
        let share = |part: i64, whole: u64| {
            let whole = i64::try_from(whole).unwrap_or(i64::MAX).max(1);
            part.saturating_mul(1024)
                .checked_div(whole)
                .unwrap_or(0)
                .clamp(-1024, 1024)
        };
        let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let missing = share(signed(allowed).saturating_sub(signed(bytes)), allowed);
        let in_a_trip = limit.saturating_mul(rtt_us) / 1_000_000;
        let too_much = share(signed(self.backlog), in_a_trip);
        let change = GAIN
            .saturating_mul(missing)
            .saturating_sub(BACKLOG_GAIN.saturating_mul(too_much))
            / 1024;
        // Per round trip: of this step its part.
        let change = change.saturating_mul(signed(elapsed_us.min(rtt_us))) / signed(rtt_us).max(1);
        let step = signed(self.rate).saturating_mul(change) / 1024;
        let rate = signed(self.rate).saturating_add(step).max(1);
        self.rate = u64::try_from(rate)
            .unwrap_or(1)
            .clamp(limit / LEAST, limit)
            .max(1);
    }
}
