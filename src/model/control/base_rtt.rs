// SPDX-License-Identifier: GPL-2.0

//! Base round-trip time and queue delay.
//!
//! The base is the minimum over a sliding window made of buckets that age out one by one, so that a path that has become
//! longer is noticed without a periodic stall. Drain phases of the controller empty our own share of the queue often enough
//! for the minimum to be refreshed.
//!
//! Where round trips wander, the least of thousands is one that nothing else comes near, and all others would seem to wait. So
//! the base is made of rows of samples: of each the largest. A path without a queue shows itself to several packets in a row.

mod held;

use super::buckets::Buckets;
use super::jumps::Jumps;
use super::math::{age_us, mix, ms, not_after};

/// Buckets of the window.
const BUCKETS: usize = 5;

/// Length of a bucket: five of two seconds remember ten seconds, long against the probing cycle of paths up to 600 ms.
const BUCKET_US: u64 = 2_000_000;

/// Window of the floor from which load is measured: three times the base's, so that it outlives a crowd that takes that long to
/// disperse, and does not hold a longer path under suspicion for ever.
const FLOOR_US: u64 = 30_000_000;

/// Samples a short-term minimum needs to be believed: single samples carry delayed ACKs and jitter.
const MIN_SAMPLES: u8 = 4;

/// Samples in a row that show the base, and as many where a round has fewer than twice the former: thin flows have to meet an
/// empty queue within two rounds.
const ROW: u8 = 4;
const THIN_ROW: u8 = 2;

/// Samples of a round of which a quarter has its least as early as the rows of the whole window: sixteen.
const MANY_SAMPLES: u8 = 64;

/// Share of the base by which a single sample must rise, to be a jump: what a standing queue starts with.
const JUMP_SHARE: u32 = 8;

/// Share of the base from which on readings are noisy.
const NOISY_SHARE: u32 = 8;

/// Time after which the floor has not been met lately: two cycles of probing, each of which drains.
const UNSEEN_ROUNDS: u64 = 16;
const UNSEEN_US: u64 = 2_500_000;

/// Multiple of the base that round trips wander to by themselves.
const WANDER_MAX: u32 = 3;

/// Least that [`BaseRtt::threshold`] is, microseconds: the granularity of timers and GSO.
pub(super) const LEAST_THRESHOLD_US: u32 = 2_000;

/// Windowed minima of the round-trip time, microseconds.
pub(super) struct BaseRtt {
    buckets: Buckets<BUCKETS>,
    bucket_end_ms: u32,
    recent: Buckets<2>,
    recent_end_us: u64,
    recent_count: u8,
    /// Mean difference of consecutive samples, times 16.
    jitter_q4: u32,
    last_rtt_us: u32,
    /// Largest sample of the running row, samples in it, and samples of the last round, at most 255.
    row_us: u32,
    row: u8,
    samples: u8,
    /// Mean difference between the minima of consecutive rounds at one sending rate, times 8.
    drift_q3: u32,
    /// Minimum of the last round; zero before the first.
    last_min_us: u32,
    /// Mean range of the samples of a quarter round sent at capacity, times 8. A queue wanders slower than that.
    range_q3: u32,
    /// Ranges of the quarters of the running round, and the largest sample of the running quarter.
    ranges_us: u32,
    quarters: u8,
    recent_max_us: u32,
    /// Steps of this size are the grain of sending, not jitter.
    grain_us: u32,
    spread_us: u32,
    seen_ms: u32,
    /// Minimum over a longer window, and when it was last seen.
    floor_us: u32,
    floor_seen_ms: u32,
    jumps: Jumps,
}

impl BaseRtt {
    /// Starts from the handshake's round trip, if it was measured.
    pub(super) fn new(now_us: u64, rtt_us: Option<u32>) -> Self {
        let mut buckets = Buckets::new();
        if let Some(rtt) = rtt_us {
            buckets.note(rtt.max(1));
        }
        Self {
            buckets,
            bucket_end_ms: ms(now_us.saturating_add(BUCKET_US)),
            recent: Buckets::new(),
            recent_end_us: 0,
            recent_count: 0,
            jitter_q4: 0,
            last_rtt_us: 0,
            row_us: 0,
            row: 0,
            samples: 0,
            drift_q3: 0,
            last_min_us: 0,
            range_q3: 0,
            ranges_us: 0,
            quarters: 0,
            recent_max_us: 0,
            grain_us: 0,
            spread_us: 0,
            seen_ms: ms(now_us),
            floor_us: rtt_us.unwrap_or(u32::MAX).max(1),
            floor_seen_ms: ms(now_us),
            jumps: Jumps::new(now_us),
        }
    }

    /// Takes a sample at `now_us`.
    pub(super) fn update(&mut self, now_us: u64, rtt_us: u32) {
        let rtt = rtt_us.max(1);
        // A single late packet is no wave: both of two neighbours must be late.
        let pair_us = rtt.min(self.last_rtt_us);
        let row_us = self.row(rtt);
        if not_after(self.bucket_end_ms, ms(now_us)) {
            self.buckets.age();
            self.jumps.age();
            // After an idle time longer than the window the old minima are kept for a window more: a stale base is
            // safer than none.
            self.bucket_end_ms = ms(now_us.saturating_add(BUCKET_US));
        }
        if let Some(row_us) = row_us {
            self.buckets.note(row_us);
        }
        let near_us = self.base().unwrap_or(rtt);
        let before_us = if self.last_rtt_us == 0 {
            rtt
        } else {
            self.last_rtt_us
        };
        if let Some(rise_us) = self.jumps.rise(now_us, before_us, rtt) {
            // Packets that are sent far apart arrive so.
            let apart_us = self.grain_us.saturating_mul(2);
            let large_us = (near_us / JUMP_SHARE).saturating_add(apart_us);
            if rise_us > self.threshold().max(apart_us) {
                self.jumps.note(now_us, rtt);
            }
            if rise_us > large_us {
                self.jumps.count();
            }
        }
        // EWMA of 1/16, as the kernel's own jitter of RTP: about one loss event's worth of samples.
        let step = rtt.abs_diff(before_us).saturating_sub(self.grain_us);
        self.jitter_q4 = self
            .jitter_q4
            .saturating_sub(self.jitter_q4 / 16)
            .saturating_add(step);
        self.last_rtt_us = rtt;
        if self.floor_age_us(now_us) > FLOOR_US {
            self.floor_us = self.base().unwrap_or(rtt);
            self.floor_seen_ms = ms(now_us);
        }
        if let Some(row_us) = row_us {
            self.floor_us = self.floor_us.min(row_us);
        }
        if rtt <= self.floor_us.saturating_add(self.floor_us / 32) {
            self.floor_seen_ms = ms(now_us);
        }
        // A sixty-fourth above the floor still counts as having seen the base, and what noise hides. Not above the base itself:
        // what drains leave of a queue would be taken for the path after the length of the window, and grow for ever.
        let near = self.floor_us.saturating_add(self.floor_us / 64);
        if rtt <= near || rtt <= near.saturating_add(self.noise() / 2) {
            self.seen_ms = ms(now_us);
        }
        if now_us >= self.recent_end_us && self.recent_count >= MIN_SAMPLES {
            let min = self.recent.newest().unwrap_or(u32::MAX);
            // A long queue that goes away is no wander.
            let near = self.recent_max_us <= near_us.saturating_mul(WANDER_MAX);
            if near && self.quarters != u8::MAX {
                let range = self.recent_max_us.saturating_sub(min);
                self.ranges_us = self.ranges_us.saturating_add(range);
                self.quarters = self.quarters.saturating_add(1);
            }
            self.recent.age();
            self.recent_count = 0;
            self.recent_max_us = 0;
            // A quarter of a round trip: the signal must be fresh when the next decision is due.
            self.recent_end_us = now_us.saturating_add(u64::from(rtt / 4));
        }
        self.recent.note(rtt);
        self.recent_max_us = self.recent_max_us.max(pair_us);
        self.recent_count = self.recent_count.saturating_add(1);
    }

    /// Takes a sample into the running row. Returns the largest of a row that is complete with it.
    fn row(&mut self, rtt_us: u32) -> Option<u32> {
        self.row_us = self.row_us.max(rtt_us);
        self.row = self.row.saturating_add(1);
        let enough = if self.base().is_none() {
            1
        } else if self.samples < ROW * 2 {
            THIN_ROW
        } else {
            ROW
        };
        (self.row >= enough).then(|| {
            self.row = 0;
            core::mem::take(&mut self.row_us)
        })
    }

    /// The base round trip; `None` before any sample.
    pub(super) fn base(&self) -> Option<u32> {
        self.buckets.min()
    }

    /// Minimum of the last quarter to half round trip above the base.
    pub(super) fn queue(&self) -> u32 {
        match (self.recent.min(), self.base()) {
            (Some(recent), Some(base)) => recent.saturating_sub(base),
            _ => 0,
        }
    }

    /// Noise floor of [`BaseRtt::queue`], and of the least round trip of a round. Among few samples it lies as much above the base
    /// as means do, among many it is by itself about as early as the rows that make the base.
    pub(super) fn noise(&self) -> u32 {
        if self.samples < MANY_SAMPLES {
            self.mean_noise()
        } else {
            self.mean_noise() / 2
        }
    }

    /// Noise floor of means. A queue changes little from one packet to the next, jitter does not care: with normal jitter the mean
    /// lies up to two mean differences above the base.
    fn mean_noise(&self) -> u32 {
        let base = self.base().unwrap_or(0);
        (self.jitter_q4 / 8)
            .saturating_add(self.drift_q3 / 4)
            .max(self.wander())
            .min(base / 2)
    }

    /// Tells how many samples the last round had.
    pub(super) fn set_samples(&mut self, samples: u8) {
        self.samples = samples;
    }

    /// Tells how long the bottleneck takes for two packets, which one delayed ACK covers.
    pub(super) fn set_grain(&mut self, grain_us: u32) {
        self.grain_us = grain_us;
    }

    /// Tells the minimum of a finished round; `steady` if it and the one before were sent at the same rate, so that a
    /// difference is the path's and not our queue's.
    pub(super) fn note_round(&mut self, min_us: Option<u32>, steady: bool) {
        let ranges = core::mem::take(&mut self.ranges_us);
        let quarters = core::mem::take(&mut self.quarters);
        // A queue as long as the path is not wander, even if it came by itself.
        let near = match (min_us, self.base()) {
            (Some(min), Some(base)) => min <= base.saturating_mul(2),
            _ => false,
        };
        if let (Some(mean), true) = (ranges.checked_div(u32::from(quarters)), steady && near) {
            let slack = (self.base().unwrap_or(0) / 32).saturating_add(self.grain_us);
            let range = mean.saturating_sub(slack);
            self.range_q3 = match self.range_q3 {
                0 => range.saturating_mul(8),
                old => old.saturating_sub(old / 8).saturating_add(range),
            };
        }
        let last = self.last_min_us;
        if let (Some(min), true) = (min_us, steady && last != 0) {
            self.drift_q3 = self
                .drift_q3
                .saturating_sub(self.drift_q3 / 8)
                .saturating_add(min.abs_diff(last).saturating_sub(self.grain_us));
        }
        self.last_min_us = min_us.unwrap_or(0);
    }

    /// Tells the mean round trip while our queue is empty.
    pub(super) fn note_empty(&mut self, mean_us: u32) {
        let base = self.base().unwrap_or(mean_us);
        let spread = mean_us.saturating_sub(base).min(base);
        // EWMA of 1/4: a few drain phases teach it, one outlier does not.
        self.spread_us = mix(self.spread_us, spread);
    }

    /// The base has not been seen for half of the window's length: others keep the queue filled, or the path is longer now.
    pub(super) fn is_stale(&self, now_us: u64) -> bool {
        age_us(self.seen_ms, now_us) > BUCKET_US.saturating_mul(BUCKETS as u64) / 2
    }

    /// The least round trip of long has not been met lately, noise or not.
    pub(super) fn is_unseen(&self, now_us: u64) -> bool {
        let cycles = u64::from(self.floor_us).saturating_mul(UNSEEN_ROUNDS);
        self.floor_age_us(now_us) > cycles.max(UNSEEN_US)
    }

    /// Puts off the next staleness.
    pub(super) fn refreshed(&mut self, now_us: u64) {
        self.seen_ms = ms(now_us);
    }

    /// Time of the last jump, milliseconds; zero if there was none.
    pub(super) fn jumped_ms(&self) -> u32 {
        self.jumps.last_ms()
    }

    /// Time since the floor was met.
    fn floor_age_us(&self, now_us: u64) -> u64 {
        age_us(self.floor_seen_ms, now_us)
    }

    /// Whether the round trip has jumped within the last bucket, after a silence, and stayed up: a new route.
    pub(super) fn has_jumped(&self, now_us: u64) -> bool {
        let base = self.base().unwrap_or(u32::MAX);
        let at_ms = self.jumps.last_ms();
        at_ms != 0
            && age_us(at_ms, now_us) < BUCKET_US
            && self.jumps.since() > base.saturating_add(self.threshold())
    }

    /// The path has become longer: `rtt_us` is the base from now on.
    pub(super) fn rebase(&mut self, rtt_us: u32) {
        self.buckets = Buckets::new();
        self.buckets.note(rtt_us.max(1));
        self.floor_us = rtt_us.max(1);
        self.jumps.clear();
    }

    /// Readings wander by so much that a single one is no evidence.
    pub(super) fn is_noisy(&self) -> bool {
        (self.jitter_q4 / 8).max(self.wander()) > self.base().unwrap_or(0) / NOISY_SHARE
    }

    /// The path holds packets back and lets them go in order: neither a queue of ours nor one of others does that again and
    /// again.
    pub(super) fn is_jumpy(&self) -> bool {
        self.jumps.are_many()
    }

    /// What looked like a queue was none: readings wander by as much as that, and [`BaseRtt::is_noisy`] from now on.
    pub(super) fn mistaken(&mut self) {
        let noisy = self.base().unwrap_or(0) / NOISY_SHARE;
        let range = self.queue().max(noisy.saturating_add(noisy / 8));
        self.range_q3 = self.range_q3.max(range.saturating_mul(8));
    }

    /// The slow part of the noise, which the minimum of a quarter round does not even out: packets wait for each other.
    fn wander(&self) -> u32 {
        self.range_q3 / 8
    }

    /// Mean round trip while our queue is empty.
    pub(super) fn typical(&self) -> Option<u32> {
        self.base().map(|base| base.saturating_add(self.spread_us))
    }

    /// Whether the bottleneck holds any queue at all, by the last quarter to half round trip: a finer test than
    /// [`BaseRtt::threshold`], for judging loss.
    pub(super) fn is_loaded(&self) -> bool {
        self.recent.min().is_some_and(|recent| self.is_load(recent))
    }

    /// Whether the least round trip of some time contains a queue. Measured from the long-term floor: several flows that keep a
    /// queue full would otherwise take it for the path, and its overflow for random loss.
    pub(super) fn is_load(&self, rtt_us: u32) -> bool {
        let quiet_us = self.quiet();
        rtt_us > quiet_us && rtt_us > quiet_us.saturating_add(self.noise())
    }

    /// The same for the mean of a round.
    pub(super) fn is_mean_load(&self, mean_us: u32) -> bool {
        mean_us > self.quiet().saturating_add(self.mean_noise())
    }

    /// Round trip up to which nothing but noise could tell a queue.
    fn quiet(&self) -> u32 {
        let slack = (self.floor_us / 32).max(1_000);
        self.floor_us.saturating_add(slack)
    }

    /// Queue delay from which on a standing queue is believed: an eighth of the base (half the latency goal) and at least
    /// 2 ms (timer and GSO granularity), above the noise floor.
    pub(super) fn threshold(&self) -> u32 {
        let base = self.base().unwrap_or(0);
        (base / 8)
            .max(LEAST_THRESHOLD_US)
            .saturating_add(self.noise())
    }
}
