// SPDX-License-Identifier: GPL-2.0

//! Splits loss into a random part and an excess.
//!
//! The random rate `p` is what the connection itself sees while it sends *below* the capacity (drain phases, the first rounds
//! of the start). Loss in any other phase is compared with that history: what lies within its own scatter is random, more is
//! an excess and means that a buffer or a policer is overrun. The scatter is learned as an index of dispersion, so a path
//! that loses in bursts is granted more of it than one that loses packets one by one.

use super::dispersion::Dispersion;
use super::math::{isqrt, low32, share, Q16};

/// Packets after which a tally is halved: the loss rate is known to about one percent, and a change shows in a few cycles.
const AGE_AT: u32 = 1024;

/// Packets below capacity without which nothing is called an excess: the first windows of a connection are what any path has
/// to take, and what they lose is the first thing known about it.
const KNOWN_PACKETS: u32 = 48;

/// Packets at capacity that do as well: who never finds the path free is one of many.
const CRUISE_PACKETS: u32 = 128;

/// Packets below capacity from which on the loss rate is known well enough to be asked for now and then only.
const THIN_PACKETS: u32 = 256;

/// Packets that few ones below capacity are taken for: a burst among the first of a connection is no rate.
const FEW_PACKETS: u32 = 256;

/// Standard deviations that make an excess. A connection is judged some ten times a round trip: four come about by chance once in
/// minutes, three several times a minute.
const EXCESS_SIGMAS: u64 = 4;

/// The same for the tally of many rounds, which is judged once a round.
const LASTING_SIGMAS: u64 = 3;

/// Packets that the memory of a path is worth: enough to judge by, few enough to be outvoted within a round or two.
const SEED_PACKETS: u32 = 128;

/// Most loss that is ever compensated, 60 %: beyond it paths are broken or policed, and each percent compensated costs ever
/// more bytes.
const RANDOM_MAX_Q16: u32 = Q16 / 5 * 3;

/// Loss rates that are believed fit: at most 60 %.
fn low16(rate_q16: u32) -> u16 {
    u16::try_from(rate_q16).unwrap_or(u16::MAX)
}

/// Lost and resolved packets with exponential ageing.
#[derive(Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) lost: u32,
    pub(super) total: u32,
}

impl Tally {
    fn add(&mut self, lost: u32, total: u32) {
        self.lost = self.lost.saturating_add(lost);
        self.total = self.total.saturating_add(total);
        while self.total > AGE_AT {
            self.total /= 2;
            self.lost = self.lost.saturating_add(1) / 2;
        }
    }

    fn rate(self) -> u32 {
        share(self.lost, self.total)
    }
}

/// What a connection has learned about its losses.
pub(super) struct LossSplit {
    low: Tally,
    cruise: Tally,
    pub(super) dispersion: Dispersion,
    /// Packets of `low` that are not the connection's own.
    seeded: u32,
    /// The random rate that both tallies come to, q16. Kept, because it is asked for several times per ACK and packet, and
    /// the tallies change once a round.
    random_q16: u16,
    /// Most that is believed, q16.
    allowed_q16: u16,
}

impl LossSplit {
    pub(super) fn new() -> Self {
        Self {
            low: Tally::default(),
            cruise: Tally::default(),
            dispersion: Dispersion::new(),
            seeded: 0,
            random_q16: 0,
            allowed_q16: low16(RANDOM_MAX_Q16),
        }
    }

    /// Starts with the loss rate that earlier connections have seen, worth as many packets as [`SEED_PACKETS`].
    pub(super) fn seeded(loss_q16: u32) -> Self {
        let mut split = Self::new();
        let lost = u64::from(loss_q16).saturating_mul(u64::from(SEED_PACKETS)) >> 16;
        split.low.add(low32(lost), SEED_PACKETS);
        split.seeded = SEED_PACKETS;
        split.renew();
        split
    }

    /// So many standard deviations of the count of losses among `total`, at rate `p_q16`, clustered as they are.
    fn spread(&self, sigmas: u64, p_q16: u32, total: u32) -> u32 {
        let p = u64::from(p_q16);
        let kept = u64::from(Q16.saturating_sub(p_q16));
        // n p (1-p) in packets, times 16 to keep small numbers.
        let variance_q4 = (u64::from(total).saturating_mul(p) >> 16)
            .saturating_mul(16)
            .saturating_mul(kept)
            >> 16;
        let spread_q4 = variance_q4
            .max(4)
            .saturating_mul(u64::from(self.dispersion.get()))
            >> 4;
        let square = sigmas.saturating_mul(sigmas);
        low32(isqrt(spread_q4.saturating_mul(square) >> 4))
    }

    /// The same and a burst more, which is never evidence.
    fn scatter(&self, sigmas: u64, p_q16: u32, total: u32) -> u32 {
        let burst = self.dispersion.get() >> 3;
        self.spread(sigmas, p_q16, total).saturating_add(burst)
    }

    /// Too little is known: few packets, and of this connection least of all.
    pub(super) fn is_thin(&self) -> bool {
        self.low.total < THIN_PACKETS
    }

    /// Packets of this connection that the random rate rests on.
    pub(super) fn weight(&self) -> u32 {
        let own = self.low.total.saturating_sub(self.seeded);
        own.saturating_add(self.cruise.total)
    }

    /// Random loss rate, q16.
    pub(super) fn random(&self) -> u32 {
        u32::from(self.random_q16)
    }

    /// Works the random rate out again, after each change of a tally.
    fn renew(&mut self) {
        self.random_q16 = low16(self.unbounded().min(u32::from(self.allowed_q16)));
    }

    /// Bounds what is believed from now on.
    pub(super) fn allow(&mut self, most_q16: u32) {
        self.allowed_q16 = low16(most_q16.min(RANDOM_MAX_Q16));
        self.renew();
    }

    /// What is believed and as much more as its evidence leaves open: a quarter, or three standard deviations.
    pub(super) fn headroom(&self) -> u32 {
        let sigma = low32(isqrt(u64::from(self.low.lost.saturating_add(1))));
        let open = share(sigma.saturating_mul(3), self.low.total.max(FEW_PACKETS));
        let p = self.random();
        p.saturating_add((p / 4).max(open))
    }

    /// Packets that are lost together, as far as is known; at least one.
    pub(super) fn bunch(&self) -> u32 {
        (self.dispersion.get() >> 4).max(1)
    }

    /// Whether so much loss may be believed in.
    pub(super) fn allows(&self, rate_q16: u32) -> bool {
        rate_q16 <= u32::from(self.allowed_q16)
    }

    /// The bound is in the way.
    pub(super) fn is_bounded(&self) -> bool {
        self.random_q16 == self.allowed_q16
    }

    fn unbounded(&self) -> u32 {
        // What earlier connections have seen is no burst.
        let few = if self.seeded == 0 { FEW_PACKETS } else { 0 };
        let low = share(self.low.lost, self.low.total.max(few));
        if self.low.total < 32 {
            return low.min(self.cruise.rate());
        }
        // The drain phases are few; cruising gives the precise number as long as it agrees with them.
        // One plain standard deviation above them, so that a rate polluted by overload converges downwards: an overloaded path
        // loses less in each drain phase than while cruising.
        let kept = u64::from(Q16.saturating_sub(low));
        let variance = (u64::from(self.low.lost).saturating_mul(kept) >> 16).max(1);
        let sigma = low32(isqrt(variance));
        let allowed = share(self.low.lost.saturating_add(sigma), self.low.total);
        if self.cruise.total < self.low.total {
            low
        } else {
            self.cruise.rate().min(allowed)
        }
    }

    /// True if `lost` of `total` packets is more than the random rate explains.
    pub(super) fn is_excess(&self, lost: u32, total: u32) -> bool {
        if self.low.total < KNOWN_PACKETS && self.cruise.total < CRUISE_PACKETS {
            return false;
        }
        // Few packets are not made up for, but they may be right.
        let few = if self.low.total < FEW_PACKETS {
            self.low.rate().min(u32::from(self.allowed_q16))
        } else {
            0
        };
        let p = self.random().max(few);
        let expected = low32(u64::from(total).saturating_mul(u64::from(p)) >> 16);
        lost > expected.saturating_add(self.scatter(EXCESS_SIGMAS, p, total))
    }

    /// True if cruising loses more, over many rounds, than the random rate explains: a surplus too small to show in one round.
    pub(super) fn is_cruise_excess(&self) -> bool {
        let Tally { lost, total } = self.cruise;
        if self.low.total < KNOWN_PACKETS || total < AGE_AT / 4 {
            return false;
        }
        // Against the drain phases alone, allowing for their own uncertainty.
        let p = self.low.rate();
        let expected = low32(u64::from(total).saturating_mul(u64::from(p)) >> 16);
        let uncertainty = low32(super::math::mul_div(
            u64::from(self.scatter(LASTING_SIGMAS, p, self.low.total)),
            u64::from(total),
            u64::from(self.low.total),
        ));
        lost > expected
            .saturating_add(self.scatter(LASTING_SIGMAS, p, total))
            .saturating_add(uncertainty / 2)
    }

    /// Share of packets lost in cruising beyond the random rate, q16.
    pub(super) fn surplus(&self) -> u32 {
        self.cruise.rate().saturating_sub(self.low.rate())
    }

    /// True if `lost` of `total` packets is the random rate, or not clearly less: by three standard deviations.
    pub(super) fn is_expected(&self, lost: u32, total: u32) -> bool {
        let p = self.random();
        let expected = low32(u64::from(total).saturating_mul(u64::from(p)) >> 16);
        lost.saturating_add(self.spread(3, p, total)) >= expected
    }

    /// True if `lost` of `total` packets is above the random rate by more than one standard deviation: not evidence by itself,
    /// but reason enough not to count the lost packets as carried by the path.
    pub(super) fn is_surplus(&self, lost: u32, total: u32) -> bool {
        self.is_above(1, lost, total)
    }

    /// The same by two: so high by chance in one of forty rounds.
    pub(super) fn is_doubtful(&self, lost: u32, total: u32) -> bool {
        self.is_above(2, lost, total)
    }

    fn is_above(&self, sigmas: u64, lost: u32, total: u32) -> bool {
        let p = self.random();
        let expected = low32(u64::from(total).saturating_mul(u64::from(p)) >> 16);
        lost > expected.saturating_add(self.spread(sigmas, p, total))
    }

    /// Adds a round sent below capacity.
    pub(super) fn add_low(&mut self, lost: u32, total: u32) {
        self.low.add(lost, total);
        self.renew();
    }

    /// Adds a round sent at the estimated capacity.
    pub(super) fn add_cruise(&mut self, lost: u32, total: u32) {
        self.dispersion.add_cruise(lost, total);
        self.cruise.add(lost, total);
        self.renew();
    }

    /// The random rate has changed: forget what was before this round sent below capacity.
    pub(super) fn restart(&mut self, lost: u32, total: u32) {
        self.low = Tally::default();
        self.cruise = Tally::default();
        self.low.add(lost, total);
        self.cruise.add(lost, total);
        self.renew();
    }

    /// A burst of `lost` packets came while `total` were sent at a rate that the path takes.
    pub(super) fn add_burst(&mut self, lost: u32, total: u32) {
        self.low.add(lost, total);
        self.cruise.add(lost, total);
        self.dispersion.add_burst(lost);
        self.renew();
    }

    /// Loss while cruising was our own doing: forget it.
    pub(super) fn discard_cruise(&mut self) {
        self.cruise = self.low;
        self.renew();
    }
}
