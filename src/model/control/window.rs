// SPDX-License-Identifier: GPL-2.0

//! The receiver's window where it, and not the path, stops sending.
//!
//! What arrives behind a hole fills the window until the hole is repaired, two round trips after the loss if all goes well and
//! two more if the repair is lost, too. On fast, long, lossy paths that happens in nearly every round trip. Sending then stops
//! for part of a round trip, and the gap comes back round trip after round trip, because the window moves only where something
//! arrives.

use super::math::{low32, not_after, rate, Q16};
use super::rounds::{Kind, Round};
use super::types::Ack;

/// Weight of a round in the mean rate, an eighth: over fewer rounds a gap is not evened out.
const MEAN_SHARE: u32 = 8;

/// Growth of the bound per round without a stop, a sixteenth: the window has room for that much more than the mean took.
const GROWTH_SHARE: u32 = 16;

/// Share of the path's rate, a quarter, below which the mean is not that of stops by holes.
const LEAST_SHARE: u64 = 4;

/// Rounds without a larger window after which it has come to its end: receivers widen theirs from round to round.
const STILL_ROUNDS: u8 = 4;

/// What the receiver's window does to a connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    last_bytes: u32,
    /// The largest so far, and the rounds since it was widened by an eighth.
    most_bytes: u32,
    still_rounds: u8,
    /// It was nearly used in the running round.
    limited: bool,
    /// It stopped sending; what is delivered until the count reaches the end says nothing about the path.
    starved: bool,
    starved_end: u32,
    /// It did so in the running round.
    starved_now: bool,
    /// Rounds in which repairs are sent twice.
    pressing_rounds: u16,
    /// Mean rate delivered, kilobytes per second, and the most that is sent on account of it; zero for no bound.
    mean_kb: u32,
    bound_kb: u32,
}

impl Window {
    /// Takes an ACK; to be called first of all. Returns whether the window, and not the path, has made its samples, as an idle
    /// application would: a gap in sending is seen by all packets sent until what was in flight then has been delivered.
    pub(super) fn on_ack(&mut self, ack: &Ack) -> bool {
        // The window that limited the packets now acknowledged is the one before this ACK widened it. Within an eighth or two
        // packets of it counts as limited: the kernel does not send fractions.
        let window = match self.last_bytes {
            0 => ack.snd_wnd_bytes,
            last => last.min(ack.snd_wnd_bytes),
        };
        self.last_bytes = ack.snd_wnd_bytes;
        if ack.snd_wnd_bytes > self.most_bytes.saturating_add(self.most_bytes / 8) {
            self.most_bytes = ack.snd_wnd_bytes;
            self.still_rounds = 0;
            // What a narrower one could move says nothing about this one.
            self.bound_kb = 0;
        }
        // Behind a hole the window is full of packets that have arrived: they are out, but no longer in flight.
        let out = ack
            .prior_in_flight
            .max(ack.packets_out.saturating_add(ack.acked_sacked));
        let used = low32(u64::from(out.saturating_add(2)).saturating_mul(u64::from(ack.mss)));
        self.limited |= used >= window.saturating_sub(window / 8);
        if used >= window {
            self.starved = true;
            // Behind a hole the window stays as it was; a small one is that of a slow reader.
            self.starved_now |= window >= self.most_bytes / 2;
            self.starved_end = ack.delivered.wrapping_add(ack.in_flight);
        } else if self.starved && !not_after(ack.prior_delivered, self.starved_end) {
            self.starved = false;
        }
        self.starved
    }

    /// Takes a finished round on a path that loses `loss_q16` by itself, takes `capacity` bytes per second and holds `bdp`
    /// packets. Returns whether the window was nearly used in it.
    pub(super) fn on_round(
        &mut self,
        round: &Round,
        mss: u32,
        loss_q16: u32,
        (capacity, bdp): (u64, u32),
    ) -> bool {
        // A search is faster from round to round: its mean says nothing, and the rounds after it still show its stops.
        if round.kind != Kind::High || self.mean_kb != 0 {
            let now = low32(rate(round.delivered, mss, round.span_us) / 1_000);
            let old = match self.mean_kb {
                0 => low32(capacity / 1_000),
                old => old,
            };
            self.mean_kb = old
                .saturating_sub(old / MEAN_SHARE)
                .saturating_add(now / MEAN_SHARE);
        }
        self.still_rounds = self.still_rounds.saturating_add(1);
        // One that still grows gives room by itself, and one that is smaller than the path has no gaps to even out.
        let large = self.still_rounds > STILL_ROUNDS
            && u64::from(self.most_bytes) > u64::from(bdp).saturating_mul(u64::from(mss));
        if core::mem::take(&mut self.starved_now) && large {
            // Pauses of the application and of its reader are in the mean, too.
            let least = low32(capacity / LEAST_SHARE / 1_000);
            self.bound_kb = self.mean_kb.max(least);
            // Copies of all repairs of so many rounds take as long as the stop has taken.
            let worth = Q16.checked_div(loss_q16).unwrap_or(0);
            self.pressing_rounds = u16::try_from(worth).unwrap_or(u16::MAX);
        } else {
            let step = (self.bound_kb / GROWTH_SHARE).max(u32::from(self.bound_kb != 0));
            self.bound_kb = self.bound_kb.saturating_add(step);
            self.pressing_rounds = self.pressing_rounds.saturating_sub(1);
            // Stops that no copies would have prevented come from holes that just take long, at any rate.
            if self.pressing_rounds == 0 || u64::from(self.bound_kb / 2) > capacity / 1_000 {
                self.bound_kb = 0;
            }
        }
        core::mem::take(&mut self.limited)
    }

    /// Rate at which the window moves without stops, bytes per second; `None` if it does not matter.
    pub(super) fn bound(&self) -> Option<u64> {
        (self.bound_kb != 0).then_some(u64::from(self.bound_kb).saturating_mul(1_000))
    }

    /// Whether a repair that gets lost would stop sending, and copies of repairs cost less than that.
    pub(super) fn is_pressing(&self) -> bool {
        self.pressing_rounds != 0
    }
}

#[cfg(test)]
mod tests;
