// SPDX-License-Identifier: GPL-2.0

//! A list of networks that the packet path searches without a lock.

use crate::model::settings::{Rule, RULES_MAX};
use crate::model::units::Addr;
use crate::sys::barrier;
use kernel::prelude::*;
use kernel::sync::atomic::{Acquire, Atomic, Relaxed, Release};

/// A list is being replaced this very moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Changing;

/// A rule taken apart into words.
type Words = [Atomic<u64>; 3];

/// At most [`RULES_MAX`] rules in order.
///
/// A sequence counter, odd during a change, tells readers that what they read belongs together, as
/// in `include/linux/seqlock.h`. Readers do not wait for a writer, which may have been preempted:
/// they are told to ask again later.
pub(super) struct Rules {
    sequence: Atomic<u64>,
    len: Atomic<usize>,
    slots: KVec<Words>,
}

impl Rules {
    /// No rules. Errors: `ENOMEM`.
    pub(super) fn new() -> Result<Self> {
        let mut slots = KVec::with_capacity(RULES_MAX, GFP_KERNEL)?;
        for _ in 0..RULES_MAX {
            slots.push([const { Atomic::new(0) }; 3], GFP_KERNEL)?;
        }
        Ok(Rules {
            sequence: Atomic::new(0),
            len: Atomic::new(0),
            slots,
        })
    }

    /// Replaces all rules. Only one caller at a time: the directory's write lock is held.
    pub(super) fn replace(&self, rules: impl Iterator<Item = Rule>) {
        let sequence = self.sequence.load(Relaxed);
        self.sequence.store(sequence | 1, Relaxed);
        // ORDERING: Who reads any of the new words reads the odd number below, too. Pairs with the
        // barrier in `decide`.
        barrier::write();
        let mut len = 0usize;
        for (slot, rule) in self.slots.iter().zip(rules) {
            for (to, word) in slot.iter().zip(rule.to_words()) {
                to.store(word, Relaxed);
            }
            len = len.saturating_add(1);
        }
        self.len.store(len, Relaxed);
        // ORDERING: Who reads the new number reads all new words. Pairs with the acquire in
        // `decide`.
        self.sequence.store((sequence | 1).wrapping_add(1), Release);
    }

    /// What the first rule that contains `peer` says, if there is one. Context: any.
    pub(super) fn decide(&self, peer: Addr) -> Result<Option<bool>, Changing> {
        let sequence = self.sequence.load(Acquire);
        let found = self.search(peer);
        // ORDERING: The words are read before the number is read again. Pairs with the barrier in
        // `replace`.
        barrier::read();
        if sequence & 1 == 1 || self.sequence.load(Relaxed) != sequence {
            return Err(Changing);
        }
        Ok(found)
    }

    fn search(&self, peer: Addr) -> Option<bool> {
        self.slots
            .iter()
            .take(self.len.load(Relaxed))
            .map(|[high, low, rest]| {
                Rule::from_words([high.load(Relaxed), low.load(Relaxed), rest.load(Relaxed)])
            })
            .find(|rule| rule.net.contains(peer))
            .map(|rule| rule.accelerate)
    }
}
