// SPDX-License-Identifier: GPL-2.0

//! What a packet is: addresses, ports, TCP flags and lengths, from the bytes of its headers.
//!
//! Input comes from the network, so nothing about it is trusted: every read is bounded by the
//! slice, and whatever is not understood is reported as such, to be passed on untouched.
//!
//! Formats: IPv4 RFC 791, IPv6 and its extension headers RFC 8200, authentication header RFC 4302,
//! TCP RFC 9293, UDP RFC 768.

use super::units::{Addr, Family};

/// Protocol number of TCP.
pub const TCP: u8 = 6;
/// Protocol number of UDP.
pub const UDP: u8 = 17;

/// How many bytes from the start of the network header are worth copying for [`parse`].
///
/// An IPv4 header with all options and the fixed part of a TCP header take 80 bytes; the rest is
/// room for IPv6 extension headers. A packet with more of them is reported as [`Skip::Truncated`].
pub const HEADERS: usize = 128;

/// Most IPv6 extension headers that are followed. More than four of use here do not occur in
/// sensible traffic, and the bound keeps the work per packet small.
const EXTENSIONS_MAX: usize = 6;

/// Why a packet is not classified.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Skip {
    /// A fragment other than the first: it carries no ports.
    Fragment,
    /// The bytes end before the headers do.
    Truncated,
    /// Not IPv4 or IPv6, or lengths that contradict each other.
    Malformed,
}

/// Identity of a flow, the same for both directions.
///
/// Forty bytes without padding, so that it can be hashed and compared as plain memory.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(transparent)]
pub struct FlowKey([u64; 5]);

impl FlowKey {
    /// Makes the key from both ends. Also tells whether `from` is the end that comes first in the
    /// key, which names the direction of a packet independently of which came first.
    pub fn new(family: Family, proto: u8, from: Endpoint, to: Endpoint) -> (Self, bool) {
        let forward = (from.addr, from.port) <= (to.addr, to.port);
        let (low, high) = if forward { (from, to) } else { (to, from) };
        let version = match family {
            Family::V4 => 4,
            Family::V6 => 6,
        };
        let ports = (u64::from(low.port) << 48) | (u64::from(high.port) << 32);
        let words = [
            // CAST: both halves of each address, by shift and truncation.
            (low.addr >> 64) as u64,
            low.addr as u64,
            (high.addr >> 64) as u64,
            high.addr as u64,
            ports | (u64::from(proto) << 8) | version,
        ];
        (Self(words), forward)
    }

    /// The key as words, for hashing and comparing.
    pub const fn words(&self) -> &[u64; 5] {
        &self.0
    }

    /// Both ends, in the order of the key.
    pub fn ends(&self) -> (Endpoint, Endpoint) {
        let [a, b, c, d, last] = self.0;
        let end = |high, low, port| Endpoint {
            addr: (u128::from(high) << 64) | u128::from(low),
            port,
        };
        // CAST: two bytes of the word each.
        (
            end(a, b, (last >> 48) as u16),
            end(c, d, (last >> 32) as u16),
        )
    }

    /// The key with these words, which [`words`](Self::words) gave.
    pub const fn from_words(words: [u64; 5]) -> Self {
        Self(words)
    }

    /// Protocol number.
    pub const fn proto(&self) -> u8 {
        let [.., last] = self.0;
        // CAST: one byte of the word.
        (last >> 8) as u8
    }

    /// Address family.
    pub const fn family(&self) -> Family {
        let [.., last] = self.0;
        if last & 0xff == 4 {
            Family::V4
        } else {
            Family::V6
        }
    }
}

/// One end of a flow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Endpoint {
    /// Address, as in [`Addr::bits`].
    pub addr: u128,
    /// Port; zero for protocols without.
    pub port: u16,
}

/// Flags of a TCP header.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// The sender has no more data.
    pub const FIN: Self = Self(0x01);
    /// The connection opens.
    pub const SYN: Self = Self(0x02);
    /// The connection is reset.
    pub const RST: Self = Self(0x04);
    /// The acknowledgement number counts.
    pub const ACK: Self = Self(0x10);

    /// Whether any flag of `other` is set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether this is the first packet of a connection: SYN without ACK.
    pub const fn opens(self) -> bool {
        self.has(Self::SYN) && !self.has(Self::ACK)
    }
}

/// What the transport header says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// TCP.
    Tcp {
        /// Flags.
        flags: TcpFlags,
        /// Sequence number of the first payload byte.
        seq: u32,
    },
    /// UDP.
    Udp,
    /// Anything else; both ports are zero.
    Other,
}

/// A classified packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Packet {
    /// Protocol number.
    pub proto: u8,
    /// Source address.
    pub source: Addr,
    /// Destination address.
    pub dest: Addr,
    /// Source port; zero for protocols without.
    pub source_port: u16,
    /// Destination port; zero for protocols without.
    pub dest_port: u16,
    /// The transport header.
    pub transport: Transport,
    /// Bytes of network and transport headers.
    pub headers: u32,
    /// Bytes after the headers.
    pub payload: u32,
}

impl Packet {
    /// Bytes of the packet from the network header on.
    pub const fn len(&self) -> u32 {
        self.headers.saturating_add(self.payload)
    }

    /// Whether the packet is empty, which it never is, having headers.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Address family.
    pub const fn family(&self) -> Family {
        self.source.family
    }

    /// Its flow, and whether it goes from the end that comes first in the key. Worked out when asked for: not
    /// every hook needs it.
    pub fn flow(&self) -> (FlowKey, bool) {
        let end = |addr: Addr, port| Endpoint {
            addr: addr.bits,
            port,
        };
        FlowKey::new(
            self.family(),
            self.proto,
            end(self.source, self.source_port),
            end(self.dest, self.dest_port),
        )
    }
}

/// Classifies a packet.
///
/// `bytes` start at the network header; [`HEADERS`] of them suffice. `total` is the length of the
/// whole packet from there. The length fields of the headers only shorten it, since those of a
/// packet that is yet to be segmented may be zero.
pub fn parse(bytes: &[u8], total: u32) -> Result<Packet, Skip> {
    let version = bytes.first().ok_or(Skip::Truncated)? >> 4;
    match version {
        4 => parse_v4(bytes, total),
        6 => parse_v6(bytes, total),
        _ => Err(Skip::Malformed),
    }
}

fn parse_v4(bytes: &[u8], total: u32) -> Result<Packet, Skip> {
    // All of the fixed part at once: one check of the length instead of seven.
    let [first, _, l0, l1, _, _, f0, f1, _, proto, _, _, s0, s1, s2, s3, d0, d1, d2, d3] =
        read(bytes, 0)?;
    let header = usize::from(first & 0xf).saturating_mul(4);
    if header < 20 {
        return Err(Skip::Malformed);
    }
    // The low 13 bits are the offset; the flags above do not matter.
    if u16::from_be_bytes([f0, f1]) & 0x1fff != 0 {
        return Err(Skip::Fragment);
    }
    let source = Addr::v4([s0, s1, s2, s3]);
    let dest = Addr::v4([d0, d1, d2, d3]);
    let total = shorten(total, u16::from_be_bytes([l0, l1]), 0);
    finish(bytes, total, header, proto, source, dest)
}

fn parse_v6(bytes: &[u8], total: u32) -> Result<Packet, Skip> {
    let source = Addr::v6(read(bytes, 8)?);
    let dest = Addr::v6(read(bytes, 24)?);
    let total = shorten(total, u16::from_be_bytes(read(bytes, 4)?), 40);
    let [mut next] = read(bytes, 6)?;
    let mut offset: usize = 40;
    for _ in 0..EXTENSIONS_MAX {
        let length = match next {
            // Hop-by-hop options, routing, destination options, mobility.
            0 | 43 | 60 | 135 => {
                let [_, units] = read(bytes, offset)?;
                usize::from(units).saturating_add(1).saturating_mul(8)
            }
            // Authentication.
            51 => {
                let [_, units] = read(bytes, offset)?;
                usize::from(units).saturating_add(2).saturating_mul(4)
            }
            // Fragment.
            44 => {
                if u16::from_be_bytes(read(bytes, offset.saturating_add(2))?) & 0xfff8 != 0 {
                    return Err(Skip::Fragment);
                }
                8
            }
            _ => return finish(bytes, total, offset, next, source, dest),
        };
        [next] = read(bytes, offset)?;
        offset = offset.saturating_add(length);
    }
    Err(Skip::Truncated)
}

fn finish(
    bytes: &[u8],
    total: u32,
    offset: usize,
    proto: u8,
    source: Addr,
    dest: Addr,
) -> Result<Packet, Skip> {
    let (transport, header, ports) = match proto {
        TCP => {
            let [s0, s1, d0, d1, q0, q1, q2, q3, _, _, _, _, high, flags] = read(bytes, offset)?;
            let header = usize::from(high >> 4).saturating_mul(4);
            if header < 20 {
                return Err(Skip::Malformed);
            }
            let transport = Transport::Tcp {
                flags: TcpFlags(flags),
                seq: u32::from_be_bytes([q0, q1, q2, q3]),
            };
            (transport, header, [s0, s1, d0, d1])
        }
        UDP => (Transport::Udp, 8, read(bytes, offset)?),
        _ => (Transport::Other, 0, [0; 4]),
    };
    let [s0, s1, d0, d1] = ports;
    let source_port = u16::from_be_bytes([s0, s1]);
    let dest_port = u16::from_be_bytes([d0, d1]);
    let headers = u32::try_from(offset.saturating_add(header)).map_err(|_| Skip::Malformed)?;
    let payload = total.checked_sub(headers).ok_or(Skip::Malformed)?;
    Ok(Packet {
        proto,
        source,
        dest,
        source_port,
        dest_port,
        transport,
        headers,
        payload,
    })
}

/// The shorter of the true length and `field` plus `fixed`; a zero field says nothing.
fn shorten(total: u32, field: u16, fixed: u32) -> u32 {
    match field {
        0 => total,
        _ => total.min(u32::from(field).saturating_add(fixed)),
    }
}

/// Reads `N` bytes at `offset`.
fn read<const N: usize>(bytes: &[u8], offset: usize) -> Result<[u8; N], Skip> {
    bytes
        .get(offset..)
        .and_then(|rest| rest.first_chunk())
        .copied()
        .ok_or(Skip::Truncated)
}

#[cfg(test)]
mod tests;
