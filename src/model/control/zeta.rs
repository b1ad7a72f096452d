// SPDX-License-Identifier: GPL-2.0

//! The controller: phases, and the window and rate of each.
//!
//! ```text
//!            queue, plateau            queue gone
//! Startup ----------------> Settle --> Drain ----> Cruise --(rounds)--> Up --> Judge
//!    |  excess loss                      ^  ^        | queue             |       | queue
//!    +-----------------------------------+  +--------+-------------------+-------+
//!    ^                                               | excess loss               | found room
//!    |                                             Verify                        |
//!    +---------------------------------------------------------------------------+
//! ```

use super::aftermath::Aftermath;
use super::crowd::Crowd;
use super::math::{low32, mul_div, rate, Q8};
use super::output::CWND_GAIN_Q8;
use super::path::{Observation, Path};
use super::phase::{Phase, Tally, STARTUP_GAIN_Q8};
use super::probe::Schedule;
use super::prove::Proof;
use super::recovery::Restraint;
use super::resume::{remembered, resumed};
use super::rounds::{Kind, Round};
use super::startup::Startup;
use super::types::{Ack, CaState, Control, Info, Mode, Settings, Start};
use core::mem;

/// Smallest window, packets: two for delayed ACKs, two to keep the pipe from running dry meanwhile.
pub const MIN_CWND: u32 = 4;

/// Packets a round must have for its loss rate to switch to classic behaviour: two windows of the smallest size.
const CLASSIC_PACKETS: u32 = 16;

/// Cruise rounds in which the queue of others is ignored after a drain that did not help.
pub(super) const IGNORE_QUEUE_ROUNDS: u8 = 16;

/// Congestion control state of one connection.
pub struct Zeta {
    pub(super) path: Path,
    pub(super) phase: Phase,
    pub(super) schedule: Schedule,
    pub(super) restraint: Restraint,
    pub(super) cruise_rounds: u8,
    pub(super) ignore_queue: u8,
    pub(super) crowd: Crowd,
    pub(super) proof: Proof,
    /// The search ended by a reading of the queue alone.
    pub(super) unsure: bool,
    /// Probes in a row that found room.
    pub(super) finds: u8,
    /// Capacity at which a whole round was sent last that lost no more than usual, kilobytes per second; zero since a search.
    pub(super) proven_kb: u32,
    /// All rounds that met no queue.
    pub(super) unloaded: Tally,
    /// Capacity that earlier connections found, bytes per second; zero if nothing is known.
    pub(super) resumed: u64,
    /// First window without that knowledge, packets.
    pub(super) first_window: u32,
    pub(super) cwnd: u32,
    pub(super) started_us: u64,
    pub(super) aftermath: Option<Aftermath>,
    /// Count of resolved packets until which losses are those of an overrun that is known.
    pub(super) overrun_end: Option<u32>,
    /// Excess loss until then confirms an earlier one.
    pub(super) suspect_until_us: u64,
    pub(super) pacing_gain_q8: u32,
    pub(super) cwnd_gain_q8: u16,
    /// The last ACK ended a round, or changed the phase.
    turn: bool,
}

/// Packets of a round, and the share of the estimate above it, an eighth, from which on it says that the estimate is too small:
/// fewer come together by chance.
const BUSY_PACKETS: u32 = 64;
const BUSY_SHARE: u64 = 8;

impl Zeta {
    /// Takes over a connection.
    pub fn new(start: &Start, settings: &Settings) -> Self {
        let most = if settings.max_cwnd == 0 {
            u32::MAX
        } else {
            settings.max_cwnd
        };
        Self {
            path: Path::new(start),
            phase: Phase::Startup(Startup::new(0)),
            schedule: Schedule::new(),
            restraint: Restraint::default(),
            cruise_rounds: 0,
            ignore_queue: 0,
            crowd: Crowd::default(),
            proof: Proof::default(),
            unsure: false,
            finds: 0,
            proven_kb: 0,
            unloaded: Tally::default(),
            resumed: remembered(start).map_or(0, |(rate, _)| rate),
            first_window: start.cwnd,
            cwnd: start.cwnd.max(resumed(start).min(most)).max(MIN_CWND),
            started_us: start.now_us,
            aftermath: None,
            overrun_end: None,
            suspect_until_us: 0,
            pacing_gain_q8: STARTUP_GAIN_Q8,
            cwnd_gain_q8: CWND_GAIN_Q8,
            turn: true,
        }
    }

    /// What to send with before the first ACK: the window, spread over half a round trip; over a whole one if it rests on
    /// memory.
    pub fn initial(&self, start: &Start, max_rate: u64) -> Control {
        let span = start.srtt_us.unwrap_or(1_000).max(1);
        let per_round = if self.cwnd > start.cwnd { 1 } else { 2 };
        let rate = mul_div(
            u64::from(self.cwnd).saturating_mul(u64::from(start.mss)),
            1_000_000_u64.saturating_mul(per_round),
            u64::from(span),
        );
        Control {
            cwnd: self.cwnd,
            pacing_rate: rate.max(1).min(max_rate.max(1)),
            ssthresh: None,
            rto_min_us: None,
        }
    }

    /// Takes an ACK and decides how to go on.
    pub fn on_ack(&mut self, mut ack: Ack, settings: &Settings) -> Control {
        ack.is_app_limited |= self.path.window.on_ack(&ack);
        let ack = &ack;
        let phase = mem::discriminant(&self.phase);
        self.path.patient_until_ms = settings.patient_until_ms;
        let mut seen = self.path.on_ack(ack);
        self.forgive(ack, &mut seen);
        // Whoever sends faster than ever must see what it does: nothing else ends growth on a path that loses most of it.
        let grows = matches!(
            self.phase,
            Phase::Startup(_) | Phase::Up { .. } | Phase::Judge { .. }
        );
        seen.excess &= grows || !self.proof.is_due();
        let undone =
            !matches!(ack.ca_state, CaState::Loss) && !matches!(ack.ca_state, CaState::Recovery);
        if undone {
            self.restraint.lift();
        }
        self.step(ack, settings, &seen);
        let kind = self.phase.kind();
        self.path.rounds.mark(kind, seen.round.is_some());
        self.turn = seen.round.is_some() || mem::discriminant(&self.phase) != phase;
        self.control(ack, settings)
    }

    /// Whether the last ACK was a turn: it ended a round or changed the phase. What [`Zeta::info`] tells changes little between turns.
    pub fn is_turn(&self) -> bool {
        self.turn
    }

    /// A retransmission timeout fired; `in_flight` packets are left after the kernel marked the rest lost.
    pub fn on_rto(&mut self, in_flight: u32, _delivered: u32) {
        self.restraint.on_rto(in_flight);
        self.aftermath = None;
        self.overrun_end = None;
        self.path.resync();
    }

    /// The kernel found that a reduction was unnecessary and takes its marks back.
    pub fn on_undo(&mut self) -> u32 {
        self.restraint.lift();
        self.cwnd.max(MIN_CWND)
    }

    /// Threshold to show on entering recovery, packets. The model does not use it.
    pub fn ssthresh(&self, mss: u32, settings: &Settings) -> u32 {
        let floor = if settings.max_tx {
            settings.max_tx_min_ssthresh
        } else {
            self.reduction_floor(settings)
        };
        self.path.bdp(mss).max(floor).max(2)
    }

    /// Loss rate of the path that is not our doing, 1/65536.
    pub fn random_loss_q16(&self) -> u32 {
        self.path.loss.random()
    }

    /// Whether repairs are to be sent twice, because the receiver's window stops sending when one is lost.
    pub fn is_pressing(&self) -> bool {
        self.path.window.is_pressing()
    }

    /// View of the model.
    pub fn info(&self) -> Info {
        Info {
            bw_bytes_per_s: self.path.capacity.get(),
            base_rtt_us: self.path.rtt.base().unwrap_or(0),
            pacing_gain_q8: self.pacing_gain_q8,
            cwnd_gain_q8: u32::from(self.cwnd_gain_q8),
            mode: match self.phase {
                Phase::Startup(_) | Phase::Settle { .. } => Mode::Startup,
                Phase::Drain { .. } => Mode::Drain,
                Phase::Cruise { .. } => Mode::Cruise,
                Phase::Up { .. } | Phase::Judge { .. } => Mode::Probe,
                Phase::Verify(_) | Phase::Prove { .. } => Mode::Verify,
            },
            random_loss_q16: self.path.loss.random(),
            queue_us: self.path.rtt.queue(),
            queue_threshold_us: self.path.rtt.threshold(),
        }
    }

    fn step(&mut self, ack: &Ack, settings: &Settings, seen: &Observation) {
        let searches = self.phase.is_search();
        if self.path.capacity.get() == 0 && !searches {
            // Loss may have ended the search before its first sample: without any estimate nothing bounds the window.
            if let Some(implied) = self.path.implied(ack, settings) {
                self.path.capacity.raise(implied);
            }
        }
        if let Some(round) = seen.round {
            self.learn(&round, seen);
            if !searches {
                self.watch_crowd(ack, &round);
            }
            if !seen.forgiven {
                self.classic(ack, &round, settings);
            }
        }
        if self.prove(ack, settings, seen) || self.step_aftermath(ack, seen) {
            return;
        }
        self.slower(ack, settings, seen);
        match self.phase {
            Phase::Startup(search) => self.step_startup(ack, settings, seen, search),
            Phase::Settle {
                search,
                overrun,
                doubtful,
            } => self.step_settle(ack, settings, seen, (search, overrun, doubtful)),
            Phase::Drain { .. } => self.step_drain(ack, settings, seen),
            Phase::Cruise { rounds, since_us } => {
                self.step_cruise(ack, settings, seen, rounds, since_us)
            }
            Phase::Up {
                before,
                gain_q8,
                rounds,
                tally,
            } => self.step_up(ack, seen, (before, gain_q8, rounds, tally)),
            Phase::Judge {
                before,
                gain_q8,
                tally,
                queued,
            } => self.step_judge(ack, settings, seen, (before, gain_q8, tally, queued)),
            Phase::Verify(test) => self.step_verify(ack, settings, seen, test),
            Phase::Prove { tally, rounds } => {
                self.step_prove(ack, settings, seen, (tally, rounds));
            }
        }
    }

    /// Feeds a finished round to the loss model.
    fn learn(&mut self, round: &Round, seen: &Observation) {
        let total = round.total();
        if !self.path.was_loaded(round) {
            self.unloaded.add(round);
        }
        if round.kind == Kind::Sure && !self.path.was_loaded(round) && !seen.forgiven {
            self.path.loss.dispersion.add_below(round.lost, total);
        }
        if seen.excess
            || seen.forgiven
            || matches!(
                self.phase,
                Phase::Startup(_) | Phase::Verify(_) | Phase::Prove { .. }
            )
        {
            return;
        }
        match round.kind {
            Kind::Low | Kind::Sure => {
                if let (Some(mean), false) = (round.mean_rtt_us, seen.queued) {
                    self.path.rtt.note_empty(mean);
                }
                if round.kind == Kind::Sure && self.path.was_free(round) {
                    self.path.loss.add_low(round.lost, total);
                }
            }
            Kind::Cruise if !seen.queued => self.path.loss.add_cruise(round.lost, total),
            Kind::Cruise | Kind::High => {}
        }
    }

    /// A sample taken while growing.
    pub(super) fn raise(&mut self, ack: &Ack, seen: &Observation) {
        if let Some(sample) = seen.sample {
            if !ack.is_app_limited
                || self.path.capacity.get() == 0
                || sample > self.path.capacity.get()
            {
                self.path.capacity.raise(sample);
            }
        }
    }

    /// The bottleneck was busy for the whole round: its mean rate is the capacity.
    pub(super) fn busy(&mut self, round: &Round, ack: &Ack, settings: &Settings) {
        let total = round.total();
        // Packets known to have overrun the path leave a gap that makes it look slower than it is.
        let gap = self.overrun_end.is_some() && self.path.loss.is_surplus(round.lost, total);
        if !round.app_limited && !gap {
            let measured = self.path.round_rate(round, ack.mss, settings);
            // The ends of a round are as uncertain as the round trip.
            let doubt = low32(mul_div(
                u64::from(self.path.rtt.noise()),
                u64::from(Q8),
                u64::from(round.span_us),
            ));
            let before = self.path.capacity.get();
            self.path.capacity.measured(measured, doubt);
            if self.path.capacity.get() < before {
                self.aftermath = None;
            }
        }
    }

    /// The same if what it was busy with had been sent slowly or with gaps: that cannot make it look faster, so if it took more
    /// than the estimate, it can.
    pub(super) fn busy_slowed(&mut self, round: &Round, ack: &Ack, settings: &Settings) {
        let measured = self.path.round_rate(round, ack.mss, settings);
        let known = self.path.capacity.get();
        let larger = measured > known.saturating_add(known / BUSY_SHARE);
        // Lost packets count as carried, unless they got lost because there was no room.
        let surplus = self.path.loss.is_surplus(round.lost, round.total());
        let enough = round.total() >= BUSY_PACKETS && !surplus && !self.path.rtt.is_noisy();
        // A round whose beginning was lost may be shorter than a round trip, and what comes in a clump then says nothing.
        let whole = round.min_rtt_us.is_some_and(|rtt| round.span_us >= rtt);
        if larger && enough && whole {
            self.path.capacity.raise(measured);
        }
    }

    /// The queue did not empty during `round`.
    pub(super) fn standing_queue(&self, round: &Round) -> bool {
        self.path
            .least_queue(round)
            .is_some_and(|queue| queue > self.path.congested())
    }

    /// Whether maximum-transmit mode is on for this connection now.
    pub(super) fn max_tx(&self, now_us: u64, settings: &Settings) -> bool {
        let age_ms = now_us.saturating_sub(self.started_us) / 1_000;
        settings.max_tx
            && (settings.max_tx_effective_ms == 0
                || age_ms < u64::from(settings.max_tx_effective_ms))
    }

    /// What classic behaviour ends at, bytes per second, where the round trip is long enough for the published switch to it.
    pub(super) fn classic_floor(&self, ack: &Ack, settings: &Settings) -> Option<u64> {
        if ack.srtt_us / 1_000 < settings.half_cwnd_min_srtt_ms {
            return None;
        }
        let packets = settings
            .half_cwnd_low_limit
            .max(self.reduction_floor(settings))
            .max(MIN_CWND);
        Some(rate(packets, ack.mss, ack.srtt_us.max(1)))
    }

    /// The published switch to classic behaviour: on a long round trip with heavy loss, halve like Reno.
    fn classic(&mut self, ack: &Ack, round: &Round, settings: &Settings) {
        let total = round.total();
        let limit = total
            .checked_shr(u32::from(settings.half_cwnd_loss_rate_shift))
            .unwrap_or(0);
        if total < CLASSIC_PACKETS || round.lost <= limit {
            return;
        }
        let Some(floor) = self.classic_floor(ack, settings) else {
            return;
        };
        let half = (self.path.capacity.get() / 2).max(floor);
        if half < self.path.capacity.get() {
            self.path.capacity.reset(half);
            self.aftermath = None;
        }
    }
}
