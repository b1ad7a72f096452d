// SPDX-License-Identifier: GPL-2.0

//! First-in-first-out lists of numbered entries that keep the links themselves.

use core::marker::PhantomData;

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

/// A kind of list that entries of type `E` can be in, one of the kind at a time.
pub(super) trait Linked<E> {
    fn link(entry: &mut E) -> &mut Link;
}

/// A list of kind `K`.
#[derive(Debug)]
pub(super) struct List<K> {
    head: u16,
    tail: u16,
    _kind: PhantomData<fn() -> K>,
}

impl<K> Clone for List<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for List<K> {}

impl<K> Default for List<K> {
    fn default() -> Self {
        Self {
            head: NONE,
            tail: NONE,
            _kind: PhantomData,
        }
    }
}

impl<K> List<K> {
    pub(super) fn front(&self) -> Option<u16> {
        (self.head != NONE).then_some(self.head)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.head == NONE
    }

    pub(super) fn has_one(&self) -> bool {
        self.head != NONE && self.head == self.tail
    }

    pub(super) fn push_back<E>(&mut self, entries: &mut [E], entry: u16)
    where
        K: Linked<E>,
    {
        if let Some(new) = entries.get_mut(usize::from(entry)) {
            *K::link(new) = Link(NONE);
        }
        match entries.get_mut(usize::from(self.tail)) {
            Some(last) if self.tail != NONE => *K::link(last) = Link(entry),
            _ => self.head = entry,
        }
        self.tail = entry;
    }

    pub(super) fn pop_front<E>(&mut self, entries: &mut [E]) -> Option<u16>
    where
        K: Linked<E>,
    {
        let first = self.front()?;
        let next = entries
            .get_mut(usize::from(first))
            .map_or(NONE, |entry| core::mem::take(K::link(entry)).0);
        self.head = next;
        if next == NONE {
            self.tail = NONE;
        }
        Some(first)
    }

    /// Puts the first entry behind the last.
    pub(super) fn rotate<E>(&mut self, entries: &mut [E])
    where
        K: Linked<E>,
    {
        if self.has_one() {
            return;
        }
        if let Some(first) = self.pop_front(entries) {
            self.push_back(entries, first);
        }
    }
}
