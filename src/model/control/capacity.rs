// SPDX-License-Identifier: GPL-2.0

//! The rate at which the path takes packets from us, lost ones included.
//!
//! With loss behind the bottleneck, delivered = (1 - p) x sent until sent reaches the capacity, so what must be known is the
//! *send-side* capacity. It is not a windowed maximum: while a flow sends at its estimate, no sample can exceed it but by
//! noise, and a maximum would collect the noise. The estimate rises by samples only while growing or probing, and is
//! corrected in both directions by the mean rate of rounds in which the bottleneck was seen busy.

use super::math::gain;

/// Differences up to this share of the estimate, three percent, are the noise of a round's mean.
const CONFIRM_SHARE: u64 = 32;

/// Estimate, payload bytes per second.
#[derive(Clone, Copy, Default)]
pub(super) struct Capacity {
    rate: u64,
}

impl Capacity {
    /// The estimate; zero before the first sample.
    pub(super) fn get(&self) -> u64 {
        self.rate
    }

    /// A sample taken while sending faster than the estimate.
    pub(super) fn raise(&mut self, sample: u64) {
        self.rate = self.rate.max(sample);
    }

    /// Mean rate of a round in which the bottleneck seemed busy all the time.
    ///
    /// A rate close to the estimate changes nothing: it is what was sent, and a reading of the queue may be jitter. What was
    /// sent too much is drained by itself.
    pub(super) fn measured(&mut self, rate: u64, doubt_q8: u32) {
        let doubt = gain(self.rate, doubt_q8).max(self.rate / CONFIRM_SHARE);
        if rate != 0 && rate.abs_diff(self.rate) > doubt {
            self.rate = rate;
        }
    }

    /// Replaces the estimate; zero is no estimate and ignored.
    pub(super) fn reset(&mut self, rate: u64) {
        if rate != 0 {
            self.rate = rate;
        }
    }
}
