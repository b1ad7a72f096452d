// SPDX-License-Identifier: GPL-2.0

//! How much a socket queues that was not sent yet.

use super::socket::Socket;
use crate::sys::bindings as c;
use core::ptr;

/// What may be queued unsent where memory is short: 128 KiB, as web servers are advised to set it, twice the largest
/// packet that is handed down. One more, to be told from an application's own limit.
const LIMIT: u32 = 131_073;

impl Socket<'_> {
    /// Has the application wait while much is queued that was not sent yet, or no longer. A limit of its own
    /// (`TCP_NOTSENT_LOWAT`) stays, and so does a lower one of its namespace (`net.ipv4.tcp_notsent_lowat`).
    pub(crate) fn limit_unsent(&mut self, on: bool) {
        let tp = self.as_ptr().cast::<c::tcp_sock>();
        // SAFETY: A live TCP socket locked by us, by the type invariant.
        let now = unsafe { (*tp).notsent_lowat };
        // SAFETY: A live socket by the type invariant.
        let is_lower = unsafe { c::appex_sk_default_notsent_lowat(self.as_ptr()) } < LIMIT;
        let limit = match (on && !is_lower, now) {
            (true, 0) => LIMIT,
            (false, LIMIT) => 0,
            _ => return,
        };
        // SAFETY: As above; the lock makes this context the only writer.
        unsafe { ptr::write_volatile(&raw mut (*tp).notsent_lowat, limit) };
    }
}
