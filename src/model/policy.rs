// SPDX-License-Identifier: GPL-2.0

//! Which connections are accelerated, and the words that say why.

/// A list of networks that an administrator has written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum List {
    /// `shortRttBypass`.
    Bypass,
    /// `lanSegment` or `lanSegmentV6`.
    Segment,
}

/// What the first network that contains a peer says about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Listed {
    /// Where the network stands.
    pub list: List,
    /// `true`: accelerate in any case; `false`: never.
    pub accelerate: bool,
}

/// What is known of a connection that could be accelerated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Facts {
    /// What the first rule that matches says: in any case, or never.
    pub ruled: Option<bool>,
    /// What the lists say about the peer.
    pub listed: Option<Listed>,
    /// The peer's subnet is known to be near (`shortRttMS`).
    pub is_near: bool,
    /// The peer is in a subnet of the interface it is reached by.
    pub is_onlink: bool,
    /// `subnetAccEnable`: such peers are accelerated too.
    pub subnet_acc: bool,
}

/// Why a connection is accelerated, or why not, as the file `flows` says it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reason {
    /// It is accelerated.
    Accelerated,
    /// Its application, a route or a sysctl chose our congestion control by name.
    ByName,
    /// `tcpAccEnable` is 0.
    Off,
    /// Another protocol than TCP.
    NotTcp,
    /// No socket of this network namespace has its addresses: a forwarded flow.
    Forwarded,
    /// It is being set up.
    Handshake,
    /// It is over, or its sender has no more data.
    Closed,
    /// A rule says so.
    Rule,
    /// `shortRttBypass` names the peer.
    Bypass,
    /// `lanSegment` or `lanSegmentV6` names the peer.
    Segment,
    /// `shortRttMS`: the peer's subnet is near.
    Near,
    /// The peer is in a subnet of the interface, and `subnetAccEnable` is 0.
    Subnet,
    /// As many connections as `engine` allows are accelerated already.
    Limit,
    /// Its congestion control must not be taken away: fixed rate, ECN marks, BPF.
    OwnControl,
    /// Nothing stands against it: its next packet is going to be accelerated.
    Waiting,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Accelerated,
        Self::ByName,
        Self::Off,
        Self::NotTcp,
        Self::Forwarded,
        Self::Handshake,
        Self::Closed,
        Self::Rule,
        Self::Bypass,
        Self::Segment,
        Self::Near,
        Self::Subnet,
        Self::Limit,
        Self::OwnControl,
        Self::Waiting,
    ];

    /// The word in `flows`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Accelerated => "accelerated",
            Self::ByName => "by-name",
            Self::Off => "off",
            Self::NotTcp => "not-tcp",
            Self::Forwarded => "forwarded",
            Self::Handshake => "handshake",
            Self::Closed => "closed",
            Self::Rule => "rule",
            Self::Bypass => "bypass-list",
            Self::Segment => "lan-segment",
            Self::Near => "short-rtt",
            Self::Subnet => "same-subnet",
            Self::Limit => "limit",
            Self::OwnControl => "own-control",
            Self::Waiting => "waiting",
        }
    }

    /// What the word means, one sentence.
    pub const fn doc(self) -> &'static str {
        match self {
            Self::Accelerated => "accelerated",
            Self::ByName => "uses ``zeta`` because its application, a route or a sysctl chose it by name",
            Self::Off => "``tcpAccEnable`` is 0",
            Self::NotTcp => "another protocol than TCP, tracked because ``tcpOnly`` is 0",
            Self::Forwarded => "no socket of the server's own network namespace: forwarded, or a container's",
            Self::Handshake => "being set up",
            Self::Closed => "over, or not accelerated before its sender had no more data",
            Self::Rule => "a rule says ``off``",
            Self::Bypass => "``shortRttBypass`` names the peer",
            Self::Segment => "``lanSegment`` or ``lanSegmentV6`` names the peer",
            Self::Near => "``shortRttMS``: the peer's /24 or /64 is near",
            Self::Subnet => "the peer is in a subnet of the interface, and ``subnetAccEnable`` is 0",
            Self::Limit => "as many connections as ``engine`` allows are accelerated already",
            Self::OwnControl => "its congestion control is not taken away: ``brutal``, one that needs ECN marks, or BPF",
            Self::Waiting => "nothing stands against it; its next packet is accelerated",
        }
    }

    /// Whether the connection is under our control.
    pub const fn is_ours(self) -> bool {
        matches!(self, Self::Accelerated | Self::ByName)
    }
}

/// Whether a connection is accelerated. Rules come first, then what an administrator has written about the peer, what was
/// measured, and the subnet.
pub const fn decide(facts: &Facts) -> Result<(), Reason> {
    match facts.ruled {
        Some(true) => return Ok(()),
        Some(false) => return Err(Reason::Rule),
        None => {}
    }
    match facts.listed {
        Some(Listed {
            accelerate: true, ..
        }) => Ok(()),
        Some(Listed {
            list: List::Bypass, ..
        }) => Err(Reason::Bypass),
        Some(Listed {
            list: List::Segment,
            ..
        }) => Err(Reason::Segment),
        None if facts.is_near => Err(Reason::Near),
        None if facts.is_onlink && !facts.subnet_acc => Err(Reason::Subnet),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
