// SPDX-License-Identifier: GPL-2.0

//! Packet-timed round trips and what happened in each.

use super::math::not_after;

/// How the packets of a round were sent relative to the estimated capacity.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Kind {
    /// Slower than the path delivers, so that it loses nothing to us even if all loss so far was our doing.
    Sure,
    /// Below the estimated capacity, on purpose: a drain phase.
    Low,
    /// At the estimated capacity.
    Cruise,
    /// Above it: probing, or the start.
    High,
}

/// A finished round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    /// How the packets resolved in this round had been sent, one round before.
    pub(super) kind: Kind,
    /// Part of them had been sent below capacity.
    pub(super) slowed: bool,
    /// Packets delivered.
    pub(super) delivered: u32,
    /// Packets found lost.
    pub(super) lost: u32,
    /// Length, microseconds.
    pub(super) span_us: u32,
    /// Smallest round-trip sample, if any.
    pub(super) min_rtt_us: Option<u32>,
    /// Mean of its round-trip samples, if any.
    pub(super) mean_rtt_us: Option<u32>,
    /// Their number, at most 255.
    pub(super) samples: u8,
    /// Not to be measured: the application had nothing to send at some time, or the beginning was lost.
    pub(super) app_limited: bool,
}

impl Round {
    /// Packets of which it became known what happened to them.
    pub(super) fn total(&self) -> u32 {
        self.delivered.saturating_add(self.lost)
    }
}

/// Cuts the ACK stream into rounds: a round ends when a packet sent after its beginning is acknowledged.
pub(super) struct Rounds {
    end_delivered: u32,
    start_us: u64,
    start_delivered: u32,
    start_lost: u32,
    min_rtt_us: u32,
    rtt_sum_us: u64,
    rtt_count: u32,
    app_limited: bool,
    sending: Kind,
    resolving: Kind,
    sending_slowed: bool,
    resolving_slowed: bool,
}

impl Rounds {
    pub(super) fn new(now_us: u64, delivered: u32, lost: u32) -> Self {
        Self {
            end_delivered: delivered,
            start_us: now_us,
            start_delivered: delivered,
            start_lost: lost,
            min_rtt_us: u32::MAX,
            rtt_sum_us: 0,
            rtt_count: 0,
            app_limited: false,
            sending: Kind::High,
            resolving: Kind::High,
            sending_slowed: false,
            resolving_slowed: false,
        }
    }

    /// The loss counter jumped without loss: start the current tally anew.
    pub(super) fn resync(&mut self, now_us: u64, delivered: u32, lost: u32) {
        self.restart(now_us, delivered, lost);
        // What is left of the round is too short to be measured.
        self.app_limited = true;
    }

    pub(super) fn restart(&mut self, now_us: u64, delivered: u32, lost: u32) {
        self.start_us = now_us;
        self.start_delivered = delivered;
        self.start_lost = lost;
    }

    /// Says how packets are sent from now on; `fresh` if a round has just ended, so that none has been sent in the new one.
    /// A round with any packet sent high is not a low one.
    pub(super) fn mark(&mut self, kind: Kind, fresh: bool) {
        if fresh {
            self.sending = kind;
            self.sending_slowed = false;
        }
        self.sending_slowed |= kind <= Kind::Low;
        self.sending = self.sending.max(kind);
    }

    /// How the packets being resolved now had been sent.
    pub(super) fn resolving(&self) -> Kind {
        self.resolving
    }

    /// Delivered and lost so far in the running round.
    pub(super) fn so_far(&self, delivered: u32, lost: u32) -> (u32, u32) {
        (
            delivered.wrapping_sub(self.start_delivered),
            lost.wrapping_sub(self.start_lost),
        )
    }

    /// Takes an ACK; returns the round it finishes. [`Rounds::mark`] must follow.
    pub(super) fn update(
        &mut self,
        now_us: u64,
        prior_delivered: u32,
        delivered: u32,
        lost: u32,
        rtt_us: Option<u32>,
        app_limited: bool,
    ) -> Option<Round> {
        if let Some(rtt) = rtt_us {
            self.min_rtt_us = self.min_rtt_us.min(rtt);
            self.rtt_sum_us = self.rtt_sum_us.saturating_add(u64::from(rtt));
            self.rtt_count = self.rtt_count.saturating_add(1);
        }
        self.app_limited |= app_limited;
        if !not_after(self.end_delivered, prior_delivered) {
            return None;
        }
        let (got, missing) = self.so_far(delivered, lost);
        let round = Round {
            kind: self.resolving,
            slowed: self.resolving_slowed,
            delivered: got,
            lost: missing,
            span_us: super::math::low32(now_us.saturating_sub(self.start_us)),
            min_rtt_us: (self.min_rtt_us != u32::MAX).then_some(self.min_rtt_us),
            mean_rtt_us: self
                .rtt_sum_us
                .checked_div(u64::from(self.rtt_count))
                .map(super::math::low32),
            samples: u8::try_from(self.rtt_count).unwrap_or(u8::MAX),
            app_limited: self.app_limited,
        };
        self.resolving = self.sending;
        self.resolving_slowed = self.sending_slowed;
        self.end_delivered = delivered;
        self.min_rtt_us = u32::MAX;
        self.rtt_sum_us = 0;
        self.rtt_count = 0;
        self.app_limited = false;
        self.restart(now_us, delivered, lost);
        Some(round)
    }
}
