// SPDX-License-Identifier: GPL-2.0

//! Window after a retransmission timeout.
//!
//! Fast recovery needs nothing of its own: loss alone does not change the model. A timeout is different: for a whole RTO nothing
//! came back, so the path may be gone or changed. The window restarts small and quadruples each round trip; as the
//! capacity is remembered the path is full again after a few rounds, and a spurious timeout is undone at once.

/// Window with which a timeout is answered, packets: the kernel's own allowance for a restart.
const RESTART: u32 = 4;

/// Temporary upper bound of the window.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Restraint {
    bound: Option<u32>,
}

impl Restraint {
    /// A timeout fired with `in_flight` packets left after marking.
    pub(super) fn on_rto(&mut self, in_flight: u32) {
        self.bound = Some(in_flight.saturating_add(RESTART));
    }

    /// The timeout was spurious, or recovery is complete.
    pub(super) fn lift(&mut self) {
        self.bound = None;
    }

    /// Whether a timeout is still being answered.
    pub(super) fn is_in_force(&self) -> bool {
        self.bound.is_some()
    }

    /// Bounds `target` after an ACK that delivered `acked` packets. The first of them shows that the path is alive: from then on
    /// the window has `floor` packets.
    pub(super) fn bound(&mut self, target: u32, acked: u32, floor: u32) -> u32 {
        let Some(bound) = self.bound else {
            return target;
        };
        // Three more for each delivered packet: fourfold per round trip.
        let mut bound = bound.saturating_add(acked.saturating_mul(3));
        if acked != 0 {
            bound = bound.max(floor);
        }
        if bound >= target {
            self.bound = None;
            return target;
        }
        self.bound = Some(bound);
        bound
    }
}
