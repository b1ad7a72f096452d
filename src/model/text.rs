// SPDX-License-Identifier: GPL-2.0

//! Byte-level text helpers for values that administrators write and read.
//!
//! Numbers have exactly one accepted spelling each, so that what was written reads back as the same
//! text.

use core::fmt;

/// Longest part of a refused value that is repeated in a log line, in bytes.
///
/// Long enough for every sensible number, name or address list entry; short enough that a stray
/// `cat file > setting` does not flood the log.
pub const SHOWN_MAX: usize = 64;

/// Removes the one newline that `echo` adds, if it is there.
pub fn strip_newline(data: &[u8]) -> &[u8] {
    data.strip_suffix(b"\n").unwrap_or(data)
}

/// Tells whether `byte` separates words within a value.
pub const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Splits a value into its words, at blanks and tabs.
pub fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| is_blank(*byte))
        .filter(|word| !word.is_empty())
}

/// Parses a decimal number in its only accepted spelling: digits, no sign, no leading zero.
pub fn decimal(text: &[u8]) -> Option<u64> {
    number(text, 10)
}

/// Parses lower-case hexadecimal digits without padding and without the `0x` prefix.
pub fn lower_hex(text: &[u8]) -> Option<u64> {
    if text.iter().any(u8::is_ascii_uppercase) {
        return None;
    }
    number(text, 16)
}

fn number(text: &[u8], radix: u64) -> Option<u64> {
    let (first, rest) = text.split_first()?;
    if *first == b'0' && !rest.is_empty() {
        return None;
    }
    digits(text, radix)
}

/// Parses digits of `radix` in either case, leading zeros allowed. `None` for no digits, other
/// characters or overflow.
pub fn digits(text: &[u8], radix: u64) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let mut value: u64 = 0;
    for byte in text {
        let digit = digit(*byte).filter(|digit| *digit < radix)?;
        value = value.checked_mul(radix)?.checked_add(digit)?;
    }
    Some(value)
}

/// The value of a digit. `char::to_digit` would do, but may panic as far as the compiler can tell.
fn digit(byte: u8) -> Option<u64> {
    let value = match byte {
        b'0'..=b'9' => byte.wrapping_sub(b'0'),
        b'a'..=b'z' => byte.wrapping_sub(b'a').wrapping_add(10),
        b'A'..=b'Z' => byte.wrapping_sub(b'A').wrapping_add(10),
        _ => return None,
    };
    Some(u64::from(value))
}

/// Displays bytes from user space safely within one log line.
///
/// Printable ASCII is shown as it is, quotes, backslashes and everything else as `\xNN`; at most
/// [`SHOWN_MAX`] bytes, followed by `...` if something was left out.
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;

        for byte in self.0.iter().take(SHOWN_MAX) {
            match *byte {
                b'\n' => f.write_str("\\n")?,
                byte @ (b' ' | b'!' | b'#'..=b'[' | b']'..=b'~') => {
                    f.write_char(char::from(byte))?
                }
                byte => write!(f, "\\x{byte:02x}")?,
            }
        }
        if self.0.len() > SHOWN_MAX {
            f.write_str("...")?;
        }
        Ok(())
    }
}

/// The caller's buffer is too small for the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Full;

/// Builds text in a buffer that the caller provides.
pub struct TextBuf<'a> {
    buf: &'a mut [u8],
    len: usize,
}

impl<'a> TextBuf<'a> {
    /// Starts with nothing written.
    pub fn new(buf: &'a mut [u8]) -> Self {
        Self { buf, len: 0 }
    }

    /// Appends `bytes` completely, or nothing and fails.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let end = self.len.checked_add(bytes.len()).ok_or(Full)?;
        let room = self.buf.get_mut(self.len..end).ok_or(Full)?;
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.len = end;
        Ok(())
    }

    /// Appends `word`, after one blank unless it is the first.
    pub fn push_word(&mut self, word: &[u8]) -> Result<(), Full> {
        if self.len != 0 {
            self.push(b" ")?;
        }
        self.push(word)
    }

    /// What was written so far.
    pub fn as_bytes(&self) -> &[u8] {
        self.buf.get(..self.len).unwrap_or(&[])
    }

    /// What was written, for the life of the buffer.
    pub fn finish(self) -> &'a [u8] {
        self.buf.get(..self.len).unwrap_or(&[])
    }
}

/// Writes the words of `text` to `buf`, one blank between two, so that no tab is shown.
pub fn one_line<'a>(text: &[u8], buf: &'a mut [u8]) -> Result<&'a [u8], Full> {
    let mut line = TextBuf::new(buf);
    for word in words(text) {
        line.push_word(word)?;
    }
    Ok(line.finish())
}

impl fmt::Write for TextBuf<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes()).map_err(|Full| fmt::Error)
    }
}

#[cfg(test)]
mod tests;
