// SPDX-License-Identifier: GPL-2.0

//! What becomes of the packets that were under way when an excess of losses was found.
//!
//! They had been sent as fast as those that got lost. On a path that is overrun they fare no better: whatever a policer or a
//! buffer had to spare is used up by then. After a burst they arrive. It costs nothing to wait for them, as they are the
//! first to be heard of anyway.

use super::loss::LossSplit;
use super::path::Observation;
use super::phase::Phase;
use super::types::Ack;
use super::zeta::Zeta;

/// Packets under way without which there is no verdict: half of them must show what an overrun path does to them.
const LEAST_PACKETS: u32 = 32;

/// The packets under way at an excess of losses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aftermath {
    /// Capacity and phase to go on with if it was a burst.
    capacity: u64,
    phase: Phase,
    /// Losses of the excess, and all packets of its round so far.
    lost: u32,
    total: u32,
    under_way: u32,
    delivered_then: u32,
    lost_then: u32,
    /// Resolved and lost packets when half of them were resolved, zero before: the burst itself may still have been going on
    /// until then.
    half_resolved: u32,
    half_lost: u32,
}

impl Aftermath {
    /// An ACK has shown that there are too many losses in the running round, in `phase` with `capacity`.
    pub(super) fn new(ack: &Ack, seen: &Observation, capacity: u64, phase: Phase) -> Option<Self> {
        (ack.in_flight >= LEAST_PACKETS).then_some(Self {
            capacity,
            phase,
            lost: seen.lost,
            total: seen.total,
            under_way: ack.in_flight,
            delivered_then: ack.delivered,
            lost_then: ack.lost,
            half_resolved: 0,
            half_lost: 0,
        })
    }

    /// Packets lost and resolved since.
    fn since(&self, ack: &Ack) -> (u32, u32) {
        let lost = ack.lost.wrapping_sub(self.lost_then);
        let delivered = ack.delivered.wrapping_sub(self.delivered_then);
        (lost, delivered.wrapping_add(lost))
    }

    /// Takes an ACK. Once all are resolved says whether it was a burst.
    fn step(&mut self, ack: &Ack, loss: &LossSplit) -> Option<bool> {
        let (lost, resolved) = self.since(ack);
        if resolved < self.under_way / 2 {
            return None;
        }
        if self.half_resolved == 0 {
            (self.half_resolved, self.half_lost) = (resolved, lost);
        }
        if resolved < self.under_way {
            return None;
        }
        let total = resolved.saturating_sub(self.half_resolved);
        let clean = !loss.is_surplus(lost.saturating_sub(self.half_lost), total);
        Some(clean && total >= LEAST_PACKETS / 4)
    }

    /// Packets lost in the burst, and all packets from the beginning of its round.
    fn burst(&self, ack: &Ack) -> (u32, u32) {
        let (lost, resolved) = self.since(ack);
        (
            self.lost.saturating_add(lost),
            self.total.saturating_add(resolved),
        )
    }
}

impl Zeta {
    /// Looks after what was under way at the last excess, and goes on as before if that was a burst: then it returns true.
    pub(super) fn step_aftermath(&mut self, ack: &Ack, seen: &Observation) -> bool {
        let Some(mut aftermath) = self.aftermath.take() else {
            return false;
        };
        match aftermath.step(ack, &self.path.loss) {
            None => self.aftermath = Some(aftermath),
            Some(true) if !seen.loaded => {
                let (lost, total) = aftermath.burst(ack);
                self.path.loss.add_burst(lost, total);
                self.path.capacity.reset(aftermath.capacity);
                self.phase = aftermath.phase;
                if self.phase.is_regrowth() {
                    self.schedule.harmless();
                }
                // The running round has part of the burst, and was sent at another rate.
                self.path.resync();
                return true;
            }
            Some(_) => {}
        }
        false
    }
}

#[cfg(test)]
mod tests;
