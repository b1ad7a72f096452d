// SPDX-License-Identifier: GPL-2.0

//! How clustered the losses of a path are: the index of dispersion (variance over mean) of the number of lost packets.
//!
//! Independent losses have one, geometric bursts of a mean of b packets 2 b - 1. It says how much more than the mean may be lost
//! by chance.

use super::math::{low32, share, Q16};

/// Index (q4) of a path not known yet: bursts of eight, half of that where one half is received.
const START_Q4: u32 = 8 * 16;

/// Bounds of the learned index: independent losses have one; geometric bursts of 24 packets have 47, longer ones are outages.
const MIN_Q4: u32 = 16;
const MAX_Q4: u32 = 48 * 16;

/// Losses that two blocks must have together to be compared: fewer say nothing of their clustering.
const BLOCK_LOST: u32 = 2;

/// Blocks of packets, to be compared with their successor.
#[derive(Clone, Copy, Default)]
struct Blocks {
    lost: u32,
    total: u32,
    /// Loss rate of the block before, q16.
    before: Option<u32>,
}

impl Blocks {
    /// Adds a round. Returns the index that the block it ends shows against the one before.
    ///
    /// From the difference of neighbours, not to the mean: a lasting overload makes both lose alike and must not pass for
    /// clustering.
    fn add(&mut self, lost: u32, total: u32) -> Option<u32> {
        self.lost = self.lost.saturating_add(lost);
        self.total = self.total.saturating_add(total);
        let now = share(self.lost, self.total);
        let p = now.saturating_add(self.before.unwrap_or(now)) / 2;
        let expected = u64::from(self.total).saturating_mul(u64::from(p));
        if expected < u64::from(BLOCK_LOST / 2) << 16 {
            return None;
        }
        let total = core::mem::take(&mut self.total);
        self.lost = 0;
        let before = self.before.replace(now)?;
        let kept = u64::from(Q16.saturating_sub(p).max(1));
        let variance = u64::from(p).saturating_mul(kept) >> 16;
        let difference = u64::from(now.abs_diff(before));
        // n (l1 - l2)^2 / (2 p (1 - p)) is one for independent losses; q32 over q16, kept as q4.
        let square = u64::from(total).saturating_mul(difference.saturating_mul(difference));
        let index = square
            .checked_div(variance.saturating_mul(2).max(1))
            .unwrap_or(0);
        Some(low32(index >> 12))
    }
}

/// Estimator of the index.
pub(super) struct Dispersion {
    index_q4: u32,
    below: Blocks,
    cruise: Blocks,
}

impl Dispersion {
    pub(super) const fn new() -> Self {
        const NONE: Blocks = Blocks {
            lost: 0,
            total: 0,
            before: None,
        };
        Self {
            index_q4: START_Q4,
            below: NONE,
            cruise: NONE,
        }
    }

    /// The index, q4.
    pub(super) fn get(&self) -> u32 {
        self.index_q4
    }

    /// A round sent slower than the path delivers, into an empty queue: what it shows is the path's.
    pub(super) fn add_below(&mut self, lost: u32, total: u32) {
        if let Some(index) = self.below.add(lost, total) {
            // A burst is rare and says much, a round without one is not and says little.
            let weight = if index > self.index_q4 { 4 } else { 16 };
            self.move_to(index, weight);
        }
    }

    /// A round sent at capacity. It can show that losses are less clustered than on a path not known, but not that they are more:
    /// an overrun path may lose in clumps, too.
    pub(super) fn add_cruise(&mut self, lost: u32, total: u32) {
        if let Some(index) = self.cruise.add(lost, total) {
            if self.index_q4 <= START_Q4 {
                self.move_to(index.min(START_Q4), 16);
            }
        }
    }

    /// A burst of `lost` packets was seen from beginning to end.
    pub(super) fn add_burst(&mut self, lost: u32) {
        let index = lost.saturating_mul(32).saturating_sub(16);
        if index > self.index_q4 {
            self.move_to(index, 2);
        }
    }

    /// Moves to `index` by one part in `weight`.
    fn move_to(&mut self, index: u32, weight: u32) {
        self.index_q4 = self
            .index_q4
            .saturating_mul(weight.saturating_sub(1))
            .saturating_add(index.min(MAX_Q4))
            .checked_div(weight)
            .unwrap_or(START_Q4)
            .clamp(MIN_Q4, MAX_Q4);
    }
}

#[cfg(test)]
mod tests;
