// SPDX-License-Identifier: GPL-2.0

//! Memory barriers; the kernel crate's have changed their names with 7.3.
//!
//! See `Documentation/memory-barriers.txt` of the kernel.

use super::bindings as c;

/// `smp_rmb()`: reads before it come before reads after it.
pub(crate) fn read() {
    // SAFETY: No requirement.
    unsafe { c::appex_smp_rmb() }
}

/// `smp_wmb()`: writes before it come before writes after it.
pub(crate) fn write() {
    // SAFETY: No requirement.
    unsafe { c::appex_smp_wmb() }
}
