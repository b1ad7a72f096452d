// SPDX-License-Identifier: GPL-2.0

//! What earlier connections have learned about the way to a network.
//!
//! A bounded table: one entry a subnet (/24, /64), in sets of four, of which the oldest gives way. An entry is two words, each
//! with the subnet's tag, so that it can be read and written without a lock: a mixture of two subnets is recognised and
//! ignored. Everything in it is a hint that the connection checks against what it sees itself.

use super::flow::subnet;
use super::units::{Addr, Family};

/// Sets of the table; with four entries of two words each it takes 64 KiB.
pub const SETS: usize = 1024;

/// Entries of a set.
pub const WAYS: usize = 4;

/// Sets that the subnets of one IPv6 site (/48) share: it is given away as a whole and has 65,536 of them, with which its owner
/// could push out what is known of all others. An owner of IPv4 has 256 subnets in a /16, which is no harm.
const SITE_SETS: usize = 16;

/// Minutes after which capacity and round trip are no longer believed: congestion comes and goes in minutes.
const RATE_MINUTES: u16 = 10;

/// Minutes after which the loss rate is not either: it belongs to the route and the hour.
const LOSS_MINUTES: u16 = 60;

/// Packets of a connection that make its loss rate replace the old one; fewer move it by their share.
const WEIGHT_PACKETS: u32 = 1 << WEIGHT_SHIFT;
const WEIGHT_SHIFT: u32 = 9;

/// What is known of a path.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Known {
    /// Share of packets that get lost though we do not overrun the path, 1/65536.
    pub loss_q16: u32,
    /// Round trip without a queue, microseconds; 0 if not known, or too long ago.
    pub base_rtt_us: u32,
    /// Rate at which the path takes packets, payload bytes per second; 0 if not known, or too long ago.
    pub capacity: u64,
}

/// What a connection reports.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// Packets lost and resolved while the path was not overrun.
    pub lost: u32,
    /// All packets of that count.
    pub total: u32,
    /// As [`Known::base_rtt_us`].
    pub base_rtt_us: u32,
    /// As [`Known::capacity`]; 0 if the connection does not know.
    pub capacity: u64,
}

/// What a connection that begins has taken from the capacity of its path.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Share {
    amount: u64,
    generation: u8,
}

/// An entry as it is stored.
pub type Words = [u64; 2];

/// Where the entry of a subnet is, and how it is told from others there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place {
    /// Its set, below [`SETS`].
    pub set: usize,
    tag: u16,
}

impl Place {
    /// The place of `addr`'s subnet; `key` is secret, so that nobody can choose addresses that share a set.
    pub fn of(addr: Addr, key: u64) -> Self {
        let network = subnet(addr);
        let bytes = network.bits.to_be_bytes();
        let (high, low) = bytes.split_at(8);
        let word = |half: &[u8]| half.iter().fold(0u64, |w, &b| (w << 8) | u64::from(b));
        let family = match network.family {
            Family::V4 => 4,
            Family::V6 => 6,
        };
        let site = match network.family {
            Family::V4 => word(high),
            Family::V6 => word(high) >> 16,
        };
        let site = mix(mix(key ^ family) ^ site);
        let hash = mix(mix(site ^ word(high)) ^ word(low));
        // CAST: parts of the hashes.
        let (tag, within) = ((hash >> 48) as u16, (hash as usize) % SITE_SETS);
        Self {
            set: (site as usize).wrapping_add(within) % SETS,
            // Zero is an empty entry.
            tag: tag.max(1),
        }
    }

    /// Finds the subnet's entry in its set and says what is known at `minute`.
    pub fn find(&self, set: &[Words], minute: u16) -> Option<Known> {
        let (_, entry) = self.entry(set)?;
        entry.believed(minute)
    }

    /// Like [`Place::find`] for a connection that begins, which may take half of the capacity: also gives the entry and what it
    /// becomes, so that the next connection takes half of what is left and all that begin together no more than the path has.
    pub fn take(&self, set: &[Words], minute: u16) -> Option<(Known, Share, usize, Words)> {
        let (way, mut entry) = self.entry(set)?;
        let known = entry.believed(minute)?;
        entry.known.capacity /= 2;
        let share = Share {
            amount: known.capacity.saturating_sub(entry.known.capacity),
            generation: entry.generation,
        };
        Some((known, share, way, entry.pack()))
    }

    /// Gives back what a connection took that ended without finding the capacity. Nothing if somebody has found it since, or
    /// nobody for so long that it is no longer believed.
    pub fn give_back(&self, set: &[Words], minute: u16, share: Share) -> Option<(usize, Words)> {
        let (way, mut entry) = self.entry(set)?;
        let known = entry.believed(minute)?;
        if entry.generation != share.generation || known.capacity == 0 {
            return None;
        }
        entry.known.capacity = known.capacity.saturating_add(share.amount);
        Some((way, entry.pack()))
    }

    /// Which entry of the set a report goes to, and what it becomes.
    pub fn store(&self, set: &[Words], minute: u16, report: &Report) -> (usize, Words) {
        let before = self.entry(set);
        let way = before
            .as_ref()
            .map_or_else(|| oldest(set, minute), |(way, _)| *way);
        let before = before.map(|(_, entry)| entry);
        let old = before.as_ref().and_then(|entry| entry.believed(minute));
        // What a report does not know does not become younger by it.
        let (loss_then, rate_then) = match (&before, old) {
            (Some(entry), Some(_)) => (entry.minute, entry.rate_minute),
            _ => (minute, minute),
        };
        let entry = Entry {
            tag: self.tag,
            minute: if report.total == 0 { loss_then } else { minute },
            rate_minute: if report.capacity == 0 {
                rate_then
            } else {
                minute
            },
            generation: match &before {
                Some(entry) if report.capacity == 0 => entry.generation,
                Some(entry) => entry.generation.wrapping_add(1) % GENERATIONS,
                None => 0,
            },
            known: merge(old, report),
        };
        (way, entry.pack())
    }

    /// The subnet's entry, however old, and where in the set it is.
    fn entry(&self, set: &[Words]) -> Option<(usize, Entry)> {
        // `position` and `enumerate` count with a check that could panic.
        (0..WAYS).zip(set).find_map(|(way, words)| {
            let entry = Entry::unpack(*words)?;
            (entry.tag == self.tag).then_some((way, entry))
        })
    }
}

/// The way of the set that is empty, or else was reported to longest ago.
fn oldest(set: &[Words], minute: u16) -> usize {
    let (mut way, mut oldest) = (0, 0);
    for (here, words) in (0..WAYS).zip(set) {
        let age = match Entry::unpack(*words) {
            Some(entry) => u32::from(minute.wrapping_sub(entry.minute)),
            None => u32::MAX,
        };
        if age > oldest {
            (way, oldest) = (here, age);
        }
    }
    way
}

/// Adds a report to what was known.
fn merge(old: Option<Known>, report: &Report) -> Known {
    let seen = share(report.lost, report.total);
    let old = old.unwrap_or_default();
    let weight = report.total.min(WEIGHT_PACKETS);
    let loss = if report.total == 0 {
        old.loss_q16
    } else {
        let kept = u64::from(old.loss_q16)
            .saturating_mul(u64::from(WEIGHT_PACKETS.saturating_sub(weight)));
        let new = u64::from(seen).saturating_mul(u64::from(weight));
        // CAST: a mean of two numbers of 17 bits.
        (kept.saturating_add(new) >> WEIGHT_SHIFT) as u32
    };
    Known {
        loss_q16: loss,
        base_rtt_us: if report.base_rtt_us != 0 {
            report.base_rtt_us
        } else {
            old.base_rtt_us
        },
        capacity: if report.capacity != 0 {
            report.capacity
        } else {
            old.capacity
        },
    }
}

/// `part / whole`, 1/65536.
fn share(part: u32, whole: u32) -> u32 {
    let share = (u64::from(part) << 16)
        .checked_div(u64::from(whole))
        .unwrap_or(0);
    // CAST: at most 65536.
    share.min(1 << 16) as u32
}

struct Entry {
    tag: u16,
    /// When the loss rate was reported, and when the capacity was.
    minute: u16,
    rate_minute: u16,
    /// Changes with each capacity that is found, so that nobody gives back what he took from another.
    generation: u8,
    known: Known,
}

/// Units of the packed fields: 64 us and 1024 bytes per second are finer than what is known.
const RTT_SHIFT: u32 = 6;
const RATE_SHIFT: u32 = 10;
const RTT_BITS: u32 = 20;
const RATE_BITS: u32 = 24;
const GENERATION_BITS: u32 = 4;
const GENERATIONS: u8 = 1 << GENERATION_BITS;

impl Entry {
    /// What of it is young enough to be believed.
    fn believed(&self, minute: u16) -> Option<Known> {
        if minute.wrapping_sub(self.minute) >= LOSS_MINUTES {
            return None;
        }
        let mut known = self.known;
        if minute.wrapping_sub(self.rate_minute) >= RATE_MINUTES {
            known.capacity = 0;
            known.base_rtt_us = 0;
        }
        Some(known)
    }

    /// Word 0: tag, minutes, loss. Word 1: tag, generation, round trip, capacity.
    fn pack(&self) -> Words {
        let tag = u64::from(self.tag) << 48;
        let loss = u64::from(self.known.loss_q16.min(u32::from(u16::MAX)));
        let rtt = u64::from(self.known.base_rtt_us) >> RTT_SHIFT;
        let rtt = rtt.min((1 << RTT_BITS) - 1);
        let rate = (self.known.capacity >> RATE_SHIFT).min((1 << RATE_BITS) - 1);
        [
            tag | u64::from(self.minute) << 32 | u64::from(self.rate_minute) << 16 | loss,
            tag | u64::from(self.generation) << (RTT_BITS + RATE_BITS) | rtt << RATE_BITS | rate,
        ]
    }

    /// `None` for an empty entry and for one whose words do not belong together.
    fn unpack([first, second]: Words) -> Option<Self> {
        // CAST: the fields that `pack` put there.
        let tag = (first >> 48) as u16;
        if tag == 0 || tag != (second >> 48) as u16 {
            return None;
        }
        let rtt = (second >> RATE_BITS) & ((1 << RTT_BITS) - 1);
        Some(Self {
            tag,
            minute: (first >> 32) as u16,
            rate_minute: (first >> 16) as u16,
            generation: (second >> (RTT_BITS + RATE_BITS)) as u8 % GENERATIONS,
            known: Known {
                loss_q16: u32::from(first as u16),
                base_rtt_us: (rtt << RTT_SHIFT) as u32,
                capacity: (second & ((1 << RATE_BITS) - 1)) << RATE_SHIFT,
            },
        })
    }
}

/// Finaliser of SplitMix64 (Steele, Lea, Flood 2014): every bit of the input moves every bit of the output.
pub(super) const fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests;
