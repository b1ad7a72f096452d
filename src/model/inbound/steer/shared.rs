// SPDX-License-Identifier: GPL-2.0

//! What flows behind one queue leave to each other.

use super::{least, part, Mode, Steer};
use crate::model::control::isqrt;
use crate::model::inbound::route::{self, Known};

/// What part of its rate a flow may lose by being steered: more than means of some rounds differ by themselves on a path
/// with steady round trips.
const COST_SHIFT: u32 = 4;

/// What part of the rate of all flows with the same peer may be added to that.
const SHARED_COST_SHIFT: u32 = 7;

/// Flows with other peers may have other ways: all of the interface counts up to that many times the
/// flow's own rate.
const SHARED_MOST: u64 = 16;

/// The round trip, microseconds, up to which a longer one is reason for a longer queue.
const USUAL_RTT_US: u32 = 50_000;

impl Steer {
    /// What the flow receives, bytes per second, if it is steered and is to be counted again at `now_us`.
    pub fn counts(&mut self, now_us: u64) -> Option<u64> {
        let is_counted = self.census == route::census(now_us);
        if self.mode != Mode::Steered || is_counted || self.recent.rounds == 0 || !self.is_used {
            return None;
        }
        self.census = route::census(now_us);
        Some(self.recent.own)
    }

    /// Takes what flows with the same peer know.
    pub fn learn(&mut self, known: &Known) {
        if known.base_us != 0 && known.base_us < self.base_us {
            self.base_us = known.base_us;
        }
        self.others = known.flows;
        self.share = match self.mode {
            Mode::Steered => known.rate.checked_div(u64::from(known.flows)),
            // One more.
            _ => known
                .rate
                .checked_div(u64::from(known.flows.saturating_add(1))),
        }
        .unwrap_or(0);
    }

    /// The least window that others of the same path are to leave the flow: most of an equal part.
    pub(super) fn floor(&self, mss: u32) -> u32 {
        let share = self.shared_window();
        share.saturating_sub(share / 4).max(least(mss))
    }

    /// What the flow may lose, bytes per second.
    pub(super) fn tolerance(&self) -> u64 {
        // Among several it has the differences of all.
        let all = match self.shared_window() {
            0 if self.is_alone() => 0,
            0 => self.free.all.min(self.free.own.saturating_mul(SHARED_MOST)),
            _ => self.share.saturating_mul(u64::from(self.others)),
        };
        (self.free.own >> COST_SHIFT).saturating_add(all >> SHARED_COST_SHIFT)
    }

    /// The window that makes an equal part of what flows with the same peer receive, bytes; 0 if there are no others.
    pub(super) fn shared_window(&self) -> u32 {
        let own = u32::from(self.mode == Mode::Steered);
        match self.others.saturating_sub(own) {
            0 => 0,
            _ => part(self.share, self.base_us, 1_000_000),
        }
    }

    /// Bytes that a flow with `window` is to have in the queue: the root of the packets in its window.
    pub(super) fn own_queue(&self, window: u32, mss: u32) -> u32 {
        let mss = mss.max(1);
        let shared = self.shared_window();
        let window = match shared {
            // Who has a longer way is not to have more of the queue, and so of the rate.
            0 => window.min(part(u64::from(window), USUAL_RTT_US, self.base_us)),
            // The same for all of a path: it is what makes their rates equal.
            share => share,
        };
        let packets = window.checked_div(mss).unwrap_or(0);
        let root = u32::try_from(isqrt(u64::from(packets))).unwrap_or(u32::MAX);
        let most = match shared {
            0 => root,
            // All of them together make a queue.
            _ => packets / 8,
        };
        // Without one it could not be seen whether the path has got more room.
        let limit = self.queue_limit.max(1);
        root.min(most).max(2).min(limit).saturating_mul(mss)
    }
}
