// SPDX-License-Identifier: GPL-2.0

//! A table of entries of two words that all CPUs use at once, in sets of a few.
//!
//! Entries are read and written word by word without a lock; the models that use it ignore words that do not belong together,
//! and an entry that is lost to another CPU's costs nothing but a hint.

use kernel::prelude::*;
use kernel::sync::atomic::{Atomic, Relaxed};

/// An entry as a model sees it.
type Words = [u64; 2];

/// The table; a set has `WAYS` entries.
pub(crate) struct Slots<const WAYS: usize> {
    slots: VVec<[Atomic<u64>; 2]>,
}

impl<const WAYS: usize> Slots<WAYS> {
    /// So many sets of empty entries. Context: process. Errors: `ENOMEM`.
    pub(crate) fn new(sets: usize) -> Result<Self> {
        let count = sets.saturating_mul(WAYS);
        let mut slots = VVec::with_capacity(count, GFP_KERNEL)?;
        for _ in 0..count {
            slots.push([const { Atomic::new(0) }; 2], GFP_KERNEL)?;
        }
        Ok(Slots { slots })
    }

    /// The entries of a set; `None` if there is no such set. Context: any.
    pub(crate) fn read(&self, set: usize) -> Option<[Words; WAYS]> {
        let mut words = [Words::default(); WAYS];
        for (to, slot) in words.iter_mut().zip(self.set(set)?) {
            for (word, from) in to.iter_mut().zip(slot) {
                *word = from.load(Relaxed);
            }
        }
        Some(words)
    }

    /// Replaces one entry of a set; nothing happens if there is none. Context: any.
    pub(crate) fn write(&self, set: usize, way: usize, words: Words) {
        if let Some(slot) = self.set(set).and_then(|set| set.get(way)) {
            for (to, word) in slot.iter().zip(words) {
                to.store(word, Relaxed);
            }
        }
    }

    fn set(&self, set: usize) -> Option<&[[Atomic<u64>; 2]]> {
        let from = set.saturating_mul(WAYS);
        self.slots.get(from..from.saturating_add(WAYS))
    }
}
