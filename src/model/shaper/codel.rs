// SPDX-License-Identifier: GPL-2.0

//! CoDel for one flow, RFC 8289: a queue that stands longer than a round trip is answered by losses
//! (or marks) that come faster and faster until it is gone.
//!
//! Two departures from the RFC. A flow with no more than one packet behind the one that leaves never
//! loses it: the delay is not of its making. And the state is judged packet by packet; the loop of
//! section 5.5 is the caller's, which drops the packet and offers the next.

use crate::model::control::isqrt;

/// When a queue stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Aqm {
    /// Acceptable delay, in microseconds.
    pub target_us: u32,
    /// How long a queue may be above it: a round trip, in microseconds.
    pub interval_us: u32,
    /// Bytes behind a packet below which it is not dropped.
    pub spare_bytes: u32,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It leaves.
    Pass,
    /// It is marked if its ends negotiated that, and dropped otherwise.
    Signal,
}

/// The state of one flow. Times are microseconds that wrap after 71 minutes. Those that decide about a
/// packet are of a queue that has not been empty since; only the pace at which a spell begins may be that
/// of one an hour ago.
#[derive(Clone, Copy, Debug, Default)]
pub struct Codel {
    /// When the queue will have stood above the target for an interval.
    deadline: Option<u32>,
    /// When the next signal is due, or the last one of an earlier spell was.
    next: u32,
    /// Signals of this spell, which set their pace.
    count: u32,
    /// `count` when this spell began.
    began_with: u32,
    signalling: bool,
}

/// A spell that begins within this many intervals of the last one goes on at its pace (RFC 8289, 4.4).
const MEMORY_INTERVALS: u32 = 16;

const fn reached(now: u32, due: u32) -> bool {
    // The half range ahead is the future.
    now.wrapping_sub(due) <= u32::MAX / 2
}

impl Codel {
    /// The flow has no packet left.
    pub fn emptied(&mut self) {
        self.deadline = None;
        self.signalling = false;
    }

    /// Judges the packet at the head, which waited `sojourn_us` and has `behind_bytes` of its flow behind it.
    pub fn judge(&mut self, aqm: &Aqm, sojourn_us: u32, behind_bytes: u32, now: u32) -> Verdict {
        let stands = self.stands(aqm, sojourn_us, behind_bytes, now);
        if !stands {
            self.signalling = false;
            return Verdict::Pass;
        }
        if !self.signalling {
            self.begin(aqm, now);
            return Verdict::Signal;
        }
        if !reached(now, self.next) {
            return Verdict::Pass;
        }
        self.count = self.count.saturating_add(1);
        self.next = self.next.wrapping_add(self.pause_us(aqm));
        Verdict::Signal
    }

    fn stands(&mut self, aqm: &Aqm, sojourn_us: u32, behind_bytes: u32, now: u32) -> bool {
        if sojourn_us < aqm.target_us || behind_bytes <= aqm.spare_bytes {
            self.deadline = None;
            return false;
        }
        match self.deadline {
            Some(deadline) => reached(now, deadline),
            None => {
                self.deadline = Some(now.wrapping_add(aqm.interval_us));
                false
            }
        }
    }

    fn begin(&mut self, aqm: &Aqm, now: u32) {
        let added = self.count.saturating_sub(self.began_with);
        let since = now.wrapping_sub(self.next);
        let recent = since < aqm.interval_us.saturating_mul(MEMORY_INTERVALS);
        self.count = if added > 1 && recent { added } else { 1 };
        self.began_with = self.count;
        self.signalling = true;
        self.next = now.wrapping_add(self.pause_us(aqm));
    }

    /// Time to the next signal: the interval over the square root of the count.
    fn pause_us(&self, aqm: &Aqm) -> u32 {
        // The root in q8.
        let root = isqrt(u64::from(self.count.max(1)) << 16).max(1);
        let pause = (u64::from(aqm.interval_us) << 8)
            .checked_div(root)
            .unwrap_or(0);
        u32::try_from(pause).unwrap_or(u32::MAX).max(1)
    }
}
