// SPDX-License-Identifier: GPL-2.0

//! Start, and start again when a probe finds much more room: exponential growth until queue, loss or a plateau.

use super::math::{gain, Q8};
use super::path::{Observation, Path};

/// A round must raise the capacity by this much to count as growth (a quarter: far above sampling noise, far below the
/// doubling that an unfilled path shows).
const GROWTH_Q8: u32 = Q8 + Q8 / 4;

/// Rounds without growth after which the path is full: one may be a hiccup of the sender.
const PLATEAU_ROUNDS: u8 = 2;

/// Progress of the exponential search.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Startup {
    reached: u64,
    flat: u8,
}

/// Why the search goes on or ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// Nothing limits yet.
    Grow,
    /// The path is full: a queue is building or the rate no longer grows.
    Full,
    /// The path is overrun: loss beyond the random rate.
    Overrun,
}

impl Startup {
    /// Judges an ACK.
    pub(super) fn step(&mut self, path: &mut Path, seen: &Observation) -> Verdict {
        if seen.excess {
            return Verdict::Overrun;
        }
        if seen.queued {
            return Verdict::Full;
        }
        let Some(round) = seen.round else {
            return Verdict::Grow;
        };
        // No queue and no excess: what was lost so far was lost below capacity.
        path.loss.add_low(round.lost, round.delivered.saturating_add(round.lost));
        let now = path.capacity.get();
        if now >= gain(self.reached, GROWTH_Q8) {
            self.reached = now;
            self.flat = 0;
        } else if !round.app_limited && !seen.rwnd_limited {
            self.flat = self.flat.saturating_add(1);
        }
        if self.flat >= PLATEAU_ROUNDS {
            Verdict::Full
        } else {
            Verdict::Grow
        }
    }
}
