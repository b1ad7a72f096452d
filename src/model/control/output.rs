// SPDX-License-Identifier: GPL-2.0

//! Window and pacing rate of a phase.

use super::math::{gain, mul_div, packets, rate, Q8};
use super::phase::Phase;
use super::types::{Ack, Control, Settings};
use super::zeta::{Zeta, MIN_CWND};

/// Packets per round trip below which nobody sends: the least that is acknowledged at once. More would not fit a short path that
/// a dozen flows share.
const LEAST_PER_ROUND: u64 = 2;

/// Window gain. Pacing keeps the queue small; the window only bounds the damage when the model is wrong, so it must not bind
/// while ACKs are delayed or aggregated.
pub(super) const CWND_GAIN_Q8: u16 = (2 * Q8) as u16; // CAST: small, as those below.

/// Window gain in conservative mode: at most a quarter of a round trip of queue.
const CWND_GAIN_CONSERV_Q8: u16 = (Q8 + Q8 / 4) as u16;

/// Window gain in the high conservative mode: at most an eighth.
const CWND_GAIN_HIGH_CONSERV_Q8: u16 = (Q8 + Q8 / 8) as u16;

/// Window gain in maximum-transmit mode: two round trips of queue may be ours.
const CWND_GAIN_MAX_Q8: u16 = (3 * Q8) as u16;

/// Window up to which a start may triple: beyond it a wrong guess costs more than the round trip it saves, and receivers' first
/// windows end here anyway.
const FAST_CWND: u32 = 128;

/// Window gain that lets it triple, with a little room.
const FAST_GAIN_Q8: u32 = 3 * Q8 + Q8 / 4;

/// Pacing gain over a remembered capacity: half fills a usual buffer in two round trips, in which it is noticed.
const RESUMED_GAIN_Q8: u32 = Q8 + Q8 / 2;

/// Most that the round trip and its variation make of the timeout's variation term, microseconds: the kernel's default.
const RTO_MAX_US: u32 = 200_000;

impl Zeta {
    pub(super) fn control(&mut self, ack: &Ack, settings: &Settings) -> Control {
        let capacity = self.path.capacity.get();
        let pacing_gain = self.phase.pacing_gain();
        self.pacing_gain_q8 = pacing_gain;
        self.cwnd_gain_q8 = if self.max_tx(ack.now_us, settings) {
            CWND_GAIN_MAX_Q8
        } else if settings.is_high_conserv() {
            CWND_GAIN_HIGH_CONSERV_Q8
        } else if settings.conserv_mode {
            CWND_GAIN_CONSERV_Q8
        } else {
            CWND_GAIN_Q8
        };

        // The first round trips of a connection whose packets have met no queue: triple instead of double.
        let fast = self.phase.is_start() && self.cwnd < FAST_CWND && !self.path.rtt.is_loaded();
        let (steps, gain_q8) = if fast {
            (2, FAST_GAIN_Q8)
        } else {
            (1, u32::from(self.cwnd_gain_q8))
        };
        let target = self.window_target(ack, gain_q8);
        let resolved = ack.acked_sacked.saturating_add(ack.losses);
        let grown = self.cwnd.saturating_add(resolved.saturating_mul(steps));
        self.cwnd = match self.phase {
            Phase::Startup(_) => grown.min(target.max(self.cwnd)),
            _ => grown.min(target),
        };
        let mut cwnd = self.cwnd.max(MIN_CWND);
        if settings.max_cwnd != 0 {
            cwnd = cwnd.min(settings.max_cwnd);
        }
        let floor = self.reduction_floor(settings);
        cwnd = self.restraint.bound(cwnd, ack.acked_sacked, floor);
        cwnd = cwnd.min(ack.cwnd_clamp).max(1);

        let mss = u64::from(ack.mss.max(1));
        let srtt_us = u64::from(ack.srtt_us.max(1));
        // The window over half a round trip, or a quarter while it triples: the floor while the capacity is not known.
        let by_window = |window: u32| {
            let share = if fast { 4_000_000 } else { 2_000_000 };
            mul_div(u64::from(window).saturating_mul(mss), share, srtt_us)
        };
        let mut pacing_rate = match self.phase {
            Phase::Startup(search) if search.is_first() => gain(capacity, pacing_gain)
                .max(by_window(self.cwnd))
                .min(self.resumed_limit(ack)),
            _ if capacity == 0 => by_window(self.cwnd),
            _ => gain(capacity, pacing_gain),
        };
        let searching = matches!(self.phase, Phase::Startup(_));
        if let (Some(bound), false) = (self.path.window.bound(), searching) {
            pacing_rate = pacing_rate.min(bound);
        }
        // Compared first, as a division costs most.
        let least = LEAST_PER_ROUND
            .saturating_mul(mss)
            .saturating_mul(1_000_000);
        if pacing_rate.saturating_mul(srtt_us) < least {
            pacing_rate = pacing_rate.max(least.checked_div(srtt_us).unwrap_or(0));
        }
        pacing_rate = pacing_rate.min(ack.max_pacing_rate);
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
                    .min(RTO_MAX_US)
                    .max(settings.timer_wait_us()),
            ),
        }
    }

    /// Most that the start sends on a path whose capacity is remembered: what is left to find out needs no tripling. Once the path
    /// has taken an eighth more than was known, it is a faster one now.
    fn resumed_limit(&self, ack: &Ack) -> u64 {
        if self.path.capacity.get() / 9 >= self.resumed / 8 {
            return u64::MAX;
        }
        // Less than the usual first window at its usual pace helps nobody.
        let usual = rate(self.first_window, ack.mss, ack.srtt_us.max(1));
        gain(self.resumed, RESUMED_GAIN_Q8).max(usual.saturating_mul(2))
    }

    /// Window the model asks for.
    pub(super) fn window_target(&self, ack: &Ack, gain_q8: u32) -> u32 {
        let capacity = self.path.capacity.get();
        if capacity == 0 {
            // Nothing is known, so nothing but what others allow themselves, too, once it is no longer the start.
            return if self.phase.is_start() {
                u32::MAX
            } else {
                self.first_window
            };
        }
        let span = u64::from(self.path.span().unwrap_or(ack.srtt_us));
        let bdp = packets(gain(capacity, gain_q8), span, ack.mss);
        // Three bursts on their way through the hosts: one leaving, one in the device, one being acknowledged.
        let burst = packets(capacity, 1_000, ack.mss).clamp(2, 44);
        let target = bdp
            .saturating_add(self.path.aggregation.extra())
            .saturating_add(burst.saturating_mul(3));
        target.max(MIN_CWND)
    }
}
