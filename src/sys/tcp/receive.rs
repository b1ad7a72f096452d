// SPDX-License-Identifier: GPL-2.0

//! What a locked socket offers to receive.

use super::socket::Socket;
use crate::sys::bindings as c;

impl Socket<'_> {
    /// What bounds the windows that are offered, bytes.
    pub(crate) fn window_bound(&self) -> u32 {
        // SAFETY: A locked TCP socket by the type invariant.
        unsafe { (*self.as_ptr().cast::<c::tcp_sock>()).window_clamp }
    }

    /// Bounds the windows that are offered from now on, bytes.
    pub(crate) fn bound_window(&mut self, bytes: u32) {
        // SAFETY: A locked TCP socket by the type invariant.
        unsafe { c::appex_tcp_bound_window(self.as_ptr(), bytes) }
    }
}

/// Whether the sockets of all of TCP take more memory than `net.ipv4.tcp_mem` likes. Context: any.
pub(crate) fn is_short_of_memory() -> bool {
    // SAFETY: No requirement.
    unsafe { c::appex_tcp_memory_is_short() }
}
