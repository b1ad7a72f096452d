// SPDX-License-Identifier: GPL-2.0

//! The values of an engine's settings.

use super::rules::{Changing, Rules};
use crate::model::policy::{List, Listed};
use crate::model::settings::{
    bypass_rules, defaults, lan_rules, lan_rules_v6, Key, Scope, TextKey, SCALARS, TEXTS,
};
use crate::model::units::{Addr, Family};
use crate::sys::peek::Peek;
use core::pin::Pin;
use kernel::new_mutex;
use kernel::prelude::*;
use kernel::sync::atomic::{Acquire, Atomic, Relaxed, Release};
use kernel::sync::Mutex;

type Texts = [KVec<u8>; TEXTS];

/// How often a number has changed, of whatever engine. Not in the settings, so that who keeps copies of numbers needs not look
/// for those to learn that nothing has changed.
static CHANGES: Atomic<u32> = Atomic::new(0);

/// How often a number of any engine has changed, wrapping. Who keeps copies of numbers reads them again, after this, when it is
/// another than it was. Context: any.
pub(crate) fn changes() -> u32 {
    CHANGES.load(Acquire)
}

/// Whether [`changes`] is another than `before`. Context: any.
#[inline(always)]
pub(crate) fn have_changed(before: u32) -> bool {
    CHANGES.peek() != before
}

/// The settings of one engine.
///
/// Numbers are read without a lock. Texts are read under a mutex that is held for reading or
/// exchanging them only, and within which no other lock is taken but the memory allocator's.
/// The lists of networks are also kept in a form that is searched without a lock.
pub(crate) struct Settings {
    scalars: [Atomic<u64>; SCALARS],
    /// What they mean for each packet: [`Scope`].
    scope: Atomic<u32>,
    texts: Pin<KBox<Mutex<Texts>>>,
    bypass: Rules,
    lan_v4: Rules,
    lan_v6: Rules,
}

impl Settings {
    /// All settings at their defaults. Errors: `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        let settings = Settings {
            scalars: [const { Atomic::new(0) }; SCALARS],
            scope: Atomic::new(0),
            texts: KBox::pin_init(
                new_mutex!([const { KVec::new() }; TEXTS], "appex::Settings::texts"),
                GFP_KERNEL,
            )?,
            bypass: Rules::new()?,
            lan_v4: Rules::new()?,
            lan_v6: Rules::new()?,
        };
        for (key, value) in defaults() {
            settings.set(key, value);
        }
        Ok(settings)
    }

    /// A number. Context: any.
    pub(crate) fn get(&self, key: Key) -> u64 {
        // Every key has a slot.
        self.scalars.get(key.index()).map_or(0, |slot| slot.peek())
    }

    /// What the numbers mean for each packet. Context: any.
    pub(crate) fn scope(&self) -> Scope {
        Scope::from_bits(self.scope.peek())
    }

    /// Changes a number and tells whether it was another before. Context: any; the caller sees to
    /// it that the value was checked, and that no two writers meet.
    pub(super) fn set(&self, key: Key, value: u64) -> bool {
        let changed = self
            .scalars
            .get(key.index())
            .is_some_and(|slot| slot.xchg(value, Relaxed) != value);
        if changed {
            self.scope
                .store(Scope::read(|key| self.get(key)).bits(), Relaxed);
            // ORDERING: Pairs with the acquire in `changes`: who sees the count sees the value.
            CHANGES.fetch_add(1, Release);
        }
        changed
    }

    /// Gives a text to `read`, which may sleep for memory but must not take a lock.
    pub(crate) fn with_text<T>(&self, key: TextKey, read: impl FnOnce(&[u8]) -> T) -> T {
        let texts = self.texts.lock();
        // Every key has a text.
        read(texts.get(key.index()).map_or(&[], |text| text.as_slice()))
    }

    /// Gives `wanIf` and `lanIf` to `read`, as [`Settings::with_text`] does with one text.
    pub(crate) fn with_lists<T>(&self, read: impl FnOnce(&[u8], &[u8]) -> T) -> T {
        let texts = self.texts.lock();
        let list = |key: TextKey| {
            texts
                .get(key.index())
                .map_or(&[][..], |text| text.as_slice())
        };
        read(list(TextKey::WanIf), list(TextKey::LanIf))
    }

    /// Changes a text. The caller sees to it that it was checked, and that no two writers meet.
    pub(super) fn set_text(&self, key: TextKey, mut text: KVec<u8>) {
        match key {
            TextKey::ShortRttBypass => self.bypass.replace(bypass_rules(&text)),
            TextKey::LanSegment => self.lan_v4.replace(lan_rules(&text)),
            TextKey::LanSegmentV6 => self.lan_v6.replace(lan_rules_v6(&text)),
            _ => {}
        }
        let mut texts = self.texts.lock();
        if let Some(old) = texts.get_mut(key.index()) {
            core::mem::swap(old, &mut text);
        }
        // The old text is freed after the lock is released.
        drop(texts);
    }

    /// What `shortRttBypass`, or else `lanSegment` or `lanSegmentV6`, says about connections with
    /// `peer`, if anything.
    ///
    /// Context: any, takes no lock. While a list is being replaced there is no answer; to be asked
    /// again with the next packet.
    pub(crate) fn rule_for(&self, peer: Addr) -> Result<Option<Listed>, Changing> {
        let lan = match peer.family {
            Family::V4 => &self.lan_v4,
            Family::V6 => &self.lan_v6,
        };
        let by = |list| move |accelerate| Listed { list, accelerate };
        if let Some(found) = self.bypass.decide(peer)?.map(by(List::Bypass)) {
            return Ok(Some(found));
        }
        Ok(lan.decide(peer)?.map(by(List::Segment)))
    }
}

/// Texts are printable ASCII, having passed the checks of the model.
pub(super) fn printable(text: &[u8]) -> &str {
    core::str::from_utf8(text).unwrap_or("")
}
