// SPDX-License-Identifier: GPL-2.0

//! The path as the connection sees it: all estimators together.

use super::aggregation::Aggregation;
use super::base_rtt::{BaseRtt, LEAST_THRESHOLD_US};
use super::capacity::Capacity;
use super::history::History;
use super::loss::LossSplit;
use super::math::{inflate, low32, mul_div, packets, rate, rotate, share, Q16};
use super::reverse::Reverse;
use super::rounds::{Kind, Round, Rounds};
use super::types::{Ack, CaState, Settings, Start};
use super::window::Window;
use crate::model::copies::LEAST_LOSS_Q16;

/// Losses of a running round are judged once this many packets are resolved: fewer decide nothing.
const JUDGE_PACKETS: u32 = 32;

/// Rounds whose sending rate bounds what can have left the bottleneck now: the one being resolved, its predecessor, and as long
/// as it takes to drain a full buffer of one bandwidth-delay product.
const SENT_ROUNDS: usize = 4;

/// Packets since a jump of the round trip that tell whether a buffer is overflowing, and the share of them that may be lost.
const JUMP_PACKETS: u32 = 96;
const JUMP_LOSS_Q16: u32 = Q16 / 32;

/// Loss that says nothing of others, at most.
const JUMP_MOST_Q16: u32 = Q16 / 16;

/// What one ACK has shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Observation {
    /// The round trip it finished.
    pub(super) round: Option<Round>,
    /// Send-side capacity according to this ACK's rate sample.
    pub(super) sample: Option<u64>,
    /// More loss in the running round than the random rate explains.
    pub(super) excess: bool,
    /// There may be, but by an overrun that was answered already.
    pub(super) forgiven: bool,
    /// The queue delay is above its threshold.
    pub(super) queued: bool,
    /// The bottleneck holds some queue.
    pub(super) loaded: bool,
    /// The receiver's window limited the round that ended.
    pub(super) rwnd_limited: bool,
    /// Lost and resolved packets of the round that ended, or else of the running one.
    pub(super) lost: u32,
    pub(super) total: u32,
}

/// Model of the path.
pub(super) struct Path {
    pub(super) capacity: Capacity,
    pub(super) rtt: BaseRtt,
    pub(super) loss: LossSplit,
    /// Counts of delivered and lost packets at the last jump of the round trip.
    at_jump: (u32, u32),
    pub(super) rounds: Rounds,
    pub(super) aggregation: Aggregation,
    reverse: Reverse,
    history: History,
    pub(super) window: Window,
    resync: bool,
    /// Round trip up to which a queue is no congestion, milliseconds (`dbcRttThreshMS`).
    pub(super) patient_until_ms: u16,
    last_kind: Kind,
    /// Highest pacing rate in force in each of the last rounds, the running one first; kilobytes per second, rounded up.
    sent_kb: [u32; SENT_ROUNDS],
}

impl Path {
    pub(super) fn new(start: &Start) -> Self {
        Self {
            capacity: Capacity::default(),
            rtt: BaseRtt::new(start.now_us, start.srtt_us),
            at_jump: (0, 0),
            loss: match start.known {
                // A path that was clean may have begun to lose: no prejudice then.
                Some(known) if known.loss_q16 >= LEAST_LOSS_Q16 => {
                    LossSplit::seeded(known.loss_q16)
                }
                _ => LossSplit::new(),
            },
            rounds: Rounds::new(start.now_us, start.delivered, start.lost),
            aggregation: Aggregation::default(),
            reverse: Reverse::new(),
            history: History::default(),
            window: Window::default(),
            resync: false,
            patient_until_ms: 0,
            last_kind: Kind::High,
            // The kernel does not pace the first ten packets: anything may have been their rate.
            sent_kb: [u32::MAX; SENT_ROUNDS],
        }
    }

    /// Queue delay from which on a standing queue counts as congestion, microseconds: not before the round trip is as long as
    /// the administrator allows.
    pub(super) fn congested(&self) -> u32 {
        let until_us = u32::from(self.patient_until_ms).saturating_mul(1_000);
        let allowed = until_us.saturating_sub(self.rtt.base().unwrap_or(0));
        self.rtt.threshold().max(allowed)
    }

    /// The queue delay is above that.
    fn is_queued(&self) -> bool {
        let queue = self.rtt.queue();
        queue > LEAST_THRESHOLD_US && queue > self.congested()
    }

    /// Tells the pacing rate in force from now on.
    pub(super) fn sending(&mut self, rate: u64) {
        if let Some(current) = self.sent_kb.first_mut() {
            if rate > u64::from(*current).saturating_mul(1_000) {
                *current = low32(rate.div_ceil(1_000));
            }
        }
    }

    /// No more can have left the bottleneck than was sent. The counters alone do not know: a packet that was late instead of lost
    /// is counted twice.
    pub(super) fn sent_bound(&self, rate: u64) -> u64 {
        let most = self.sent_kb.iter().copied().max().unwrap_or(0);
        rate.min(u64::from(most).saturating_mul(1_000))
    }

    /// The loss counter is about to jump, or has jumped, for another reason than loss.
    pub(super) fn resync(&mut self) {
        self.resync = true;
    }

    /// Loss rate to compensate, q16.
    pub(super) fn compensated(&self, settings: &Settings) -> u32 {
        if settings.track_random_loss {
            self.loss.random()
        } else {
            0
        }
    }

    /// Takes an ACK.
    pub(super) fn on_ack(&mut self, ack: &Ack) -> Observation {
        if self.resync {
            self.resync = false;
            self.history.clear();
            self.rounds.resync(ack.now_us, ack.delivered, ack.lost);
        }
        self.reverse.update(ack.now_us, ack.srtt_us, ack.peer_time);
        let base = self.rtt.base().unwrap_or(0);
        self.reverse.bound(ack.rtt_us.unwrap_or(ack.srtt_us), base);
        let rtt_us = ack
            .rtt_us
            .map(|rtt| rtt.saturating_sub(self.reverse.excess()));
        if let Some(rtt) = rtt_us {
            // A delayed ACK says nothing about the queue.
            if !ack.is_ack_delayed {
                let before = self.rtt.jumped_ms();
                self.rtt.update(ack.now_us, rtt);
                // What overtakes others arrives with them, too, and SACKs may lie.
                if matches!(ack.ca_state, CaState::Open) {
                    self.rtt.note_held(ack.now_us);
                }
                if self.rtt.jumped_ms() != before {
                    self.at_jump = (ack.delivered, ack.lost);
                }
            }
        }
        self.history
            .note(ack.now_us, ack.srtt_us.max(1), ack.delivered, ack.lost);

        let sample = self.sample(ack);

        let resolved = ack.acked_sacked.saturating_add(ack.losses);
        let capacity = self.capacity.get();
        let limit = || ack.cwnd.min(packets(capacity, 100_000, ack.mss));
        self.aggregation
            .update(ack.now_us, resolved, capacity, ack.mss, limit);

        let (got, mut lost) = self.rounds.so_far(ack.delivered, ack.lost);
        let mut total = got.saturating_add(lost);
        let mut excess =
            ack.losses != 0 && total >= JUDGE_PACKETS && self.loss.is_excess(lost, total);

        let round = ack.sample.and_then(|_| {
            self.rounds.update(
                ack.now_us,
                ack.prior_delivered,
                ack.delivered,
                ack.lost,
                rtt_us,
                ack.is_app_limited,
            )
        });
        let mut rwnd_limited = false;
        if let Some(round) = round {
            self.aggregation.round();
            let steady = round.kind == Kind::Cruise && self.last_kind == Kind::Cruise;
            let grain = mul_div(
                u64::from(ack.mss).saturating_mul(2),
                1_000_000,
                self.capacity.get(),
            );
            self.rtt.set_grain(low32(grain));
            self.rtt.set_samples(round.samples);
            self.rtt.note_round(round.min_rtt_us, steady);
            self.last_kind = round.kind;
            rotate(&mut self.sent_kb);
            if let Some(current) = self.sent_kb.first_mut() {
                *current = 0;
            }
            rwnd_limited = self.window.on_round(
                &round,
                ack.mss,
                self.loss.random(),
                (self.capacity.get(), self.bdp(ack.mss)),
            );
            lost = round.lost;
            total = round.total();
            excess |= total >= JUDGE_PACKETS && self.loss.is_excess(lost, total);
        }
        Observation {
            round,
            sample,
            excess,
            forgiven: false,
            queued: self.is_queued(),
            loaded: self.rtt.is_loaded(),
            rwnd_limited,
            lost,
            total,
        }
    }

    /// What left the bottleneck in one rate sample, bytes per second.
    fn sample(&self, ack: &Ack) -> Option<u64> {
        let sample = ack.sample?;
        let lost = self
            .history
            .lost_since(ack.prior_delivered, ack.delivered, ack.lost)?;
        let left = rate(
            sample.delivered.saturating_add(lost),
            ack.mss,
            sample.interval_us,
        );
        Some(self.sent_bound(left))
    }

    /// Send-side rate that the delivered part of a sample implies, whatever was lost besides.
    pub(super) fn implied(&self, ack: &Ack, settings: &Settings) -> Option<u64> {
        let sample = ack.sample?;
        let delivered = rate(sample.delivered, ack.mss, sample.interval_us);
        Some(inflate(delivered, self.compensated(settings)))
    }

    /// Mean send-side rate of delivered and lost packets over a span: both counted while the loss is about the random rate,
    /// otherwise what the delivered part implies. What a full buffer dropped has not passed the bottleneck.
    pub(super) fn mean_rate(
        &self,
        delivered: u32,
        lost: u32,
        span_us: u32,
        mss: u32,
        settings: &Settings,
    ) -> u64 {
        let total = delivered.saturating_add(lost);
        let left = if settings.track_random_loss && !self.loss.is_surplus(lost, total) {
            rate(total, mss, span_us)
        } else {
            inflate(rate(delivered, mss, span_us), self.compensated(settings))
        };
        self.sent_bound(left)
    }

    /// [`Path::mean_rate`] of a round.
    pub(super) fn round_rate(&self, round: &Round, mss: u32, settings: &Settings) -> u64 {
        self.mean_rate(round.delivered, round.lost, round.span_us, mss, settings)
    }

    /// Whether the path has become longer by a jump after which no more was lost than before: a buffer that others fill at once
    /// loses.
    pub(super) fn has_jumped(&self, ack: &Ack) -> bool {
        let lost = ack.lost.wrapping_sub(self.at_jump.1);
        let total = ack
            .delivered
            .wrapping_sub(self.at_jump.0)
            .wrapping_add(lost);
        self.rtt.has_jumped(ack.now_us)
            && total >= JUMP_PACKETS
            && share(lost, total)
                <= self
                    .loss
                    .random()
                    .min(JUMP_MOST_Q16)
                    .saturating_add(JUMP_LOSS_Q16)
    }

    /// No queue was to be seen in most of the round: what it lost did not overflow a buffer.
    pub(super) fn was_free(&self, round: &Round) -> bool {
        round
            .mean_rtt_us
            .is_some_and(|rtt| !self.rtt.is_mean_load(rtt))
    }

    /// The bottleneck held some queue during all of the round.
    pub(super) fn was_loaded(&self, round: &Round) -> bool {
        round.min_rtt_us.is_some_and(|rtt| self.rtt.is_load(rtt))
    }

    /// Round trip without a queue at the bottleneck; the queue of the way back is part of it, for nobody can avoid it.
    pub(super) fn span(&self) -> Option<u32> {
        let typical = self.rtt.typical()?;
        Some(typical.saturating_add(self.reverse.excess()))
    }

    /// What the queue never fell below during `round`, microseconds.
    pub(super) fn least_queue(&self, round: &Round) -> Option<u32> {
        Some(round.min_rtt_us?.saturating_sub(self.rtt.base()?))
    }

    /// Round trips say little about the queue: they wander, or the way back has a queue of its own.
    pub(super) fn is_blurred(&self) -> bool {
        self.rtt.is_noisy() || self.reverse.excess() != 0
    }

    /// Packets the path holds without a queue.
    pub(super) fn bdp(&self, mss: u32) -> u32 {
        let span = self.span().unwrap_or(1_000);
        packets(self.capacity.get(), u64::from(span), mss)
    }
}
