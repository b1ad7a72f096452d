// SPDX-License-Identifier: GPL-2.0

//! What the owner's settings change in the decisions: the high conservative mode, the boost of starts, the floor of reductions,
//! the patience of the timers.

use super::math::{gain, rate, Q8};
use super::probe::GAIN_MIN_Q8;
use super::types::{Control, Idle, Settings};
use super::zeta::Zeta;
use crate::model::copies::LEAST_LOSS_Q16;

/// Cruise rounds in the high conservative mode over those otherwise. With probes of half the size the flow asks for a quarter
/// of the room in a given time, and a loss-based neighbour takes the rest: beside one CUBIC flow (row G1 of the lab) 12 of 48
/// Mbit/s remain, 20 in the plain conservative mode. Random loss is compensated as always: with half of it the estimate
/// fell below the path's capacity, each probe found the difference again, and the growth behind it filled the buffer (row A9).
const HIGH_PAUSES: u8 = 2;

/// Most packets of a boost: 1.5 MB at once is what the fastest paths take; more would be a mistake in the unit.
const BOOST_MAX: u32 = 1_024;

/// What a timer waits beyond `retran_wait_ms`, microseconds: the shipped 32 ms come to 50, which the delayed ACKs of common
/// receivers (40 ms, and up to 10 ms for a coarse tick) do not fire.
const TIMER_SLACK_US: u32 = 18_000;

/// Longest of these waits, microseconds: the least timeout of RFC 6298.
const TIMER_WAIT_MAX_US: u32 = 1_000_000;

impl Settings {
    /// Whether the high conservative mode is on.
    pub(super) fn is_high_conserv(&self) -> bool {
        self.conserv_mode && self.high_conserv
    }

    /// Gain of a probe, given the one that the schedule wants.
    pub(super) fn probe_gain(&self, gain_q8: u32) -> u32 {
        if self.is_high_conserv() {
            let half = gain_q8.saturating_sub(Q8) / 2;
            Q8.saturating_add(half).max(GAIN_MIN_Q8)
        } else {
            gain_q8
        }
    }

    /// Rounds of cruising, given those that the schedule wants.
    pub(super) fn pause(&self, rounds: u8) -> u8 {
        if self.is_high_conserv() {
            rounds.saturating_mul(HIGH_PAUSES)
        } else {
            rounds
        }
    }

    /// The window of a start: `window` packets and the boost, as far as the owner's and the receiver's windows go. The receiver's
    /// counts `mss` bytes a packet.
    pub fn boosted(&self, window: u32, snd_wnd_bytes: u32, mss: u32) -> u32 {
        if self.conserv_mode {
            return window;
        }
        let receiver = snd_wnd_bytes.checked_div(mss).unwrap_or(0);
        let most = match self.max_cwnd {
            0 => receiver,
            limit => limit.min(receiver),
        };
        let wanted = window.saturating_add(self.ultra_boost.min(BOOST_MAX));
        wanted.min(most).max(window)
    }

    /// Least variation term of the retransmission timeout, microseconds.
    pub(super) fn timer_wait_us(&self) -> u32 {
        self.retran_wait_ms
            .saturating_mul(1_000)
            .saturating_add(TIMER_SLACK_US)
            .min(TIMER_WAIT_MAX_US)
    }
}

impl Zeta {
    /// The connection starts to send again after having nothing in flight. Without a boost the window and the rate stay.
    pub fn on_restart_from_idle(&mut self, idle: &Idle, settings: &Settings) -> Option<Control> {
        // The loss history of the time before is still good, the running tallies are not.
        self.path.resync();
        let window = settings
            .boosted(idle.cwnd, idle.snd_wnd_bytes, idle.mss)
            .min(idle.cwnd_clamp);
        // The first window has its boost already, and after a timeout nothing is known to get through.
        if window <= idle.cwnd || idle.srtt_us == 0 || idle.is_first || self.restraint.is_in_force()
        {
            return None;
        }
        // Spread over a round trip, unless the path is known to take it faster.
        let mut pacing_rate = gain(self.path.capacity.get(), self.pacing_gain_q8)
            .max(rate(window, idle.mss, idle.srtt_us))
            .min(idle.max_pacing_rate);
        if settings.max_rate != 0 {
            pacing_rate = pacing_rate.min(settings.max_rate);
        }
        self.path.sending(pacing_rate);
        Some(Control {
            cwnd: window,
            pacing_rate: pacing_rate.max(1),
            ssthresh: None,
            rto_min_us: None,
        })
    }

    /// Window below which no reduction goes, packets. On a path that loses at random a timeout or a bad round says little about
    /// congestion.
    pub(super) fn reduction_floor(&self, settings: &Settings) -> u32 {
        if self.path.compensated(settings) >= LEAST_LOSS_Q16 {
            settings.min_ssthresh_lossy
        } else {
            settings.min_ssthresh
        }
    }
}

#[cfg(test)]
mod tests;
