// SPDX-License-Identifier: GPL-2.0

//! The remembered paths: [`crate::model::memory`] in a table that all CPUs use at once.
//!
//! Entries are read and written word by word without a lock; the model ignores words that do not belong together, and a report
//! that is lost to another CPU's costs nothing but a hint.

use crate::model::memory::{Known, Place, Report, Share, Words, SETS, WAYS};
use crate::model::units::Addr;
use crate::sys::{random, time};
use kernel::prelude::*;
use kernel::sync::atomic::{Atomic, Relaxed};

/// An entry's words.
type Slot = [Atomic<u64>; 2];

/// The table.
pub(crate) struct Paths {
    key: u64,
    slots: VVec<Slot>,
}

impl Paths {
    /// Nothing is known. Context: process. Errors: `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        let count = SETS.saturating_mul(WAYS);
        let mut slots = VVec::with_capacity(count, GFP_KERNEL)?;
        for _ in 0..count {
            slots.push([const { Atomic::new(0) }; 2], GFP_KERNEL)?;
        }
        Ok(Paths {
            key: random::word(),
            slots,
        })
    }

    /// What is known of the way to `peer`. Context: any.
    pub(crate) fn find(&self, peer: Addr) -> Option<Known> {
        let place = Place::of(peer, self.key);
        place.find(&read(self.set(&place)?), time::minute())
    }

    /// The same for a connection that begins, see [`Place::take`]. Context: any.
    pub(crate) fn take(&self, peer: Addr) -> Option<(Known, Share)> {
        let place = Place::of(peer, self.key);
        let set = self.set(&place)?;
        let (known, share, way, words) = place.take(&read(set), time::minute())?;
        write(set, way, words);
        Some((known, share))
    }

    /// Gives back what [`Paths::take`] took, for a connection that has not found the capacity. Context: any.
    pub(crate) fn give_back(&self, peer: Addr, share: Share) {
        let place = Place::of(peer, self.key);
        let Some(set) = self.set(&place) else { return };
        if let Some((way, words)) = place.give_back(&read(set), time::minute(), share) {
            write(set, way, words);
        }
    }

    /// Adds what a connection has learned. Context: any.
    pub(crate) fn report(&self, peer: Addr, report: &Report) {
        let place = Place::of(peer, self.key);
        let Some(set) = self.set(&place) else { return };
        let (way, words) = place.store(&read(set), time::minute(), report);
        write(set, way, words);
    }

    fn set(&self, place: &Place) -> Option<&[Slot]> {
        let from = place.set.saturating_mul(WAYS);
        self.slots.get(from..from.saturating_add(WAYS))
    }
}

fn read(set: &[Slot]) -> [Words; WAYS] {
    let mut words = [Words::default(); WAYS];
    for (to, slot) in words.iter_mut().zip(set) {
        for (word, from) in to.iter_mut().zip(slot) {
            *word = from.load(Relaxed);
        }
    }
    words
}

fn write(set: &[Slot], way: usize, words: Words) {
    if let Some(slot) = set.get(way) {
        for (to, word) in slot.iter().zip(words) {
            to.store(word, Relaxed);
        }
    }
}
