// SPDX-License-Identifier: GPL-2.0

//! What differs between kernels, in one place.

use core::borrow::Borrow;

/// The value of a module parameter: `value()` gives a reference before Linux
/// 7.3 and a copy since.
pub(crate) fn parameter<T: Copy>(value: impl Borrow<T>) -> T {
    *value.borrow()
}
