// SPDX-License-Identifier: GPL-2.0

//! The rules in force, of all engines together.

use crate::model::rules::{
    canonical, edits, Action, Choice, Edit, Rule, Subject, CGROUP_BYTES, RULES_MAX, RULE_BYTES,
};
use crate::model::units::Addr;
use crate::sys::published::{ReadSide, Replaceable};
use kernel::new_mutex;
use kernel::prelude::*;
use kernel::sync::atomic::{Atomic, Relaxed};
use kernel::sync::{Arc, Mutex};

/// Room for the path of a control group and a zero.
pub(crate) const PATH: usize = CGROUP_BYTES + 1;

/// A rule in force.
struct Entry {
    rule: Rule,
    text: KVec<u8>,
    /// Tells it from all others that were ever in force. Never zero.
    id: u32,
    /// Connections that it has decided about.
    hits: Atomic<u64>,
}

/// All of them.
struct Set {
    entries: KVec<Arc<Entry>>,
    asks_for_cgroup: bool,
}

/// A rule that matched.
#[derive(Clone, Copy)]
pub(crate) struct Found {
    /// Which.
    pub(crate) id: u32,
    /// What it says.
    pub(crate) action: Action,
}

/// The rules, and who may change them.
#[pin_data]
pub(crate) struct Rules {
    set: Replaceable<Set>,
    /// Held while they are changed; guards the last id given.
    #[pin]
    editing: Mutex<u32>,
}

/// Why a change is refused.
pub(crate) enum Refused {
    /// This text is no rule.
    Form,
    /// Signed and unsigned lines in one write.
    Mixed,
    /// Too many rules.
    TooMany,
    /// No memory.
    Memory,
}

impl From<kernel::alloc::AllocError> for Refused {
    fn from(_: kernel::alloc::AllocError) -> Self {
        Refused::Memory
    }
}

impl Set {
    fn position(&self, text: &[u8]) -> Option<usize> {
        let mut entries = (0..RULES_MAX).zip(&self.entries);
        entries
            .find(|(_, entry)| entry.text.as_slice() == text)
            .map(|(at, _)| at)
    }
}

impl Rules {
    /// No rules. Context: process.
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Rules {
            set: Replaceable::new(Arc::new(
                Set {
                    entries: KVec::new(),
                    asks_for_cgroup: false,
                },
                GFP_KERNEL,
            )?),
            editing <- new_mutex!(0, "appex::Rules::editing"),
        }? Error)
    }

    /// Whether a rule asks for a control group. Context: any.
    pub(crate) fn ask_for_cgroup(&self, guard: &impl ReadSide) -> bool {
        self.set.get(guard).asks_for_cgroup
    }

    /// The first rule that matches a connection with `peer`, `ports` being this machine's and the peer's. `cgroup` is asked for
    /// the path of its control group, if it matters. Context: any.
    pub(crate) fn find(
        &self,
        guard: &impl ReadSide,
        peer: Addr,
        ports: (u16, u16),
        cgroup: impl for<'b> FnOnce(&'b mut [u8]) -> &'b [u8],
    ) -> Option<Found> {
        let set = self.set.get(guard);
        if set.entries.is_empty() {
            return None;
        }
        let mut path = [0u8; PATH];
        let subject = Subject {
            peer,
            peer_port: ports.1,
            local_port: ports.0,
            cgroup: match set.asks_for_cgroup {
                true => cgroup(&mut path),
                false => &[],
            },
        };
        let entry = set
            .entries
            .iter()
            .find(|entry| entry.rule.matches(&subject))?;
        Some(Found {
            id: entry.id,
            action: entry.rule.action,
        })
    }

    /// Counts a connection that a rule has decided about. Context: any.
    pub(crate) fn hit(&self, guard: &impl ReadSide, id: u32) {
        let mut entries = self.set.get(guard).entries.iter();
        if let Some(entry) = entries.find(|entry| entry.id == id) {
            entry.hits.add(1, Relaxed);
        }
    }

    /// Gives each rule's text and hits to `show`. Context: RCU.
    pub(crate) fn each(&self, guard: &impl ReadSide, mut show: impl FnMut(&[u8], u64)) {
        for entry in &self.set.get(guard).entries {
            show(&entry.text, entry.hits.load(Relaxed));
        }
    }

    /// Does what a write asks for: all of it, or nothing. Context: process, sleeps.
    pub(crate) fn edit(&self, text: &[u8]) -> Result<(), Refused> {
        let mut last = self.editing.lock();
        let signed = edits(text).any(|edit| !matches!(edit, Edit::Item(_)));
        let mut new = Set {
            entries: KVec::new(),
            asks_for_cgroup: false,
        };
        let mut old = Set {
            entries: KVec::new(),
            asks_for_cgroup: false,
        };
        {
            let into = if signed { &mut new } else { &mut old };
            // Nobody else changes them meanwhile, but memory is not to be waited for in a read side.
            let count = self.set.get(&kernel::sync::rcu::read_lock()).entries.len();
            into.entries.reserve(count, GFP_KERNEL)?;
            let guard = kernel::sync::rcu::read_lock();
            for entry in &self.set.get(&guard).entries {
                // Takes no memory: there is room.
                into.entries.push(entry.clone(), GFP_ATOMIC)?;
            }
        }
        for edit in edits(text) {
            let (rule, remove) = match edit {
                Edit::Add(rule) => (rule, false),
                Edit::Remove(rule) => (rule, true),
                Edit::Item(_) if signed => return Err(Refused::Mixed),
                Edit::Item(rule) => (rule, false),
            };
            let mut room = [0u8; RULE_BYTES];
            let (kept, rule) = canonical(rule, &mut room).ok_or(Refused::Form)?;
            match new.position(kept) {
                Some(at) if remove => drop(new.entries.remove(at)),
                Some(_) => {}
                None if remove => {}
                None if new.entries.len() >= RULES_MAX => return Err(Refused::TooMany),
                None => {
                    let known = old.position(kept).and_then(|at| old.entries.get(at));
                    let entry = match known {
                        Some(entry) => entry.clone(),
                        None => {
                            *last = last.wrapping_add(1).max(1);
                            Arc::new(Entry::new(rule, kept, *last)?, GFP_KERNEL)?
                        }
                    };
                    new.entries.push(entry, GFP_KERNEL)?;
                }
            }
        }
        new.asks_for_cgroup = new.entries.iter().any(|entry| entry.rule.has_cgroup());
        self.set.replace(Arc::new(new, GFP_KERNEL)?);
        Ok(())
    }
}

impl Entry {
    fn new(rule: Rule, kept: &[u8], id: u32) -> Result<Self, Refused> {
        let mut text = KVec::new();
        text.extend_from_slice(kept, GFP_KERNEL)?;
        Ok(Entry {
            rule,
            text,
            id,
            hits: Atomic::new(0),
        })
    }
}

/// What a rule that matched changes in the engine's settings.
pub(crate) fn choice(found: Option<&Found>) -> Choice {
    found.map_or_else(Choice::default, |found| found.action.choice)
}
