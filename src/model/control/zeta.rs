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

use super::math::{gain, inflate, low32, mul_div, packets, rate, Q8};
use super::path::{Observation, Path};
use super::probe::Schedule;
use super::recovery::Restraint;
use super::rounds::{Kind, Round};
use super::startup::{Startup, Verdict};
use super::types::{Ack, CaState, Control, Info, Mode, Settings, Start};

/// Smallest window, packets: two for delayed ACKs, two to keep the pipe from running dry meanwhile.
pub const MIN_CWND: u32 = 4;

/// Pacing gain of the start: 2/ln 2, the smallest with which a paced sender doubles per round trip.
const STARTUP_GAIN_Q8: u32 = 739;

/// Pacing gain of growth after a successful probe: doubling in two round trips overshoots by half at most, and reaches five
/// times the rate in four.
const REGROWTH_GAIN_Q8: u32 = Q8 + Q8 / 2;

/// Window gain. Pacing keeps the queue small; the window only bounds the damage when the model is wrong, so it must not bind
/// while ACKs are delayed or aggregated.
const CWND_GAIN_Q8: u32 = 2 * Q8;

/// Window gain in conservative mode: at most a quarter of a round trip of queue.
const CWND_GAIN_CONSERV_Q8: u32 = Q8 + Q8 / 4;

/// Pacing gain while verifying: low enough for the lower loss to show against the scatter, high enough to cost little.
const VERIFY_GAIN_Q8: u32 = Q8 - Q8 / 8;

/// Packets a probe should move, and the most rounds it may take for that.
const PROBE_PACKETS: u32 = 64;
const PROBE_ROUNDS: u8 = 4;

/// Packets to be resolved below capacity for a verdict, and the rounds in which they must come.
const VERIFY_PACKETS: u32 = 48;
const VERIFY_ROUNDS: u8 = 32;

/// Steps down, each to the rate delivered in the last one, before loss is believed to be the path's own; one is not enough
/// because the delivery rate at the time of the excess may have been inflated by a bucket of tokens or a buffer.
const VERIFY_STEPS: u8 = 1;

/// Round trips within which a second excess confirms the first: more than a probing cycle, so that one probe decides.
const SUSPECT_ROUNDS: u64 = 12;

/// The same in bytes, for small windows: what it takes for a small surplus to show in the long-term tally.
const SUSPECT_BYTES: u64 = 1024 * 1448;

/// Steps after which a queue that does not drain is somebody else's.
const VERIFY_STEPS_MAX: u8 = 3;

/// Deepest and shallowest drain.
const DRAIN_MIN_Q8: u32 = Q8 / 2;
const DRAIN_MAX_Q8: u32 = Q8 - Q8 / 8;

/// Gain of a deep drain, which empties the bottleneck of all flows that do the same to find a lost base round trip again.
const DRAIN_DEEP_Q8: u32 = Q8 / 4;

/// Rounds after which a drain gives up: what is left is not our queue.
const DRAIN_ROUNDS: u8 = 4;

/// A queue that falls by less than this share (1/16) of what a drain should take from it in a round is not a queue.
const FLAT_SHARE: u64 = 16;

/// Cruise rounds in which the queue of others is ignored after a drain that did not help.
const IGNORE_QUEUE_ROUNDS: u8 = 16;

/// Bounds of the timeout's variation term, microseconds: below 50 ms ordinary delayed ACKs (40 ms) would fire it; the upper
/// one is the kernel's default.
const RTO_MIN_US: u32 = 50_000;
const RTO_MAX_US: u32 = 200_000;

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Exponential search; `gain_q8` is lower when it starts from a known rate.
    Startup { search: Startup, gain_q8: u32 },
    /// One round at the estimate, while it catches up with the search.
    Settle { overrun: bool },
    /// Below capacity until the queue is gone; `gain_q8` by its size.
    Drain { gain_q8: u32, rounds: u8, low_us: u32 },
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
}

/// Packets and time over several rounds.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    delivered: u32,
    lost: u32,
    span_us: u32,
}

impl Tally {
    fn add(&mut self, round: &Round) {
        self.delivered = self.delivered.saturating_add(round.delivered);
        self.lost = self.lost.saturating_add(round.lost);
        self.span_us = self.span_us.saturating_add(round.span_us);
    }

    fn total(&self) -> u32 {
        self.delivered.saturating_add(self.lost)
    }
}

/// A test of elasticity: does loss fall when we send less?
#[derive(Clone, Copy, Debug)]
struct Verify {
    /// Capacity to return to if the loss proves to be the path's own.
    before: u64,
    tally: Tally,
    /// The excess lasted for many rounds: no burst.
    lasting: bool,
    /// Steps down that did not help.
    steps: u8,
    rounds: u8,
}

/// Congestion control state of one connection.
pub struct Zeta {
    path: Path,
    phase: Phase,
    schedule: Schedule,
    restraint: Restraint,
    cruise_rounds: u8,
    ignore_queue: u8,
    cwnd: u32,
    started_us: u64,
    /// Excess loss until then confirms an earlier one.
    suspect_until_us: u64,
    pacing_gain_q8: u32,
    cwnd_gain_q8: u32,
}

impl Zeta {
    /// Takes over a connection.
    pub fn new(start: &Start, _settings: &Settings) -> Self {
        Self {
            path: Path::new(start),
            phase: Phase::Startup {
                search: Startup::new(true),
                gain_q8: STARTUP_GAIN_Q8,
            },
            schedule: Schedule::new(),
            restraint: Restraint::default(),
            cruise_rounds: 0,
            ignore_queue: 0,
            cwnd: start.cwnd.max(MIN_CWND),
            started_us: start.now_us,
            suspect_until_us: 0,
            pacing_gain_q8: STARTUP_GAIN_Q8,
            cwnd_gain_q8: CWND_GAIN_Q8,
        }
    }

    /// What to send with before the first ACK: the window, spread over half a round trip.
    pub fn initial(&self, start: &Start, max_rate: u64) -> Control {
        let span = start.srtt_us.unwrap_or(1_000).max(1);
        let rate = mul_div(
            u64::from(self.cwnd).saturating_mul(u64::from(start.mss)),
            2_000_000,
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
    pub fn on_ack(&mut self, ack: &Ack, settings: &Settings) -> Control {
        let seen = self.path.on_ack(ack);
        let undone = !matches!(ack.ca_state, CaState::Loss) && !matches!(ack.ca_state, CaState::Recovery);
        if undone {
            self.restraint.lift();
        }
        self.step(ack, settings, &seen);
        let kind = self.kind();
        self.path.rounds.mark(kind, seen.round.is_some());
        self.control(ack, settings)
    }

    /// The connection starts to send again after having nothing in flight.
    pub fn on_restart_from_idle(&mut self, _now_us: u64) {
        // The loss history of the time before is still good, the running tallies are not.
        self.path.resync();
    }

    /// A retransmission timeout fired; `in_flight` packets are left after the kernel marked the rest lost.
    pub fn on_rto(&mut self, in_flight: u32, delivered: u32) {
        self.restraint.on_rto(in_flight, delivered);
        self.path.resync();
    }

    /// The kernel found that a reduction was unnecessary and takes its marks back.
    pub fn on_undo(&mut self) -> u32 {
        self.restraint.lift();
        self.cwnd
    }

    /// Threshold to show on entering recovery, packets. The model does not use it.
    pub fn ssthresh(&self, mss: u32, settings: &Settings) -> u32 {
        let floor = if settings.max_tx {
            settings.max_tx_min_ssthresh
        } else {
            settings.min_ssthresh
        };
        self.path.bdp(mss).max(floor).max(2)
    }

    /// View of the model.
    pub fn info(&self) -> Info {
        Info {
            bw_bytes_per_s: self.path.capacity.get(),
            base_rtt_us: self.path.rtt.base().unwrap_or(0),
            pacing_gain_q8: self.pacing_gain_q8,
            cwnd_gain_q8: self.cwnd_gain_q8,
            mode: match self.phase {
                Phase::Startup { .. } | Phase::Settle { .. } => Mode::Startup,
                Phase::Drain { .. } => Mode::Drain,
                Phase::Cruise { .. } => Mode::Cruise,
                Phase::Up { .. } | Phase::Judge { .. } => Mode::Probe,
                Phase::Verify(_) => Mode::Verify,
            },
            random_loss_q16: self.path.loss.random(),
            queue_us: self.path.rtt.queue(),
            debug: self.path.rtt.threshold(),
        }
    }

    fn kind(&self) -> Kind {
        match self.phase {
            Phase::Startup { .. } | Phase::Up { .. } => Kind::High,
            Phase::Drain { .. } | Phase::Verify(_) | Phase::Judge { queued: true, .. } => Kind::Low,
            Phase::Settle { .. } | Phase::Cruise { .. } | Phase::Judge { .. } => Kind::Cruise,
        }
    }

    fn step(&mut self, ack: &Ack, settings: &Settings, seen: &Observation) {
        if let Some(round) = seen.round {
            self.learn(&round, seen);
        }
        match self.phase {
            Phase::Startup { mut search, gain_q8 } => {
                self.raise(ack, seen);
                match search.step(&mut self.path, seen, ack.mss) {
                    Verdict::Grow => self.phase = Phase::Startup { search, gain_q8 },
                    Verdict::Full => self.phase = Phase::Settle { overrun: false },
                    Verdict::Overrun => {
                        if gain_q8 == REGROWTH_GAIN_Q8 {
                            self.schedule.overrun();
                        }
                        if let Some(implied) = self.path.implied(ack, settings) {
                            self.path.capacity.reset(implied);
                        }
                        self.phase = Phase::Settle { overrun: true };
                    }
                }
            }
            Phase::Settle { overrun } => {
                if !overrun {
                    self.raise(ack, seen);
                } else if let Some(implied) = self.path.implied(ack, settings) {
                    self.path.capacity.raise(implied);
                }
                if seen.round.is_some() {
                    self.drain();
                }
            }
            Phase::Drain { gain_q8, rounds, low_us } => self.step_drain(ack, settings, seen, gain_q8, rounds, low_us),
            Phase::Cruise { rounds, since_us } => self.step_cruise(ack, settings, seen, rounds, since_us),
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
        }
    }

    /// Feeds a finished round to the loss model.
    fn learn(&mut self, round: &Round, seen: &Observation) {
        let total = round.delivered.saturating_add(round.lost);
        if round.kind == Kind::Low && !self.path.was_loaded(round) {
            self.path.loss.learn_dispersion(round.lost, total);
        }
        if seen.excess || matches!(self.phase, Phase::Startup { .. } | Phase::Verify(_)) {
            return;
        }
        match round.kind {
            Kind::Low => {
                if let (Some(mean), false) = (round.mean_rtt_us, seen.queued) {
                    self.path.rtt.note_empty(mean);
                }
                if !self.path.was_loaded(round) {
                    self.path.loss.add_low(round.lost, total);
                }
            }
            Kind::Cruise if !seen.queued => self.path.loss.add_cruise(round.lost, total),
            Kind::Cruise | Kind::High => {}
        }
    }

    fn step_cruise(&mut self, ack: &Ack, settings: &Settings, seen: &Observation, rounds: u8, since_us: u64) {
        if seen.excess {
            self.verify(ack, settings, false);
            return;
        }
        let Some(round) = seen.round else {
            return;
        };
        if self.path.loss.is_cruise_excess() {
            self.verify(ack, settings, true);
            return;
        }
        let rounds = rounds.saturating_add(1);
        self.ignore_queue = self.ignore_queue.saturating_sub(1);
        if self.standing_queue(&round) && self.ignore_queue == 0 && !settings.max_tx {
            self.busy(&round, ack, settings);
            self.drain();
            return;
        }
        if self.path.rtt.is_stale(ack.now_us) && !settings.max_tx {
            self.path.rtt.refreshed(ack.now_us);
            self.phase = Phase::Drain {
                gain_q8: DRAIN_DEEP_Q8,
                rounds: 0,
                low_us: 0,
            };
            return;
        }
        let due = rounds >= self.cruise_rounds || self.schedule.overdue(since_us, ack.now_us, rounds);
        if due && !round.app_limited && !seen.rwnd_limited {
            let before = self.path.capacity.get();
            self.phase = Phase::Up {
                before,
                gain_q8: self.schedule.gain(settings),
                rounds: 0,
                tally: Tally::default(),
            };
        } else {
            self.phase = Phase::Cruise { rounds, since_us };
        }
    }

    /// Rounds a probe lasts: one, or as many as it takes for the count of packets to mean something.
    fn probe_rounds(&self, mss: u32) -> u8 {
        let per_round = self.path.bdp(mss).max(1);
        let rounds = PROBE_PACKETS
            .saturating_add(per_round.saturating_sub(1))
            .checked_div(per_round)
            .unwrap_or(1);
        u8::try_from(rounds).unwrap_or(u8::MAX).clamp(1, PROBE_ROUNDS)
    }

    fn step_up(&mut self, ack: &Ack, seen: &Observation, (before, gain_q8, rounds, mut tally): (u64, u32, u8, Tally)) {
        if seen.excess {
            self.overrun();
            return;
        }
        let Some(round) = seen.round else {
            return;
        };
        let rounds = rounds.saturating_add(1);
        // The first round that ends was sent before the probe.
        if rounds > 1 {
            tally.add(&round);
        }
        self.phase = if rounds >= self.probe_rounds(ack.mss) {
            Phase::Judge {
                before,
                gain_q8,
                tally,
                queued: false,
            }
        } else {
            Phase::Up {
                before,
                gain_q8,
                rounds,
                tally,
            }
        };
    }

    fn step_judge(
        &mut self,
        ack: &Ack,
        settings: &Settings,
        seen: &Observation,
        (before, gain_q8, mut tally, queued): (u64, u32, Tally, bool),
    ) {
        if seen.excess {
            self.overrun();
            return;
        }
        let queued = queued || (seen.queued && self.ignore_queue == 0);
        let Some(round) = seen.round else {
            self.phase = Phase::Judge {
                before,
                gain_q8,
                tally,
                queued,
            };
            return;
        };
        tally.add(&round);
        let total = rate(tally.total(), ack.mss, tally.span_us);
        let got = if self.path.loss.is_surplus(tally.lost, tally.total()) {
            // Counting the lost packets would find room where a policer or a short buffer drops the surplus.
            let delivered = rate(tally.delivered, ack.mss, tally.span_us);
            total.min(inflate(delivered, self.path.compensated(settings)))
        } else {
            total
        };
        let got = self.path.sent_bound(got);
        let step = gain_q8.saturating_sub(Q8);
        // More sent, as much more delivered: the bottleneck was not busy, whatever the round-trip times say.
        let found = got >= gain(before, Q8.saturating_add(step.saturating_mul(5) / 8));
        if !round.app_limited && (found || !queued) {
            self.path.capacity.raise(got);
        }
        if !found || queued || round.app_limited {
            self.schedule.harmless();
            self.drain();
        } else if self.schedule.may_regrow() {
            self.phase = Phase::Startup {
                search: Startup::new(false),
                gain_q8: REGROWTH_GAIN_Q8,
            };
        } else {
            self.phase = Phase::Up {
                before: self.path.capacity.get(),
                gain_q8: self.schedule.gain(settings),
                rounds: 0,
                tally: Tally::default(),
            };
        }
    }

    fn step_drain(
        &mut self,
        ack: &Ack,
        settings: &Settings,
        seen: &Observation,
        gain_q8: u32,
        rounds: u8,
        mut low_us: u32,
    ) {
        if seen.excess && self.path.rounds.resolving() != Kind::High {
            self.verify(ack, settings, false);
            return;
        }
        let mut rounds = rounds;
        if let Some(round) = seen.round {
            rounds = rounds.saturating_add(1);
            if self.standing_queue(&round) && !round.slowed {
                self.busy(&round, ack, settings);
            }
            if round.kind == Kind::Low && self.standing_queue(&round) {
                let min = round.min_rtt_us.unwrap_or(0);
                let expected = gain(u64::from(low_us), Q8.saturating_sub(gain_q8));
                let fell = u64::from(low_us.saturating_sub(min)).saturating_mul(FLAT_SHARE);
                let overrun = self.path.loss.is_surplus(round.lost, round.delivered.saturating_add(round.lost));
                if low_us != 0 && fell < expected && !overrun {
                    // A queue that neither reacts to a drain nor overflows is none: the path has become longer.
                    self.path.rtt.rebase(min);
                    self.cruise(ack.now_us);
                    return;
                }
                low_us = min;
            }
        }
        self.phase = Phase::Drain {
            gain_q8,
            rounds,
            low_us,
        };
        let deep = gain_q8 <= DRAIN_DEEP_Q8;
        let bdp = self.path.bdp(ack.mss);
        let empty = ack.in_flight <= if deep { bdp / 2 } else { bdp };
        // With random loss a full round below capacity is wanted: it is what tells random from excess.
        let measured = rounds >= 1 || (!deep && self.path.loss.random() < super::math::Q16 / 256);
        if empty && measured && !seen.queued {
            self.cruise(ack.now_us);
        } else if rounds >= DRAIN_ROUNDS {
            if seen.queued && !deep {
                // Not our queue, or the path has become longer.
                self.ignore_queue = IGNORE_QUEUE_ROUNDS;
            }
            self.cruise(ack.now_us);
        }
    }

    fn step_verify(&mut self, ack: &Ack, settings: &Settings, seen: &Observation, mut test: Verify) {
        let Some(round) = seen.round else {
            return;
        };
        test.rounds = test.rounds.saturating_add(1);
        // The first round after a step was sent before it.
        if round.kind == Kind::Low && test.rounds > 1 {
            test.tally.add(&round);
        }
        let tally = test.tally;
        let (lost, total) = (tally.lost, tally.total());
        self.phase = Phase::Verify(test);
        if total < VERIFY_PACKETS && test.rounds < VERIFY_ROUNDS {
            return;
        }
        if !self.path.loss.is_excess(lost, total) {
            // Gone: with the overload, or because it was a burst. Only if it comes back was it our doing.
            self.path.loss.add_low(lost, total);
            self.path.loss.discard_cruise();
            let again = ack.now_us < self.suspect_until_us;
            let span = u64::from(ack.srtt_us)
                .saturating_mul(SUSPECT_ROUNDS)
                .max(mul_div(SUSPECT_BYTES, 1_000_000, test.before));
            self.suspect_until_us = ack.now_us.saturating_add(span);
            if !again && !test.lasting && !seen.loaded {
                self.path.capacity.reset(test.before);
            }
            self.cruise(ack.now_us);
            return;
        }
        if test.steps >= VERIFY_STEPS && !seen.loaded {
            // Slower than the path delivers, nothing queues, and it loses as before: the path's own loss has changed.
            self.path.loss.restart(lost, total);
            self.path.capacity.reset(test.before);
            self.cruise(ack.now_us);
            return;
        }
        if test.steps >= VERIFY_STEPS_MAX {
            // The queue that overflows is filled by others.
            self.cruise(ack.now_us);
            return;
        }
        let rate = self
            .path
            .mean_rate(tally.delivered, tally.lost, tally.span_us, ack.mss, settings);
        if rate < self.path.capacity.get() && !round.app_limited {
            self.path.capacity.reset(rate);
        }
        self.phase = Phase::Verify(Verify {
            before: test.before,
            tally: Tally::default(),
            lasting: test.lasting,
            steps: test.steps.saturating_add(1),
            rounds: 0,
        });
    }

    /// A sample taken while growing.
    fn raise(&mut self, ack: &Ack, seen: &Observation) {
        if let Some(sample) = seen.sample {
            if !ack.is_app_limited || self.path.capacity.get() == 0 || sample > self.path.capacity.get() {
                self.path.capacity.raise(sample);
            }
        }
    }

    /// The bottleneck was busy for the whole round: its mean rate is the capacity.
    fn busy(&mut self, round: &Round, ack: &Ack, settings: &Settings) {
        if !round.app_limited {
            let measured = self.path.round_rate(round, ack.mss, settings);
            self.path.capacity.measured(measured);
        }
    }

    /// A probe has overrun the path: go back to what was known before it.
    fn overrun(&mut self) {
        self.schedule.overrun();
        self.drain();
    }

    /// Excess loss: take the delivered part for the capacity and go below it.
    fn verify(&mut self, ack: &Ack, settings: &Settings, lasting: bool) {
        let before = self.path.capacity.get();
        if let Some(implied) = self.path.implied(ack, settings) {
            if implied < before && !ack.is_app_limited {
                self.path.capacity.reset(implied);
            }
        }
        self.phase = Phase::Verify(Verify {
            before,
            tally: Tally::default(),
            lasting,
            steps: 0,
            rounds: 0,
        });
    }

    fn drain(&mut self) {
        let queue_us = self.path.rtt.queue().saturating_sub(self.path.rtt.noise());
        let base = self.path.rtt.base().unwrap_or(1).max(1);
        // base / (base + queue): what empties the queue in about one round.
        let fit = low32(mul_div(
            u64::from(base),
            u64::from(Q8),
            u64::from(base).saturating_add(u64::from(queue_us)),
        ));
        self.phase = Phase::Drain {
            gain_q8: fit.clamp(DRAIN_MIN_Q8, DRAIN_MAX_Q8),
            rounds: 0,
            low_us: 0,
        };
    }

    fn cruise(&mut self, now_us: u64) {
        self.cruise_rounds = self.schedule.cruise_rounds(now_us);
        self.phase = Phase::Cruise {
            rounds: 0,
            since_us: now_us,
        };
    }

    /// The queue did not empty during `round`.
    fn standing_queue(&self, round: &Round) -> bool {
        match (round.min_rtt_us, self.path.rtt.base()) {
            (Some(rtt), Some(base)) => rtt.saturating_sub(base) > self.path.rtt.threshold(),
            _ => false,
        }
    }

    fn control(&mut self, ack: &Ack, settings: &Settings) -> Control {
        let capacity = self.path.capacity.get();
        let pacing_gain = match self.phase {
            Phase::Judge { queued: true, .. } => DRAIN_MAX_Q8,
            Phase::Settle { .. } | Phase::Cruise { .. } | Phase::Judge { .. } => Q8,
            Phase::Startup { gain_q8, .. } | Phase::Drain { gain_q8, .. } | Phase::Up { gain_q8, .. } => gain_q8,
            Phase::Verify(_) => VERIFY_GAIN_Q8,
        };
        self.pacing_gain_q8 = pacing_gain;
        self.cwnd_gain_q8 = if settings.conserv_mode {
            CWND_GAIN_CONSERV_Q8
        } else {
            CWND_GAIN_Q8
        };

        let target = self.window_target(ack);
        let resolved = ack.acked_sacked.saturating_add(ack.losses);
        let grown = self.cwnd.saturating_add(resolved);
        self.cwnd = match self.phase {
            Phase::Startup { .. } => grown.min(target.max(self.cwnd)),
            _ => grown.min(target),
        };
        let mut cwnd = self.cwnd.max(MIN_CWND);
        if settings.max_cwnd != 0 {
            cwnd = cwnd.min(settings.max_cwnd);
        }
        cwnd = self.restraint.bound(cwnd, ack.acked_sacked);
        cwnd = cwnd.min(ack.cwnd_clamp).max(1);

        let mss = u64::from(ack.mss.max(1));
        // The window over half a round trip: the floor while the capacity is not known.
        let by_window = mul_div(
            u64::from(self.cwnd).saturating_mul(mss),
            2_000_000,
            u64::from(ack.srtt_us.max(1)),
        );
        let mut pacing_rate = match self.phase {
            Phase::Startup { gain_q8: STARTUP_GAIN_Q8, .. } => gain(capacity, pacing_gain).max(by_window),
            _ if capacity == 0 => by_window,
            _ => gain(capacity, pacing_gain),
        };
        // Never slower than the smallest window per round trip.
        let floor = mul_div(
            u64::from(MIN_CWND).saturating_mul(mss),
            1_000_000,
            u64::from(ack.srtt_us.max(1)),
        );
        pacing_rate = pacing_rate.max(floor).min(ack.max_pacing_rate);
        if settings.max_rate != 0 {
            pacing_rate = pacing_rate.min(settings.max_rate);
        }
        self.path.sending(pacing_rate);
        Control {
            cwnd,
            pacing_rate: pacing_rate.max(1),
            ssthresh: None,
            rto_min_us: Some(
                ack.rttvar_us
                    .saturating_mul(2)
                    .max(ack.srtt_us / 4)
                    .clamp(RTO_MIN_US, RTO_MAX_US),
            ),
        }
    }

    /// Window the model asks for.
    fn window_target(&self, ack: &Ack) -> u32 {
        let capacity = self.path.capacity.get();
        if capacity == 0 {
            return u32::MAX;
        }
        let span = u64::from(self.path.rtt.typical().unwrap_or(ack.srtt_us));
        let bdp = packets(gain(capacity, self.cwnd_gain_q8), span, ack.mss);
        // Three bursts on their way through the hosts: one leaving, one in the device, one being acknowledged.
        let burst = packets(capacity, 1_000, ack.mss).clamp(2, 44);
        let target = bdp
            .saturating_add(self.path.aggregation.extra())
            .saturating_add(burst.saturating_mul(3));
        target.max(MIN_CWND)
    }
}

impl Zeta {
    /// Time since the connection was taken over, milliseconds.
    pub fn age_ms(&self, now_us: u64) -> u32 {
        low32(now_us.saturating_sub(self.started_us) / 1_000)
    }
}
