// SPDX-License-Identifier: GPL-2.0

//! Subnets that are near: `shortRttMS`.
//!
//! Once a host of a /24 (IPv4) or /64 (IPv6) has shown a round trip below the threshold, nobody in that subnet is accelerated
//! any more, until the module is loaded anew. The table keeps the shortest round trip of each such subnet, so a threshold that
//! is lowered later is obeyed at once. It is bounded: sets of four entries of one word, read and written without a lock. When
//! a set is full one of its subnets is forgotten, to be learned again from its next connection.

use super::memory::mix;
use super::units::{Addr, Family};
use crate::model::flow::subnet;

/// Sets of the table; with four entries of a word each it takes 128 KiB and has room for 16,384 subnets, more than a server
/// meets near to it.
pub const SETS: usize = 4096;

/// Entries of a set.
pub const WAYS: usize = 4;

/// An entry: the subnet's tag in the upper 48 bits, its round trip in milliseconds in the lower 16. Zero is empty.
pub type Word = u64;

/// Where the entry of a subnet is, and how it is told from others there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place {
    /// Its set, below [`SETS`].
    pub set: usize,
    tag: u64,
    /// The entry that gives way in a full set.
    victim: usize,
}

impl Place {
    /// The place of `addr`'s subnet; `key` is secret, so that nobody can choose addresses that share a set.
    pub fn of(addr: Addr, key: u64) -> Self {
        let network = subnet(addr);
        let family = match network.family {
            Family::V4 => 4,
            Family::V6 => 6,
        };
        // CAST: both halves of the address, by shift and truncation.
        let (high, low) = ((network.bits >> 64) as u64, network.bits as u64);
        let hash = mix(mix(mix(key ^ family) ^ high) ^ low);
        let other = mix(hash ^ key);
        Self {
            // CAST: parts of the hash.
            set: (hash as usize) % SETS,
            // Zero is an empty entry.
            tag: (other & !0xffff).max(1 << 16),
            victim: (other as usize) % WAYS,
        }
    }

    /// The shortest round trip that was noted for the subnet, milliseconds.
    pub fn find(&self, set: &[Word]) -> Option<u16> {
        set.iter()
            .find(|&&word| word & !0xffff == self.tag)
            // CAST: the low 16 bits.
            .map(|&word| word as u16)
    }

    /// Notes a round trip of `rtt_ms`: which entry to write, and what. `None` if one as short is known.
    pub fn note(&self, set: &[Word], rtt_ms: u16) -> Option<(usize, Word)> {
        // `position` counts with a check that could panic.
        let first = |is_it: &dyn Fn(Word) -> bool| {
            let mut words = (0..WAYS).zip(set);
            words.find(|(_, &word)| is_it(word)).map(|(way, _)| way)
        };
        let known = first(&|word| word & !0xffff == self.tag);
        if known.is_some() && self.find(set).is_some_and(|before| before <= rtt_ms) {
            return None;
        }
        let way = known
            .or_else(|| first(&|word| word == 0))
            .unwrap_or(self.victim);
        Some((way, self.tag | u64::from(rtt_ms)))
    }
}

/// A round trip of `rtt_us` in whole milliseconds, rounded down: it is below a threshold of whole milliseconds exactly if this
/// is.
pub fn whole_ms(rtt_us: u32) -> u16 {
    u16::try_from(rtt_us / 1_000).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests;
