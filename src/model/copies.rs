// SPDX-License-Identifier: GPL-2.0

//! Which packets are sent twice on paths that are known to lose.
//!
//! A loss in the middle of a response is repaired while the rest is on its way. A loss of its last packets is not noticed
//! before a timer fires, and a lost repair waits for the next timer; a lost SYN-ACK costs a second. These few packets are
//! most of what makes the slowest of a hundred downloads slow (Flach et al., "Reducing Web Latency: the Virtue of Gentle
//! Aggression", SIGCOMM 2013). The receiver drops the second copy and says so (DSACK).

/// Loss from which on copies are worth their bytes, 1/2 %: below, fewer than one response in a hundred loses its end.
pub const LEAST_LOSS_Q16: u32 = 65_536 / 200;

/// Copies may add this share to what a connection sends, an eighth.
const SHARE: u64 = 8;

/// Bytes that may be copied at once: the shortest responses have two packets of end and no eighth to speak of.
const ALLOWANCE: u64 = 3_000;

/// Shortest wait for the answer to a SYN-ACK, milliseconds: below 200 ms the delayed ACK of a slow host is taken for a loss.
const SYNACK_MIN_MS: u32 = 200;

/// What RFC 6298 prescribes, the longest wait, milliseconds.
const SYNACK_MAX_MS: u32 = 1_000;

/// A packet about to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// Bytes of data.
    pub payload: u32,
    /// It tells the peer that there is no more data, for which many wait.
    pub is_fin: bool,
    /// All of it was sent before.
    pub is_again: bool,
    /// Its last byte is the last that the application has given.
    pub is_last: bool,
    /// All that the application has given was sent at least once.
    pub is_drained: bool,
}

impl Segment {
    /// Whether it is the end of what the application has given, so that nothing follows whose arrival would tell of its loss.
    fn is_tail(&self) -> bool {
        if self.is_again {
            self.is_drained
        } else {
            self.is_last
        }
    }

    /// Whether it may be sent twice at all; `false` for nearly every segment.
    pub fn is_candidate(&self) -> bool {
        self.is_again || self.is_tail()
    }
}

/// What is known of the path when a segment leaves.
#[derive(Clone, Copy, Debug)]
pub struct PathNow {
    /// Random loss, 1/65536.
    pub loss_q16: u32,
    /// The receiver's window stops sending when a repair is lost.
    pub is_pressing: bool,
}

/// What a connection has spent on copies.
#[derive(Clone, Copy, Debug, Default)]
pub struct Budget {
    copied: u64,
    /// Packets were in order when the first copy was sent; later nobody can tell.
    in_order: Option<bool>,
}

impl Budget {
    /// Whether `segment` is to be sent twice on `path`, with `sent` bytes sent so far. Counts it if so.
    pub fn spend(&mut self, segment: Segment, path: &PathNow, sent: u64) -> bool {
        let speaks = segment.payload != 0 || segment.is_fin;
        let pressing = segment.is_again && path.is_pressing;
        let wanted = segment.is_tail() || pressing;
        if !wanted || !speaks || path.loss_q16 < LEAST_LOSS_Q16 {
            return false;
        }
        let copied = self.copied.saturating_add(u64::from(segment.payload));
        if copied > (sent / SHARE).saturating_add(ALLOWANCE) {
            return false;
        }
        self.copied = copied;
        true
    }

    /// Whether the path keeps packets in order; `reordered` if any was overtaken so far. What was known before the first copy
    /// stands: the reports of copies displace others, so that packets seem to be overtaken.
    pub fn keeps_order(&mut self, reordered: bool) -> bool {
        *self.in_order.get_or_insert(!reordered)
    }
}

/// How long to wait for the answer to a SYN-ACK before it is sent again, milliseconds: `configured` if that is not zero,
/// within 200 ms to 1 s;
/// else twice the round trip known of the path, with room for a queue of its size; `None` leaves it to the kernel.
pub fn synack_timeout_ms(configured: u32, base_rtt_us: u32) -> Option<u32> {
    if configured != 0 {
        return Some(configured.clamp(SYNACK_MIN_MS, SYNACK_MAX_MS));
    }
    if base_rtt_us == 0 {
        return None;
    }
    let wait = (base_rtt_us / 1_000).saturating_mul(2);
    Some(wait.clamp(SYNACK_MIN_MS, SYNACK_MAX_MS))
}

#[cfg(test)]
mod tests;
