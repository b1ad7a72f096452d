// SPDX-License-Identifier: GPL-2.0

//! What a locked socket offers to receive.

use super::socket::Socket;
use crate::sys::bindings as c;

impl Socket<'_> {
    /// Bounds the windows that are offered from now on, bytes. Returns the former bound if it was higher.
    pub(crate) fn limit_window(&mut self, bytes: u32) -> Option<u32> {
        // SAFETY: A locked TCP socket by the type invariant.
        let before = unsafe { c::appex_tcp_limit_window(self.as_ptr(), bytes) };
        (before != 0).then_some(before)
    }

    /// Lifts the bound to what it was.
    pub(crate) fn restore_window(&mut self, bytes: u32) {
        // SAFETY: A locked TCP socket by the type invariant.
        unsafe { c::appex_tcp_restore_window(self.as_ptr(), bytes) }
    }
}
