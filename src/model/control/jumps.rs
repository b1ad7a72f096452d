// SPDX-License-Identifier: GPL-2.0

//! Round trips that are longer all of a sudden.
//!
//! When a path gets longer nothing arrives for as long as it has got longer. A queue that grows never falls silent.

use super::math::ms;

/// Jumps within two buckets of the base that are no accident: the first may be a gap of losses, the second another flow's burst.
const JUMPS: u8 = 3;

/// Jumps upwards that came after a silence.
#[derive(Clone, Copy)]
pub(super) struct Jumps {
    /// Time of the last sample, microseconds, wraps.
    last_us: u32,
    /// Time of the last jump that a queue would count as, milliseconds; zero if there was none; and the least round trip since.
    at_ms: u32,
    since_us: u32,
    /// Large ones, halved from bucket to bucket.
    count: u8,
}

/// A time that wraps after 71 minutes: a pause as long may look like a short one, and be one jump too many.
fn wrapped(now_us: u64) -> u32 {
    // CAST: Wraps.
    now_us as u32
}

impl Jumps {
    pub(super) fn new(now_us: u64) -> Self {
        Self {
            last_us: wrapped(now_us),
            at_ms: 0,
            since_us: 0,
            count: 0,
        }
    }

    /// Takes a sample. Returns by how much it rose from `before_us` if nothing was heard of for about as long.
    pub(super) fn rise(&mut self, now_us: u64, before_us: u32, rtt_us: u32) -> Option<u32> {
        self.since_us = self.since_us.min(rtt_us);
        let pause_us = wrapped(now_us).wrapping_sub(self.last_us);
        self.last_us = wrapped(now_us);
        let rise_us = rtt_us.saturating_sub(before_us);
        (pause_us >= rise_us / 2 && pause_us / 2 <= rise_us).then_some(rise_us)
    }

    /// That was more than noise.
    pub(super) fn note(&mut self, now_us: u64, rtt_us: u32) {
        self.at_ms = ms(now_us).max(1);
        self.since_us = rtt_us;
    }

    /// That was large.
    pub(super) fn count(&mut self) {
        self.count = self.count.saturating_add(1);
    }

    /// A bucket has ended.
    pub(super) fn age(&mut self) {
        self.count /= 2;
    }

    /// What was a jump is the path now.
    pub(super) fn clear(&mut self) {
        self.at_ms = 0;
    }

    /// Time of the last jump, milliseconds; zero if there was none.
    pub(super) fn last_ms(&self) -> u32 {
        self.at_ms
    }

    /// Least round trip since then, microseconds.
    pub(super) fn since(&self) -> u32 {
        self.since_us
    }

    /// They come again and again.
    pub(super) fn are_many(&self) -> bool {
        self.count >= JUMPS
    }
}
