// SPDX-License-Identifier: GPL-2.0

//! What a connection hands on to those that come after it, and what it begins with.

use super::math::{low32, packets};
use super::types::Start;
use super::zeta::Zeta;
use crate::model::memory::Report;

/// Packets sent at or below capacity after which the model's split of losses is worth more than the plain count.
const SURE_PACKETS: u32 = 256;

impl Zeta {
    /// What is worth remembering of the path; `delivered` and `lost` are the connection's counters now.
    pub fn learned(&self, delivered: u32, lost: u32) -> Report {
        let sure = self.path.loss.weight();
        let (lost, total) = if sure >= SURE_PACKETS {
            let lost = u64::from(sure).saturating_mul(u64::from(self.path.loss.random())) >> 16;
            (low32(lost), sure)
        } else {
            // The last round has no end that would have been noticed. When a socket is disconnected, TCP has its counters
            // begin anew before it says so: then they are less than at the beginning of the round.
            let (got, missing) = match self.path.rounds.so_far(delivered, lost) {
                (got, missing) if !self.path.rtt.is_loaded() && (got | missing) >> 31 == 0 => {
                    (got, missing)
                }
                _ => (0, 0),
            };
            (
                self.unloaded.lost.saturating_add(missing),
                self.unloaded
                    .total()
                    .saturating_add(got)
                    .saturating_add(missing),
            )
        };
        Report {
            lost,
            total,
            base_rtt_us: self.path.rtt.base().unwrap_or(0),
            // How fast the path is a search finds out at its end. One that the data or the receiver's window has ended earlier
            // still knows what the path is at least good for, which is worth something if it allows a larger first window.
            capacity: match self.path.capacity.get() {
                reached if self.phase.is_start() && !self.helps(reached) => 0,
                reached => reached,
            },
        }
    }

    /// Whether later connections start faster with `capacity` than with what this one had to start with.
    fn helps(&self, capacity: u64) -> bool {
        let rtt = u64::from(self.path.rtt.base().unwrap_or(0));
        // The start never needs the size of a packet to the byte.
        let window = packets(capacity / 2, rtt, 1448);
        capacity > self.resumed && window > self.first_window.saturating_mul(2)
    }
}

/// Capacity that the memory of the path gives, if its round trip is still alike, and that round trip.
pub(super) fn remembered(start: &Start) -> Option<(u64, u32)> {
    let (known, srtt) = (start.known?, start.srtt_us?);
    let alike = srtt >= known.base_rtt_us / 2 && srtt <= known.base_rtt_us.saturating_mul(2);
    (alike && known.capacity != 0).then_some((known.capacity, srtt))
}

/// First window that the memory of the path allows, packets; zero if it allows nothing.
///
/// Half of what the path carried then (Careful Resume, draft-ietf-tsvwg-careful-resume): when the path has become slower in the
/// meantime, half is what a buffer of the usual size takes without loss.
pub(super) fn resumed(start: &Start) -> u32 {
    remembered(start).map_or(0, |(rate, srtt)| {
        packets(rate / 2, u64::from(srtt), start.mss)
    })
}
