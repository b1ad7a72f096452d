// SPDX-License-Identifier: GPL-2.0

//! Base round-trip time and queue delay.
//!
//! The base is the minimum over a sliding window made of buckets that age out one by one, so that a path that has become
//! longer is noticed without a periodic stall. Drain phases of the controller empty our own share of the queue often enough
//! for the minimum to be refreshed.

/// Buckets of the window.
const BUCKETS: usize = 5;

/// Length of a bucket: five of two seconds remember ten seconds, long against the probing cycle of paths up to 600 ms.
const BUCKET_US: u64 = 2_000_000;

/// Samples a short-term minimum needs to be believed: single samples carry delayed ACKs and jitter.
const MIN_SAMPLES: u8 = 4;

/// Windowed minima of the round-trip time, microseconds.
pub(super) struct BaseRtt {
    buckets: [u32; BUCKETS],
    bucket_end_us: u64,
    recent: [u32; 2],
    recent_end_us: u64,
    recent_count: u8,
    noise_us: u32,
}

impl BaseRtt {
    /// Starts from the handshake's round trip, if it was measured.
    pub(super) fn new(now_us: u64, rtt_us: Option<u32>) -> Self {
        let mut buckets = [u32::MAX; BUCKETS];
        if let (Some(first), Some(rtt)) = (buckets.first_mut(), rtt_us) {
            *first = rtt.max(1);
        }
        Self {
            buckets,
            bucket_end_us: now_us.saturating_add(BUCKET_US),
            recent: [u32::MAX; 2],
            recent_end_us: 0,
            recent_count: 0,
            noise_us: 0,
        }
    }

    /// Takes a sample at `now_us`.
    pub(super) fn update(&mut self, now_us: u64, rtt_us: u32) {
        let rtt = rtt_us.max(1);
        if now_us >= self.bucket_end_us {
            self.buckets.rotate_right(1);
            if let Some(first) = self.buckets.first_mut() {
                *first = u32::MAX;
            }
            // After an idle time longer than the window the old minima are kept for a window more: a stale base is
            // safer than none.
            self.bucket_end_us = now_us.saturating_add(BUCKET_US);
        }
        if let Some(first) = self.buckets.first_mut() {
            *first = (*first).min(rtt);
        }
        if now_us >= self.recent_end_us && self.recent_count >= MIN_SAMPLES {
            self.recent.rotate_right(1);
            if let Some(first) = self.recent.first_mut() {
                *first = u32::MAX;
            }
            self.recent_count = 0;
            // A quarter of a round trip: the signal must be fresh when the next decision is due.
            self.recent_end_us = now_us.saturating_add(u64::from(rtt / 4));
        }
        if let Some(first) = self.recent.first_mut() {
            *first = (*first).min(rtt);
        }
        self.recent_count = self.recent_count.saturating_add(1);
    }

    /// The base round trip; `None` before any sample.
    pub(super) fn base(&self) -> Option<u32> {
        self.buckets
            .iter()
            .copied()
            .min()
            .filter(|&rtt| rtt != u32::MAX)
    }

    /// Minimum of the last quarter to half round trip above the base.
    pub(super) fn queue(&self) -> u32 {
        let recent = self.recent.iter().copied().min().unwrap_or(u32::MAX);
        match self.base() {
            Some(base) if recent != u32::MAX => recent.saturating_sub(base),
            _ => 0,
        }
    }

    /// Tells what a queue reading is like while our queue is empty: the noise floor of [`BaseRtt::queue`].
    pub(super) fn note_empty(&mut self, queue_us: u32) {
        // EWMA of 1/4: a few drain phases teach it, one outlier does not.
        self.noise_us = (self.noise_us / 4)
            .saturating_mul(3)
            .saturating_add(queue_us / 4);
    }

    /// Queue delay from which on a standing queue is believed: an eighth of the base (half the latency goal) and at least
    /// 2 ms (timer and GSO granularity), above the noise floor.
    pub(super) fn threshold(&self) -> u32 {
        let base = self.base().unwrap_or(0);
        (base / 8)
            .max(2_000)
            .saturating_add(self.noise_us.min(base / 2))
    }

    /// Noise floor of the queue reading.
    pub(super) fn noise(&self) -> u32 {
        self.noise_us
    }
}
