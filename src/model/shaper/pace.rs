// SPDX-License-Identifier: GPL-2.0

//! A rate as arithmetic on a virtual clock.
//!
//! The clock says when the next byte may leave at the earliest. A packet takes a [`Slot`]: it
//! starts where the clock stands and moves the clock on by the time that the packet's bytes take.
//! While nothing is sent the clock falls behind real time, but never further than the burst: that
//! is what may be sent at once later. The clock is one number, so several queues share a rate by
//! exchanging it atomically, and a queue that holds a slot has its turn whatever the others do.

/// Units of the clock in a nanosecond: at 100 Gbit/s the smallest packet takes five nanoseconds, and
/// rounding down must not be seen in the rate. 64 bits last nine years of uptime.
pub const TICKS_PER_NS: u64 = 64;

/// Largest slot that is for one packet, bytes: a GSO packet that could not be cut.
const PACKET_MAX_BYTES: u64 = 65_536;
/// How far a clock may be ahead besides a slot for each queue, ticks: batches and packets that go ahead are
/// milliseconds, and a wrong lead must not be felt as an outage.
const LEAD_TICKS: u64 = ticks(1_000_000_000);

/// Fraction bits of [`Pace::per_byte_q16`].
const FRACTION: u32 = 16;

/// The time that one byte takes at one kbit/s, in ticks and q16: 8,000,000 ns.
const BYTE_AT_ONE_KBPS_Q16: u64 = (8_000_000 * TICKS_PER_NS) << FRACTION;

/// Nanoseconds as ticks.
pub const fn ticks(ns: u64) -> u64 {
    ns.saturating_mul(TICKS_PER_NS)
}

/// A rate and its bursts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pace {
    /// Time that a byte takes, in ticks, q16.
    per_byte_q16: u64,
    /// How far the clock may lag behind, in ticks; 0 when bursts are off.
    burst: u64,
    /// How many bytes more than were saved a single packet may have, see [`Pace::opens`].
    tolerance_bytes: u32,
}

/// A turn to send.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Slot {
    /// When it begins, in ticks.
    pub start: u64,
    /// The bytes that it was taken for.
    pub bytes: u32,
}

impl Pace {
    /// `kbps` of 1000 bit/s, at least one. With a burst of 0 nothing is saved and no tolerance applies.
    pub fn new(kbps: u64, burst_bytes: u64, tolerance_bytes: u32) -> Self {
        let per_byte_q16 = BYTE_AT_ONE_KBPS_Q16
            .checked_div(kbps.max(1))
            .unwrap_or(BYTE_AT_ONE_KBPS_Q16);
        let mut pace = Self {
            per_byte_q16,
            burst: 0,
            tolerance_bytes,
        };
        pace.burst = pace.span(burst_bytes);
        pace
    }

    /// Time that `bytes` take, in ticks.
    pub const fn span(&self, bytes: u64) -> u64 {
        bytes.saturating_mul(self.per_byte_q16) >> FRACTION
    }

    /// What identifies the rate.
    pub const fn rate(&self) -> u64 {
        self.per_byte_q16
    }

    /// Whether anything may be saved and sent later.
    pub const fn has_burst(&self) -> bool {
        self.burst != 0
    }

    /// The slot of a packet when the clock stands at `clock`, and where the clock is to stand then.
    pub fn claim(&self, clock: u64, now: u64, bytes: u32) -> (Slot, u64) {
        let start = clock.max(now.saturating_sub(self.burst));
        let slot = Slot { start, bytes };
        (slot, start.saturating_add(self.span(u64::from(bytes))))
    }

    /// From when on a packet of `bytes` may leave in `slot`, in ticks.
    ///
    /// A packet may be larger than what was saved by the tolerance; beyond that it waits until the
    /// rest is saved, too.
    pub fn opens(&self, slot: &Slot, bytes: u32) -> u64 {
        if self.burst == 0 {
            return slot.start;
        }
        let beyond = bytes.saturating_sub(self.tolerance_bytes);
        slot.start.saturating_add(self.span(u64::from(beyond)))
    }

    /// Where a clock at `clock` is to stand when `sent` bytes left in a slot. Never before zero: a clock
    /// that wraps would be ahead for years.
    pub fn settled(&self, clock: u64, slot: &Slot, sent: u32) -> u64 {
        let (sent, taken) = (u64::from(sent), u64::from(slot.bytes));
        clock
            .saturating_add(self.span(sent))
            .saturating_sub(self.span(taken))
    }

    /// What a clock at `clock` is to count as when `queues` share it: one that is further ahead than they
    /// can have taken at this rate was moved by somebody who had not learnt yet of the rate, and counts as
    /// the present.
    pub fn believed(&self, clock: u64, now: u64, queues: u32) -> u64 {
        let slots = self
            .span(PACKET_MAX_BYTES)
            .saturating_mul(u64::from(queues));
        let furthest = now.saturating_add(LEAD_TICKS).saturating_add(slots);
        if clock <= furthest {
            clock
        } else {
            now
        }
    }

    /// Where the clock of what was sent out of turn is to stand, `bytes` later: it runs at half of the rate,
    /// and nothing is saved.
    pub fn borrowed(&self, clock: u64, now: u64, bytes: u32) -> u64 {
        clock
            .max(now)
            .saturating_add(self.span(u64::from(bytes).saturating_mul(2)))
    }
}
