// SPDX-License-Identifier: GPL-2.0

//! The phases of the controller.

use super::math::{Q16, Q8};
use super::prove::PROVE_GAIN_Q8;
use super::rounds::{Kind, Round};
use super::startup::Startup;

/// Pacing gain of the start: 2/ln 2, the smallest with which a paced sender doubles per round trip.
pub(super) const STARTUP_GAIN_Q8: u32 = 739;

/// Pacing gain of growth after a successful probe: doubling in two round trips overshoots by half at most, and reaches five
/// times the rate in four.
pub(super) const REGROWTH_GAIN_Q8: u32 = Q8 + Q8 / 2;

/// Pacing gain over the rate delivered for a round to be sure: low enough for the lower loss to show against the scatter, high
/// enough to cost little.
const SURE_GAIN_Q8: u32 = Q8 - Q8 / 8;

/// The highest that is still sure: the rate delivered is known to three percent.
const SURE_MAX_Q8: u32 = Q8 - Q8 / 32;

/// Gain over the capacity of a sure round on a path that is believed to lose `loss_q16`.
pub(super) fn sure_gain(loss_q16: u32) -> u32 {
    SURE_GAIN_Q8.saturating_mul(Q16.saturating_sub(loss_q16)) >> 16
}

/// Whether a round with this gain is sure on a path that is believed to lose `loss_q16`.
pub(super) fn is_sure(gain_q8: u32, loss_q16: u32) -> bool {
    gain_q8 <= SURE_MAX_Q8.saturating_mul(Q16.saturating_sub(loss_q16)) >> 16
}

/// Deepest and shallowest drain.
pub(super) const DRAIN_MIN_Q8: u32 = Q8 / 2;
pub(super) const DRAIN_MAX_Q8: u32 = Q8 - Q8 / 8;

#[derive(Clone, Copy, Debug)]
pub(super) enum Phase {
    /// Exponential search.
    Startup(Startup),
    /// One round at the estimate, while it catches up with the search; `doubtful` if only a queue has ended it: the search goes on
    /// if that does not stay.
    Settle {
        search: Startup,
        overrun: bool,
        doubtful: bool,
    },
    /// Below capacity until the queue is gone; `gain_q8` by its size, `rest_q8` once it is. `quick` if nothing but that is wanted.
    Drain {
        gain_q8: u32,
        rest_q8: u32,
        sure: bool,
        rounds: u8,
        low_us: u32,
        quick: bool,
    },
    /// At capacity.
    Cruise { rounds: u8, since_us: u64 },
    /// Above capacity, which was `before`, for a round and as many packets as a judgement needs.
    Up {
        before: u64,
        gain_q8: u32,
        rounds: u8,
        tally: Tally,
    },
    /// One round at capacity, to see what the last round of the probe gave.
    /// `queued` once a queue was seen: from then on below capacity.
    Judge {
        before: u64,
        gain_q8: u32,
        tally: Tally,
        queued: bool,
    },
    /// Below the measured delivery rate, to see whether the excess loss goes away.
    Verify(Verify),
    /// Nearly idle, together with the other flows that believe in heavy loss.
    Prove { tally: Tally, rounds: u8 },
}

/// Packets and time over several rounds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) delivered: u32,
    pub(super) lost: u32,
    pub(super) span_us: u32,
}

impl Tally {
    pub(super) fn add(&mut self, round: &Round) {
        self.delivered = self.delivered.saturating_add(round.delivered);
        self.lost = self.lost.saturating_add(round.lost);
        self.span_us = self.span_us.saturating_add(round.span_us);
    }

    pub(super) fn total(&self) -> u32 {
        self.delivered.saturating_add(self.lost)
    }
}

/// A test of elasticity: does loss fall when we send less?
#[derive(Clone, Copy, Debug)]
pub(super) struct Verify {
    /// Capacity to return to if the loss proves to be the path's own.
    pub(super) before: u64,
    pub(super) tally: Tally,
    /// The excess lasted for many rounds: no burst.
    pub(super) lasting: bool,
    /// Pacing gain.
    pub(super) gain_q8: u32,
    /// Steps down that did not help.
    pub(super) steps: u8,
    pub(super) rounds: u8,
}

impl Phase {
    /// The first search of a connection.
    pub(super) fn is_start(&self) -> bool {
        matches!(self, Phase::Startup(search) if search.is_first())
    }

    /// Looking for a rate, or for what a search has found.
    pub(super) fn is_search(&self) -> bool {
        matches!(self, Phase::Startup(_) | Phase::Settle { .. })
    }

    /// A search from a known rate.
    pub(super) fn is_regrowth(&self) -> bool {
        matches!(self, Phase::Startup(search) if !search.is_first())
    }

    /// How packets are sent in this phase.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Phase::Startup(_) | Phase::Up { .. } => Kind::High,
            Phase::Drain { sure: true, .. } | Phase::Verify(_) | Phase::Prove { .. } => Kind::Sure,
            Phase::Drain { .. } | Phase::Judge { queued: true, .. } => Kind::Low,
            Phase::Settle { .. } | Phase::Cruise { .. } | Phase::Judge { .. } => Kind::Cruise,
        }
    }

    /// Pacing rate over capacity, q8.
    pub(super) fn pacing_gain(&self) -> u32 {
        match self {
            Phase::Judge { queued: true, .. } => DRAIN_MAX_Q8,
            Phase::Settle { .. } | Phase::Cruise { .. } | Phase::Judge { .. } => Q8,
            Phase::Startup(search) => search.gain_q8(),
            Phase::Drain { gain_q8, .. } | Phase::Up { gain_q8, .. } => *gain_q8,
            Phase::Verify(test) => test.gain_q8,
            Phase::Prove { .. } => PROVE_GAIN_Q8,
        }
    }
}
