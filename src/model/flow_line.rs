// SPDX-License-Identifier: GPL-2.0

//! A line of the file `flows`, and the filter that chooses lines.

use super::classify::{Endpoint, FlowKey, TCP, UDP};
use super::control::Mode as Phase;
use super::flow::Phase as Seen;
use super::policy::Reason;
use super::settings::{parse_net, Net};
use super::text::{decimal, words};
use super::units::{Addr, Family};
use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};

/// Longest text of a filter, bytes.
pub const FILTER_MAX: usize = 256;

/// Both ends of a flow, the server's side first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ends {
    /// Protocol number.
    pub proto: u8,
    /// The end on the server's side.
    pub near: (Addr, u16),
    /// The end beyond the interface.
    pub far: (Addr, u16),
}

impl Ends {
    /// Takes a key apart; `near_is_low` tells which of its ends is on the server's side.
    pub fn of(key: &FlowKey, near_is_low: bool) -> Self {
        let (low, high) = key.ends();
        let family = key.family();
        let end = |end: Endpoint| {
            let bits = end.addr;
            (Addr { family, bits }, end.port)
        };
        let (near, far) = if near_is_low {
            (low, high)
        } else {
            (high, low)
        };
        Self {
            proto: key.proto(),
            near: end(near),
            far: end(far),
        }
    }
}

/// How far a flow is: what its socket says or, without one, what its packets have shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// The number of a TCP state in Linux (`include/net/tcp_states.h`).
    Tcp(u8),
    /// From the packets.
    Seen(Seen),
}

impl State {
    /// The word in `flows`; those of sockets are the ones of `ss`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tcp(1) => "established",
            Self::Tcp(2) => "syn-sent",
            Self::Tcp(3 | 12) => "syn-recv",
            Self::Tcp(4) => "fin-wait-1",
            Self::Tcp(5) => "fin-wait-2",
            Self::Tcp(6) => "time-wait",
            Self::Tcp(8) => "close-wait",
            Self::Tcp(9) => "last-ack",
            Self::Tcp(11) => "closing",
            Self::Tcp(_) => "closed",
            Self::Seen(Seen::OneWay) => "one-way",
            Self::Seen(Seen::TwoWay) => "two-way",
            Self::Seen(Seen::Closing) => "closing",
            Self::Seen(Seen::Closed) => "closed",
        }
    }
}

/// What a connection of the server itself adds.
#[derive(Clone, Copy, Debug)]
pub struct Connection<'a> {
    /// Name of its congestion control.
    pub control: &'a str,
    /// Rate at which it sends, bytes per second; `None` if the window alone decides.
    pub rate: Option<u64>,
    /// Smoothed round trip, microseconds; 0 if not measured.
    pub rtt_us: u32,
    /// Congestion window, packets.
    pub cwnd: u32,
    /// Bytes that wait in the socket to be sent for the first time.
    pub unsent: u32,
    /// Payload bytes sent, repetitions included.
    pub sent: u64,
    /// Payload bytes acknowledged.
    pub acked: u64,
    /// Payload bytes received in order.
    pub received: u64,
    /// Data segments sent, repetitions included.
    pub segments: u32,
    /// Segments sent again.
    pub again: u32,
    /// What the model knows, if the connection is under its control.
    pub model: Option<Model>,
}

/// What the model knows of a path.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// What the controller is doing.
    pub phase: Phase,
    /// Capacity, payload bytes per second.
    pub capacity: u64,
    /// Round trip without a queue, microseconds; 0 if not known.
    pub base_rtt_us: u32,
    /// Queueing delay, microseconds.
    pub queue_us: u32,
    /// Random loss, 1/65536.
    pub loss_q16: u32,
}

/// One line.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// Its ends.
    pub ends: Ends,
    /// How far it is.
    pub state: State,
    /// Why it is accelerated or not.
    pub reason: Reason,
    /// Mode that the settings give it.
    pub mode: &'static str,
    /// Number of the interface that it was first met on.
    pub interface: u32,
    /// Time since its last packet, milliseconds.
    pub idle_ms: u64,
    /// Its socket's numbers.
    pub connection: Option<Connection<'a>>,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (near, far) = (End(self.ends.near), End(self.ends.far));
        write!(f, "{near} {far} ")?;
        match self.ends.proto {
            TCP => f.write_str("tcp"),
            UDP => f.write_str("udp"),
            other => write!(f, "{other}"),
        }?;
        write!(f, " {} {}", self.state.word(), self.reason.word())?;
        write!(f, " if={} idle_ms={}", self.interface, self.idle_ms)?;
        let Some(tcp) = &self.connection else {
            return Ok(());
        };
        write!(f, " control={}", tcp.control)?;
        if let Some(model) = &tcp.model {
            write!(f, " mode={} phase={}", self.mode, phase(model.phase))?;
        }
        if let Some(rate) = tcp.rate {
            write!(f, " rate_kbps={}", kbps(rate))?;
        }
        if let Some(model) = &tcp.model {
            write!(f, " path_kbps={}", kbps(model.capacity))?;
            write!(f, " base_us={}", model.base_rtt_us)?;
            write!(f, " queue_us={}", model.queue_us)?;
            let ppm = u64::from(model.loss_q16).saturating_mul(1_000_000) >> 16;
            write!(f, " loss_ppm={ppm}")?;
        }
        write!(f, " rtt_us={} cwnd={}", tcp.rtt_us, tcp.cwnd)?;
        write!(f, " unsent={} sent={}", tcp.unsent, tcp.sent)?;
        write!(f, " acked={} received={}", tcp.acked, tcp.received)?;
        write!(f, " segments={} again={}", tcp.segments, tcp.again)
    }
}

/// The word for what the controller is doing.
const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Startup => "startup",
        Phase::Drain => "drain",
        Phase::Cruise => "cruise",
        Phase::Probe => "probe",
        Phase::Verify => "verify",
    }
}

/// Bytes per second in kbit/s.
const fn kbps(bytes_per_s: u64) -> u64 {
    bytes_per_s / 125
}

/// An address and a port as `ss` writes them.
struct End((Addr, u16));

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let End((addr, port)) = self;
        match addr.family {
            Family::V4 => {
                // CAST: the address is in the upper 32 bits.
                let addr = Ipv4Addr::from_bits((addr.bits >> 96) as u32);
                write!(f, "{addr}:{port}")
            }
            Family::V6 => write!(f, "[{}]:{port}", Ipv6Addr::from_bits(addr.bits)),
        }
    }
}

/// Which lines are shown: all conditions must hold.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Filter {
    net: Option<Net>,
    port: Option<u16>,
    ours: Option<bool>,
}

impl Filter {
    /// Reads a filter: up to one network (`192.0.2.0/24`, `2001:db8::1`), one `port=N` and one of `acc` and `noacc`, in any
    /// order. Nothing shows everything. `None` for anything else.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut filter = Self::default();
        for word in words(text) {
            let again = if word == b"acc" || word == b"noacc" {
                filter.ours.replace(word == b"acc").is_some()
            } else if let Some(port) = word.strip_prefix(b"port=") {
                let port = u16::try_from(decimal(port)?).ok()?;
                filter.port.replace(port).is_some()
            } else {
                filter.net.replace(parse_net(word)?).is_some()
            };
            if again {
                return None;
            }
        }
        Some(filter)
    }

    /// Whether the filter may show a flow with these ends, without a look at its socket.
    pub fn may_show(&self, ends: &Ends) -> bool {
        let (near, far) = (ends.near, ends.far);
        self.net
            .is_none_or(|net| net.contains(near.0) || net.contains(far.0))
            && self.port.is_none_or(|port| port == near.1 || port == far.1)
    }

    /// Whether it shows a flow that stands like this.
    pub fn shows(&self, reason: Reason) -> bool {
        self.ours.is_none_or(|ours| ours == reason.is_ours())
    }
}

#[cfg(test)]
mod tests;
