// SPDX-License-Identifier: GPL-2.0

//! How much a sender that begins may have in flight.
//!
//! A sender that doubles what it sends in each round trip learns a round trip late that the path is full, and sends as much
//! again, or, as BBR does, twice that, into a queue that seldom holds it: what is lost then has to be sent once more. The
//! receiver sees the path fill half of a round trip before. So a sender is offered twice what comes in a round trip, as fast
//! as the fastest eighth of one was, and less as soon as a queue shows. One that doubles needs 1 / ln 2 = 1.44 times what
//! comes at that moment, and one that sends bursts comes as fast as the path is, so this is no bound before the path is full. Where round
//! trips vary, what counts is the shortest of the last one, until a queue shows.

use super::steer::{part, per_second};

/// Parts of the least round trip that arrivals are counted in.
const SLICES: u32 = 8;

/// Least round trip for that, microseconds: an eighth of it must hold more than what a network card brings at once.
const LEAST_RTT_US: u32 = 8_000;

/// How far a beginning has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stage {
    /// The last packets showed no queue.
    Free,
    /// They showed one.
    Queued,
    /// There is one that stays, and nobody else's. A window that leaves just a few packets of it costs some thousandths of the
    /// rate with senders that wait for room for several segments, so a short transfer is spared that.
    Steered,
}

impl Stage {
    /// What is offered, in quarters of what comes in a least round trip.
    const fn quarters(self) -> u32 {
        match self {
            Stage::Free => 8,
            Stage::Queued => 6,
            Stage::Steered => 5,
        }
    }
}

/// Least packets to offer: senders that space their first packets begin with few in each slice.
const LEAST_PACKETS: u32 = 128;

/// Round trips with data after which a sender does not begin any more, and the least packets in one.
const ROUNDS: u8 = 16;
const ROUND_PACKETS: u32 = 16;

/// The beginning of one flow.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Opening {
    /// Beginning of the present slice, microseconds that wrap, and what has come in it, bytes.
    began_us: u32,
    bytes: u32,
    /// Most that came in one, bytes per second.
    rate: u64,
    rounds: u8,
}

impl Opening {
    /// So much payload came at `now_us`, which wraps.
    pub fn arrived(&mut self, now_us: u32, payload: u32, base_us: u32) {
        if self.is_over() || base_us < LEAST_RTT_US {
            return;
        }
        let slice = base_us / SLICES;
        if now_us.wrapping_sub(self.began_us) >= slice {
            self.began_us = now_us;
            self.bytes = 0;
        }
        self.bytes = self.bytes.saturating_add(payload);
        self.rate = self.rate.max(per_second(u64::from(self.bytes), slice));
    }

    /// A round trip is over in which so much payload came.
    pub fn round(&mut self, bytes: u64, mss: u32) {
        if bytes >= u64::from(mss.saturating_mul(ROUND_PACKETS)) {
            self.rounds = self.rounds.saturating_add(1).min(ROUNDS);
        }
    }

    /// It is known what the sender does.
    pub fn end(&mut self) {
        self.rounds = ROUNDS;
    }

    /// Whether that is so.
    pub fn is_over(&self) -> bool {
        self.rounds >= ROUNDS
    }

    /// Bytes to let the sender have in flight, if that is to be bounded. `base_us` is the least round trip so far, `rtt_us` that of
    /// the last one.
    pub fn window(&self, base_us: u32, rtt_us: u32, stage: Stage, mss: u32) -> Option<u32> {
        if self.is_over() || self.rate == 0 || base_us < LEAST_RTT_US {
            return None;
        }
        let trip_us = match stage {
            Stage::Free => base_us.max(rtt_us),
            _ => base_us,
        };
        let comes = part(self.rate, trip_us, 1_000_000);
        let window = comes.saturating_mul(stage.quarters()) / 4;
        Some(window.max(mss.saturating_mul(LEAST_PACKETS)))
    }
}

#[cfg(test)]
mod tests;
