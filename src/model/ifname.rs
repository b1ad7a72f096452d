// SPDX-License-Identifier: GPL-2.0

//! Interface lists: the text of `wanIf` and `lanIf`, and which interfaces it means.
//!
//! A list is kept as the text that it reads back as: entries separated by one blank. An entry is an
//! interface name or a shell-style pattern, always matched against the whole name, so `eth1` does
//! not mean `eth10`.

use super::text::{words, TextBuf};

/// Longest interface name in bytes: `IFNAMSIZ` of Linux less its final zero.
pub const NAME_MAX: usize = 15;

/// Longest pattern in bytes: two names long, as `[a-z]` takes five characters to match one.
pub const PATTERN_MAX: usize = 31;

/// Most entries in a list, as in the original.
pub const ENTRIES_MAX: usize = 256;

/// Why a write to an interface list was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Error {
    /// An entry is neither a name nor a pattern, or signed and plain entries are mixed.
    BadEntry,
    /// The list would have more than [`ENTRIES_MAX`] entries.
    TooMany,
    /// The list does not fit the buffer.
    TooLong,
}

/// Applies one write to a list: `current` and `change` give the list that is put in `out`.
///
/// - `+eth0` adds and `-eth0` removes an entry; several may be given, they are applied in order.
///   Adding what is there and removing what is not changes nothing.
/// - `eth0 eth1` replaces the whole list; repeated entries are kept once.
/// - Nothing, or blanks only, empties it.
///
/// `change` has no final newline. An error leaves the list as it was, since `current` is not
/// touched and `out` is then to be ignored.
pub fn edit<'a>(current: &[u8], change: &[u8], out: &'a mut [u8]) -> Result<&'a [u8], Error> {
    if !words(change).all(|word| is_entry(strip_sign(word))) {
        return Err(Error::BadEntry);
    }
    let edits = words(change).any(is_signed);
    if edits && !words(change).all(is_signed) {
        return Err(Error::BadEntry);
    }

    let mut out = TextBuf::new(out);
    let mut room = ENTRIES_MAX;
    let kept = words(if edits { current } else { b"" });
    for entry in kept.chain(words(change).map(strip_sign)) {
        if is_removed(change, entry) || contains(out.as_bytes(), entry) {
            continue;
        }
        room = room.checked_sub(1).ok_or(Error::TooMany)?;
        out.push_word(entry).map_err(|_| Error::TooLong)?;
    }
    Ok(out.finish())
}

fn is_signed(word: &[u8]) -> bool {
    matches!(word.first(), Some(b'+' | b'-'))
}

fn strip_sign(word: &[u8]) -> &[u8] {
    match word.split_first() {
        Some((b'+' | b'-', entry)) => entry,
        _ => word,
    }
}

/// Whether the last word of `change` about `entry` removes it.
fn is_removed(change: &[u8], entry: &[u8]) -> bool {
    words(change)
        .filter(|word| strip_sign(word) == entry)
        .last()
        .is_some_and(|word| word.first() == Some(&b'-'))
}

/// Whether `entry` itself is in `list`. Patterns are compared as text, not matched.
pub fn contains(list: &[u8], entry: &[u8]) -> bool {
    words(list).any(|other| other == entry)
}

/// Whether an entry of `list` means the interface `name`.
pub fn matches(list: &[u8], name: &[u8]) -> bool {
    words(list).any(|entry| glob(entry, name))
}

/// Whether `entry` can stand in a list: a name or a well-formed pattern.
///
/// The kernel allows almost any character in a name. Here only letters, digits, `.`, `_`, `-` and
/// `@` are taken, so that a slip such as `$+ppp0` is refused instead of waited for.
pub fn is_entry(entry: &[u8]) -> bool {
    let is_pattern = entry.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['));
    let longest = if is_pattern { PATTERN_MAX } else { NAME_MAX };
    if is_signed(entry) || entry.len() > longest || matches!(entry, b"" | b"." | b"..") {
        return false;
    }
    let mut rest = entry;
    while let Some((class, after)) = Class::split(rest) {
        let good = match class {
            Class::Broken => false,
            Class::Star | Class::Any | Class::Set { .. } => true,
            Class::Literal(byte) => is_name_byte(byte),
        };
        if !good {
            return false;
        }
        rest = after;
    }
    true
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'@')
}

/// One element of a pattern.
#[derive(Clone, Copy)]
enum Class<'a> {
    /// `*`: any number of characters.
    Star,
    /// `?`: any one character.
    Any,
    /// `[a-z]`, `[!a-z]`, `[^a-z]`: one character of the set, or not of it.
    Set { members: &'a [u8], negated: bool },
    /// The character itself.
    Literal(u8),
    /// A `[` without its `]`, or with nothing in it.
    Broken,
}

impl<'a> Class<'a> {
    /// Takes the first element off `pattern`.
    fn split(pattern: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (first, rest) = pattern.split_first()?;
        Some(match *first {
            b'*' => (Self::Star, rest),
            b'?' => (Self::Any, rest),
            b'[' => Self::split_set(rest).unwrap_or((Self::Broken, &[])),
            byte => (Self::Literal(byte), rest),
        })
    }

    fn split_set(rest: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (negated, rest) = match rest.split_first()? {
            (b'!' | b'^', after) => (true, after),
            _ => (false, rest),
        };
        let mut parts = rest.splitn(2, |byte| *byte == b']');
        let members = parts.next()?;
        let after = parts.next()?;
        let good = !members.is_empty() && members.iter().all(|byte| is_name_byte(*byte));
        good.then_some((Self::Set { members, negated }, after))
    }

    /// Whether one character of a name fits this element, which is not a star.
    fn fits(self, byte: u8) -> bool {
        match self {
            Self::Any => true,
            Self::Set { members, negated } => in_set(members, byte) != negated,
            Self::Literal(literal) => literal == byte,
            Self::Star | Self::Broken => false,
        }
    }
}

fn in_set(members: &[u8], byte: u8) -> bool {
    let mut rest = members;
    loop {
        match rest {
            [low, b'-', high, after @ ..] => {
                if (*low..=*high).contains(&byte) {
                    return true;
                }
                rest = after;
            }
            [member, after @ ..] => {
                if *member == byte {
                    return true;
                }
                rest = after;
            }
            [] => return false,
        }
    }
}

/// Matches the whole of `name` against `pattern`.
///
/// On a mismatch only the last star is widened, by one character at a time: earlier stars never
/// need to change. So the work is bounded by the product of both lengths, whatever the pattern.
pub fn glob(pattern: &[u8], name: &[u8]) -> bool {
    let mut pattern = pattern;
    let mut name = name;
    // The pattern after the last star, and the rest of the name that was tried with it.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match (Class::split(pattern), name.split_first()) {
            (None, None) => return true,
            (Some((Class::Star, after)), _) => {
                retry = Some((after, name));
                pattern = after;
                continue;
            }
            (Some((class, after)), Some((byte, rest))) if class.fits(*byte) => {
                pattern = after;
                name = rest;
                continue;
            }
            _ => {}
        }
        let Some((after, tried)) = retry else {
            return false;
        };
        let Some((_, rest)) = tried.split_first() else {
            return false;
        };
        retry = Some((after, rest));
        pattern = after;
        name = rest;
    }
}

#[cfg(test)]
mod tests;
