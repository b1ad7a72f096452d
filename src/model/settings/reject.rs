// SPDX-License-Identifier: GPL-2.0

//! Why a written value was refused, and the log line that says so.

use super::{Kind, Place, Spec, CMD_LINE_FORM};
use crate::model::text::Escaped;
use core::fmt;

/// What is wrong with a value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Why {
    /// The text is not of the accepted form.
    Form,
    /// A number is outside the accepted range.
    Range,
    /// The value is longer than what can be kept.
    TooLong,
    /// A list has more entries than what can be kept.
    TooMany,
    /// `cmd` has no such key.
    UnknownKey,
    /// The setting cannot be written.
    ReadOnly,
}

impl Why {
    const fn text(self) -> &'static str {
        match self {
            Self::Form => "not of the accepted form",
            Self::Range => "out of range",
            Self::TooLong => "too long",
            Self::TooMany => "too many entries",
            Self::UnknownKey => "unknown key",
            Self::ReadOnly => "read-only",
        }
    }
}

/// A refused value: nothing has changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reject {
    /// The setting, unless the text did not even name one.
    pub spec: Option<&'static Spec>,
    /// What is wrong.
    pub why: Why,
}

impl Reject {
    /// A refusal of a value for `spec`.
    pub const fn new(spec: &'static Spec, why: Why) -> Self {
        Self {
            spec: Some(spec),
            why,
        }
    }

    /// A refusal of a line for `cmd` whose key is not known.
    pub const fn cmd_line(why: Why) -> Self {
        Self { spec: None, why }
    }
}

impl fmt::Display for Kind {
    /// The accepted values, as a phrase for log lines and reference tables.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("0 or 1"),
            Self::Uint { min, max } => write!(f, "{min} to {max}"),
            Self::OptUint { max } => write!(f, "empty, or 0 to {max}"),
            Self::Pair { min, max } => write!(f, "two numbers, each {min} to {max}"),
            Self::Hex { max } => write!(f, "0x0 to {max:#x}, or decimal"),
            Self::LanSegments => f.write_str("HEXADDR/LEN ..., the words 0 and 1"),
            Self::LanSegmentsV6 => f.write_str("IPV6ADDR/LEN ..."),
            Self::AccRules => f.write_str("IPv4 or IPv6 ADDR[/LEN] ..., the words acc and noacc"),
            Self::Text { max } => write!(f, "printable text of up to {max} bytes"),
            Self::Interfaces => f.write_str("names or patterns, +NAME, -NAME, or nothing"),
            Self::Info => f.write_str("nothing"),
        }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = self.why.text();
        match self.spec {
            Some(spec) => write!(f, "{why}; accepted: {}", spec.kind),
            None => write!(f, "{why}; accepted: {CMD_LINE_FORM}"),
        }
    }
}

/// The log line for a refused value: place, value and accepted range.
///
/// For example `/proc/net/appex/wanKbps: "abc" refused: not of the accepted form; accepted: 0 to
/// 4294967295`. The value is escaped and cut short, see [`Escaped`].
pub struct LogLine<'a> {
    /// Name of the engine's directory, such as `appex`.
    pub dir: &'a str,
    /// What was written.
    pub value: &'a [u8],
    /// Why it was refused.
    pub reject: Reject,
}

impl fmt::Display for LogLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dir, value, reject } = self;
        match reject.spec {
            Some(Spec {
                name,
                place: Place::File,
                ..
            }) => write!(f, "/proc/net/{dir}/{name}: ")?,
            Some(Spec { name, .. }) => write!(f, "/proc/net/{dir}/cmd: {name}: ")?,
            None => write!(f, "/proc/net/{dir}/cmd: ")?,
        }
        write!(f, "\"{}\" refused: {reject}", Escaped(value))
    }
}
