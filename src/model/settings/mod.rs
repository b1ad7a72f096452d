// SPDX-License-Identifier: GPL-2.0

//! Every setting of `/proc/net/appex`: its name, place, kind, default, and how its text is read
//! and written.
//!
//! A setting lives either in a file of its own ([`Place::File`]) or in one line of the file `cmd`
//! ([`Place::Cmd`]). Numbers are kept as one `u64` slot each, indexed by [`Key`], so that the
//! module can hold them in an array of atomics; lists and free text are kept as text, indexed by
//! [`TextKey`]. This module stores nothing itself.
//!
//! The contract with existing scripts is that what was written reads back as the same text. It is
//! kept by accepting one spelling per value only ([`parse`]); the exceptions are `tcpFlags`, which
//! also takes decimal, and `lanSegmentV6`, which also takes the usual notation of an address.
//!
//! Source of names, kinds and defaults: the published handbook, scripts and configuration files of
//! the original product, as collected in `Documentation/interface.rst`.

mod cmd;
mod format;
mod hot;
mod net;
mod parse;
mod registry;
mod reject;

pub use cmd::{lines, parse_line, CMD_LINE_FORM};
pub use format::{format, FileLine};
pub use hot::{window_limit, Hot, InboundOrders, Scope, SessionLimits};
pub use net::{bypass_rules, lan_rules, lan_rules_v6, parse_net, Net, Rule, RULES_MAX};
pub use parse::{parse, Parsed};
pub use registry::{
    cmd_specs, defaults, file_specs, lookup_cmd, lookup_file, specs, Key, TextKey, FLAG_BELIEVE,
    FLAG_HIGH_CONSERV, FLAG_SHORT_RTT, SCALARS, TEXTS,
};
pub use reject::{LogLine, Reject, Why};

/// Longest text value, in bytes, in the form in which it reads back.
///
/// One page: the largest write that is taken, so that every value that can be read can be written.
pub const TEXT_MAX: usize = 4096;

/// Slot value of a [`Kind::OptUint`] that is empty.
///
/// No such setting accepts a number this large.
pub const EMPTY: u64 = u64::MAX;

/// Where a setting is read and written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// A file of its own in `/proc/net/appex`.
    File,
    /// A line `name: value` in `/proc/net/appex/cmd`.
    Cmd,
}

/// What values a setting takes and how they are spelled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// `0` or `1`.
    Bool,
    /// A decimal number within the bounds, both included.
    Uint {
        /// Smallest accepted number.
        min: u32,
        /// Largest accepted number.
        max: u64,
    },
    /// Empty, or a decimal number from 0 to `max`. Empty is kept as [`EMPTY`].
    OptUint {
        /// Largest accepted number.
        max: u32,
    },
    /// Two decimal numbers within the bounds, separated by one blank; kept as [`pack`]ed.
    Pair {
        /// Smallest accepted number.
        min: u32,
        /// Largest accepted number.
        max: u32,
    },
    /// A bit mask that prints as `0x` and hexadecimal digits without padding. Decimal is taken too.
    Hex {
        /// Largest accepted number.
        max: u32,
    },
    /// IPv4 networks as `HEX/LEN`, and the words `0` and `1`.
    LanSegments,
    /// IPv6 networks `ADDR/LEN`, reading back as 32 upper-case hexadecimal digits, `/LEN`.
    LanSegmentsV6,
    /// IPv4 and IPv6 networks and the words `acc` and `noacc`.
    AccRules,
    /// One line of printable ASCII text, at most `max` bytes.
    Text {
        /// Longest accepted text in bytes.
        max: u16,
    },
    /// Interface names and patterns; edited by [`ifname::edit`](super::ifname::edit).
    Interfaces,
    /// Produced by the module when read; never written.
    Info,
}

/// Where the value of a setting is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Slot {
    /// In the scalar slot of this key.
    Scalar(Key),
    /// In the text of this key.
    Text(TextKey),
    /// Nowhere: the file has its own logic (`stats`, `version`, ...).
    Special,
}

/// Whether a setting changes what the module does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Effect {
    /// The setting is obeyed.
    Active,
    /// The setting is checked, stored and read back, so that existing scripts work, and has no
    /// other effect.
    Stored,
}

/// The default of a setting.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Initial {
    /// The scalar slot starts with this value.
    Scalar(u64),
    /// The text starts empty, or the file has its own logic.
    None,
}

/// Description of one setting.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Spec {
    /// Name of the file, or of the `cmd` key.
    pub name: &'static str,
    /// Where it is read and written.
    pub place: Place,
    /// What values it takes.
    pub kind: Kind,
    /// Where its value is kept.
    pub slot: Slot,
    /// What it starts with.
    pub default: Initial,
    /// Whether users may write it.
    pub writable: bool,
    /// Whether it is obeyed.
    pub effect: Effect,
    /// Meaning and unit, one sentence.
    pub doc: &'static str,
}

/// Packs the two numbers of a [`Kind::Pair`] into one slot, so that both change at once.
pub const fn pack(first: u32, second: u32) -> u64 {
    // CAST: `u64::from` is not const.
    ((first as u64) << 32) | second as u64
}

/// Splits the slot of a [`Kind::Pair`] into its two numbers.
pub fn unpack(slot: u64) -> (u32, u32) {
    // CAST: each half fits by construction.
    ((slot >> 32) as u32, (slot & 0xffff_ffff) as u32)
}

#[cfg(test)]
mod tests;
