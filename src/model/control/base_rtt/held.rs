// SPDX-License-Identifier: GPL-2.0

//! Paths that hold packets back and let them go in order: what waits there waits for no queue.

use super::{ms, BaseRtt, BUCKET_US, LEAST_THRESHOLD_US, NOISY_SHARE};

impl BaseRtt {
    /// Nothing is missing and nothing was overtaken: what arrives in a clump was held back. Readings wander by as much as that.
    pub(in super::super) fn note_held(&mut self, now_us: u64) {
        let held_us = self.jumps.held_us();
        let noisy_us = self.base().unwrap_or(0) / NOISY_SHARE;
        if held_us > noisy_us.max(LEAST_THRESHOLD_US) {
            if self.is_only_of_handshake() {
                self.rebase(self.last_rtt_us);
                self.floor_seen_ms = ms(now_us);
            }
            self.range_q3 = self.range_q3.max(held_us.saturating_mul(8));
        }
    }

    /// Only the handshake has met the floor, in the first bucket: a single reading, which may have been lucky.
    fn is_only_of_handshake(&self) -> bool {
        let end_us = u64::from(self.bucket_end_ms.wrapping_sub(self.floor_seen_ms));
        end_us.saturating_mul(1_000) == BUCKET_US
    }
}

#[cfg(test)]
mod tests;
