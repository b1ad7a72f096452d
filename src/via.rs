// SPDX-License-Identifier: GPL-2.0

//! How connections of other network namespaces leave: [`crate::model::via`] in a table that all CPUs use at once.

use crate::model::classify::FlowKey;
use crate::model::via::{Place, Way, Words, SETS, WAYS};
use crate::slots::Slots;
use crate::sys::peek::Peek;
use crate::sys::{random, time};
use kernel::prelude::*;
use kernel::sync::atomic::{Atomic, Relaxed};

/// The table.
pub(crate) struct Via {
    secret: u64,
    slots: Slots<WAYS>,
    /// Not zero once anything was noted.
    used: Atomic<u32>,
}

impl Via {
    /// Nothing is known. Context: process. Errors: `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        Ok(Via {
            secret: random::word(),
            slots: Slots::new(SETS)?,
            used: Atomic::new(0),
        })
    }

    /// Whether nothing was ever noted. Context: any.
    pub(crate) fn is_empty(&self) -> bool {
        self.used.peek() == 0
    }

    /// How what this end sends leaves. Context: any.
    pub(crate) fn find(&self, end: &(FlowKey, bool)) -> Option<Way> {
        let place = Place::of(end, self.secret);
        place.find(&self.slots.read(place.set)?, time::minute())
    }

    /// Notes how it leaves, see [`Place::note`]. Context: any.
    pub(crate) fn note(&self, end: &(FlowKey, bool), way: Way) {
        self.write(end, |place, set| place.note(set, time::minute(), way));
    }

    /// The same of who sees the socket, see [`Place::mark`]. Context: any.
    pub(crate) fn mark(&self, end: &(FlowKey, bool), way: Way) {
        self.write(end, |place, set| place.mark(set, time::minute(), way));
    }

    fn write(
        &self,
        end: &(FlowKey, bool),
        change: impl FnOnce(&Place, &[Words]) -> Option<(usize, Words)>,
    ) {
        let place = Place::of(end, self.secret);
        let Some(set) = self.slots.read(place.set) else {
            return;
        };
        if let Some((index, words)) = change(&place, &set) {
            self.slots.write(place.set, index, words);
            self.used.store(1, Relaxed);
        }
    }
}
