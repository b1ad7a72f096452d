// SPDX-License-Identifier: GPL-2.0

//! Acknowledgements that a later one makes superfluous.
//!
//! Where the way back is narrow, acknowledgements queue in it, and the sender at the other end waits for each. An
//! acknowledgement says what all before it have said (RFC 9293, 3.4), so one that waits is replaced by the next: what is left
//! is newer, and the queue stays short (RFC 3449, 5.2.1; the idea is that of cake's `ack-filter`). Kept is whatever says something
//! of its own: data, repeated acknowledgements, blocks of selective ones that the next does not repeat (RFC 2018) or that tell of
//! data that came twice (RFC 2883), echoes of congestion, any other option than these and time stamps.

use crate::model::classify::TCP;

/// Packets of its size that must wait of its flow for an acknowledgement to replace the last of them: where the way is wide enough
/// each counts, and the first in the queue is on its way.
pub const LEAST_WAITING: u32 = 2;

/// Largest packet that may be one, bytes, with the largest headers.
pub const LARGEST: u32 = 160;

const ACK: u8 = 0x10;
const END: u8 = 0;
const NOP: u8 = 1;
const SACK: u8 = 5;
const TIMESTAMPS: u8 = 8;

/// Blocks that a header has room for.
const BLOCKS: usize = 4;

/// A block of a selective acknowledgement: its first sequence number, and that after its last.
type Block = (u32, u32);

/// Addresses of IPv6, the longest.
const ADDRESSES: usize = 32;

/// An acknowledgement and nothing else.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PureAck {
    addresses: [u8; ADDRESSES],
    ports: [u8; 4],
    /// The IP header's class and ECN bits, and its version.
    class: (u8, u8),
    sequence: u32,
    number: u32,
    said: Said,
}

/// What its options say.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Said {
    /// Both time stamps: the sender's, and the one that it echoes.
    times: Option<(u32, u32)>,
    /// What came behind gaps.
    blocks: [Option<Block>; BLOCKS],
}

impl PureAck {
    /// Reads a packet from its network header on; `None` if it is anything else, or not all there.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (&first, _) = bytes.split_first()?;
        let mut addresses = [0; ADDRESSES];
        let (class, tcp) = match first >> 4 {
            4 => {
                let (header, rest) = bytes.split_first_chunk::<20>()?;
                let [v, tos, l0, l1, _, _, f0, f1, _, protocol, _, _, ends @ ..] = *header;
                // Options, or a fragment: offset or "more".
                if v != 0x45 || protocol != TCP || f0 & 0x3f | f1 != 0 {
                    return None;
                }
                let length = usize::from(u16::from_be_bytes([l0, l1])).checked_sub(20)?;
                addresses.get_mut(..8)?.copy_from_slice(&ends);
                ((4, tos), rest.get(..length)?)
            }
            6 => {
                let (header, rest) = bytes.split_first_chunk::<40>()?;
                let [c0, c1, _, _, l0, l1, next, _, ends @ ..] = *header;
                if next != TCP {
                    return None;
                }
                let length = usize::from(u16::from_be_bytes([l0, l1]));
                addresses = ends;
                ((6, c0 << 4 | c1 >> 4), rest.get(..length)?)
            }
            _ => return None,
        };
        let (fixed, options) = tcp.split_first_chunk::<20>()?;
        let [p0, p1, p2, p3, s0, s1, s2, s3, a0, a1, a2, a3, offset, flags, ..] = *fixed;
        let header = usize::from(offset >> 4).saturating_mul(4);
        // Bits that are reserved are a counter of congestion by now (AccECN), as those beside ACK are.
        if flags != ACK || offset & 0xf != 0 || header != tcp.len() {
            return None;
        }
        Some(PureAck {
            addresses,
            ports: [p0, p1, p2, p3],
            class,
            sequence: u32::from_be_bytes([s0, s1, s2, s3]),
            number: u32::from_be_bytes([a0, a1, a2, a3]),
            said: Said::read(options)?,
        })
    }

    /// Whether it says all that `older` said, and more.
    pub fn replaces(&self, older: &Self) -> bool {
        let is_same = self.addresses == older.addresses
            && self.ports == older.ports
            && self.class == older.class
            && self.sequence == older.sequence;
        let has_times = match (self.said.times, older.said.times) {
            (Some((stamp, echo)), Some((older_stamp, older_echo))) => {
                !is_before(stamp, older_stamp) && !is_before(echo, older_echo)
            }
            (None, None) => true,
            _ => false,
        };
        let has_blocks = older.said.blocks.iter().flatten().all(|&block| {
            let is_in =
                |&(first, end): &Block| !is_before(block.0, first) && !is_before(end, block.1);
            let is_in_order = !is_before(self.number, block.1);
            // What came twice is told once.
            is_before(older.number, block.0)
                && (is_in_order || self.said.blocks.iter().flatten().any(is_in))
        });
        // Or the first block lies in the second: data behind a gap that came twice (RFC 2883, 4).
        let [told, around, ..] = older.said.blocks;
        let is_twice = matches!((told, around), (Some((first, end)), Some((from, to)))
            if !is_before(first, from) && !is_before(to, end));
        // A repeated one without is what tells a sender of a loss, one by one.
        let says_more = is_before(older.number, self.number)
            || self.number == older.number
                && older.said.blocks != [None; BLOCKS]
                && older.said.blocks != self.said.blocks;
        is_same && has_times && has_blocks && !is_twice && says_more
    }
}

impl Said {
    /// Reads options; `None` if there is one that is not known.
    fn read(mut rest: &[u8]) -> Option<Self> {
        let mut said = Said::default();
        // Each step takes a byte at least, and a header has forty of them.
        while let Some((&kind, after)) = rest.split_first() {
            rest = match (kind, after) {
                (END, _) => break,
                (NOP, _) => after,
                (TIMESTAMPS, [10, next @ ..]) => {
                    let (pair, next) = next.split_first_chunk::<8>()?;
                    said.times = Some(numbers(pair));
                    next
                }
                (SACK, [length @ (10 | 18 | 26 | 34), next @ ..]) => {
                    let mut next = next;
                    for slot in said.blocks.iter_mut().take(usize::from(length / 8)) {
                        let (block, after) = next.split_first_chunk::<8>()?;
                        *slot = Some(numbers(block));
                        next = after;
                    }
                    next
                }
                _ => return None,
            };
        }
        Some(said)
    }
}

fn numbers(bytes: &[u8; 8]) -> (u32, u32) {
    let [a0, a1, a2, a3, b0, b1, b2, b3] = *bytes;
    let (a, b) = ([a0, a1, a2, a3], [b0, b1, b2, b3]);
    (u32::from_be_bytes(a), u32::from_be_bytes(b))
}

const fn is_before(a: u32, b: u32) -> bool {
    a.wrapping_sub(b) >> 31 == 1
}

#[cfg(test)]
mod tests;
