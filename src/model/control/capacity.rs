// SPDX-License-Identifier: GPL-2.0

//! The rate at which the path takes packets from us, lost ones included.
//!
//! With loss behind the bottleneck, delivered = (1 - p) x sent until sent reaches the capacity, so what must be known is the
//! *send-side* capacity. Each rate sample gives two bounds of it: delivered plus lost (too high while a buffer overflows) and
//! delivered / (1 - p) with `p` the loss rate seen below capacity (noisy). The smaller of the two is neither.

/// Maximum over the current and the previous probing cycle.
#[derive(Clone, Copy, Default)]
pub(super) struct Capacity {
    current: u64,
    previous: u64,
}

impl Capacity {
    /// The estimate, bytes per second; zero before the first sample.
    pub(super) fn get(&self) -> u64 {
        self.current.max(self.previous)
    }

    /// Takes a sample. While the application limits us a sample is a lower bound only.
    pub(super) fn update(&mut self, sample: u64, app_limited: bool) {
        if !app_limited || sample >= self.get() {
            self.current = self.current.max(sample);
        }
    }

    /// Starts a new cycle: the maximum of the cycle before the last one is forgotten.
    pub(super) fn rotate(&mut self) {
        if self.current != 0 {
            self.previous = self.current;
            self.current = 0;
        }
    }

    /// Replaces the history by a measurement that is known to be better.
    pub(super) fn reset(&mut self, rate: u64) {
        self.current = rate;
        self.previous = 0;
    }
}
