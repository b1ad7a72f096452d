// SPDX-License-Identifier: GPL-2.0

//! Lists of networks: `lanSegment`, `lanSegmentV6` and `shortRttBypass`.

use super::Why;
use crate::model::text::{decimal, digits, words, TextBuf};
use crate::model::units::{Addr, Family};
use core::net::{Ipv4Addr, Ipv6Addr};
use core::str;

/// Most words in a list. Each list is searched from its start for every new connection, so it must
/// stay short; a LAN rarely needs more than a dozen.
pub const RULES_MAX: usize = 256;

/// A network: an address and the number of leading bits that count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Net {
    /// The address as written; bits beyond `len` are kept, so that it reads back.
    pub addr: Addr,
    /// Number of leading bits, at most 32 or 128.
    pub len: u8,
}

impl Net {
    /// Whether `addr` lies in the network.
    pub fn contains(&self, addr: Addr) -> bool {
        self.addr.shares_prefix(addr, self.len)
    }

    /// Splits `ADDR/LEN` and parses `ADDR` by `parse`. `LEN` may only be left out if `host_len`
    /// says what is meant then.
    fn parse(
        word: &[u8],
        parse: impl Fn(&[u8]) -> Option<Addr>,
        host_len: Option<u8>,
    ) -> Option<Self> {
        let mut parts = word.splitn(2, |byte| *byte == b'/');
        let addr = parse(parts.next()?)?;
        let longest = match addr.family {
            Family::V4 => 32,
            Family::V6 => 128,
        };
        let len = match parts.next() {
            Some(len) => u8::try_from(decimal(len)?).ok()?,
            None => host_len?,
        };
        (len <= longest).then_some(Self { addr, len })
    }
}

/// A network and what is to be done with its hosts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rule {
    /// The network.
    pub net: Net,
    /// `true`: its hosts are accelerated in any case; `false`: they never are.
    pub accelerate: bool,
}

impl Rule {
    /// The rule as plain words, for storage that many CPUs read without a lock.
    pub fn to_words(self) -> [u64; 3] {
        let family = match self.net.addr.family {
            Family::V4 => 0,
            Family::V6 => 1,
        };
        let bits = self.net.addr.bits;
        [
            // CAST: both halves of the address, by shift and truncation.
            (bits >> 64) as u64,
            bits as u64,
            u64::from(self.net.len) | (family << 8) | (u64::from(self.accelerate) << 9),
        ]
    }

    /// The rule that [`to_words`](Self::to_words) took apart.
    pub fn from_words([high, low, rest]: [u64; 3]) -> Self {
        let family = if rest & (1 << 8) == 0 {
            Family::V4
        } else {
            Family::V6
        };
        let bits = (u128::from(high) << 64) | u128::from(low);
        Self {
            net: Net {
                addr: Addr { family, bits },
                // CAST: the low byte.
                len: (rest & 0xff) as u8,
            },
            accelerate: rest & (1 << 9) != 0,
        }
    }
}

/// The rules of a `lanSegment` text, in order. The first that contains an address decides.
///
/// A network is not accelerated, unless the word `1` stands somewhere before it; the word `0` ends
/// that again.
pub fn lan_rules(text: &[u8]) -> impl Iterator<Item = Rule> + '_ {
    rules(text, b"1", b"0", hex_net)
}

/// The rules of a `lanSegmentV6` text; its networks are never accelerated.
pub fn lan_rules_v6(text: &[u8]) -> impl Iterator<Item = Rule> + '_ {
    // No word of such a text is empty, so there are no switches.
    rules(text, b"", b"", v6_net)
}

/// The rules of a `shortRttBypass` text, in order. The first that contains an address decides.
///
/// A network is not accelerated, unless the word `acc` stands somewhere before it; the word `noacc`
/// ends that again.
pub fn bypass_rules(text: &[u8]) -> impl Iterator<Item = Rule> + '_ {
    rules(text, b"acc", b"noacc", parse_net)
}

fn rules<'a>(
    text: &'a [u8],
    on: &'static [u8],
    off: &'static [u8],
    parse: fn(&[u8]) -> Option<Net>,
) -> impl Iterator<Item = Rule> + 'a {
    let mut accelerate = false;
    words(text).filter_map(move |word| {
        if word == on {
            accelerate = true;
        } else if word == off {
            accelerate = false;
        }
        parse(word).map(|net| Rule { net, accelerate })
    })
}

/// Checks that every word of `text` is an entry or a switch of `lanSegment`.
pub(super) fn check_lan_segments(text: &[u8]) -> Result<(), Why> {
    check(text, |word| {
        matches!(word, b"0" | b"1") || hex_net(word).is_some()
    })
}

/// Checks that every word of `text` is an entry or a switch of `shortRttBypass`.
pub(super) fn check_bypass(text: &[u8]) -> Result<(), Why> {
    check(text, |word| {
        matches!(word, b"acc" | b"noacc") || parse_net(word).is_some()
    })
}

fn check(text: &[u8], is_good: impl Fn(&[u8]) -> bool) -> Result<(), Why> {
    let mut room = RULES_MAX;
    for word in words(text) {
        if !is_good(word) {
            return Err(Why::Form);
        }
        room = room.checked_sub(1).ok_or(Why::TooMany)?;
    }
    Ok(())
}

/// Writes the networks of `text` in the form in which `lanSegmentV6` reads back.
pub(super) fn canonical_v6(text: &[u8], out: &mut TextBuf<'_>) -> Result<(), Why> {
    check(text, |word| v6_net(word).is_some())?;
    for word in words(text) {
        let net = v6_net(word).ok_or(Why::Form)?;
        let mut entry = [0; 36];
        let mut entry = TextBuf::new(&mut entry);
        for byte in net.addr.bits.to_be_bytes() {
            entry
                .push(&[hex_digit(byte >> 4), hex_digit(byte & 0xf)])
                .map_err(|_| Why::TooLong)?;
        }
        core::fmt::Write::write_fmt(&mut entry, format_args!("/{}", net.len))
            .map_err(|_| Why::TooLong)?;
        out.push_word(entry.finish()).map_err(|_| Why::TooLong)?;
    }
    Ok(())
}

fn hex_digit(nibble: u8) -> u8 {
    match nibble {
        0..=9 => b'0'.saturating_add(nibble),
        _ => b'A'.saturating_add(nibble.saturating_sub(10)),
    }
}

/// `C210000/16`: one to eight hexadecimal digits. The handbook says to drop a leading zero, one of
/// the scripts adds it; both are taken.
fn hex_net(word: &[u8]) -> Option<Net> {
    Net::parse(
        word,
        |addr| {
            if addr.len() > 8 {
                return None;
            }
            let addr = u32::try_from(digits(addr, 16)?).ok()?;
            Some(Addr::v4(addr.to_be_bytes()))
        },
        None,
    )
}

/// `2001:db8::/32` or 32 hexadecimal digits and a length.
fn v6_net(word: &[u8]) -> Option<Net> {
    Net::parse(
        word,
        |addr| {
            if addr.contains(&b':') {
                return v6_addr(addr);
            }
            if addr.len() != 32 {
                return None;
            }
            let (high, low) = addr.split_at_checked(16)?;
            let bits = (u128::from(digits(high, 16)?) << 64) | u128::from(digits(low, 16)?);
            Some(Addr::v6(bits.to_be_bytes()))
        },
        None,
    )
}

/// An IPv4 or IPv6 address in its usual notation, with or without a length.
pub fn parse_net(word: &[u8]) -> Option<Net> {
    if word.contains(&b':') {
        Net::parse(word, v6_addr, Some(128))
    } else {
        Net::parse(word, v4_addr, Some(32))
    }
}

fn v4_addr(text: &[u8]) -> Option<Addr> {
    let addr: Ipv4Addr = str::from_utf8(text).ok()?.parse().ok()?;
    Some(Addr::v4(addr.octets()))
}

fn v6_addr(text: &[u8]) -> Option<Addr> {
    let addr: Ipv6Addr = str::from_utf8(text).ok()?.parse().ok()?;
    Some(Addr::v6(addr.octets()))
}
