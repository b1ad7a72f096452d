// SPDX-License-Identifier: GPL-2.0

//! Random numbers.

use super::bindings as c;

/// A word that nobody can guess. Context: any.
pub(crate) fn word() -> u64 {
    // SAFETY: No requirement.
    unsafe { c::appex_random_u64() }
}
