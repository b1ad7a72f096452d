// SPDX-License-Identifier: GPL-2.0

//! Delay of the way back, told apart by the peer's clock.
//!
//! On an asymmetric line the acknowledgements queue up too. That is no sign of a full bottleneck, and sending less does not pay.
//! The timestamp option (RFC 7323) carries the peer's clock: how much later than at best an ACK arrives after it was
//! stamped is the delay of the way back alone.
//!
//! The peer's word is taken for no more than what its round trip is above the base. What it can gain by lying is a queue of that
//! size, which it asks for.

use super::buckets::Buckets;

/// Buckets and their length of the best delay: as for the base round trip. Clocks that differ by 100 ppm drift apart by a
/// millisecond in that time.
const BUCKETS: usize = 5;
const BUCKET_US: u64 = 2_000_000;

/// Shortest window of the current minimum: covers a tick of clocks as coarse as 10 ms.
const WINDOW_US: u64 = 20_000;

/// Time after which the unit of the peer's clock can be judged.
const JUDGE_MS: u32 = 1_000;

/// Largest queue of the way back that is believed; a clock that departs by more, or by two thousandths, is another one.
const QUEUE_MS: u32 = 500;

/// What both clocks' rounding may add.
const ROUNDING_MS: u32 = 2;

/// Estimator of the delay of the way back above its best.
pub(super) struct Reverse {
    /// Own and the peer's time of the first sample, milliseconds.
    first: Option<(u32, u32)>,
    /// Minima of own time minus the peer's, from the first sample's on, in milliseconds above [`Reverse::ORIGIN`].
    best: Buckets<BUCKETS>,
    best_end_us: u64,
    recent: Buckets<2>,
    recent_end_us: u64,
    excess_us: u32,
}

impl Reverse {
    /// Offsets are kept above zero by this much: later ACKs may have been faster than the first.
    const ORIGIN: u32 = 1 << 30;

    pub(super) const fn new() -> Self {
        Self {
            first: None,
            best: Buckets::new(),
            best_end_us: 0,
            recent: Buckets::new(),
            recent_end_us: 0,
            excess_us: 0,
        }
    }

    /// Takes the peer's time stamp of an ACK. Without one the delay is unknown and taken for zero.
    pub(super) fn update(&mut self, now_us: u64, srtt_us: u32, peer: Option<u32>) {
        self.excess_us = 0;
        let Some(peer) = peer else { return };
        // CAST: wraps like the peer's.
        let now = (now_us / 1_000) as u32;
        let (now0, peer0) = *self.first.get_or_insert((now, peer));
        let elapsed = now.wrapping_sub(now0);
        let theirs = peer.wrapping_sub(peer0);
        let offset = Self::ORIGIN.wrapping_add(elapsed).wrapping_sub(theirs);
        if elapsed < JUDGE_MS {
            self.note(now_us, srtt_us, offset);
            return;
        }
        // A clock of another unit, or one that was set: start again with it, and do not use it until then.
        let allowed = (elapsed / 4).min((elapsed / 512).saturating_add(QUEUE_MS));
        if offset.abs_diff(Self::ORIGIN) > allowed || elapsed >= Self::ORIGIN {
            *self = Self::new();
            return;
        }
        self.note(now_us, srtt_us, offset);
        let best = self.best.min().unwrap_or(offset);
        let lately = self.recent.min().unwrap_or(offset);
        let above = offset
            .min(lately)
            .saturating_sub(best)
            .saturating_sub(ROUNDING_MS);
        self.excess_us = above.saturating_mul(1_000);
    }

    fn note(&mut self, now_us: u64, srtt_us: u32, offset: u32) {
        if now_us >= self.best_end_us {
            self.best.age();
            self.best_end_us = now_us.saturating_add(BUCKET_US);
        }
        if now_us >= self.recent_end_us {
            self.recent.age();
            let window = u64::from(srtt_us / 4).max(WINDOW_US);
            self.recent_end_us = now_us.saturating_add(window);
        }
        self.best.note(offset);
        self.recent.note(offset);
    }

    /// What the way back adds to the round trip of this ACK, above its best, microseconds.
    pub(super) fn excess(&self) -> u32 {
        self.excess_us
    }

    /// The round trip of this ACK was `rtt_us`, and `base_us` at best: the way back cannot have added more than the difference.
    pub(super) fn bound(&mut self, rtt_us: u32, base_us: u32) {
        self.excess_us = self.excess_us.min(rtt_us.saturating_sub(base_us));
    }
}

#[cfg(test)]
mod tests;
