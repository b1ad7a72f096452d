// SPDX-License-Identifier: GPL-2.0

//! A value that is made when it is first needed, by whichever CPU needs it first, and stays.

use core::marker::PhantomData;
use core::ptr;
use kernel::alloc::flags::__GFP_NOWARN;
use kernel::prelude::*;
use kernel::sync::atomic::{Acquire, Atomic, Full, Relaxed};

/// Nothing, or from some time on a value for as long as this lives.
///
/// # Invariants
///
/// `value` is 0, or the exposed address of what `KBox::into_raw` gave for a box that this owns; then it never changes.
pub(crate) struct Late<T: Send + Sync> {
    value: Atomic<usize>,
    _value: PhantomData<KBox<T>>,
}

impl<T: Send + Sync> Late<T> {
    /// Nothing so far.
    pub(crate) const fn new() -> Self {
        // INVARIANT: Nothing is owned.
        Late {
            value: Atomic::new(0),
            _value: PhantomData,
        }
    }

    /// The value, if it was made. Context: any.
    pub(crate) fn get(&self) -> Option<&T> {
        // ORDERING: Pairs with the exchange in `get_or_make`: who sees the address sees the value.
        let raw = ptr::with_exposed_provenance::<T>(self.value.load(Acquire));
        // SAFETY: By the type invariant it is null or lives as long as `self`.
        unsafe { raw.as_ref() }
    }

    /// The value, made by `make` if need be; `None` if there is no memory. Context: any.
    pub(crate) fn get_or_make(&self, make: impl FnOnce() -> T) -> Option<&T> {
        if let Some(value) = self.get() {
            return Some(value);
        }
        let new = KBox::into_raw(KBox::new(make(), GFP_ATOMIC | __GFP_NOWARN).ok()?);
        // INVARIANT: On success this owns the box.
        if self
            .value
            .cmpxchg(0, new.expose_provenance(), Full)
            .is_err()
        {
            // SAFETY: From `KBox::into_raw` just above, and not kept.
            drop(unsafe { KBox::from_raw(new) });
        }
        self.get()
    }
}

impl<T: Send + Sync> Drop for Late<T> {
    fn drop(&mut self) {
        let raw = ptr::with_exposed_provenance_mut::<T>(self.value.load(Relaxed));
        if !raw.is_null() {
            // SAFETY: Owned by the type invariant; who reads it borrows `self`.
            drop(unsafe { KBox::from_raw(raw) });
        }
    }
}
