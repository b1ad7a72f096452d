// SPDX-License-Identifier: GPL-2.0

//! Round trips that are longer all of a sudden, and packets that were held back together.
//!
//! When a path gets longer nothing arrives for as long as it has got longer. A queue that grows never falls silent.

use super::math::ms;

/// Jumps within two buckets of the base that are no accident: the first may be a gap of losses, the second another flow's burst.
const JUMPS: u8 = 3;

/// Packets are a clump while they arrive sixteen times as close to each other as they were sent: a queue that our packets stand
/// in lets them go at the rate of the bottleneck, which deep drains and proofs of loss are an eighth of at least.
const CLUMP_SHARE: u32 = 16;

/// Steps of a clump: one is made by a single packet that was late, too.
const CLUMP_STEPS: u8 = 3;

/// Unit of what is added up over a clump, microseconds: packets that are sent closer to each other need not be told apart, and a
/// second has room.
const HELD_US: u32 = 16;

/// Jumps upwards that came after a silence, and the running clump.
#[derive(Clone, Copy)]
pub(super) struct Jumps {
    /// Time of the last sample, microseconds, wraps.
    last_us: u32,
    /// Time of the last jump that a queue would count as, milliseconds; zero if there was none; and the least round trip since.
    at_ms: u32,
    since_us: u32,
    /// By how much round trips have fallen within the running clump, in [`HELD_US`].
    fallen: u16,
    /// Steps of that.
    steps: u8,
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
            fallen: 0,
            steps: 0,
            count: 0,
        }
    }

    /// Takes a sample, into the running clump, too. Returns by how much it rose from `before_us` if nothing was heard of for about as long.
    pub(super) fn rise(&mut self, now_us: u64, before_us: u32, rtt_us: u32) -> Option<u32> {
        self.since_us = self.since_us.min(rtt_us);
        let pause_us = wrapped(now_us).wrapping_sub(self.last_us);
        self.last_us = wrapped(now_us);
        let fall_us = before_us.saturating_sub(rtt_us);
        let sent_apart_us = pause_us.saturating_add(fall_us);
        if rtt_us > before_us || pause_us > sent_apart_us / CLUMP_SHARE {
            self.fallen = 0;
            self.steps = 0;
        } else if fall_us != 0 {
            let fall = u16::try_from(fall_us / HELD_US).unwrap_or(u16::MAX);
            self.fallen = self.fallen.saturating_add(fall);
            self.steps = self.steps.saturating_add(1);
        }
        let rise_us = rtt_us.saturating_sub(before_us);
        (pause_us >= rise_us / 2 && pause_us / 2 <= rise_us).then_some(rise_us)
    }

    /// For how long packets that were sent apart and arrived together have been held back, microseconds; zero if the last
    /// sample was none of these.
    pub(super) fn held_us(&self) -> u32 {
        if self.steps < CLUMP_STEPS {
            return 0;
        }
        u32::from(self.fallen).saturating_mul(HELD_US)
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
