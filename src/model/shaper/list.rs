// SPDX-License-Identifier: GPL-2.0

//! First-in-first-out lists of numbered entries that keep the links themselves.

/// No entry.
const NONE: u16 = u16::MAX;

/// The link to the entry behind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link(u16);

impl Default for Link {
    fn default() -> Self {
        Self(NONE)
    }
}

/// What can be in one list at a time.
pub(super) trait Linked {
    fn link(&mut self) -> &mut Link;
}

/// A list; an entry is in at most one of those over the same entries.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    head: u16,
    tail: u16,
}

impl Default for List {
    fn default() -> Self {
        Self {
            head: NONE,
            tail: NONE,
        }
    }
}

impl List {
    pub(super) fn front(&self) -> Option<u16> {
        (self.head != NONE).then_some(self.head)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.head == NONE
    }

    pub(super) fn has_one(&self) -> bool {
        self.head != NONE && self.head == self.tail
    }

    pub(super) fn push_back<E: Linked>(&mut self, entries: &mut [E], entry: u16) {
        if let Some(new) = entries.get_mut(usize::from(entry)) {
            *new.link() = Link(NONE);
        }
        match entries.get_mut(usize::from(self.tail)) {
            Some(last) if self.tail != NONE => *last.link() = Link(entry),
            _ => self.head = entry,
        }
        self.tail = entry;
    }

    pub(super) fn pop_front<E: Linked>(&mut self, entries: &mut [E]) -> Option<u16> {
        let first = self.front()?;
        let next = entries
            .get_mut(usize::from(first))
            .map_or(NONE, |entry| core::mem::take(entry.link()).0);
        self.head = next;
        if next == NONE {
            self.tail = NONE;
        }
        Some(first)
    }

    /// Puts the first entry behind the last.
    pub(super) fn rotate<E: Linked>(&mut self, entries: &mut [E]) {
        if self.has_one() {
            return;
        }
        if let Some(first) = self.pop_front(entries) {
            self.push_back(entries, first);
        }
    }
}
