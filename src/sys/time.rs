// SPDX-License-Identifier: GPL-2.0

//! Clocks.

use super::bindings as c;

/// Milliseconds on a monotonic clock, in steps of a timer tick. Cheap.
/// Context: any.
pub(crate) fn now_ms() -> u64 {
    // SAFETY: No requirement.
    unsafe { c::appex_now_ms() }
}

/// Nanoseconds on the monotonic clock of timers. Context: any.
pub(crate) fn now_ns() -> u64 {
    // SAFETY: No requirement.
    unsafe { c::appex_now_ns() }
}

/// Microseconds on a monotonic clock. Context: any.
#[cfg(appex_selftest)]
pub(crate) fn now_us() -> u64 {
    // SAFETY: No requirement.
    unsafe { c::appex_now_us() }
}

/// Ticks of the kernel's timer per second.
pub(crate) fn hz() -> u32 {
    // SAFETY: No requirement.
    unsafe { c::appex_hz() }
}

/// Minutes on a clock that wraps in 45 days.
pub(crate) fn minute() -> u16 {
    // CAST: it shall wrap.
    (now_ms() / 60_000) as u16
}
