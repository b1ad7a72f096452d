// SPDX-License-Identifier: GPL-2.0

//! Fewer acknowledgements where they queue: [`crate::model::shaper::acks`] with packets.

use super::Shaper;
use crate::model::shaper::acks::{PureAck, LARGEST, LEAST_WAITING};
use crate::model::stats::Event;
use crate::sys::queue::Packet;

impl Shaper {
    /// Has an acknowledgement take the place of the one before it, if that is superfluous then; gives it back if not.
    pub(super) fn thin(
        &mut self,
        mut packet: Packet,
        (flow, host): (u16, u16),
        now: u64,
    ) -> Result<(), Packet> {
        let bytes = packet.len();
        let least = bytes.saturating_mul(LEAST_WAITING);
        if !self.plan.thins_acks || bytes > LARGEST || self.queue.bytes_of(flow) < least {
            return Err(packet);
        }
        let Some(fifo) = self.packets.get_mut(usize::from(flow)) else {
            return Err(packet);
        };
        packet.stamp(now);
        let memory = u64::from(packet.truesize());
        let old = fifo.replace_last(packet, |new, old| {
            let acks = (PureAck::read(new.headers()), PureAck::read(old.headers()));
            matches!(acks, (Some(new), Some(old)) if new.replaces(&old))
        })?;
        self.queue.joined(flow, host, bytes);
        self.queue.left(flow, old.len());
        self.memory = self
            .memory
            .saturating_add(memory)
            .saturating_sub(u64::from(old.truesize()));
        old.consume();
        self.count(Event::ThinnedAcks);
        Ok(())
    }
}
