// SPDX-License-Identifier: GPL-2.0

//! The tracepoint `appex:appex_ack`.
//!
//! C header: `include/linux/tracepoint.h`; it is declared in `src/appex_trace.h`.

use super::socket::Socket;
use crate::sys::bindings as c;

/// What is told of an acknowledgement.
pub(crate) use crate::sys::bindings::appex_traced as Traced;

impl Socket<'_> {
    /// Whether somebody listens to the tracepoint.
    pub(crate) fn is_traced(&self) -> bool {
        // SAFETY: No requirement.
        unsafe { c::appex_trace_wanted() }
    }

    /// Tells the listeners.
    pub(crate) fn trace(&self, seen: &Traced) {
        // SAFETY: A live TCP socket locked by us, by the type invariant; `seen` is read during the call only.
        unsafe { c::appex_trace_ack(self.as_ptr(), seen) }
    }
}
