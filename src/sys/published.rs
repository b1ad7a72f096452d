// SPDX-License-Identifier: GPL-2.0

//! A value that any context can reach through a `static`, kept alive by RCU.

use core::marker::PhantomData;
use core::ptr;
use kernel::prelude::*;
use kernel::sync::atomic::{Acquire, Atomic, Relaxed, Release};
use kernel::sync::{rcu, Arc};

/// Holds nothing, or a shared value between [`Published::publish`] and the end
/// of the [`Publication`].
///
/// # Invariants
///
/// `value` is null or the pointer of an `Arc<T>` that a [`Publication`] owns
/// until a grace period after `value` became null.
pub(crate) struct Published<T: Send + Sync + 'static> {
    value: Atomic<usize>,
    _value: PhantomData<fn() -> T>,
}

impl<T: Send + Sync + 'static> Published<T> {
    /// For a `static`.
    pub(crate) const fn new() -> Self {
        // INVARIANT: Nothing is published.
        Published {
            value: Atomic::new(0),
            _value: PhantomData,
        }
    }

    /// The value, for as long as the RCU read side lasts. Context: any.
    pub(crate) fn get<'g>(&self, _guard: &'g rcu::Guard) -> Option<&'g T> {
        let value = ptr::with_exposed_provenance::<T>(self.value.load(Acquire));
        // SAFETY: By the type invariant a non-null value stays alive for this read side.
        unsafe { value.as_ref() }
    }

    /// Publishes a value. Errors: `EBUSY` when there is one.
    pub(crate) fn publish(&'static self, value: Arc<T>) -> Result<Publication<T>> {
        if self.value.load(Relaxed) != 0 {
            return Err(EBUSY);
        }
        let address = ptr::from_ref::<T>(&value).expose_provenance();
        // INVARIANT: The publication below owns the `Arc`.
        self.value.store(address, Release);
        Ok(Publication {
            place: self,
            _value: value,
        })
    }
}

/// Keeps a value published; dropping it waits for all readers (may sleep).
pub(crate) struct Publication<T: Send + Sync + 'static> {
    place: &'static Published<T>,
    // Dropped after `drop` has waited for the readers.
    _value: Arc<T>,
}

impl<T: Send + Sync + 'static> Drop for Publication<T> {
    fn drop(&mut self) {
        self.place.value.store(0, Relaxed);
        rcu::synchronize_rcu();
    }
}
