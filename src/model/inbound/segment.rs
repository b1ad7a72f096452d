// SPDX-License-Identifier: GPL-2.0

//! What inbound control reads of a TCP header.
//!
//! Formats: TCP RFC 9293, window scaling and timestamps RFC 7323, signatures RFC 2385 and RFC 5925.

use crate::model::classify::{Packet, TCP};
use crate::model::units::Family;

const END: u8 = 0;
const NOP: u8 = 1;
const SCALE: u8 = 3;
const TIMESTAMPS: u8 = 8;
const MD5: u8 = 19;
const AO: u8 = 29;

/// Largest shift of a window (RFC 7323, 2.3).
const MAX_SHIFT: u8 = 14;

/// What inbound control reads of a TCP header.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Segment {
    /// Where the TCP header begins, bytes from the network header.
    pub offset: u32,
    /// The acknowledgement number.
    pub ack: u32,
    /// The window as it is written, not scaled.
    pub window: u16,
    /// Both time stamps: the sender's, and the one that it echoes.
    pub times: Option<(u32, u32)>,
    /// The shift of windows that a SYN offers.
    pub shift: Option<u8>,
    /// The segment is signed (TCP MD5 or TCP-AO): nothing in it may be changed.
    pub is_signed: bool,
}

impl Segment {
    /// Reads the TCP header of `packet`, whose bytes start at the network header. `None` if it is not all there, or
    /// behind IPv6 extension headers: such flows are left alone.
    pub fn read(bytes: &[u8], packet: &Packet) -> Option<Self> {
        let offset = match packet.family() {
            Family::V4 => usize::from(bytes.first()? & 0xf).saturating_mul(4),
            Family::V6 if *bytes.get(6)? == TCP => 40,
            Family::V6 => return None,
        };
        if packet.proto != TCP {
            return None;
        }
        let header = bytes.get(offset..usize::try_from(packet.headers).ok()?)?;
        let (fixed, options) = header.split_first_chunk::<20>()?;
        let [_, _, _, _, _, _, _, _, a0, a1, a2, a3, _, _, w0, w1, ..] = *fixed;
        let mut segment = Segment {
            offset: u32::try_from(offset).ok()?,
            ack: u32::from_be_bytes([a0, a1, a2, a3]),
            window: u16::from_be_bytes([w0, w1]),
            ..Segment::default()
        };
        segment.read_options(options);
        Some(segment)
    }

    fn read_options(&mut self, mut rest: &[u8]) {
        // Each step takes a byte at least, and a header has forty of them.
        while let Some((&kind, after)) = rest.split_first() {
            if kind == END {
                return;
            }
            if kind == NOP {
                rest = after;
                continue;
            }
            let Some((&length, body)) = after.split_first() else {
                return;
            };
            let length = usize::from(length).saturating_sub(2);
            let (Some(body), Some(next)) = (body.get(..length), body.get(length..)) else {
                return;
            };
            match (kind, body) {
                (SCALE, &[shift]) => self.shift = Some(shift.min(MAX_SHIFT)),
                (TIMESTAMPS, &[v0, v1, v2, v3, e0, e1, e2, e3]) => {
                    self.times = Some((
                        u32::from_be_bytes([v0, v1, v2, v3]),
                        u32::from_be_bytes([e0, e1, e2, e3]),
                    ));
                }
                (MD5 | AO, _) => self.is_signed = true,
                _ => {}
            }
            rest = next;
        }
    }
}

/// What both SYNs of a connection said about scaling, in one word that packets of both directions change.
///
/// Windows are scaled only if both ends offer it, and by what the end that offers the window said.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Handshake(pub u32);

impl Handshake {
    const NEAR: u32 = 1 << 8;
    const FAR: u32 = 1 << 9;
    const NEAR_SCALES: u32 = 1 << 10;
    const FAR_SCALES: u32 = 1 << 11;
    const SHIFT: u32 = 0xff;

    /// Notes a SYN, of the end on this side (`is_near`) or of the other.
    #[must_use]
    pub fn note(self, is_near: bool, shift: Option<u8>) -> Self {
        let (seen, scales) = match is_near {
            true => (Self::NEAR, Self::NEAR_SCALES),
            false => (Self::FAR, Self::FAR_SCALES),
        };
        // Repeated SYNs may differ: the last one counts.
        let mut bits = (self.0 & !scales) | seen;
        if let Some(shift) = shift {
            bits |= scales;
            if is_near {
                bits = (bits & !Self::SHIFT) | u32::from(shift);
            }
        }
        Self(bits)
    }

    /// By how much the windows that this side offers are shifted; `None` if that is not known.
    pub fn shift(self) -> Option<u8> {
        let seen = Self::NEAR | Self::FAR;
        if self.0 & seen != seen {
            return None;
        }
        let both = Self::NEAR_SCALES | Self::FAR_SCALES;
        if self.0 & both != both {
            return Some(0);
        }
        // CAST: masked.
        Some((self.0 & Self::SHIFT) as u8)
    }
}
