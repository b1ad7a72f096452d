// SPDX-License-Identifier: GPL-2.0

//! Rates of a flow and of its interface over several round trips.

use super::{part, per_second, Round};

/// Rounds that a rate is a mean of.
pub(super) const JUDGED_ROUNDS: u8 = 12;

/// Rounds after which it shows that a rate has got less: a burst of a few packets, which ends in one or the other, must not.
pub(super) const RECENT_ROUNDS: u8 = 4;

impl Round {
    /// What came in as long as its least packet took, bytes.
    pub fn in_flight(&self) -> u32 {
        part(self.bytes, self.rtt_us, self.took_us)
    }
}

/// Mean rates of rounds, bytes per second.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Rates {
    /// Of the flow.
    pub(super) own: u64,
    /// Of all that comes by the same interface.
    pub(super) all: u64,
    /// Rounds so far.
    pub(super) rounds: u8,
}

impl Rates {
    /// Those of a time that counts as much as [`JUDGED_ROUNDS`].
    pub(super) fn of(round: &Round) -> Self {
        let took = round.took_us;
        Rates {
            own: per_second(round.bytes, took),
            all: per_second(round.all, took),
            rounds: JUDGED_ROUNDS,
        }
    }

    /// Takes a round into the mean of the last `over`.
    pub(super) fn note(&mut self, round: &Round, over: u8) {
        self.rounds = self.rounds.saturating_add(1);
        let of = u64::from(self.rounds.clamp(1, over.max(1)));
        let took = round.took_us;
        let mix = |mean: u64, bytes: u64| {
            let rate = per_second(bytes, took);
            match of {
                1 => rate,
                _ => mean
                    .saturating_sub(mean.checked_div(of).unwrap_or(0))
                    .saturating_add(rate.checked_div(of).unwrap_or(0)),
            }
        };
        self.own = mix(self.own, round.bytes);
        self.all = mix(self.all, round.all);
    }

    /// What others of the interface have.
    pub(super) fn others(&self) -> u64 {
        self.all.saturating_sub(self.own)
    }

    /// Whether others have hardly anything.
    pub(super) fn is_alone(&self) -> bool {
        self.others() < self.own / 4
    }

    /// What others have got of the flow's, as `now` shows, is theirs from now on; or the flow's again, if it has got it back.
    pub(super) fn cede_to(&mut self, now: &Rates) {
        let ceded = now.others().saturating_sub(self.others());
        let back = self.others().saturating_sub(now.others());
        self.own = self
            .own
            .saturating_sub(ceded.min(self.own.saturating_sub(now.own)))
            .saturating_add(back.min(now.own.saturating_sub(self.own)));
    }

    /// Knows that the flow can have as much as `now`, if that is more.
    pub(super) fn rise_to(&mut self, now: &Rates) {
        if now.own > self.own {
            (self.own, self.all) = (now.own, now.all);
        }
    }

    /// What the flow has less than with `better`, bytes per second, and others of the interface have not got.
    pub(super) fn lost_from(&self, better: &Rates) -> u64 {
        let lost = better.own.saturating_sub(self.own);
        lost.saturating_sub(self.others().saturating_sub(better.others()))
    }
}
