// SPDX-License-Identifier: GPL-2.0

//! ACK aggregation: how much more than the capacity explains is acknowledged at once.
//!
//! Wi-Fi, cable and thinned ACK paths hold ACKs back and release them in clumps. The window must cover the clump or the flow
//! stalls between two of them.

use super::math::rotate;

/// Rounds a maximum is kept at least.
const WINDOW_ROUNDS: u8 = 5;

/// Windowed maximum of acknowledged packets above the expectation.
#[derive(Default)]
pub(super) struct Aggregation {
    epoch_us: u64,
    epoch_packets: u32,
    extra: [u32; 2],
    rounds: u8,
}

impl Aggregation {
    /// Takes an ACK that resolved `packets`; `rate` and `mss` give the expectation, `limit` bounds the result.
    pub(super) fn update(
        &mut self,
        now_us: u64,
        packets: u32,
        rate: u64,
        mss: u32,
        limit: impl FnOnce() -> u32,
    ) {
        let elapsed = now_us.saturating_sub(self.epoch_us);
        let expected = super::math::packets(rate, elapsed, mss);
        self.epoch_packets = self.epoch_packets.saturating_add(packets);
        if self.epoch_packets <= expected || self.epoch_us == 0 {
            self.epoch_us = now_us;
            self.epoch_packets = packets;
            return;
        }
        let extra = self.epoch_packets.saturating_sub(expected);
        if let Some(first) = self.extra.first_mut().filter(|first| **first < extra) {
            *first = (*first).max(extra.min(limit()));
        }
    }

    /// A round trip has passed.
    pub(super) fn round(&mut self) {
        self.rounds = self.rounds.saturating_add(1);
        if self.rounds >= WINDOW_ROUNDS {
            self.rounds = 0;
            rotate(&mut self.extra);
            if let Some(first) = self.extra.first_mut() {
                *first = 0;
            }
        }
    }

    /// Packets to add to the window.
    pub(super) fn extra(&self) -> u32 {
        self.extra.iter().copied().max().unwrap_or(0)
    }
}
