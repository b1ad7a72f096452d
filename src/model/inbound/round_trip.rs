// SPDX-License-Identifier: GPL-2.0

//! Round trips as a receiver sees them: from an acknowledgement to the first data that it has released.
//!
//! With timestamps (RFC 7323) that data echoes the acknowledgement's stamp. Without, it lies beyond the right edge
//! that was offered before; that is a round trip only if the sender waits for the window, and otherwise longer.

/// Acknowledgements that are watched for at a time. Queues are judged by the least of a round trip's samples, and eight tell
/// a queue from a late packet.
const PROBES: usize = 8;

/// How long an answer is waited for, microseconds: above all round trips with queues that somebody still uses.
const STALE_US: u32 = 4_000_000;

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Probe {
    /// The stamp or, without stamps, the edge.
    mark: u32,
    /// When it was sent, microseconds that wrap.
    sent: u32,
}

/// The acknowledgements that are watched for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Probes {
    ring: [Probe; PROBES],
    first: u8,
    count: u8,
    /// The mark of the last acknowledgement, watched for or not.
    last: Option<u32>,
}

impl Probes {
    /// Watches for what an acknowledgement with `mark` that is sent at `now` brings; at most one each `gap_us`, and one for a mark.
    pub fn sent(&mut self, mark: u32, now: u32, gap_us: u32) {
        // Of those with one mark the first counts: whatever echoes it may have been released by that.
        if self
            .last
            .is_some_and(|last| mark == last || is_before(mark, last))
        {
            return;
        }
        self.last = Some(mark);
        if let Some(last) = self.newest() {
            if now.wrapping_sub(last.sent) < gap_us {
                return;
            }
        }
        if usize::from(self.count) == PROBES {
            let waits = self
                .oldest()
                .is_some_and(|first| now.wrapping_sub(first.sent) < STALE_US);
            // A queue has made the round trip longer than the probes reach.
            if waits {
                return;
            }
            // The sender has paused.
            self.drop_first();
        }
        let at = self.place(self.count);
        if let Some(slot) = self.ring.get_mut(at) {
            *slot = Probe { mark, sent: now };
            self.count = self.count.saturating_add(1);
        }
    }

    /// Data came at `now` whose acknowledgement had `mark`, or came later than one with it. The round trip, if one that is
    /// watched for had `mark` itself, or any lower one where `exact` is not asked.
    pub fn came(&mut self, mark: u32, now: u32, exact: bool) -> Option<u32> {
        let mut rtt = None;
        while let Some(first) = self.oldest() {
            if is_before(mark, first.mark) {
                break;
            }
            if first.mark == mark || !exact {
                rtt = Some(now.wrapping_sub(first.sent));
            }
            self.drop_first();
        }
        rtt
    }

    fn place(&self, index: u8) -> usize {
        usize::from(self.first.wrapping_add(index)) % PROBES
    }

    fn oldest(&self) -> Option<Probe> {
        (self.count > 0)
            .then(|| self.ring.get(self.place(0)).copied())
            .flatten()
    }

    fn newest(&self) -> Option<Probe> {
        let last = self.count.checked_sub(1)?;
        self.ring.get(self.place(last)).copied()
    }

    fn drop_first(&mut self) {
        // CAST: less than PROBES.
        self.first = self.place(1) as u8;
        self.count = self.count.saturating_sub(1);
    }
}

const fn is_before(a: u32, b: u32) -> bool {
    a.wrapping_sub(b) >> 31 == 1
}
