// SPDX-License-Identifier: GPL-2.0

//! Flows whose records were told of a packet a moment ago: [`crate::model::recent`] in a table that all CPUs use at once.

use crate::model::plain::Plain;
use crate::model::recent::{Place, Secret, PLACES};
use crate::sys::peek::Peek;
use crate::sys::random;
use kernel::prelude::*;
use kernel::sync::atomic::{Atomic, Relaxed};

/// The table.
pub(crate) struct Recent {
    secret: Secret,
    words: VVec<Atomic<u64>>,
}

impl Recent {
    /// Nothing was told. Context: process. Errors: `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        let mut words = VVec::with_capacity(PLACES, GFP_KERNEL)?;
        for _ in 0..PLACES {
            words.push(Atomic::new(0), GFP_KERNEL)?;
        }
        Ok(Recent {
            secret: [(); 4].map(|()| random::word()),
            words,
        })
    }

    /// Where it is noted that the record of a packet's flow is told of the packet now; `None` if it has just been told of one
    /// like it. Context: any.
    #[inline(always)]
    pub(crate) fn look(&self, packet: &Plain, now_ms: u64) -> Option<Place> {
        let place = Place::of(packet, &self.secret, now_ms);
        let word = self.words.get(place.index).map_or(0, |word| word.peek());
        (word != place.word()).then_some(place)
    }

    /// Notes that the record was told. Context: any.
    pub(crate) fn note(&self, place: &Place) {
        if let Some(word) = self.words.get(place.index) {
            word.store(place.word(), Relaxed);
        }
    }

    /// Forgets what was told of packets that went as `packet` does, which begins another connection. Context: any.
    pub(crate) fn forget(&self, packet: &Plain) {
        for index in Place::all(packet, &self.secret) {
            if let Some(word) = self.words.get(index) {
                word.store(0, Relaxed);
            }
        }
    }
}
