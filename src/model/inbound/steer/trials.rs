// SPDX-License-Identifier: GPL-2.0

//! What a steered flow tries now and then: a smaller window, to see what the path is without a queue, and a larger one, to see
//! whether steering costs it anything.

use super::rates::{Rates, JUDGED_ROUNDS};
use super::{least, part, Round, Steer};

/// Rounds after which a mean rate has forgotten how the flow began.
const KNOWN_ROUNDS: u8 = 3 * JUDGED_ROUNDS;

/// Rounds of a look: what is left of the one in which it begins, and a whole one.
const LOOK_ROUNDS: u8 = 2;

/// Every so many of these times a window is raised instead, to see whether it costs the flow anything; the first time
/// as soon as its rate is known. By the clock too, or flows would gain from each other.
const RAISE_PERIODS: u16 = 4;

/// The one of them in which a flow that is alone looks deeply too: what it takes for the path may be an old queue of its own.
const DEEP_PERIOD: u16 = 2;

/// Rounds that it is raised for, those of them that do not count because packets of before are still coming, and the part
/// of the rate that must not be gained by it. A quarter more in flight is a quarter more of the rate where no queue is.
const RAISED_ROUNDS: u8 = 6;
const RAISED_BEFORE: u8 = 2;
const GAIN_SHIFT: u32 = 5;

impl Steer {
    /// A new period has begun.
    pub(super) fn begin_trial(&mut self, now: u16, mss: u32) {
        self.looked = now;
        if self.foreign == 0 {
            self.failures = self.failures.saturating_sub(1);
        }
        let is_due = self.is_untried || now % RAISE_PERIODS == 0;
        if is_due && self.steered.rounds >= KNOWN_ROUNDS && self.is_used {
            self.is_untried = false;
            self.raised = RAISED_ROUNDS;
            self.tried = Rates::default();
        } else {
            self.begin_look(mss);
        }
    }

    /// Whether hardly anything else comes by its interface.
    pub(super) fn is_alone(&self) -> bool {
        self.steered.is_alone()
    }

    pub(super) fn begin_look(&mut self, mss: u32) {
        // As if all of the round trip were a queue of ours: it is to be seen what of it is not.
        let empty = part(u64::from(self.flight), self.base_us, self.before_us);
        let shallow = empty.saturating_sub(empty / 16);
        // Who began when others had made a queue takes it for part of the path, and only all together can empty it.
        let is_deep = !self.is_alone() || self.looked % RAISE_PERIODS == DEEP_PERIOD;
        let look = match is_deep {
            false => shallow,
            true => shallow.min(self.flight / 2),
        };
        self.look = Some(look.max(least(mss)));
        self.look_rounds = LOOK_ROUNDS;
    }

    /// A round is over in which the window was raised.
    pub(super) fn while_raised(&mut self, round: &Round) {
        self.raised = self.raised.saturating_sub(1);
        if self.raised >= RAISED_ROUNDS.saturating_sub(RAISED_BEFORE) {
            return;
        }
        self.tried.note(round, JUDGED_ROUNDS);
        let lost = self.steered.lost_from(&self.tried);
        // Among several, who has gained has it from the others, as likely as not.
        let most = match self.is_alone() {
            true => self.steered.own >> GAIN_SHIFT,
            false => self.tolerance().max(self.steered.own >> GAIN_SHIFT),
        };
        if self.raised == 0 && lost > most {
            self.give_up(round.now_us);
        }
    }
}
