// SPDX-License-Identifier: GPL-2.0

//! Heavy loss has to be proven to be the path's own.
//!
//! One of many flows that overflow a buffer together cannot tell by itself: it loses the same when it sends less, and a short
//! buffer that is always full looks like a longer path. If each then made up for what it loses, all would lose more, without
//! end. But the flows of one machine share its clock. Whoever believes in heavy loss sends next to nothing from the same tick
//! on, for a round trip or two: what overflowed is empty then, and what the path loses by itself stays.

use super::loss::LossSplit;
use super::math::{inflate, share, Q16, Q8};
use super::path::Observation;
use super::phase::{Phase, Tally};
use super::rounds::Kind;
use super::types::{Ack, Settings};
use super::zeta::Zeta;

/// Loss that has to be proven: a ninth. What is made up for less is bounded by itself.
const HEAVY_Q16: u32 = Q16 / 9;

/// Clock of the proofs: 2^20 microseconds, about a second.
const TICK_SHIFT: u32 = 20;

/// Ticks that a proof is good for: at 300 ms of round trip it takes three percent of the time, at 100 ms one.
const PROOF_TICKS: u16 = 32;

/// Ticks between common drains: less than the window of the base round trip.
const COMMON_TICKS: u16 = 4;

/// Pacing gain while others are asked: eight flows that each believe in the whole path leave it idle.
pub(super) const PROVE_GAIN_Q8: u32 = Q8 / 8;

/// Packets sent so slowly that make a proof, and the rounds in which they must come.
const PROVE_PACKETS: u32 = 16;
const PROVE_ROUNDS: u8 = 16;

/// Losses that were to be expected, without which their number tells nothing, and the packets that what was believed counts for
/// then.
const TELLING: u64 = 9;
const PRIOR_PACKETS: u32 = 16;

/// Packets of a burst for which as much again is light: others overflow a buffer all the time, not in bursts.
const BUNCH: u32 = 8;

/// From which loss on a proof is needed.
fn heavy(loss: &LossSplit) -> u32 {
    let more = HEAVY_Q16.saturating_mul(loss.bunch().saturating_sub(1)) / BUNCH;
    HEAVY_Q16.saturating_add(more)
}

/// Losses in a proof that are no accident: of 16 packets a path that loses a twentieth loses three in one of twenty proofs.
const CONVINCING: u32 = 3;

/// Whether what a proof has lost is heavy by itself.
fn is_convincing(tally: &Tally) -> bool {
    tally.lost >= CONVINCING && share(tally.lost, tally.total()) >= HEAVY_Q16
}

/// What is proven of heavy loss.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Proof {
    /// The tick of the last round.
    tick: u16,
    /// Tick up to which what is believed is proven.
    until: u16,
    /// A test of this flow alone has found heavy loss.
    suspected: bool,
    /// The same with packets waiting, which may be those of others.
    doubted: bool,
}

impl Proof {
    /// Heavy loss is not believed in before the next tick, nor counted as an excess.
    pub(super) fn suspect(&mut self) {
        self.suspected = true;
    }

    /// Excess loss that does not go away is to be asked about at the next tick; until then it is what it seems to be.
    pub(super) fn doubt(&mut self) {
        self.doubted = true;
    }

    /// Whether this is a tick at which all who have not seen their base round trip for long look for it: alone, none of many
    /// would.
    fn is_common(&self) -> bool {
        self.tick % COMMON_TICKS == 0
    }

    /// Whether a proof is to come.
    pub(super) fn is_due(&self) -> bool {
        self.suspected
    }

    /// Takes the end of a round at `now_us`. Whether it is the first of a tick: the moment at which all flows of this machine do
    /// what only helps if all do it.
    fn is_turn(&mut self, now_us: u64, srtt_us: u32) -> bool {
        let ticks = now_us >> TICK_SHIFT;
        // CAST: Wraps after 19 hours.
        let tick = ticks as u16;
        let turn = tick != self.tick;
        self.tick = tick;
        let late =
            now_us.saturating_sub(ticks << TICK_SHIFT) > u64::from(srtt_us).saturating_mul(2);
        turn && !late
    }

    /// Whether a loss rate that is believed in must be proven.
    fn is_needed(&self, loss: &LossSplit) -> bool {
        let past = self.tick.wrapping_sub(self.until) < u16::MAX / 2;
        let unproven = past || loss.is_bounded();
        self.suspected || self.doubted || (loss.random() >= heavy(loss) && unproven)
    }
}

impl Zeta {
    /// Whether a proof begins with this ACK.
    pub(super) fn prove(&mut self, ack: &Ack, settings: &Settings, seen: &Observation) -> bool {
        if seen.round.is_none() || !self.proof.is_turn(ack.now_us, ack.srtt_us) {
            return false;
        }
        let proves = matches!(self.phase, Phase::Prove { .. });
        // A search that has just begun has not shown anything yet.
        if !self.proof.is_common() || self.phase.is_start() {
            return false;
        }
        if !proves && self.proof.is_needed(&self.path.loss) {
            self.aftermath = None;
            self.phase = Phase::Prove {
                tally: Tally::default(),
                rounds: 0,
            };
            return true;
        }
        let heavy = heavy(&self.path.loss);
        if self.path.loss.random() < heavy {
            self.path.loss.allow(heavy);
        }
        if !proves
            && !self.phase.is_search()
            && (self.path.rtt.is_stale(ack.now_us) || self.path.rtt.is_unseen(ack.now_us))
            && !self.max_tx(ack.now_us, settings)
        {
            self.path.rtt.refreshed(ack.now_us);
            self.aftermath = None;
            self.drain_deep();
            return true;
        }
        false
    }

    pub(super) fn step_prove(
        &mut self,
        ack: &Ack,
        settings: &Settings,
        seen: &Observation,
        (mut tally, rounds): (Tally, u8),
    ) {
        let Some(round) = seen.round else { return };
        let rounds = rounds.saturating_add(1);
        // What was under way before, and what that had queued, is none of the proof.
        if round.kind == Kind::Sure && rounds > 2 {
            tally.add(&round);
        }
        if tally.total() < PROVE_PACKETS && rounds < PROVE_ROUNDS {
            self.phase = Phase::Prove { tally, rounds };
            return;
        }
        let (lost, total) = (tally.lost, tally.total());
        let believed = self.path.loss.random();
        let doubted = core::mem::take(&mut self.proof.doubted);
        let suspected = core::mem::take(&mut self.proof.suspected) || doubted;
        let expected = (u64::from(total).saturating_mul(u64::from(believed))) >> 16;
        let same = !suspected && expected >= TELLING && self.path.loss.is_expected(lost, total);
        if !same && total != 0 {
            // A few packets say little, and a burst is one: what was believed counts as a few more.
            let before = (PRIOR_PACKETS.saturating_mul(believed)) >> 16;
            let bunch = if suspected || is_convincing(&tally) {
                1
            } else {
                self.path.loss.bunch()
            };
            let seen = |count: u32| count.checked_div(bunch).unwrap_or(count);
            self.path.loss.allow(Q16);
            self.path.loss.restart(
                seen(lost).saturating_add(before),
                seen(total).saturating_add(PRIOR_PACKETS),
            );
            // What was delivered is right; what was made up for besides was not.
            let now = self.path.loss.random();
            let kept = u64::from(Q16.saturating_sub(believed));
            let known = self.path.capacity.get();
            let delivered = known.saturating_mul(kept) >> 16;
            if settings.track_random_loss {
                // Where losses halve the rate they do so to an end that is set.
                let floor = self.classic_floor(ack, settings);
                let least = floor.map_or(0, |floor| floor.min(known));
                self.path.capacity.reset(inflate(delivered, now).max(least));
            }
        }
        let most = self.path.loss.headroom();
        self.path.loss.allow(most.max(heavy(&self.path.loss)));
        self.proof.until = self.proof.tick.wrapping_add(PROOF_TICKS);
        self.cruise(ack.now_us);
    }
}
