// SPDX-License-Identifier: GPL-2.0

//! Lines of the file `cmd`.

use super::{lookup_cmd, Reject, Spec, Why};
use crate::model::text::{digits, strip_newline};

/// What a line written to `cmd` looks like, for log lines.
pub const CMD_LINE_FORM: &str = "\"key: value\" with a key that reading cmd lists";

/// The lines of one write to `cmd`.
///
/// Callers check every line before they apply any, so that a write is done as a whole or not at
/// all. A write without text is one empty line, which [`parse_line`] refuses.
pub fn lines(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    strip_newline(data).split(|byte| *byte == b'\n')
}

/// Splits `key: value` and finds the key. The value is not checked yet.
///
/// The colon is followed by one blank, which may be missing. Some tools of the original know keys
/// with a range before the colon, `key(1~16): value`; it is ignored.
pub fn parse_line(line: &[u8]) -> Result<(&'static Spec, &[u8]), Reject> {
    let mut parts = line.splitn(2, |byte| *byte == b':');
    let name = parts.next().unwrap_or(&[]);
    let value = parts.next().ok_or(Reject::cmd_line(Why::Form))?;
    let spec = lookup_cmd(without_range(name)).ok_or(Reject::cmd_line(Why::UnknownKey))?;
    Ok((spec, value.strip_prefix(b" ").unwrap_or(value)))
}

/// Removes a final `(N~M)`.
fn without_range(name: &[u8]) -> &[u8] {
    let range = || {
        let mut parts = name.strip_suffix(b")")?.splitn(2, |byte| *byte == b'(');
        let bare = parts.next()?;
        let mut bounds = parts.next()?.splitn(2, |byte| *byte == b'~');
        digits(bounds.next()?, 10)?;
        digits(bounds.next()?, 10)?;
        Some(bare)
    };
    range().unwrap_or(name)
}
