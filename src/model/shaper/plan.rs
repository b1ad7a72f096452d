// SPDX-License-Identifier: GPL-2.0

//! From settings to what the shaper works with.

use super::codel::Aqm;
use super::pace::Pace;
use crate::model::settings::{unpack, Key, EMPTY};

/// Longest time that one packet may occupy the interface, in microseconds: a larger one is sent
/// segment by segment, so that others can go in between. As TCP's own goal for the size of its bursts.
const WHOLE_US: u64 = 1_000;
/// A turn lasts a tenth of that, so that it takes few rounds to make up for a large packet.
const TURN_US: u64 = 100;
/// Time of the packets that leave for one interrupt at high rates, in microseconds: half of what TCP keeps in
/// a queue, so that there is always more to send.
const BATCH_US: u64 = 500;
/// Largest turn, in bytes: ten packets, what a connection may send at first (RFC 6928).
const TURN_MAX_BYTES: u64 = 16_384;
/// Longest turn, in microseconds, and least one in bytes: where a large packet takes longer than that, a turn worth one would
/// keep thin flows waiting for a tenth of a second. A few small packets, as with cake at such rates.
const TURN_LONGEST_US: u64 = 10_000;
const TURN_MIN_BYTES: u64 = 300;
/// CoDel's target and interval, in microseconds (RFC 8289, 4.2 and 4.3).
const TARGET_US: u64 = 5_000;
const INTERVAL_US: u64 = 100_000;
/// Memory that the packets of one queue may take before its limit is that of a full pool, in bytes: as in
/// the kernel's fq_codel.
const POOL_BYTES: u64 = 32 << 20;
/// Memory beyond which a queue takes no more packets than it must, in bytes, whatever the limits: they may be
/// written as billions, and memory that the kernel needs is worse to miss than packets.
const MEMORY_MAX_BYTES: u64 = 8 * POOL_BYTES;

/// The settings of the shaper, as they are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Orders {
    /// A rate is kept to at all.
    pub enabled: bool,
    /// The rate, kbit/s; 0 for none.
    pub kbps: u64,
    /// Lowest rate, kbit/s.
    pub min_kbps: u64,
    /// Longest burst, milliseconds; 0 for none.
    pub burst_ms: u64,
    /// Smallest burst, bytes.
    pub burst_min: u64,
    /// What a packet may exceed the burst by, bytes.
    pub tolerance: u64,
    /// Hosts take turns, too.
    pub host_fair: bool,
    /// Acknowledgements that wait may be replaced by later ones.
    pub thins_acks: bool,
    /// Packets that may wait.
    pub limits: Limits,
}

impl Orders {
    /// Reads the slots through `get`.
    pub fn read(get: impl Fn(Key) -> u64) -> Self {
        let min_kbps = get(Key::SmMinKbps);
        let (full, idle) = unpack(get(Key::L2wQLimit));
        Self {
            enabled: get(Key::ShaperEnable) != 0,
            kbps: get(Key::WanKbps),
            min_kbps: if min_kbps == EMPTY { 0 } else { min_kbps },
            burst_ms: get(Key::SmBurstMs),
            burst_min: get(Key::SmBurstMin),
            tolerance: get(Key::SmBurstTolerance),
            host_fair: get(Key::HostFairEnable) != 0,
            thins_acks: get(Key::AdvAccEnable) != 0,
            limits: Limits { full, idle },
        }
    }

    /// The rate to keep to, kbit/s.
    fn rate(&self) -> Option<u64> {
        (self.enabled && self.kbps != 0).then(|| self.kbps.max(self.min_kbps))
    }
}

/// How many packets may wait in a queue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// When they take all the memory of the pool.
    pub full: u32,
    /// When they take next to none.
    pub idle: u32,
}

impl Limits {
    /// The limit while waiting packets take `memory` bytes; never zero, or nothing could be sent.
    pub fn packets(&self, memory: u64) -> u32 {
        if memory >= MEMORY_MAX_BYTES {
            return 1;
        }
        let room = u64::from(self.idle.saturating_sub(self.full));
        let used = room
            .saturating_mul(memory.min(POOL_BYTES))
            .checked_div(POOL_BYTES)
            .unwrap_or(0);
        let limit = u64::from(self.idle).saturating_sub(used);
        u32::try_from(limit).unwrap_or(u32::MAX).max(1)
    }
}

/// What one queue works with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Plan {
    /// The rate; `None` sends as fast as the interface takes it.
    pub pace: Option<Pace>,
    /// Largest packet that is sent as one, bytes.
    pub whole_bytes: u32,
    /// Bytes that a queue may send at a time where a burst is allowed.
    pub batch_bytes: u32,
    /// The same on a crowded interface.
    pub crowded_bytes: u32,
    /// Bytes of a turn.
    pub quantum_bytes: u32,
    /// When a flow's queue stands.
    pub aqm: Aqm,
    /// Hosts take turns, too.
    pub host_fair: bool,
    /// Acknowledgements that wait may be replaced by later ones.
    pub thins_acks: bool,
    /// Packets that may wait.
    pub limits: Limits,
}

impl Plan {
    /// Bytes of the slot that a queue takes for a packet of `bytes` when `waiting` are in it, the packet
    /// included. On a crowded interface, where batches would keep others waiting, it is a turn, and at least a large
    /// packet: were it a small one, queues of such would get less than others.
    pub fn slot_bytes(&self, is_crowded: bool, bytes: u32, waiting: u32) -> u32 {
        let most = match self.pace {
            Some(pace) if pace.has_burst() && is_crowded => self.crowded_bytes,
            _ => self.batch_bytes,
        };
        bytes.max(most.min(waiting))
    }

    /// What `orders` mean for an interface whose largest packets have `mtu` bytes, link header included.
    pub fn new(orders: &Orders, mtu: u32) -> Self {
        let mtu = u64::from(mtu.max(256));
        let rate = orders.rate();
        // Bytes in so many microseconds: a kbit/s is an eighth of a byte a millisecond.
        let bytes_in = |kbps: u64, us: u64| kbps.saturating_mul(us) / 8_000;
        let turn = rate.map_or(TURN_MAX_BYTES, |kbps| bytes_in(kbps, TURN_US));
        let longest = rate.map_or(u64::MAX, |kbps| bytes_in(kbps, TURN_LONGEST_US));
        let least = mtu.min(longest.max(TURN_MIN_BYTES));
        let whole = rate.map_or(u64::MAX, |kbps| bytes_in(kbps, WHOLE_US));
        let pace = rate.map(|kbps| {
            let burst = match orders.burst_ms {
                0 => 0,
                ms => bytes_in(kbps, ms.saturating_mul(1_000))
                    .max(orders.burst_min)
                    .max(1),
            };
            Pace::new(kbps, burst, low32(orders.tolerance))
        });
        let batch = match pace {
            Some(pace) if pace.has_burst() => rate.map_or(0, |kbps| bytes_in(kbps, BATCH_US)),
            _ => 0,
        };
        // One packet and a half must not be a queue that stands.
        let target = rate.map_or(0, |kbps| {
            mtu.saturating_mul(12_000).checked_div(kbps).unwrap_or(0)
        });
        let target = target.max(TARGET_US);
        let turn = turn.min(TURN_MAX_BYTES);
        Self {
            pace,
            whole_bytes: low32(whole.max(mtu)),
            batch_bytes: low32(batch),
            crowded_bytes: low32(turn.max(mtu)),
            quantum_bytes: low32(turn.max(least)),
            aqm: Aqm {
                target_us: low32(target),
                interval_us: low32(INTERVAL_US.max(target.saturating_mul(2))),
                spare_bytes: low32(mtu),
            },
            host_fair: orders.host_fair,
            thins_acks: orders.thins_acks,
            limits: orders.limits,
        }
    }
}

fn low32(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
