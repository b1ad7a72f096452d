// SPDX-License-Identifier: GPL-2.0

//! From a value to the text that users read.

use super::{unpack, Kind, Spec, EMPTY};
use core::fmt;

/// Writes the scalar in `slot` as `spec` spells it, without a newline.
///
/// [`parse`](super::parse) of the result gives the same slot.
pub fn format(spec: &Spec, slot: u64, out: &mut (impl fmt::Write + ?Sized)) -> fmt::Result {
    match spec.kind {
        Kind::OptUint { .. } if slot == EMPTY => Ok(()),
        Kind::Pair { .. } => {
            let (first, second) = unpack(slot);
            write!(out, "{first} {second}")
        }
        Kind::Hex { .. } => write!(out, "{slot:#x}"),
        _ => write!(out, "{slot}"),
    }
}

/// Displays a scalar as the content of its place: the value, or `key: value`, without a newline.
pub struct FileLine {
    /// The setting.
    pub spec: &'static Spec,
    /// Its slot.
    pub slot: u64,
}

impl fmt::Display for FileLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.spec.place == super::Place::Cmd {
            write!(f, "{}: ", self.spec.name)?;
        }
        format(self.spec, self.slot, f)
    }
}
