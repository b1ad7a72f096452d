// SPDX-License-Identifier: GPL-2.0

//! What flows with the same peer know together.
//!
//! A flow that begins while others have a queue takes that for part of the path, and who knows the path better gives way to
//! it. So the least round trip is everybody's. And flows of one path are steered together: who begins knows that there
//! is somebody whose queue it is going to lengthen, and nobody is left much less than an equal part of what all have.
//!
//! All of it is hints: entries may get lost, and who shares an address with somebody nearer (behind address translation) is let
//! go as it loses rate.

use crate::model::memory::mix;
use crate::model::units::{Addr, Family};

/// Entries of the table. Two peers in one take turns, which costs nothing but the hint.
pub const ENTRIES: usize = 1_024;

/// How long a round trip is remembered at least, as a power of two of microseconds: 33.6 s. The queue is emptied four
/// times in that by looks, and a path that gets longer is known soon after.
const EPOCH_SHIFT: u32 = 25;

/// How long a steered flow counts, as a power of two of microseconds: a second, in which nearly all have a round trip.
const CENSUS_SHIFT: u32 = 20;

/// Where the entry of a peer is, and how it is told from others there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place {
    /// Its entry, below [`ENTRIES`].
    pub entry: usize,
    tag: u64,
}

impl Place {
    /// The place of `peer`, an address or the /64 of one; `key` is secret, so that nobody can choose addresses that share an entry.
    pub fn of(peer: Addr, key: u64) -> Self {
        let family = match peer.family {
            Family::V4 => 4,
            Family::V6 => 6,
        };
        // CAST: the first half of the address.
        let hash = mix(mix(key ^ family) ^ (peer.bits >> 64) as u64);
        Self {
            // CAST: part of the hash.
            entry: (hash as usize) % ENTRIES,
            tag: mix(hash ^ key),
        }
    }
}

/// What a flow tells after a round trip.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Report {
    /// Now, microseconds.
    pub now_us: u64,
    /// Least round trip of late, microseconds; not zero.
    pub rtt_us: u32,
    /// Bytes per second that it receives, if it is steered and has not told so in the present census.
    pub steered: Option<u64>,
}

/// What a flow is told.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Known {
    /// Least round trip of late, microseconds; 0 for nothing known.
    pub base_us: u32,
    /// Flows that are steered, and what they receive together, bytes per second.
    pub flows: u32,
    /// See there.
    pub rate: u64,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Census {
    flows: u32,
    rate: u64,
}

/// An entry.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Route {
    tag: u64,
    /// Number of the epoch, and the least round trips in it and in the one before, microseconds.
    epoch: u16,
    least_us: [u32; 2],
    /// Number of the present census, and what it and the one before have counted.
    census: u16,
    counted: [Census; 2],
}

/// Periods by which one processor may be ahead of another that took the time before it; few, as what is older than that is another day.
const AHEAD: u16 = 15;

impl Route {
    /// Takes a report of a flow with the peer at `place`.
    pub fn note(&mut self, place: &Place, report: &Report) -> Known {
        let epoch = period(report.now_us, EPOCH_SHIFT);
        if self.tag != place.tag {
            *self = Route {
                tag: place.tag,
                epoch,
                least_us: [u32::MAX; 2],
                census: census(report.now_us),
                ..Route::default()
            };
        }
        let epoch = newer(epoch, self.epoch);
        let [now, before] = self.least_us;
        self.least_us = match epoch.wrapping_sub(self.epoch) {
            0 => [now.min(report.rtt_us), before],
            1 => [report.rtt_us, now],
            _ => [report.rtt_us, u32::MAX],
        };
        self.epoch = epoch;
        let census = newer(census(report.now_us), self.census);
        let [now, _] = self.counted;
        match census.wrapping_sub(self.census) {
            0 => {}
            1 => self.counted = [Census::default(), now],
            _ => self.counted = [Census::default(); 2],
        }
        self.census = census;
        let [now, before] = &mut self.counted;
        if let Some(rate) = report.steered {
            now.flows = now.flows.saturating_add(1);
            now.rate = now.rate.saturating_add(rate);
        }
        // The present one is not over: it says more only if flows have begun.
        let all = match now.flows > before.flows {
            true => now,
            false => before,
        };
        let [least, older] = self.least_us;
        Known {
            base_us: least.min(older),
            flows: all.flows,
            rate: all.rate,
        }
    }
}

/// The number of a period that is `known` already, if `at` was taken just before by another processor.
const fn newer(at: u16, known: u16) -> u16 {
    if at.wrapping_sub(known) > u16::MAX - AHEAD {
        known
    } else {
        at
    }
}

/// Number of the census at `now_us`.
pub const fn census(now_us: u64) -> u16 {
    period(now_us, CENSUS_SHIFT)
}

/// Number of the period of 2^`shift` microseconds, wrapping.
const fn period(now_us: u64, shift: u32) -> u16 {
    // CAST: wraps.
    now_us.wrapping_shr(shift) as u16
}

#[cfg(test)]
mod tests;
