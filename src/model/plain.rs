// SPDX-License-Identifier: GPL-2.0

//! The headers of most packets: TCP behind IPv4 without options or IPv6 without extensions, in one piece, in the middle of a
//! connection.
//!
//! For these the packet path needs a few words and not all of [`Packet`](super::classify::Packet), so they are read in place. What
//! is in any way unusual is left to [`parse`](super::classify::parse), and both agree about what they understand.

use super::classify::{TcpFlags, TCP};
use super::units::Family;

/// What there is to know of such a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Plain {
    /// Its family.
    pub family: Family,
    /// Both addresses as they lie in memory; those of IPv4 in the first word.
    pub addresses: [u64; 4],
    /// Port of the sender.
    pub source_port: u16,
    /// Port of the receiver.
    pub dest_port: u16,
    /// Sequence number of the first payload byte.
    pub seq: u32,
    /// Flags.
    pub flags: TcpFlags,
    /// Bytes of both headers.
    pub headers: u32,
    /// Bytes after the headers.
    pub payload: u32,
}

impl Plain {
    /// Reads the headers. `bytes` start at the network header, and `total` is the length of the whole packet from there.
    #[inline(always)]
    pub fn read(family: Family, bytes: &[u8], total: u32) -> Option<Self> {
        match family {
            Family::V4 => Self::read_v4(bytes, total),
            Family::V6 => Self::read_v6(bytes, total),
        }
    }

    #[inline(always)]
    fn read_v4(bytes: &[u8], total: u32) -> Option<Self> {
        let [version, _, l0, l1, _, _, f0, f1, _, proto, _, _, s0, s1, s2, s3, d0, d1, d2, d3, tcp @ ..] =
            *bytes.first_chunk::<34>()?;
        // Without options, and no fragment but perhaps the first.
        if version != 0x45 || proto != TCP || u16::from_ne_bytes([f0 & 0x1f, f1]) != 0 {
            return None;
        }
        let addresses = u64::from_ne_bytes([s0, s1, s2, s3, d0, d1, d2, d3]);
        let total = match u16::from_be_bytes([l0, l1]) {
            0 => total,
            field => total.min(u32::from(field)),
        };
        Self::finish(Family::V4, [addresses, 0, 0, 0], tcp, 20, total)
    }

    #[inline(always)]
    fn read_v6(bytes: &[u8], total: u32) -> Option<Self> {
        let [version, _, _, _, l0, l1, next, _, rest @ ..] = *bytes.first_chunk::<54>()?;
        if version >> 4 != 6 || next != TCP {
            return None;
        }
        let (addresses, tcp) = rest.split_first_chunk::<32>()?;
        let (a, addresses) = addresses.split_first_chunk()?;
        let (b, addresses) = addresses.split_first_chunk()?;
        let (c, d) = addresses.split_first_chunk()?;
        let words = [*a, *b, *c, *d.first_chunk()?].map(u64::from_ne_bytes);
        let total = match u16::from_be_bytes([l0, l1]) {
            0 => total,
            // OVERFLOW: sixteen bits and 40.
            field => total.min(u32::from(field).wrapping_add(40)),
        };
        Self::finish(Family::V6, words, *tcp.first_chunk()?, 40, total)
    }

    /// `tcp` is the part of that header up to the flags, behind `network` bytes.
    #[inline(always)]
    fn finish(
        family: Family,
        addresses: [u64; 4],
        tcp: [u8; 14],
        network: u32,
        total: u32,
    ) -> Option<Self> {
        let [p0, p1, p2, p3, q0, q1, q2, q3, _, _, _, _, length, flags] = tcp;
        let header = u32::from(length >> 4).wrapping_mul(4);
        if header < 20 {
            return None;
        }
        // OVERFLOW: at most 100.
        let headers = header.wrapping_add(network);
        if total < headers {
            return None;
        }
        Some(Self {
            family,
            addresses,
            source_port: u16::from_be_bytes([p0, p1]),
            dest_port: u16::from_be_bytes([p2, p3]),
            seq: u32::from_be_bytes([q0, q1, q2, q3]),
            flags: TcpFlags(flags),
            headers,
            // OVERFLOW: just compared.
            payload: total.wrapping_sub(headers),
        })
    }

    /// Whether the packet neither opens nor ends its connection.
    pub const fn is_in_the_middle(&self) -> bool {
        !self.flags.has(TcpFlags(
            TcpFlags::SYN.0 | TcpFlags::FIN.0 | TcpFlags::RST.0,
        ))
    }

    /// As [`wire_len`](super::flow::wire_len).
    #[inline(always)]
    pub fn wire_len(&self, segments: u32) -> u64 {
        let once = u64::from(self.headers.wrapping_add(self.payload));
        let again = u64::from(segments.saturating_sub(1));
        // OVERFLOW: 32 bits and seven.
        once.wrapping_add(again.wrapping_mul(u64::from(self.headers)))
    }
}

#[cfg(test)]
mod tests;
