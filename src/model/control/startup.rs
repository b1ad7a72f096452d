// SPDX-License-Identifier: GPL-2.0

//! Start, and start again when a probe finds much more room: exponential growth until queue, loss or a plateau.

use super::aftermath::Aftermath;
use super::math::{gain, inflate, low32, mul_div, rate, Q8};
use super::path::{Observation, Path};
use super::phase::{Phase, REGROWTH_GAIN_Q8, STARTUP_GAIN_Q8};
use super::rounds::Round;
use super::types::{Ack, Settings};
use super::zeta::Zeta;

/// A round must raise the delivery rate by this much to count as growth (a quarter: far above sampling noise, far below the
/// doubling that an unfilled path shows).
const GROWTH_Q8: u32 = Q8 + Q8 / 4;

/// The same for growth from a known rate, which is slower by design.
const REGROWTH_Q8: u32 = Q8 + Q8 / 8;

/// Rounds without growth after which the path is full: one may be a hiccup of the sender.
const PLATEAU_ROUNDS: u8 = 2;

/// Packets the flat rounds must have resolved: under heavy random loss a small round says little.
const PLATEAU_PACKETS: u32 = 96;

/// Packets of a round whose share of losses is compared with that at the beginning of growth.
const COMPARED_PACKETS: u32 = 32;

/// What the share of losses is counted in: in a byte, with room for one more.
const ALL_LOST: u64 = 254;

/// Share of packets, in 1/[`ALL_LOST`], by which growth may lose more than at its beginning: a quarter. What the path loses by
/// itself stays the same however fast one sends. A flow that takes its rate from others delivers more and more while most of
/// what it sends is dropped, and where little is known of the loss nothing else ends that.
const MORE_LOSS: u8 = 64;

/// Share of a round that no path loses by itself, in 1/[`ALL_LOST`]: three quarters. Any search ends there, the first one too,
/// whatever it has taken for the path's own loss: on a path of one half as many of [`COMPARED_PACKETS`] are lost once in five
/// hundred rounds.
const MOST_LOSS: u8 = 192;

/// Progress of the exponential search.
#[derive(Clone, Copy, Debug)]
pub(super) struct Startup {
    /// Delivery rate reached, bytes per second. Not the send-side rate: where a policer or a short buffer drops, that one grows
    /// with what we send, while the delivered part does not.
    reached: u64,
    flat: u8,
    /// Packets resolved in the flat rounds.
    flat_packets: u32,
    /// A queue was seen at the end of the last round.
    queued: bool,
    /// Share of losses of the first round of growth from a known rate, in 1/[`ALL_LOST`], plus one; zero before.
    lost_first: u8,
    /// Capacity known before the search, bytes per second; zero on a new connection, whose losses are the first thing known
    /// about the path.
    from: u64,
    /// Packets and microseconds of the rounds that found a queue since the last that did not: they show what the bottleneck
    /// passes.
    busy_delivered: u32,
    busy_us: u32,
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
    /// A search from a known rate; zero for an unknown path.
    pub(super) fn new(from: u64) -> Self {
        Self {
            reached: 0,
            flat: 0,
            flat_packets: 0,
            queued: false,
            lost_first: 0,
            from,
            busy_delivered: 0,
            busy_us: 0,
        }
    }

    /// Pacing gain of the search.
    pub(super) fn gain_q8(&self) -> u32 {
        if self.is_first() {
            STARTUP_GAIN_Q8
        } else {
            REGROWTH_GAIN_Q8
        }
    }

    /// What the bottleneck passed while it was seen to be busy, and in `round`, which was sent at the rate it took; bytes per
    /// second.
    pub(super) fn busy_rate(&self, round: &Round, mss: u32) -> u64 {
        rate(
            self.busy_delivered.saturating_add(round.delivered),
            mss,
            self.busy_us.saturating_add(round.span_us),
        )
    }

    /// Capacity known before the search, bytes per second.
    pub(super) fn from(&self) -> u64 {
        self.from
    }

    /// True if nothing was known of the path before.
    pub(super) fn is_first(&self) -> bool {
        self.from == 0
    }

    /// Judges an ACK; `crowd` if others share the bottleneck: then growth ends at the first packet that waits.
    pub(super) fn step(
        &mut self,
        path: &mut Path,
        seen: &Observation,
        mss: u32,
        crowd: bool,
    ) -> Verdict {
        if let Some(round) = seen.round {
            if !seen.queued {
                self.busy_delivered = 0;
                self.busy_us = 0;
            } else if self.queued {
                self.busy_delivered = self.busy_delivered.saturating_add(round.delivered);
                self.busy_us = self.busy_us.saturating_add(round.span_us);
            }
        }
        if seen.excess {
            return Verdict::Overrun;
        }
        let met = crowd && self.from != 0 && seen.loaded;
        if (seen.queued || met) && !path.rtt.is_noisy() {
            return Verdict::Full;
        }
        let Some(round) = seen.round else {
            return Verdict::Grow;
        };
        if seen.queued && self.queued {
            return Verdict::Full;
        }
        self.queued = seen.queued;
        if self.loses_more(&round) {
            return Verdict::Overrun;
        }
        let total = round.total();
        let now = rate(round.delivered, mss, round.span_us);
        let growth = if self.is_first() {
            GROWTH_Q8
        } else {
            REGROWTH_Q8
        };
        if now >= gain(self.reached, growth) {
            self.reached = now;
            self.flat = 0;
            self.flat_packets = 0;
            if self.is_first() && !seen.loaded {
                // More sent, more delivered: what was lost was lost below capacity.
                path.loss.add_low(round.lost, total);
            }
        } else {
            // More sent, no more delivered: even a moderate surplus of losses (1/32) is our doing then.
            let expected =
                low32(u64::from(total).saturating_mul(u64::from(path.loss.random())) >> 16);
            if !round.app_limited && !seen.rwnd_limited {
                if round.lost > expected.saturating_add((total / 32).max(4))
                    && path.loss.is_surplus(round.lost, total)
                {
                    return Verdict::Overrun;
                }
                self.flat = self.flat.saturating_add(1);
                self.flat_packets = self.flat_packets.saturating_add(total);
            }
        }
        if self.flat >= PLATEAU_ROUNDS && self.flat_packets >= PLATEAU_PACKETS {
            Verdict::Full
        } else {
            Verdict::Grow
        }
    }

    /// Takes a round of growth. Whether nearly all is lost, or from a known rate much more than at its beginning.
    fn loses_more(&mut self, round: &Round) -> bool {
        let total = round.total();
        if total < COMPARED_PACKETS {
            return false;
        }
        let share = mul_div(u64::from(round.lost), ALL_LOST, u64::from(total));
        let share = u8::try_from(share).unwrap_or(u8::MAX);
        if self.is_first() || share > MOST_LOSS {
            return share > MOST_LOSS;
        }
        if self.lost_first == 0 {
            self.lost_first = share.saturating_add(1);
        }
        share > self.lost_first.saturating_add(MORE_LOSS)
    }
}

impl Zeta {
    pub(super) fn step_startup(
        &mut self,
        ack: &Ack,
        settings: &Settings,
        seen: &Observation,
        mut search: Startup,
    ) {
        self.proven_kb = 0;
        self.raise(ack, seen);
        let crowd = self.crowd.is_on(ack.now_us);
        match search.step(&mut self.path, seen, ack.mss, crowd) {
            Verdict::Grow => self.phase = Phase::Startup(search),
            Verdict::Full => {
                if !search.is_first() {
                    let reached = self.path.capacity.get();
                    self.crowd.grown(search.from(), reached);
                }
                self.unsure = seen.queued;
                self.phase = Phase::Settle {
                    search,
                    overrun: false,
                    doubtful: seen.queued,
                };
            }
            Verdict::Overrun => {
                if seen.excess && !seen.loaded {
                    // What is under way was sent faster still.
                    let capacity = self.path.capacity.get();
                    self.aftermath = Aftermath::new(ack, seen, capacity, self.phase);
                }
                if !search.is_first() {
                    self.schedule.overrun();
                }
                if let Some(implied) = self.path.implied(ack, settings) {
                    // Waves make single samples too small.
                    let known = if self.path.rtt.is_noisy() {
                        search.from()
                    } else {
                        0
                    };
                    self.path.capacity.reset(implied.max(known));
                }
                self.phase = Phase::Settle {
                    search,
                    overrun: true,
                    doubtful: false,
                };
            }
        }
    }

    pub(super) fn step_settle(
        &mut self,
        ack: &Ack,
        settings: &Settings,
        seen: &Observation,
        (search, overrun, doubtful): (Startup, bool, bool),
    ) {
        if !overrun {
            self.raise(ack, seen);
        } else if let Some(implied) = self.path.implied(ack, settings) {
            self.path.capacity.raise(implied);
        }
        let Some(round) = seen.round else { return };
        if doubtful && !seen.queued && !seen.excess {
            // At the rate delivered a queue of ours would have stayed: it was jitter.
            self.unsure = false;
            self.phase = Phase::Startup(search);
            return;
        }
        // What a new path loses by itself is not known yet.
        if (overrun || doubtful) && search.from() != 0 && self.path.rtt.is_noisy() {
            // Single samples are waves.
            let busy = search.busy_rate(&round, ack.mss);
            let left = inflate(busy, self.path.compensated(settings));
            let left = self.path.sent_bound(left).max(search.from());
            self.path.capacity.reset(left);
        }
        self.drain();
    }
}
