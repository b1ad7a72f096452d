// SPDX-License-Identifier: GPL-2.0

//! The emulated path: a rate-limited drop-tail queue, loss and delay behind it, and a clean way back.

/// SplitMix64: small, seeded, good enough for loss and jitter.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal, by the sum of twelve uniforms.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

/// One path and workload.
#[derive(Clone, Debug)]
pub struct Case {
    pub name: &'static str,
    pub mbit: f64,
    pub rtt_ms: f64,
    pub buffer_bdp: f64,
    pub loss: f64,
    /// Mean burst length; 1 is independent loss.
    pub burst: f64,
    pub jitter_ms: f64,
    /// A late packet holds back those behind it.
    pub in_order: bool,
    /// Policer in front of the link: rate in Mbit/s and bucket in bytes.
    pub policer: Option<(f64, f64)>,
    /// Rate changes: time in seconds, new rate in Mbit/s.
    pub steps: &'static [(f64, f64)],
    pub flows: usize,
    /// Seconds between the starts of two flows.
    pub gap: f64,
    pub seconds: f64,
}

impl Case {
    pub const fn new(
        name: &'static str,
        mbit: f64,
        rtt_ms: f64,
        buffer_bdp: f64,
        loss: f64,
    ) -> Self {
        Self {
            name,
            mbit,
            rtt_ms,
            buffer_bdp,
            loss,
            burst: 1.0,
            jitter_ms: 0.0,
            in_order: false,
            policer: None,
            steps: &[],
            flows: 1,
            gap: 0.37,
            seconds: 60.0,
        }
    }
}

pub const WIRE: f64 = 1514.0;
pub const MSS: u32 = 1448;

/// State of the path.
pub struct Link {
    rate: f64,
    free_at: f64,
    buffer: f64,
    bad: bool,
    tokens: f64,
    tokens_at: f64,
    last_out: f64,
    pub random: Random,
    pub tail_drops: u64,
}

impl Link {
    pub fn new(case: &Case, seed: u64) -> Self {
        Self {
            rate: case.mbit * 1e6 / 8.0,
            free_at: 0.0,
            buffer: (case.buffer_bdp * case.mbit * 1e6 / 8.0 * case.rtt_ms / 1e3).max(2.0 * WIRE),
            bad: false,
            tokens: case.policer.map_or(0.0, |p| p.1),
            tokens_at: 0.0,
            last_out: 0.0,
            random: Random(seed),
            tail_drops: 0,
        }
    }

    /// What waits before the bottleneck, in time.
    pub fn queue_ms(&self, now: f64) -> f64 {
        (self.free_at - now).max(0.0) * 1e3
    }

    /// A packet enters at `now` seconds; returns when it leaves the path, `None` if it is dropped.
    pub fn send(&mut self, case: &Case, now: f64) -> Option<f64> {
        for &(at, mbit) in case.steps {
            if now >= at {
                let rate = mbit * 1e6 / 8.0;
                if rate != self.rate {
                    // What waits is served at the new rate.
                    let waiting = (self.free_at - now).max(0.0) * self.rate;
                    self.rate = rate;
                    self.free_at = now + waiting / rate;
                }
            }
        }
        if let Some((mbit, bucket)) = case.policer {
            self.tokens = (self.tokens + (now - self.tokens_at) * mbit * 1e6 / 8.0).min(bucket);
            self.tokens_at = now;
            if self.tokens < WIRE {
                self.tail_drops += 1;
                return None;
            }
            self.tokens -= WIRE;
        }
        let waiting = (self.free_at - now).max(0.0) * self.rate;
        if waiting + WIRE > self.buffer {
            self.tail_drops += 1;
            return None;
        }
        self.free_at = self.free_at.max(now) + WIRE / self.rate;
        // Gilbert model: in the bad state everything is lost; mean stay `burst` packets.
        if case.loss > 0.0 {
            if case.burst <= 1.0 {
                if self.random.unit() < case.loss {
                    return None;
                }
            } else {
                let leave = 1.0 / case.burst;
                let enter = leave * case.loss / (1.0 - case.loss);
                self.bad = if self.bad {
                    self.random.unit() >= leave
                } else {
                    self.random.unit() < enter
                };
                if self.bad {
                    return None;
                }
            }
        }
        let delay = self.forward(case);
        let mut out = self.free_at + delay;
        if case.in_order {
            out = out.max(self.last_out);
            self.last_out = out;
        }
        Some(out)
    }

    /// Way there of one packet without a queue, seconds.
    fn forward(&mut self, case: &Case) -> f64 {
        let mut delay = case.rtt_ms / 2e3;
        if case.jitter_ms > 0.0 {
            delay = (delay + self.random.normal() * case.jitter_ms / 1e3).max(0.0);
        }
        delay
    }

    /// Round trip that a handshake sees, seconds.
    pub fn handshake(&mut self, case: &Case) -> f64 {
        self.forward(case) + case.rtt_ms / 2e3
    }
}
