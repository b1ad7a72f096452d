// SPDX-License-Identifier: GPL-2.0

//! The window of one flow by the queue that it finds on its path.
//!
//! A flow is left alone until its round trips show a queue that stays. Then it is steered: its window follows the law of
//! FAST TCP (Wei, Jin, Low, Hegde, 2006), which settles where the flow has a certain number of packets of its own in the
//! queue. That number grows with the root of the window: large flows make small queues relative to the path, and since flows
//! behind one queue settle where each has the same ratio of that number to its rate, they come to equal rates.
//!
//! If the queue stays in spite of a smaller window, it is somebody else's, and who gives way gets nothing: the flow is left
//! alone for a while, as it would be without this.

use rates::{Rates, JUDGED_ROUNDS, RECENT_ROUNDS};

mod rates;
mod shared;
mod trials;
mod watch;

/// Rounds with a queue in spite of a smaller window that make it somebody else's: more than a flow of ours that begins
/// takes to fill the path and to be steered too.
const FOREIGN_ROUNDS: u8 = 24;

/// Rounds with less in spite of an empty queue and a window that grows: it has doubled by then.
const SHORT_ROUNDS: u8 = 5;

/// Times the noise, the most that round trips differ by without a queue.
const SLACK_NOISE: u32 = 3;

/// Of the least round trip, the noise with which round trips tell nothing of queues: the flow is left alone then.
const NOISY: u32 = 4;

/// Rounds in a row that must be noisy for that. Queues that come and go as flows begin make noise too, but not for so long.
const NOISY_ROUNDS: u8 = 4;

/// Rounds from the beginning until the first look, if round trips have not stopped to fall before: what was in flight
/// too much drains first, because what was offered is offered.
const SETTLING_ROUNDS: u8 = 8;

/// Rounds with less than a quarter of the flow's own queue after which the path seems to have more room than was known.
const ROOMY_ROUNDS: u8 = 3;

/// Time between two looks at the empty path, as a power of two of microseconds: 8.4 s. All flows of the machine look at
/// the same time, by the clock: together they see it empty, which none would alone.
const LOOK_SHIFT: u32 = 23;

/// Time after which flows that gave up try again, as a power of two of microseconds: 16.8 s, by the clock too.
const RETRY_SHIFT: u32 = 24;

/// Most doublings of that time: a flow beside others that fill the queue for good loses next to nothing by trying
/// for some round trips in four minutes.
const RETRIES: u8 = 4;

/// Least packets in a window: an acknowledgement is sent for every other, and one lost or late must not stop the flow.
const LEAST_PACKETS: u32 = 4;

/// Least queue that counts, microseconds: time stamps mostly have a resolution of a millisecond.
const RESOLUTION_US: u32 = 1_000;

/// Least queue that may be somebody else's, microseconds.
const FOREIGN_LEAST_US: u32 = 4_000;

/// What a flow is doing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Mode {
    /// Its window is what the receiver has room for.
    #[default]
    Open,
    /// Its window is ours.
    Steered,
    /// As `Open`, until that [`RETRY_SHIFT`] period.
    Yielding(u16),
}

/// A round trip.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sample {
    /// Its end, microseconds.
    pub now_us: u64,
    /// How long it took, microseconds; not zero.
    pub rtt_us: u32,
    /// Payload since the start, bytes.
    pub bytes: u64,
    /// What came by the same interface since some time, bytes.
    pub all: u64,
    /// Payload of a packet, bytes.
    pub mss: u32,
}

/// What a round trip's time has shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Round {
    /// Its end, microseconds.
    pub now_us: u64,
    /// How long it took, microseconds; not zero.
    pub took_us: u32,
    /// The least round trip in it, and the mean of all, microseconds.
    pub rtt_us: u32,
    /// See there.
    pub mean_us: u32,
    /// Payload that came in it, bytes.
    pub bytes: u64,
    /// What came by the same interface in it, bytes.
    pub all: u64,
}

/// The control of one flow.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Steer {
    mode: Mode,
    /// Packets of its own that may be in the queue.
    queue_limit: u32,
    /// Least round trip so far, microseconds; 0 before the first sample.
    base_us: u32,
    /// Flows with the same peer that are steered, an equal part of what they receive, bytes per second, and the census that
    /// the flow was counted in.
    others: u32,
    share: u64,
    census: u16,
    /// Mean difference of successive samples, microseconds.
    noise_us: u32,
    samples: u8,
    last_us: u32,
    last_but_one_us: u32,
    /// Window while steered, bytes, and the smaller one of a round that looks for the empty path.
    window: u32,
    look: Option<u32>,
    look_rounds: u8,
    /// What was in flight in the last round, bytes, and whether the window was the limit.
    flight: u32,
    is_used: bool,
    /// What round trips have beyond the least one when no queue of ours is there, microseconds: the last look has shown it.
    slack_us: u32,
    /// The round at hand shows what a look has left.
    is_seen: bool,
    /// Samples in a row above the threshold, and where the first one was: time (wraps) and bytes received.
    above: u8,
    above_since: u32,
    above_bytes: u64,
    above_all: u64,
    foreign: u8,
    losing: u8,
    roomy: u8,
    failures: u8,
    /// Rounds until the first look.
    settling: u8,
    /// Round trip of the round before, microseconds.
    before_us: u32,
    looked: u16,
    /// Rates of rounds that the flow was left alone for, of those steered that its window was the limit in, and of those
    /// that it was raised for.
    free: Rates,
    steered: Rates,
    recent: Rates,
    tried: Rates,
    /// Rounds in a row that were noisy.
    noisy: u8,
    /// Rounds for which the window is raised yet.
    raised: u8,
    /// It was never raised so far.
    is_untried: bool,
}

impl Steer {
    /// What it is doing.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether its window is smaller for a round trip or two, to see the path without a queue.
    pub fn is_looking(&self) -> bool {
        self.look.is_some()
    }

    /// Whether the last packets showed a queue, if only for now.
    pub fn is_queued(&self) -> bool {
        self.above > 0
    }

    /// Whether it is steered, and hardly anything else came by its interface so far.
    pub fn is_steered_alone(&self) -> bool {
        let is_alone = self.steered.rounds == 0 || self.steered.is_alone();
        self.mode == Mode::Steered && self.others <= 1 && self.free.is_alone() && is_alone
    }

    /// Least round trip so far, microseconds; 0 before the first sample.
    pub fn base_us(&self) -> u32 {
        self.base_us
    }

    /// Bytes to let the sender have in flight; `None` if it is not ours to say.
    pub fn window(&self) -> Option<u32> {
        match self.mode {
            Mode::Steered if self.raised > 0 => Some(self.window.saturating_add(self.window / 4)),
            Mode::Steered => Some(self.look.unwrap_or(self.window)),
            _ => None,
        }
    }

    /// A larger window of somebody else's was what was offered, with so much in flight: it goes on from there, step by step.
    pub fn resume(&mut self, flight: u32) {
        if self.mode == Mode::Steered {
            self.window = self.window.max(flight.min(u32::MAX >> 2));
        }
    }

    /// Leaves the flow alone for now, whatever it did.
    pub fn release(&mut self) {
        if self.mode != Mode::Open {
            self.open();
        }
    }

    /// Bounds the packets of its own that the flow is to have in the queue.
    pub fn limit_queue(&mut self, packets: u32) {
        self.queue_limit = packets;
    }

    fn open(&mut self) {
        self.mode = Mode::Open;
        self.above = 0;
        self.look = None;
        self.free.rounds = 0;
    }

    /// A round trip is over. Packets have `mss` bytes.
    pub fn round(&mut self, round: &Round, mss: u32) {
        if self.mode != Mode::Steered || self.base_us == 0 {
            self.free.note(round, JUDGED_ROUNDS);
            return;
        }
        self.noisy = match self.noise_us > self.base_us / NOISY {
            true => self.noisy.saturating_add(1),
            false => 0,
        };
        if self.noisy >= NOISY_ROUNDS {
            self.give_up(round.now_us);
            return;
        }
        if self.raised > 0 {
            self.while_raised(round);
            return;
        }
        if self.look.is_some() {
            self.look_rounds = self.look_rounds.saturating_sub(1);
            if self.look_rounds == 0 {
                // The round that follows a look shows the queue that the look left.
                self.look = None;
                self.is_seen = true;
                self.recent.rounds = 0;
            }
            return;
        }
        // What comes in it was sent with the smaller window.
        let is_after_look = core::mem::take(&mut self.is_seen);
        if is_after_look {
            // More than noise makes is somebody else's queue, not to be taken for an empty path.
            let most = self.noise_us.saturating_mul(SLACK_NOISE);
            self.slack_us = round.rtt_us.saturating_sub(self.base_us).min(most);
        }
        let above = round.rtt_us.saturating_sub(self.base_us);
        // A look may have come before all had drained. By quarters: round trips without a queue differ too.
        self.slack_us = self
            .slack_us
            .saturating_sub(self.slack_us.saturating_sub(above) / 4);
        let queue = above.saturating_sub(self.slack_us);
        // What came in as long as a packet took: less than the window if the sender does not use it.
        let used = round.in_flight();
        // Where acknowledgements wait for each other round trips differ, and in the least of them less came.
        let is_used = part(round.bytes, round.mean_us, round.took_us)
            >= self.window.saturating_sub(self.window / 8);
        // While more is in flight than the window, for what was offered is offered, the queue is not the window's.
        let drains = used
            > self
                .window
                .saturating_add((self.window / 8).max(least(mss)));
        let flight = self.window.min(used.saturating_add(mss));
        let rtt = self.base_us.saturating_add(queue);
        let holds = part(u64::from(flight), self.base_us, rtt);
        let own = self.own_queue(self.window, mss);
        let wanted = holds.saturating_add(own);
        let own_us = part(u64::from(own), self.base_us, holds.max(1));
        let mut is_short = false;
        if is_used && !is_after_look {
            self.steered.note(round, JUDGED_ROUNDS);
            self.recent.note(round, RECENT_ROUNDS);
            if self.recent.rounds >= RECENT_ROUNDS {
                let loses = self.recent.lost_from(&self.free) > self.tolerance();
                self.losing = match loses {
                    true => self.losing.saturating_add(1),
                    false => 0,
                };
                // Where no queue is left the window was too small, which can be mended.
                is_short = loses && queue <= own_us / 2;
                let most = match (self.is_alone(), is_short) {
                    (true, false) => 0,
                    (true, true) => SHORT_ROUNDS,
                    (false, _) => FOREIGN_ROUNDS,
                };
                if self.losing > most {
                    self.give_up(round.now_us);
                    return;
                }
                self.free.cede_to(&self.recent);
                // The queue of the beginning is there for some rounds yet: a sender that had just begun has only then what the
                // path lets through.
                if self.steered.rounds <= JUDGED_ROUNDS && self.is_alone() {
                    self.free.rise_to(&self.recent);
                }
            }
        }
        let is_foreign =
            queue > (self.base_us.saturating_mul(3) / 8).saturating_add(FOREIGN_LEAST_US);
        self.foreign = match is_foreign {
            true if drains => 0,
            true => self.foreign.saturating_add(1),
            false => 0,
        };
        if self.foreign >= FOREIGN_ROUNDS {
            self.give_up(round.now_us);
            return;
        }
        self.roomy = match is_used && queue <= own_us / 4 {
            true => self.roomy.saturating_add(1),
            false => 0,
        };
        let wanted = match self.roomy > ROOMY_ROUNDS || is_short {
            true => wanted.max(self.window.saturating_add(self.window / 4)),
            false => wanted,
        };
        if !drains && (is_used || wanted < self.window && used > wanted) {
            // Half of the way: the queue answers a round trip late.
            self.window = (wanted / 2)
                .saturating_add(self.window / 2)
                .min(u32::MAX >> 2)
                .max(self.floor(mss));
        }
        self.flight = flight;
        self.is_used = is_used;
        let falls = round.rtt_us.saturating_add(RESOLUTION_US) < self.before_us;
        self.before_us = round.rtt_us;
        let is_settled = self.settling == 1 || self.settling > 1 && !falls && !drains;
        self.settling = match is_settled {
            true => 0,
            false if drains => self.settling,
            false => self.settling.saturating_sub(1),
        };
        if is_settled {
            self.begin_look(mss);
        }
    }

    fn give_up(&mut self, now_us: u64) {
        // By the clock, so that all who have given up because of each other begin again together.
        let shift = u32::from(self.failures.min(RETRIES));
        let next = period(now_us, RETRY_SHIFT)
            .wrapping_shr(shift)
            .wrapping_add(1)
            .wrapping_shl(shift);
        self.failures = self.failures.saturating_add(1).min(RETRIES);
        self.foreign = 0;
        self.mode = Mode::Yielding(next);
    }
}

/// Number of the period of 2^`shift` microseconds, wrapping.
const fn period(now_us: u64, shift: u32) -> u16 {
    // CAST: wraps.
    now_us.wrapping_shr(shift) as u16
}

/// Bytes per second of `bytes` in `took_us`.
pub(super) fn per_second(bytes: u64, took_us: u32) -> u64 {
    bytes
        .saturating_mul(1_000_000)
        .checked_div(u64::from(took_us))
        .unwrap_or(0)
}

/// `bytes` times `numerator` over `denominator`.
pub(super) fn part(bytes: u64, numerator: u32, denominator: u32) -> u32 {
    let value = bytes
        .saturating_mul(u64::from(numerator))
        .checked_div(u64::from(denominator))
        .unwrap_or(bytes);
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn least(mss: u32) -> u32 {
    mss.saturating_mul(LEAST_PACKETS)
}

#[cfg(test)]
mod tests;
