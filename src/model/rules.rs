// SPDX-License-Identifier: GPL-2.0

//! Rules by peer, port and control group: which connections are accelerated, and how. Beyond the original.
//!
//! A rule is one line of words, conditions and actions in any order, at least one of each:
//!
//! | word | meaning |
//! |---|---|
//! | `to=ADDR[/LEN]` | the peer is in this network |
//! | `lport=N[-M]` | this machine's port |
//! | `rport=N[-M]` | the peer's port |
//! | `cgroup=/PATH` | the socket was made in this control group, or below it |
//! | `off` | not accelerated; no other action beside it |
//! | `acc` | accelerated in any case, whatever the lists, `shortRttMS` and `subnetAccEnable` say |
//! | `mode=...` | `normal`, `conservative`, `strong` or `max`, instead of the engine's |
//! | `rate=N` | at most N kbit/s, instead of `maxAccFlowTxKbps` |
//!
//! The first rule that matches decides.

use super::settings::{parse_net, Net};
use super::text::{decimal, one_line, words};
use super::units::Addr;
use core::num::NonZeroU32;

/// Most rules. Each new connection is held against them from the first on, and each packet of one that is not accelerated.
pub const RULES_MAX: usize = 128;

/// Longest rule, bytes.
pub const RULE_BYTES: usize = 256;

/// Longest path of a control group, bytes.
pub const CGROUP_BYTES: usize = 192;

/// How the engine's settings are overruled for a connection.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Choice {
    /// Another mode.
    pub mode: Option<Mode>,
    /// Another rate limit, kbit/s plus one: every connection keeps this, and so it takes four bytes.
    above_kbps: Option<NonZeroU32>,
}

impl Choice {
    /// Another rate limit, kbit/s; 0 is none.
    pub fn max_kbps(&self) -> Option<u32> {
        self.above_kbps.map(|above| above.get().saturating_sub(1))
    }
}

/// A mode of the congestion control.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// None of the others.
    Normal,
    /// `csvmode`.
    Conservative,
    /// `csvmode` and `highcsv`.
    Strong,
    /// `maxmode`.
    Max,
}

/// What becomes of a connection that matches.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Action {
    /// Accelerate in any case, or never; `None` leaves it to the other settings.
    pub accelerate: Option<bool>,
    /// How.
    pub choice: Choice,
}

/// Ports from the first to the last.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Ports(u16, u16);

impl Ports {
    fn parse(text: &[u8]) -> Option<Self> {
        let mut parts = text.splitn(2, |byte| *byte == b'-');
        let port = |text| u16::try_from(decimal(text)?).ok();
        let first = port(parts.next()?)?;
        let last = match parts.next() {
            Some(text) => port(text)?,
            None => first,
        };
        (first <= last).then_some(Self(first, last))
    }

    const fn contains(self, port: u16) -> bool {
        self.0 <= port && port <= self.1
    }
}

/// A connection as rules see it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The peer.
    pub peer: Addr,
    /// The peer's port.
    pub peer_port: u16,
    /// This machine's port.
    pub local_port: u16,
    /// Path of the socket's control group; empty if not known.
    pub cgroup: &'a [u8],
}

/// A rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rule {
    net: Option<Net>,
    local: Option<Ports>,
    remote: Option<Ports>,
    cgroup: [u8; CGROUP_BYTES],
    cgroup_len: usize,
    /// What becomes of those that match.
    pub action: Action,
}

impl Rule {
    /// Reads a rule; `None` for anything else.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut rule = Self {
            net: None,
            local: None,
            remote: None,
            cgroup: [0; CGROUP_BYTES],
            cgroup_len: 0,
            action: Action {
                accelerate: None,
                choice: Choice::default(),
            },
        };
        for word in words(text) {
            if rule.word(word)? {
                // Each kind of word once.
                return None;
            }
        }
        let choice = rule.action.choice;
        let has_condition = rule.net.is_some()
            || rule.local.is_some()
            || rule.remote.is_some()
            || rule.has_cgroup();
        let has_choice = choice != Choice::default();
        let is_sensible = match rule.action.accelerate {
            Some(false) => !has_choice,
            Some(true) => true,
            None => has_choice,
        };
        (has_condition && is_sensible).then_some(rule)
    }

    /// Takes a word. Some(true) if there was one of its kind before; `None` if it is none.
    fn word(&mut self, word: &[u8]) -> Option<bool> {
        let choice = &mut self.action.choice;
        if word == b"off" || word == b"acc" {
            return Some(self.action.accelerate.replace(word == b"acc").is_some());
        }
        let mut parts = word.splitn(2, |byte| *byte == b'=');
        let (name, value) = (parts.next()?, parts.next()?);
        Some(match name {
            b"to" => self.net.replace(parse_net(value)?).is_some(),
            b"lport" => self.local.replace(Ports::parse(value)?).is_some(),
            b"rport" => self.remote.replace(Ports::parse(value)?).is_some(),
            b"mode" => choice.mode.replace(Mode::parse(value)?).is_some(),
            b"rate" => {
                let above = NonZeroU32::new(u32::try_from(decimal(value)?).ok()?.checked_add(1)?)?;
                choice.above_kbps.replace(above).is_some()
            }
            b"cgroup" => {
                let again = self.has_cgroup();
                self.set_cgroup(value)?;
                again
            }
            _ => return None,
        })
    }

    fn set_cgroup(&mut self, path: &[u8]) -> Option<()> {
        if path.first() != Some(&b'/') || path.iter().any(|byte| !byte.is_ascii_graphic()) {
            return None;
        }
        // What stands for the root is empty: every path goes on with a slash then.
        let path = path.strip_suffix(b"/").unwrap_or(path);
        for (to, from) in self.cgroup.get_mut(..path.len())?.iter_mut().zip(path) {
            *to = *from;
        }
        // At least one, so that the root is a condition, too.
        self.cgroup_len = path.len().saturating_add(1);
        Some(())
    }

    /// Whether the rule asks for a control group.
    pub const fn has_cgroup(&self) -> bool {
        self.cgroup_len != 0
    }

    fn is_below(&self, path: &[u8]) -> bool {
        let own = self.cgroup.get(..self.cgroup_len.saturating_sub(1));
        match path.strip_prefix(own.unwrap_or(&[])) {
            Some(rest) => rest.is_empty() && !path.is_empty() || rest.first() == Some(&b'/'),
            None => false,
        }
    }

    /// Whether the connection meets all conditions.
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        self.net.is_none_or(|net| net.contains(subject.peer))
            && self
                .local
                .is_none_or(|ports| ports.contains(subject.local_port))
            && self
                .remote
                .is_none_or(|ports| ports.contains(subject.peer_port))
            && (!self.has_cgroup() || self.is_below(subject.cgroup))
    }
}

impl Mode {
    fn parse(text: &[u8]) -> Option<Self> {
        Some(match text {
            b"normal" => Self::Normal,
            b"conservative" => Self::Conservative,
            b"strong" => Self::Strong,
            b"max" => Self::Max,
            _ => return None,
        })
    }
}

/// What a line of a write asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Edit<'a> {
    /// Add the rule at the end.
    Add(&'a [u8]),
    /// Take the rule out.
    Remove(&'a [u8]),
    /// The rule belongs to a whole new list.
    Item(&'a [u8]),
}

/// The edits of a write. What follows `#` in a line, and lines without anything else, do not count.
pub fn edits(text: &[u8]) -> impl Iterator<Item = Edit<'_>> {
    text.split(|byte| *byte == b'\n').filter_map(|line| {
        let line = line.split(|byte| *byte == b'#').next()?.trim_ascii();
        match line.split_first()? {
            (b'+', rule) => Some(Edit::Add(rule)),
            (b'-', rule) => Some(Edit::Remove(rule)),
            _ => Some(Edit::Item(line)),
        }
    })
}

/// The text of a rule as it is kept: its words with one blank between them. `None` if `text` is no rule.
pub fn canonical<'a>(text: &[u8], out: &'a mut [u8]) -> Option<(&'a [u8], Rule)> {
    let rule = Rule::parse(text)?;
    Some((one_line(text, out).ok()?, rule))
}

#[cfg(test)]
mod tests;
