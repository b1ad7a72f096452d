// SPDX-License-Identifier: GPL-2.0

//! Emptying the queue, and telling a queue from a longer path.

use super::math::{gain, low32, mul_div, not_after, Q16, Q8};
use super::path::Observation;
use super::phase::{is_sure, sure_gain, Phase, DRAIN_MAX_Q8, DRAIN_MIN_Q8};
use super::rounds::Kind;
use super::types::{Ack, Settings};
use super::verify::Why;
use super::zeta::{Zeta, IGNORE_QUEUE_ROUNDS};

/// Gain of a deep drain, which empties the bottleneck of all flows that do the same to find a lost base round trip again.
pub(super) const DRAIN_DEEP_Q8: u32 = Q8 / 4;

/// A delivery rate below this share of the estimate, three quarters, while a large queue stands, is another path: probes and
/// their consequences stay within a quarter.
const SLOWER_Q8: u32 = Q8 * 3 / 4;

/// Smallest queue of that kind, microseconds: on a short path the round ends soon enough.
const SLOWER_US: u32 = 50_000;

/// Rounds of a drain in which what arrives was for the most part sent before it. A crowd of ours that finds a queue sees less than
/// it sends then, and all of it yields; once, as later samples only show the drain itself.
const FRESH_ROUNDS: u8 = 1;

/// Bandwidth-delay product from which on one measured drain in a few tells enough of random loss, packets: half of what that is
/// remembered for.
const QUICK_PACKETS: u32 = 512;

/// Rounds after which a drain gives up: what is left is not our queue.
const DRAIN_ROUNDS: u8 = 4;

/// A queue that falls by less than this share (1/16) of what a drain should take from it in a round is not a queue.
const FLAT_SHARE: u64 = 16;

/// Packets of which it is known what became of them, wraps.
fn resolved(ack: &Ack) -> u32 {
    ack.delivered.wrapping_add(ack.lost)
}

/// The packets of the sample arrived in less than three quarters of the rate at which they had been sent. What was sent slowly,
/// in a drain or after a timeout, also arrives slowly, and says nothing.
fn spread_out(ack: &Ack) -> bool {
    ack.sample.is_some_and(|sample| {
        let sent = gain(u64::from(sample.rcv_interval_us), SLOWER_Q8);
        sent > u64::from(sample.snd_interval_us)
    })
}

impl Zeta {
    pub(super) fn drain(&mut self) {
        self.drain_on(0);
    }

    /// After a probe: the queue is ours and as large as what is in flight beyond the product of bandwidth and delay, so it is
    /// gone when that is, and a round trip before it is seen to be gone.
    pub(super) fn drain_probe(&mut self, ack: &Ack) {
        self.drain_on(0);
        let known = self.path.bdp(ack.mss) >= QUICK_PACKETS && !self.path.loss.is_thin();
        let clear = known && !self.path.rtt.is_noisy() && !self.crowd.is_on(ack.now_us);
        let light = self.is_lossy() && self.path.loss.random() < Q16 / 8;
        let enough = clear && light && !self.schedule.is_measure_due();
        if let Phase::Drain { quick, .. } = &mut self.phase {
            *quick = enough;
        }
    }

    /// Random loss is high enough to matter.
    fn is_lossy(&self) -> bool {
        self.path.loss.random() >= Q16 / 256
    }

    /// The same after so many rounds of draining.
    fn drain_on(&mut self, rounds: u8) {
        let queue_us = self.path.rtt.queue().saturating_sub(self.path.rtt.noise());
        let base = self.path.rtt.base().unwrap_or(1).max(1);
        // base / (base + queue): what empties the queue in about one round.
        let fit = low32(mul_div(
            u64::from(base),
            u64::from(Q8),
            u64::from(base).saturating_add(u64::from(queue_us)),
        ));
        let loss = self.path.loss.random();
        let rest_q8 = if self.path.loss.is_thin() || self.schedule.is_sure_due() {
            sure_gain(loss).max(DRAIN_DEEP_Q8)
        } else {
            DRAIN_MAX_Q8
        };
        self.phase = Phase::Drain {
            gain_q8: fit.max(DRAIN_MIN_Q8).min(rest_q8),
            rest_q8,
            sure: is_sure(rest_q8, loss),
            rounds,
            low_us: 0,
            quick: false,
        };
    }

    /// Empties the bottleneck for good.
    pub(super) fn drain_deep(&mut self) {
        self.phase = Phase::Drain {
            gain_q8: DRAIN_DEEP_Q8,
            rest_q8: DRAIN_DEEP_Q8,
            sure: is_sure(DRAIN_DEEP_Q8, self.path.loss.random()),
            rounds: 0,
            low_us: 0,
            quick: false,
        };
    }

    /// A path that has become much slower shows as a queue that grows by more than our probes can explain. The round will take
    /// as much longer to end, so it is not waited for.
    pub(super) fn slower(&mut self, ack: &Ack, settings: &Settings, seen: &Observation) {
        // Nearly every ACK ends here.
        if !seen.queued {
            return;
        }
        let steady = matches!(
            self.phase,
            Phase::Cruise { .. } | Phase::Drain { .. } | Phase::Up { .. } | Phase::Judge { .. }
        );
        let rtt = &self.path.rtt;
        let base = rtt.base().unwrap_or(u32::MAX);
        let large = rtt.queue() >= (base / 2).max(SLOWER_US)
            && !rtt.is_noisy()
            && !rtt.has_jumped(ack.now_us);
        // A gap of losses makes any rate look small.
        let gap = self.path.loss.is_surplus(seen.lost, seen.total);
        if !steady || !large || gap || self.ignore_queue != 0 || self.max_tx(ack.now_us, settings) {
            return;
        }
        let (draining, fresh) = match self.phase {
            Phase::Drain { rounds, .. } => (rounds, rounds <= FRESH_ROUNDS),
            _ => (0, false),
        };
        let enough = gain(self.path.capacity.get(), SLOWER_Q8);
        let low = seen.sample.filter(|&sample| sample < enough);
        match low {
            Some(sample) if (fresh || spread_out(ack)) && !ack.is_app_limited => {
                self.path.capacity.reset(sample);
                self.aftermath = None;
                // What is under way was sent too fast, so what it loses is no news.
                self.overrun_end = Some(resolved(ack).wrapping_add(ack.in_flight));
                // A queue that does not go is somebody else's, however often this happens.
                self.drain_on(draining);
            }
            _ => {}
        }
    }

    /// What overran the path before it was found to be slower is not judged again.
    pub(super) fn forgive(&mut self, ack: &Ack, seen: &mut Observation) {
        let Some(end) = self.overrun_end else { return };
        seen.excess = false;
        seen.forgiven = true;
        if not_after(end, resolved(ack)) {
            self.overrun_end = None;
            // The next round begins without it.
            self.path.resync();
        }
    }

    pub(super) fn step_drain(&mut self, ack: &Ack, settings: &Settings, seen: &Observation) {
        let Phase::Drain {
            gain_q8,
            rest_q8,
            sure,
            mut rounds,
            mut low_us,
            quick,
        } = self.phase
        else {
            return;
        };
        if seen.excess && self.path.rounds.resolving() != Kind::High {
            self.verify(ack, settings, seen, Why::Excess { even: false });
            return;
        }
        if let Some(round) = seen.round {
            rounds = rounds.saturating_add(1);
            if self.standing_queue(&round) {
                if round.slowed || round.app_limited {
                    self.busy_slowed(&round, ack, settings);
                } else {
                    self.busy(&round, ack, settings);
                }
            }
            if round.kind <= Kind::Low && self.standing_queue(&round) {
                let min = round.min_rtt_us.unwrap_or(0);
                let expected = gain(u64::from(low_us), Q8.saturating_sub(gain_q8));
                let fell = u64::from(low_us.saturating_sub(min)).saturating_mul(FLAT_SHARE);
                if low_us != 0 && fell < expected && self.path.has_jumped(ack) {
                    // It came at once and does not react to a drain: not a queue, the path has become longer.
                    self.path.rtt.rebase(min);
                    self.cruise(ack.now_us);
                    return;
                }
                low_us = min;
            }
        }
        let deep = rest_q8 <= DRAIN_DEEP_Q8;
        let bdp = self.path.bdp(ack.mss);
        let empty = ack.in_flight <= if deep { bdp / 2 } else { bdp };
        self.phase = Phase::Drain {
            // What is still to be learned needs no more than the rest.
            gain_q8: if empty { rest_q8 } else { gain_q8 },
            rest_q8,
            sure,
            rounds,
            low_us,
            quick,
        };
        // With random loss a full round below capacity is wanted: it is what tells random from excess.
        let measured = rounds >= 1 || (!deep && !self.is_lossy());
        if empty && (quick || (measured && !seen.queued)) {
            self.cruise(ack.now_us);
        } else if rounds >= DRAIN_ROUNDS {
            if seen.queued && !deep {
                // Not our queue alone, or the path has become longer.
                if !self.path.is_blurred() && self.crowd.met(ack.now_us) {
                    self.cruise(ack.now_us);
                    return;
                }
                self.ignore_queue = IGNORE_QUEUE_ROUNDS;
            }
            self.cruise(ack.now_us);
        }
    }
}
