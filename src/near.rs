// SPDX-License-Identifier: GPL-2.0

//! The subnets that are near: [`crate::model::near`] in a table that all CPUs use at once.

use crate::model::near::{whole_ms, Place, Word, SETS, WAYS};
use crate::model::units::Addr;
use crate::sys::random;
use kernel::prelude::*;
use kernel::sync::atomic::{Atomic, Relaxed};

/// The table.
pub(crate) struct Near {
    key: u64,
    slots: VVec<Atomic<Word>>,
}

impl Near {
    /// Nothing is known to be near. Context: process. Errors: `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        let count = SETS.saturating_mul(WAYS);
        let mut slots = VVec::with_capacity(count, GFP_KERNEL)?;
        for _ in 0..count {
            slots.push(Atomic::new(0), GFP_KERNEL)?;
        }
        Ok(Near {
            key: random::word(),
            slots,
        })
    }

    /// Whether the subnet of `peer` has shown a round trip below `threshold_ms`; 0 switches that off. Context: any.
    pub(crate) fn is_near(&self, peer: Addr, threshold_ms: u16) -> bool {
        if threshold_ms == 0 {
            return false;
        }
        let place = Place::of(peer, self.key);
        let known = self.set(&place).and_then(|set| place.find(&read(set)));
        known.is_some_and(|rtt_ms| rtt_ms < threshold_ms)
    }

    /// Notes that a round trip to `peer` took `rtt_us`, if that is below `threshold_ms`. Returns whether the subnet is near only
    /// since now. Context: any.
    pub(crate) fn note(&self, peer: Addr, rtt_us: u32, threshold_ms: u16) -> bool {
        let rtt_ms = whole_ms(rtt_us);
        if rtt_ms >= threshold_ms {
            return false;
        }
        let place = Place::of(peer, self.key);
        let Some(set) = self.set(&place) else {
            return false;
        };
        let words = read(set);
        let before = place.find(&words);
        if let Some((way, word)) = place.note(&words, rtt_ms) {
            if let Some(slot) = set.get(way) {
                slot.store(word, Relaxed);
            }
        }
        before.is_none_or(|rtt_ms| rtt_ms >= threshold_ms)
    }

    fn set(&self, place: &Place) -> Option<&[Atomic<Word>]> {
        let from = place.set.saturating_mul(WAYS);
        self.slots.get(from..from.saturating_add(WAYS))
    }
}

fn read(set: &[Atomic<Word>]) -> [Word; WAYS] {
    let mut words = [0; WAYS];
    for (to, slot) in words.iter_mut().zip(set) {
        *to = slot.load(Relaxed);
    }
    words
}
