// SPDX-License-Identifier: GPL-2.0

//! From written text to a value.

use super::{net, pack, registry, Kind, Reject, Spec, Why, EMPTY, TEXT_MAX};
use crate::model::text::{decimal, is_blank, lower_hex, TextBuf};

/// A value that was found good.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Parsed<'a> {
    /// The new content of the scalar slot.
    Scalar(u64),
    /// The new text, printable ASCII of at most [`TEXT_MAX`] bytes.
    Text(&'a [u8]),
}

/// Checks `value`, the text without its final newline, against `spec`.
///
/// `scratch` is room for the form in which a text reads back if that is not the written one;
/// [`TEXT_MAX`] bytes are always enough.
///
/// Interface lists are not handled here, because a write may refer to the present list; see
/// [`ifname::edit`](crate::model::ifname::edit).
pub fn parse<'a>(
    spec: &'static Spec,
    value: &'a [u8],
    scratch: &'a mut [u8],
) -> Result<Parsed<'a>, Reject> {
    let reject = |why| Reject::new(spec, why);
    if !spec.writable {
        return Err(reject(Why::ReadOnly));
    }
    if value.len() > TEXT_MAX {
        return Err(reject(Why::TooLong));
    }
    match spec.kind {
        Kind::Bool => bounded(value, 0, 1).map(Parsed::Scalar),
        Kind::Uint { min, max } => bounded(value, u64::from(min), max).map(Parsed::Scalar),
        Kind::OptUint { .. } if value.is_empty() => Ok(Parsed::Scalar(EMPTY)),
        Kind::OptUint { max } => bounded(value, 0, u64::from(max)).map(Parsed::Scalar),
        Kind::Pair { min, max } => pair(value, min, max).map(Parsed::Scalar),
        Kind::Hex { max } => hex(value, u64::from(max)).map(Parsed::Scalar),
        Kind::LanSegments => net::check_lan_segments(value).map(|()| Parsed::Text(value)),
        Kind::AccRules => net::check_bypass(value).map(|()| Parsed::Text(value)),
        Kind::LanSegmentsV6 => {
            let mut out = TextBuf::new(scratch);
            net::canonical_v6(value, &mut out).map(|()| Parsed::Text(out.finish()))
        }
        Kind::Text { max } if value.len() > usize::from(max) => Err(Why::TooLong),
        Kind::Text { .. } if is_free_text(value) => Ok(Parsed::Text(value)),
        Kind::Text { .. } => Err(Why::Form),
        Kind::Interfaces | Kind::Info => Err(Why::Form),
    }
    .map_err(reject)
}

fn bounded(value: &[u8], min: u64, max: u64) -> Result<u64, Why> {
    let number = decimal(value).ok_or(Why::Form)?;
    if (min..=max).contains(&number) {
        Ok(number)
    } else {
        Err(Why::Range)
    }
}

fn pair(value: &[u8], min: u32, max: u32) -> Result<u64, Why> {
    let mut numbers = value.split(|byte| *byte == b' ');
    let mut next = || {
        let number = bounded(
            numbers.next().ok_or(Why::Form)?,
            u64::from(min),
            u64::from(max),
        )?;
        u32::try_from(number).map_err(|_| Why::Range)
    };
    let (first, second) = (next()?, next()?);
    match numbers.next() {
        None => Ok(pack(first, second)),
        Some(_) => Err(Why::Form),
    }
}

fn hex(value: &[u8], max: u64) -> Result<u64, Why> {
    let number = match value.strip_prefix(b"0x") {
        Some(digits) => lower_hex(digits),
        // Scripts compute new flags with shell arithmetic, which yields decimal.
        None => decimal(value),
    };
    number.ok_or(Why::Form).and_then(|number| {
        if number <= max {
            Ok(number)
        } else {
            Err(Why::Range)
        }
    })
}

/// Whether `value` may stand in a line of `cmd` as it is.
fn is_free_text(value: &[u8]) -> bool {
    value
        .iter()
        .all(|byte| is_blank(*byte) || byte.is_ascii_graphic())
        && !names_a_key(value)
}

/// Whether `value` contains the name of a key and a colon.
///
/// Scripts find a key by searching for `key:` anywhere in a line, so no text may contain that.
fn names_a_key(value: &[u8]) -> bool {
    let mut from_last_colon = value.rsplitn(2, |byte| *byte == b':');
    from_last_colon.next();
    let Some(head) = from_last_colon.next() else {
        return false;
    };
    head.split(|byte| *byte == b':')
        .any(|piece| registry::cmd_specs().any(|spec| piece.ends_with(spec.name.as_bytes())))
}
