// SPDX-License-Identifier: GPL-2.0

//! Connections of other network namespaces that leave by an accelerated interface.
//!
//! A container's socket sends by the container's own interface. That its packets end up on an accelerated one is seen later,
//! when the server forwards them, after the socket is out of sight; addresses are those of the socket still, translation comes after
//! forwarding. So what is forwarded to an accelerated interface is noted by its ends, and a socket of another namespace looks
//! there for its own. The handshake has been through by the time a connection has data.
//!
//! A bounded table in sets of four, of entries of two words, read and written without a lock. What is missing in it is not
//! accelerated until its next packet has been forwarded.

use super::classify::FlowKey;
use super::memory::mix;

/// Sets of the table; with four entries of two words each it takes 256 KiB and holds 16,384 connections. Only those that are
/// not accelerated yet need theirs.
pub const SETS: usize = 4096;

/// Entries of a set.
pub const WAYS: usize = 4;

/// Minutes for which an entry is believed: routes and addresses change.
const MINUTES: u16 = 10;

/// An entry: the connection's tag; check, minute, whether the peer is in a subnet of the interface, whether what is sent is
/// accelerated, interface. Zero is empty.
pub type Words = [u64; 2];

/// How a connection leaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Way {
    /// Index of the interface, below 2^30: the kernel counts from 1.
    pub interface: u32,
    /// The peer is in a subnet of that interface.
    pub is_onlink: bool,
    /// What the end sends is accelerated. Kept while packets are captured only.
    pub is_accelerated: bool,
}

const ONLINK: u64 = 1 << 31;
const ACCELERATED: u64 = 1 << 30;
const INTERFACE: u64 = ACCELERATED - 1;

/// Where the entry of a connection is, and how it is told from others there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place {
    /// Its set, below [`SETS`].
    pub set: usize,
    tag: u64,
}

impl Place {
    /// The place of a connection with regard to one of its ends, of whose packets [`Packet::flow`](super::classify::Packet::flow)
    /// gave the two: the other end may be on the same machine, and does not leave this way. `secret` keeps others from choosing
    /// addresses that share a set.
    pub fn of((key, forward): &(FlowKey, bool), secret: u64) -> Self {
        let start = secret ^ u64::from(*forward);
        let hash = key
            .words()
            .iter()
            .fold(start, |hash, word| mix(hash ^ word));
        Self {
            // CAST: a part of the hash.
            set: (hash as usize) % SETS,
            // Of another part: what shares a set shall not share a tag. Zero is an empty entry.
            tag: mix(hash ^ secret).max(1),
        }
    }

    /// How the connection leaves, if that was seen in the last minutes. `minute` is a clock that may wrap.
    pub fn find(&self, set: &[Words], minute: u16) -> Option<Way> {
        let (_, second) = self.entry(set)?;
        if minute.wrapping_sub(minute_of(second)) > MINUTES {
            return None;
        }
        Some(Way {
            // CAST: the low 30 bits.
            interface: (second & INTERFACE) as u32,
            is_onlink: second & ONLINK != 0,
            is_accelerated: second & ACCELERATED != 0,
        })
    }

    /// Notes how the connection leaves, by a packet of which nothing else is known: which entry to write, and what. `None` if
    /// just that is there already.
    pub fn note(&self, set: &[Words], minute: u16, way: Way) -> Option<(usize, Words)> {
        let known = self.find(set, minute);
        let way = Way {
            is_accelerated: known.is_some_and(|known| known.is_accelerated),
            ..way
        };
        self.mark(set, minute, way)
    }

    /// Notes all of it, as who sees the socket knows it.
    pub fn mark(&self, set: &[Words], minute: u16, way: Way) -> Option<(usize, Words)> {
        let known = self.entry(set);
        if known.is_some() && known.map(|(_, second)| minute_of(second)) == Some(minute) {
            if self.find(set, minute) == Some(way) {
                return None;
            }
        }
        let index = match known {
            Some((index, _)) => index,
            None => oldest(set, minute),
        };
        let flag = |is_set, bit| if is_set { bit } else { 0 };
        let second = self.check()
            | (u64::from(minute) << 32)
            | flag(way.is_onlink, ONLINK)
            | flag(way.is_accelerated, ACCELERATED)
            | (u64::from(way.interface) & INTERFACE);
        Some((index, [self.tag, second]))
    }

    /// The upper bits of the second word, by which a mixture of two entries is recognised.
    const fn check(&self) -> u64 {
        self.tag << 48
    }

    fn entry(&self, set: &[Words]) -> Option<(usize, u64)> {
        // `position` and `enumerate` count with a check that could panic.
        (0..WAYS).zip(set).find_map(|(index, [tag, second])| {
            let is_it = *tag == self.tag && second >> 48 == self.check() >> 48;
            is_it.then_some((index, *second))
        })
    }
}

const fn minute_of(second: u64) -> u16 {
    // CAST: sixteen bits of the word.
    (second >> 32) as u16
}

/// The entry that gives way: an empty one, or that seen longest ago.
fn oldest(set: &[Words], minute: u16) -> usize {
    let (mut way, mut oldest) = (0, 0);
    for (here, [tag, second]) in (0..WAYS).zip(set) {
        let age = match tag {
            0 => u32::MAX,
            _ => u32::from(minute.wrapping_sub(minute_of(*second))),
        };
        if age > oldest {
            (way, oldest) = (here, age);
        }
    }
    way
}

#[cfg(test)]
mod tests;
