// SPDX-License-Identifier: GPL-2.0

//! How connections of other network namespaces leave: [`crate::model::via`] in a table that all CPUs use at once.

use crate::model::classify::FlowKey;
use crate::model::via::{Place, Way, Words, SETS, WAYS};
use crate::sys::{random, time};
use kernel::prelude::*;
use kernel::sync::atomic::{Atomic, Relaxed};

/// An entry's words.
type Slot = [Atomic<u64>; 2];

/// The table.
pub(crate) struct Via {
    secret: u64,
    slots: VVec<Slot>,
}

impl Via {
    /// Nothing is known. Context: process. Errors: `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        let count = SETS.saturating_mul(WAYS);
        let mut slots = VVec::with_capacity(count, GFP_KERNEL)?;
        for _ in 0..count {
            slots.push([const { Atomic::new(0) }; 2], GFP_KERNEL)?;
        }
        Ok(Via {
            secret: random::word(),
            slots,
        })
    }

    /// How what this end sends leaves. Context: any.
    pub(crate) fn find(&self, end: &(FlowKey, bool)) -> Option<Way> {
        let place = Place::of(end, self.secret);
        place.find(&read(self.set(&place)?), time::minute())
    }

    /// Notes how it leaves. Context: any.
    pub(crate) fn note(&self, end: &(FlowKey, bool), way: Way) {
        let place = Place::of(end, self.secret);
        let Some(set) = self.set(&place) else { return };
        let Some((index, words)) = place.note(&read(set), time::minute(), way) else {
            return;
        };
        if let Some(slot) = set.get(index) {
            for (to, word) in slot.iter().zip(words) {
                to.store(word, Relaxed);
            }
        }
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
