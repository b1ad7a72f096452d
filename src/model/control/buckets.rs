// SPDX-License-Identifier: GPL-2.0

//! Minimum over a sliding window, in buckets that age out one by one.

use super::math::rotate;

/// No sample.
const NONE: u32 = u32::MAX;

/// Minima of `N` consecutive times, the newest first. What a bucket's length is, and when it ends, is the owner's to say.
pub(super) struct Buckets<const N: usize> {
    slots: [u32; N],
    /// The least of all slots: asked for several times per ACK.
    min: u32,
}

impl<const N: usize> Buckets<N> {
    pub(super) const fn new() -> Self {
        Self {
            slots: [NONE; N],
            min: NONE,
        }
    }

    /// Takes a sample, below `u32::MAX`.
    pub(super) fn note(&mut self, value: u32) {
        if let Some(newest) = self.slots.first_mut() {
            *newest = (*newest).min(value);
            self.min = self.min.min(value);
        }
    }

    /// Begins a new bucket and forgets the oldest.
    pub(super) fn age(&mut self) {
        rotate(&mut self.slots);
        if let Some(newest) = self.slots.first_mut() {
            *newest = NONE;
        }
        self.min = self.slots.iter().copied().min().unwrap_or(NONE);
    }

    /// The minimum of all buckets; `None` before any sample.
    pub(super) fn min(&self) -> Option<u32> {
        Some(self.min).filter(|&min| min != NONE)
    }

    /// The minimum of the newest bucket.
    pub(super) fn newest(&self) -> Option<u32> {
        self.slots.first().copied().filter(|&min| min != NONE)
    }
}
