// SPDX-License-Identifier: GPL-2.0

//! What each interface receives, for `advinacc`, and the rate that its flows may have for it: `waninkbps`.

use crate::model::inbound::Fair;
use crate::sys::bh_lock::BhLock;
use kernel::prelude::*;
use kernel::sync::atomic::{Atomic, Full, Relaxed};

/// Interfaces that are metered at a time; with more, those that come last keep to no limit.
const METERS: usize = 64;

/// Time without a packet after which a meter may be another interface's, microseconds.
const IDLE_US: u64 = 60_000_000;

/// Of the mean round trip, what one flow's counts, as a power of two.
const MEAN_SHIFT: u32 = 4;

/// Round trip of flows before one was seen, microseconds.
const FIRST_RTT_US: u32 = 50_000;

/// One interface.
pub(crate) struct Meter {
    /// Its index; 0 for none.
    interface: Atomic<u32>,
    /// When the present step began, microseconds.
    since_us: Atomic<u64>,
    /// Bytes received since, and in all.
    bytes: Atomic<u64>,
    all: Atomic<u64>,
    /// Mean round trip of its flows, microseconds; changed without a lock: a mean survives a lost update.
    rtt_us: Atomic<u32>,
    /// The rate of each flow, bytes per second; 0 before the first step.
    rate: Atomic<u64>,
    fair: BhLock<Fair>,
}

impl Meter {
    fn new() -> Self {
        Meter {
            interface: Atomic::new(0),
            since_us: Atomic::new(0),
            bytes: Atomic::new(0),
            all: Atomic::new(0),
            rtt_us: Atomic::new(FIRST_RTT_US),
            rate: Atomic::new(0),
            fair: BhLock::new(Fair::default()),
        }
    }

    /// Counts what was received, under a limit of `limit` bytes per second if there is one. Context: softirq.
    pub(crate) fn count(&self, bytes: u64, now_us: u64, limit: Option<u64>) {
        self.all.add(bytes, Relaxed);
        self.bytes.add(bytes, Relaxed);
        let since = self.since_us.load(Relaxed);
        let elapsed = now_us.saturating_sub(since);
        // Whoever loses has lost to a CPU that does the same.
        let rtt_us = self.rtt_us.load(Relaxed);
        if elapsed < Fair::step_us(rtt_us) || self.since_us.cmpxchg(since, now_us, Full).is_err() {
            return;
        }
        let bytes = self.bytes.xchg(0, Relaxed);
        let rate = limit.and_then(|limit| {
            self.fair.with(|fair| {
                fair.step(bytes, elapsed, limit);
                fair.rate()
            })
        });
        self.rate.store(rate.unwrap_or(0), Relaxed);
    }

    /// Bytes received since some time, which wrap for nobody. Context: any.
    pub(crate) fn all(&self) -> u64 {
        self.all.load(Relaxed)
    }

    /// Bytes per second that each flow may have, if that is known.
    pub(crate) fn rate(&self) -> Option<u64> {
        Some(self.rate.load(Relaxed)).filter(|&rate| rate != 0)
    }

    /// A flow had a round trip of `rtt_us`.
    pub(crate) fn round_trip(&self, rtt_us: u32) {
        let mean = self.rtt_us.load(Relaxed);
        let mean = mean
            .saturating_sub(mean >> MEAN_SHIFT)
            .saturating_add(rtt_us >> MEAN_SHIFT);
        self.rtt_us.store(mean, Relaxed);
    }
}

/// All interfaces by which flows under control come.
pub(crate) struct Meters {
    meters: KVVec<Meter>,
}

impl Meters {
    /// None. Context: process. Errors: `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        let mut meters = KVVec::with_capacity(METERS, GFP_KERNEL)?;
        for _ in 0..METERS {
            meters.push(Meter::new(), GFP_KERNEL)?;
        }
        Ok(Meters { meters })
    }

    /// The meter of an interface, if it has one. Context: any.
    pub(crate) fn find(&self, interface: u32) -> Option<&Meter> {
        self.meters
            .iter()
            .find(|meter| meter.interface.load(Relaxed) == interface)
    }

    /// The meter of an interface, a new one if need be. Context: any.
    pub(crate) fn of(&self, interface: u32, now_us: u64) -> Option<&Meter> {
        self.find(interface)
            .or_else(|| self.take(interface, now_us))
    }

    #[cold]
    fn take(&self, interface: u32, now_us: u64) -> Option<&Meter> {
        for meter in &self.meters {
            let old = meter.interface.load(Relaxed);
            let idle = now_us.saturating_sub(meter.since_us.load(Relaxed)) > IDLE_US;
            if (old == 0 || idle) && meter.interface.cmpxchg(old, interface, Full).is_ok() {
                meter.fair.with(|fair| *fair = Fair::default());
                meter.rate.store(0, Relaxed);
                meter.rtt_us.store(FIRST_RTT_US, Relaxed);
                meter.bytes.store(0, Relaxed);
                meter.since_us.store(now_us, Relaxed);
                return Some(meter);
            }
        }
        None
    }
}
