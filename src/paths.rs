// SPDX-License-Identifier: GPL-2.0

//! The remembered paths: [`crate::model::memory`] in a table that all CPUs use at once.

use crate::model::memory::{Known, Place, Report, Share, SETS, WAYS};
use crate::model::units::Addr;
use crate::slots::Slots;
use crate::sys::{random, time};
use kernel::prelude::*;

/// The table.
pub(crate) struct Paths {
    key: u64,
    slots: Slots<WAYS>,
}

impl Paths {
    /// Nothing is known. Context: process. Errors: `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        Ok(Paths {
            key: random::word(),
            slots: Slots::new(SETS)?,
        })
    }

    /// What is known of the way to `peer`. Context: any.
    pub(crate) fn find(&self, peer: Addr) -> Option<Known> {
        let place = Place::of(peer, self.key);
        place.find(&self.slots.read(place.set)?, time::minute())
    }

    /// The same for a connection that begins, see [`Place::take`]. Context: any.
    pub(crate) fn take(&self, peer: Addr) -> Option<(Known, Share)> {
        let place = Place::of(peer, self.key);
        let set = self.slots.read(place.set)?;
        let (known, share, way, words) = place.take(&set, time::minute())?;
        self.slots.write(place.set, way, words);
        Some((known, share))
    }

    /// Gives back what [`Paths::take`] took, for a connection that has not found the capacity. Context: any.
    pub(crate) fn give_back(&self, peer: Addr, share: Share) {
        let place = Place::of(peer, self.key);
        let Some(set) = self.slots.read(place.set) else {
            return;
        };
        if let Some((way, words)) = place.give_back(&set, time::minute(), share) {
            self.slots.write(place.set, way, words);
        }
    }

    /// Adds what a connection has learned. Context: any.
    pub(crate) fn report(&self, peer: Addr, report: &Report) {
        let place = Place::of(peer, self.key);
        let Some(set) = self.slots.read(place.set) else {
            return;
        };
        let (way, words) = place.store(&set, time::minute(), report);
        self.slots.write(place.set, way, words);
    }
}
