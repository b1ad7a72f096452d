// SPDX-License-Identifier: GPL-2.0

//! The settings that are consulted for packets.

use super::{unpack, Key, FLAG_SHORT_RTT};
use crate::model::units::Family;

/// Which packets are looked at, and what is done with them: asked for each of them, so kept in one word that is made anew when a
/// setting changes. Most packets need no more settings than these.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Scope(u32);

impl Scope {
    const TCP_ONLY: u32 = 1 << 0;
    const V4: u32 = 1 << 1;
    const V6: u32 = 1 << 2;
    const ACCELERATES: u32 = 1 << 3;
    const CAPTURES: u32 = 1 << 4;
    const INBOUND: u32 = 1 << 5;
    const COPIES: u32 = 1 << 6;
    const BOUNDS: u32 = 1 << 7;

    /// Reads the slots through `get`.
    pub fn read(get: impl Fn(Key) -> u64) -> Self {
        let on = |key| get(key) != 0;
        let bounds = |key| window_limit(get(key)).is_some();
        let flag = |is_set, bit| if is_set { bit } else { 0 };
        Self(
            flag(on(Key::TcpOnly), Self::TCP_ONLY)
                | flag(!on(Key::Ipv6Only), Self::V4)
                | flag(!on(Key::Ipv4Only), Self::V6)
                | flag(on(Key::TcpAccEnable), Self::ACCELERATES)
                | flag(on(Key::PcapEnable), Self::CAPTURES)
                | flag(InboundOrders::read(&get).is_on(), Self::INBOUND)
                | flag(sends_copies(&get), Self::COPIES)
                | flag(
                    bounds(Key::MaxAdvWinWan) || bounds(Key::MaxAdvWinLan),
                    Self::BOUNDS,
                ),
        )
    }

    /// What [`bits`](Self::bits) gave.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The word, for storage that many CPUs read without a lock.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Protocols other than TCP are ignored.
    pub const fn is_tcp_only(self) -> bool {
        self.0 & Self::TCP_ONLY != 0
    }

    /// Whether packets of `family` are handled.
    pub const fn handles(self, family: Family) -> bool {
        let bit = match family {
            Family::V4 => Self::V4,
            Family::V6 => Self::V6,
        };
        self.0 & bit != 0
    }

    /// TCP is accelerated at all.
    pub const fn accelerates(self) -> bool {
        self.0 & Self::ACCELERATES != 0
    }

    /// Accelerated packets are captured.
    pub const fn captures(self) -> bool {
        self.0 & Self::CAPTURES != 0
    }

    /// There is something to do about what comes in: [`InboundOrders::is_on`].
    pub const fn is_inbound_on(self) -> bool {
        self.0 & Self::INBOUND != 0
    }

    /// Packets of connections that are known are counted, and nothing else.
    pub const fn only_counts(self) -> bool {
        self.0 & (Self::CAPTURES | Self::INBOUND) == 0
    }

    /// [`Hot::copies`].
    pub const fn copies(self) -> bool {
        self.0 & Self::COPIES != 0
    }

    /// There is a [limit](window_limit) of the windows that are offered.
    pub const fn bounds_windows(self) -> bool {
        self.0 & Self::BOUNDS != 0
    }
}

/// The ends of responses are sent twice.
fn sends_copies(get: impl Fn(Key) -> u64) -> bool {
    get(Key::TrackRandomLoss) != 0 && get(Key::ConservMode) == 0
}

/// The settings of the packet path that a few packets need: the first of a flow, those that open a
/// connection or end a response.
///
/// Each is read from its own slot, so a write of one setting is seen at once and as a whole; a
/// packet that is handled while several are written may see some of the new values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Hot {
    /// TCP is accelerated.
    pub tcp_acc: bool,
    /// Peers in the same subnet are accelerated too.
    pub subnet_acc: bool,
    /// First congestion window towards WAN peers, in packets.
    pub initial_cwnd_wan: u32,
    /// First congestion window towards LAN peers, in packets.
    pub initial_cwnd_lan: u32,
    /// How long a SYN or SYN-ACK waits for its answer, milliseconds; 0 leaves it to the kernel or the path's memory.
    pub syn_retran_ms: u32,
    /// Subnets with a shorter round trip are left alone, milliseconds; 0 is none.
    pub short_rtt_ms: u16,
    /// The ends of responses are sent twice on paths that lose.
    pub copies: bool,
    /// How many flows there may be.
    pub limits: SessionLimits,
}

/// How many flows an engine tracks and accelerates, and what happens beyond that.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SessionLimits {
    /// Most flows in the table.
    pub sessions: u32,
    /// Most accelerated flows.
    pub accelerated: u32,
    /// Beyond `sessions`, new connections pass untouched; otherwise they are refused.
    pub bypass: bool,
}

impl Hot {
    /// Reads the slots through `get`.
    pub fn read(get: impl Fn(Key) -> u64) -> Self {
        // CAST: the registry bounds every value read through `small` by 32 bits.
        let small = |key| get(key) as u32;
        let on = |key| get(key) != 0;
        let (sessions, accelerated) = unpack(get(Key::Engine));
        let short_rtt_ms = match get(Key::TcpFlags) & FLAG_SHORT_RTT {
            0 => 0,
            _ => u16::try_from(get(Key::ShortRttMs)).unwrap_or(u16::MAX),
        };
        Self {
            tcp_acc: on(Key::TcpAccEnable),
            subnet_acc: on(Key::SubnetAccEnable),
            initial_cwnd_wan: small(Key::InitialCwndWan),
            initial_cwnd_lan: small(Key::InitialCwndLan),
            syn_retran_ms: small(Key::SynRetranMs),
            short_rtt_ms,
            copies: sends_copies(&get),
            limits: SessionLimits {
                sessions,
                accelerated,
                bypass: on(Key::BypassOverFlows),
            },
        }
    }
}

/// What inbound control is to do. Read as [`Hot`] is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InboundOrders {
    /// Flows are steered by the queues that they find (`advAccEnable`).
    pub steers: bool,
    /// What an interface may receive, bytes per second.
    pub limit: Option<u64>,
}

impl InboundOrders {
    /// Reads the slots through `get`.
    pub fn read(get: impl Fn(Key) -> u64) -> Self {
        let on = |key| get(key) != 0;
        if !on(Key::TcpAccEnable) {
            return Self {
                steers: false,
                limit: None,
            };
        }
        let kbps = match get(Key::WanInKbps) {
            0 => 0,
            kbps if on(Key::ShaperEnable) => kbps,
            _ => 0,
        };
        Self {
            steers: on(Key::AdvAccEnable),
            // A kbit is 125 bytes.
            limit: (kbps != 0).then(|| kbps.saturating_mul(125)),
        }
    }

    /// Whether there is anything to do.
    pub const fn is_on(&self) -> bool {
        self.steers || self.limit.is_some()
    }
}

/// The largest window to offer, bytes, that `maxAdvWinWan` or `maxAdvWinLan` means: a number of [`WINDOW_UNIT`]s. `None` without a
/// limit.
pub fn window_limit(units: u64) -> Option<u32> {
    // TCP counts windows in positive `int`s.
    let most = u64::from(u32::MAX >> 1);
    let bytes = units.saturating_mul(WINDOW_UNIT).min(most);
    u32::try_from(bytes).ok().filter(|&bytes| bytes != 0)
}

/// 64 KiB, the largest window of TCP without scaling. The unit of the original is not published. Its scripts write 60 for LAN peers
/// always: taken for packets (87 kB) that would slow down every fast LAN; so taken it is 3.75 MiB, enough for 10 Gbit/s at 3 ms.
const WINDOW_UNIT: u64 = 65_536;
