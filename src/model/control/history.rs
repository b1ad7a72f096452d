// SPDX-License-Identifier: GPL-2.0

//! Recent progress of the delivery and loss counters, to look up how much was lost since a packet was sent.
//!
//! The kernel's rate sample says how many packets were delivered between the sending of a packet and its acknowledgement,
//! but not how many were found lost in the same interval. Delivered plus lost is the rate at which packets *left the
//! bottleneck* when the loss is behind it, free of the noise of random loss.

use super::math::not_after;

/// Marks kept: two round trips at [`MARKS_PER_RTT`], so the sending time of the packet being acknowledged is always covered.
const MARKS: usize = 24;

/// Marks per round trip: interpolation between marks an eighth of a round trip apart is finer than loss detection itself.
const MARKS_PER_RTT: u32 = 8;

#[derive(Clone, Copy, Default)]
struct Mark {
    delivered: u32,
    lost: u32,
}

/// Ring of marks, newest at `head`.
#[derive(Default)]
pub(super) struct History {
    marks: [Mark; MARKS],
    head: u8,
    len: u8,
    next_us: u64,
}

impl History {
    /// Notes the counters; `srtt_us` sets the spacing.
    pub(super) fn note(&mut self, now_us: u64, srtt_us: u32, delivered: u32, lost: u32) {
        if now_us < self.next_us {
            return;
        }
        self.next_us = now_us.saturating_add(u64::from((srtt_us / MARKS_PER_RTT).max(1)));
        let head = usize::from(self.head).saturating_add(1) % MARKS;
        if let Some(mark) = self.marks.get_mut(head) {
            *mark = Mark { delivered, lost };
        }
        self.head = u8::try_from(head).unwrap_or(0);
        self.len = self.len.saturating_add(1).min(MARKS as u8);
    }

    /// The mark that `back` others have followed.
    fn mark(&self, back: u8) -> Option<Mark> {
        let index = match self.head.checked_sub(back) {
            Some(index) => index,
            None => self.head.saturating_add(MARKS as u8).saturating_sub(back),
        };
        self.marks.get(usize::from(index)).copied()
    }

    /// Forgets everything: the loss counter jumped for a reason that is not loss (a timeout marks all in flight).
    pub(super) fn clear(&mut self) {
        self.len = 0;
        self.next_us = 0;
    }

    /// Packets lost since the delivery counter stood at `delivered`, given the counters now.
    ///
    /// `None` when that is further back than the ring reaches.
    pub(super) fn lost_since(
        &self,
        delivered: u32,
        delivered_now: u32,
        lost_now: u32,
    ) -> Option<u32> {
        let mut later = Mark {
            delivered: delivered_now,
            lost: lost_now,
        };
        // A clean path need not be walked: nothing was lost since the oldest mark.
        let oldest = self.mark(self.len.checked_sub(1)?)?;
        if oldest.lost == lost_now && not_after(oldest.delivered, delivered) {
            return Some(0);
        }
        for back in 0..self.len {
            let mark = self.mark(back)?;
            if not_after(mark.delivered, delivered) {
                let span = later.delivered.wrapping_sub(mark.delivered);
                let into = delivered.wrapping_sub(mark.delivered).min(span);
                let lost = later.lost.wrapping_sub(mark.lost);
                let before =
                    super::math::mul_div(u64::from(lost), u64::from(into), u64::from(span.max(1)));
                let at = mark.lost.wrapping_add(super::math::low32(before));
                return Some(lost_now.wrapping_sub(at));
            }
            later = mark;
        }
        None
    }
}
