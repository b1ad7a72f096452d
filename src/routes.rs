// SPDX-License-Identifier: GPL-2.0

//! What inbound flows with the same peer know together: [`crate::model::inbound::route`] in a table.

use crate::model::inbound::route::{Known, Place, Report, Route, ENTRIES};
use crate::model::units::Addr;
use crate::sys::bh_lock::BhLock;
use crate::sys::random;
use kernel::prelude::*;

/// The table. An entry is locked for some instructions once a round trip of its flows.
pub(crate) struct Routes {
    key: u64,
    entries: KVVec<BhLock<Route>>,
}

impl Routes {
    /// Nothing is known. Context: process. Errors: `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        let mut entries = KVVec::with_capacity(ENTRIES, GFP_KERNEL)?;
        for _ in 0..ENTRIES {
            entries.push(BhLock::new(Route::default()), GFP_KERNEL)?;
        }
        Ok(Routes {
            key: random::word(),
            entries,
        })
    }

    /// Takes a report of a flow with `peer`. Context: softirq or process, not under a lock.
    pub(crate) fn note(&self, peer: Addr, report: &Report) -> Known {
        let place = Place::of(peer, self.key);
        let entry = self.entries.get(place.entry);
        entry.map_or(Known::default(), |route| {
            route.with(|route| route.note(&place, report))
        })
    }
}
