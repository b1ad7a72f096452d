// SPDX-License-Identifier: GPL-2.0

//! What has to be known of a socket, and put right, when a segment is withheld from its peer.

use super::socket::Socket;
use crate::sys::bindings as c;
use core::ptr;

impl Socket<'_> {
    fn tp(&self) -> *mut c::tcp_sock {
        self.as_ptr().cast()
    }

    /// Payload bytes of repetitions among those [sent](Socket::bytes_sent).
    pub(crate) fn bytes_sent_again(&self) -> u64 {
        // SAFETY: A live TCP socket by the type invariant; only written under the lock that this context holds.
        unsafe { (*self.tp()).bytes_retrans }
    }

    /// Packets have been seen to overtake each other.
    pub(crate) fn has_seen_reordering(&self) -> bool {
        // SAFETY: As above.
        unsafe { (*self.tp()).reord_seen != 0 }
    }

    /// First sequence number that is not acknowledged.
    pub(crate) fn snd_una(&self) -> u32 {
        // SAFETY: As above.
        unsafe { (*self.tp()).snd_una }
    }

    /// Whether TCP knows any of the bytes from `begin` to before `end`, that it has sent, as selectively acknowledged; and
    /// whether as lost.
    pub(crate) fn fate(&self, begin: u32, end: u32) -> (bool, bool) {
        // SAFETY: A locked TCP socket by the type invariant.
        let fate = unsafe { c::appex_tcp_fate(self.as_ptr(), begin, end) };
        (fate & c::APPEX_SACKED != 0, fate & c::APPEX_LOST != 0)
    }

    /// Takes one packet back from those that TCP has counted as lost since the start.
    pub(crate) fn excuse_loss(&mut self) {
        let lost = self.lost().wrapping_sub(1);
        // SAFETY: A live TCP socket by the type invariant, and the lock makes this context the only writer. The count wraps, and
        // decides nothing in TCP.
        unsafe { ptr::write_volatile(&raw mut (*self.tp()).lost, lost) }
    }

    /// Segments that a packet may be cut into by the device, at most.
    pub(crate) fn max_tso(&self) -> u16 {
        // SAFETY: A live socket by the type invariant; a plain word.
        unsafe { ptr::read_volatile(&raw const (*self.as_ptr()).sk_gso_max_segs) }
    }

    /// Sets that; no more than it was when the socket's route was chosen.
    pub(crate) fn set_max_tso(&mut self, segments: u16) {
        // SAFETY: A live socket, locked by us; readers without the lock use single-word loads.
        unsafe {
            ptr::write_volatile(&raw mut (*self.as_ptr()).sk_gso_max_segs, segments.max(1));
        }
    }
}
