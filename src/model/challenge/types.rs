// SPDX-License-Identifier: GPL-2.0

//! What a [challenge](super) is told, and what follows.

/// What TCP knows of the withheld bytes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Fate {
    /// One of them is acknowledged selectively.
    pub is_sacked: bool,
    /// They count as lost.
    pub is_lost: bool,
}

/// How TCP stands when an ACK has been processed.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Bytes sent so far, repetitions included.
    pub sent: u64,
    /// Bytes of repetitions among them.
    pub again: u64,
    /// First sequence number that is not acknowledged.
    pub una: u32,
    /// Bytes that wait to be sent.
    pub unsent: u32,
    /// Bytes on their way.
    pub flight: u32,
    /// Payload of a full segment, bytes.
    pub mss: u32,
    /// Packets have been seen to overtake each other.
    pub is_reordered: bool,
}

impl Now {
    /// Three quarters of what was sent were repetitions. The control makes up for three fifths of loss at most; so either next to
    /// nothing gets through, or SACKs make TCP repeat what is not lost. Neither is a reason to send fast.
    pub fn is_drowned(&self) -> bool {
        self.again > (self.sent / 4).saturating_mul(3)
    }
}

/// What follows from an ACK.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// Nothing.
    Go,
    /// The next segment shall go alone, so that one can be withheld.
    Single,
    /// TCP has just counted the withheld segment as lost, which says nothing about the path.
    Excuse,
    /// The peer has just been caught.
    Caught,
    /// It was before: the connection is bounded.
    Bound,
}

/// A packet that TCP sends.
#[derive(Clone, Copy, Debug)]
pub struct Packet {
    /// Sequence number of its first byte.
    pub seq: u32,
    /// Bytes of data.
    pub payload: u32,
    /// Segments it is to be cut into.
    pub segments: u32,
    /// It was sent before.
    pub is_again: bool,
    /// Bytes that wait behind it.
    pub behind: u32,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fit {
    /// It goes.
    Go,
    /// It does not leave, and TCP is not told.
    Withhold,
    /// It goes, and with it what was withheld: the peer has not lied.
    Repair,
}
