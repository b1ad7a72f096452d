// SPDX-License-Identifier: GPL-2.0

//! Bookkeeping of single flows: how far a connection is, when it may be forgotten, which bytes
//! count, and whether there is room for one more.
//!
//! A flow record is updated by packets of both directions on several CPUs at once, without a lock.
//! So what is remembered of packets is a set of bits that only grows ([`Seen`]), to be merged with
//! an atomic `or`, and time stamps of which the latest counts.

use super::classify::{Packet, TcpFlags, Transport, TCP};
use super::settings::SessionLimits;
use super::units::{Addr, Family, Millis};

/// Idle time of an established TCP connection: 2 hours and 4 minutes, the least that RFC 5382
/// (requirement 5) asks of a NAT, and just above the first keep-alive of common systems.
const ESTABLISHED: Millis = Millis::from_secs(7_440);

/// Idle time of a TCP connection that is closed in both directions or was reset: long enough for
/// the final packets to be sent again.
const CLOSED: Millis = Millis::from_secs(10);

/// Idle time of a TCP connection that is closed in one direction: Linux waits this long for the
/// other side (`tcp_fin_timeout`).
const CLOSING: Millis = Millis::from_secs(60);

/// Idle time of other flows with packets in both directions: the least that RFC 4787 (requirement
/// 5) asks of a NAT for UDP.
const TWO_WAY: Millis = Millis::from_secs(120);

/// A flow is active if it carried data within this time. Two periods of the `stats` command, so
/// that a flow does not blink between two of its lines.
const ACTIVE: Millis = Millis::from_secs(10);

/// What was seen of a flow, as a set of bits.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Seen(pub u32);

impl Seen {
    /// Packets in that direction. Those that open or reset a TCP connection do not count: a stranger who
    /// invents source addresses brings them about on both sides.
    const FORWARD: u32 = 1 << 0;
    const BACKWARD: u32 = 1 << 1;
    const FIN_FORWARD: u32 = 1 << 2;
    const FIN_BACKWARD: u32 = 1 << 3;
    const RESET: u32 = 1 << 4;

    /// The bits that `packet` sets, to be merged into those of its flow. `forward` is the direction that
    /// [`Packet::flow`] gives it.
    pub fn of(packet: &Packet, forward: bool) -> Self {
        let (here, fin) = if forward {
            (Self::FORWARD, Self::FIN_FORWARD)
        } else {
            (Self::BACKWARD, Self::FIN_BACKWARD)
        };
        let Transport::Tcp { flags, .. } = packet.transport else {
            return Self(here);
        };
        if flags.has(TcpFlags::RST) {
            return Self(Self::RESET);
        }
        if flags.has(TcpFlags::SYN) {
            return Self(0);
        }
        match flags.has(TcpFlags::FIN) {
            true => Self(here | fin),
            false => Self(here),
        }
    }

    /// Both sets together.
    #[must_use]
    pub const fn merge(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn has_all(self, bits: u32) -> bool {
        self.0 & bits == bits
    }

    /// How far the connection is.
    pub const fn phase(self) -> Phase {
        if self.has_all(Self::RESET) || self.has_all(Self::FIN_FORWARD | Self::FIN_BACKWARD) {
            Phase::Closed
        } else if !self.is_two_way() {
            Phase::OneWay
        } else if self.0 & (Self::FIN_FORWARD | Self::FIN_BACKWARD) != 0 {
            Phase::Closing
        } else {
            Phase::TwoWay
        }
    }

    /// Whether both ends have taken part, beyond a handshake.
    pub const fn is_two_way(self) -> bool {
        self.has_all(Self::FORWARD | Self::BACKWARD)
    }

    /// Whether `packet` begins a new connection with the addresses and ports of one that is over.
    /// Its record then starts afresh, with the bits of `packet` only.
    pub fn restarts(self, packet: &Packet) -> bool {
        let Transport::Tcp { flags, .. } = packet.transport else {
            return false;
        };
        let has_fin = self.0 & (Self::FIN_FORWARD | Self::FIN_BACKWARD) != 0;
        flags.opens() && (has_fin || self.phase() == Phase::Closed)
    }
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// Packets in one direction only, a TCP handshake aside.
    OneWay,
    /// Packets in both directions, a TCP handshake aside.
    TwoWay,
    /// One end has no more data.
    Closing,
    /// Both ends have no more data, or one has reset the connection.
    Closed,
}

/// Idle time after which a flow is forgotten.
///
/// `short` is `flowShortTimeout`. It applies to flows that never got an answer, and to connections on which nothing
/// followed the handshake; their record is made anew with the next packet. It never shortens the life of one in use.
pub fn timeout(proto: u8, phase: Phase, short: Millis) -> Millis {
    match phase {
        Phase::OneWay => short,
        Phase::TwoWay if proto == TCP => ESTABLISHED.max(short),
        Phase::TwoWay => TWO_WAY.max(short),
        Phase::Closing => CLOSING,
        Phase::Closed => CLOSED,
    }
}

/// Whether a flow whose last packet was at `last` is to be forgotten at `now`.
pub fn expired(now: Millis, last: Millis, proto: u8, seen: Seen, short: Millis) -> bool {
    now.since(last) >= timeout(proto, seen.phase(), short)
}

/// Whether a flow counts as active. `last_data` is when it last carried payload, if ever.
pub fn is_active(now: Millis, last_data: Option<Millis>) -> bool {
    last_data.is_some_and(|last| now.since(last) < ACTIVE)
}

/// What happens to a packet that belongs to no known flow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Admit {
    /// A record is made.
    Track,
    /// The packet resets a connection that is not known: nothing to remember.
    Ignore,
    /// The table is full; the packet passes untouched and unrecorded.
    Pass,
    /// There are too many connections, and this one is refused: the packet is dropped.
    Refuse,
}

/// How many flows there are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sessions {
    /// With a record.
    pub all: u64,
    /// Those of them on which both ends have taken part ([`Seen::is_two_way`]).
    pub two_way: u64,
}

/// Decides about the first packet of a flow while there are `sessions`.
///
/// Only what opens a TCP connection is ever refused: a packet from the middle of one belongs to a
/// connection that is older than the table, and dropping it would break that. Only flows that both ends take
/// part in count against what is refused, or anybody could have everybody refused with packets from
/// addresses that he does not have. The others have as much room of their own then, and beyond it pass.
pub fn admit(limits: &SessionLimits, sessions: Sessions, packet: &Packet) -> Admit {
    if matches!(packet.transport, Transport::Tcp { flags, .. } if flags.has(TcpFlags::RST)) {
        return Admit::Ignore;
    }
    let limit = u64::from(limits.sessions);
    if limits.bypass {
        return match sessions.all < limit {
            true => Admit::Track,
            false => Admit::Pass,
        };
    }
    if sessions.two_way < limit {
        return match sessions.all.saturating_sub(sessions.two_way) < limit {
            true => Admit::Track,
            false => Admit::Pass,
        };
    }
    match packet.transport {
        Transport::Tcp { flags, .. } if flags.opens() => Admit::Refuse,
        _ => Admit::Pass,
    }
}

/// Whether one more flow may be accelerated while `accelerated` are.
pub fn may_accelerate(limits: &SessionLimits, accelerated: u64) -> bool {
    accelerated < u64::from(limits.accelerated)
}

/// Bytes from the network header on that a packet takes on the wire once it is cut into `segments`,
/// each of which repeats the headers. Zero segments mean one.
pub const fn wire_len(packet: &Packet, segments: u16) -> u64 {
    // CAST: `u64::from` is not const.
    let copies = segments.saturating_sub(1) as u64;
    (packet.len() as u64).saturating_add(copies.saturating_mul(packet.headers as u64))
}

/// The subnet whose hosts share what is known of the way to them: /24 for IPv4, as in the original;
/// /64 for IPv6, the size of one link.
pub const fn subnet(addr: Addr) -> Addr {
    let mask = match addr.family {
        Family::V4 => u128::MAX << 104,
        Family::V6 => u128::MAX << 64,
    };
    Addr {
        family: addr.family,
        bits: addr.bits & mask,
    }
}

#[cfg(test)]
mod tests;
