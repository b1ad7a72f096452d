// SPDX-License-Identifier: GPL-2.0

//! Packets that tell a flow's record nothing new.
//!
//! A record remembers when its flow was last met, to some seconds, and which ends have taken part. Within an eighth of a second
//! one packet tells it as much as a thousand of the same direction do, so the others need not look it up. What says that a
//! record was told just now is one word in a table: most of it a tag of the packet's ends and direction, the rest the time.
//! A word is read and written as a whole; what another flow has overwritten is told again.

use super::plain::Plain;
use super::units::Family;

/// Words of the table, 64 KiB: as many connections as are busy at a time share it without much loss.
pub const PLACES: usize = 8192;

/// A step of the clock as a power of two, milliseconds: 128, short against the idle times of seconds that records are for.
const STEP_SHIFT: u32 = 7;

/// The part of a word that is the time: 24 bits, which come again after 24 days.
const TIME: u64 = (1 << 24) - 1;

/// Numbers that nobody can guess, so that nobody can choose ends that are taken for those of others.
pub type Secret = [u64; 4];

/// Where the word of a packet is, and what it is when the record was told just now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place {
    /// Below [`PLACES`].
    pub index: usize,
    word: u64,
}

impl Place {
    /// The place of a packet in the middle of its connection.
    #[inline(always)]
    pub fn of(packet: &Plain, secret: &Secret, now_ms: u64) -> Self {
        Self::at(packet, packet.payload != 0, secret, now_ms)
    }

    /// The places of both kinds of packets, with data and without, that go as `packet` goes: what begins there is another
    /// connection.
    pub fn all(packet: &Plain, secret: &Secret) -> [usize; 2] {
        [false, true].map(|has_data| Self::at(packet, has_data, secret, 0).index)
    }

    #[inline(always)]
    fn at(packet: &Plain, has_data: bool, secret: &Secret, now_ms: u64) -> Self {
        let [a, b, c, d] = *secret;
        let [w, x, y, z] = packet.addresses;
        let (ends, family) = match packet.family {
            Family::V4 => (w, 0),
            Family::V6 => (fold(w ^ c, x ^ d) ^ fold(y ^ d, z ^ a).rotate_left(1), 1),
        };
        let rest = (u64::from(packet.source_port) << 16)
            | u64::from(packet.dest_port)
            | family << 32
            | u64::from(has_data) << 33;
        let hash = fold(ends ^ a, rest ^ b);
        Self {
            // CAST: the lower bits, of which the word has none.
            index: (hash as usize) % PLACES,
            word: (hash & !TIME) | ((now_ms >> STEP_SHIFT) & TIME),
        }
    }

    /// What to write when the record was told.
    pub const fn word(&self) -> u64 {
        self.word
    }
}

/// Both halves of a product in one word: every bit of either factor shows in many.
#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a).wrapping_mul(u128::from(b));
    // CAST: the halves.
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests;
