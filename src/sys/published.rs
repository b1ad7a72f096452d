// SPDX-License-Identifier: GPL-2.0

//! A value that any context can reach through a `static`, kept alive by RCU.

use super::bindings as c;
use super::peek::Peek;
use core::marker::PhantomData;
use core::ptr;
use kernel::prelude::*;
use kernel::sync::atomic::{Acquire, Atomic, Full, Relaxed, Release};
use kernel::sync::{rcu, Arc, ArcBorrow};

/// What proves that an RCU read side is held.
///
/// # Safety
///
/// While a value of the type can be borrowed, this context is in an RCU read side.
pub(crate) unsafe trait ReadSide {}

// SAFETY: A guard is in the read side from its making to its end.
unsafe impl ReadSide for rcu::Guard {}

/// Holds nothing, or a shared value between [`Published::publish`] and the end
/// of the [`Publication`].
///
/// # Invariants
///
/// `value` is null or what `Arc::into_raw` gave for a reference that a
/// [`Publication`] owns until a grace period after `value` became null.
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

    fn raw(&self) -> *const T {
        // ORDERING: Pairs with the release in `publish`: who sees the address sees the value.
        ptr::with_exposed_provenance::<T>(self.value.peek())
    }

    /// The value, for as long as the RCU read side lasts. Context: any.
    pub(crate) fn get<'g>(&self, _guard: &'g impl ReadSide) -> Option<&'g T> {
        // SAFETY: By the type invariant a non-null value stays alive for this read side.
        unsafe { self.raw().as_ref() }
    }

    /// A reference of its own to the value. Context: any; who drops the last
    /// one must be allowed to sleep.
    pub(crate) fn shared(&self) -> Option<Arc<T>> {
        let _guard = rcu::read_lock();
        let value = self.raw();
        // SAFETY: Alive for this read side, and from `Arc::into_raw`, by the type invariant.
        (!value.is_null()).then(|| unsafe { ArcBorrow::from_raw(value) }.into())
    }

    /// Publishes a value. Errors: `EBUSY` when there is one.
    pub(crate) fn publish(&'static self, value: Arc<T>) -> Result<Publication<T>> {
        let raw = Arc::into_raw(value);
        // INVARIANT: The publication below owns the reference.
        if self
            .value
            .cmpxchg(0, raw.expose_provenance(), Release)
            .is_err()
        {
            // SAFETY: From `Arc::into_raw` just above, and not published.
            drop(unsafe { Arc::from_raw(raw) });
            return Err(EBUSY);
        }
        Ok(Publication { place: self })
    }
}

/// Keeps a value published; dropping it waits for all readers (may sleep).
pub(crate) struct Publication<T: Send + Sync + 'static> {
    place: &'static Published<T>,
}

impl<T: Send + Sync + 'static> Drop for Publication<T> {
    fn drop(&mut self) {
        let raw = self.place.raw();
        self.place.value.store(0, Relaxed);
        // SAFETY: Process context: publications are dropped by module exit.
        unsafe { c::synchronize_rcu() };
        // SAFETY: From `Arc::into_raw` in `publish`, taken back once, after all readers.
        drop(unsafe { Arc::from_raw(raw) });
    }
}

/// A value that is always there and is replaced as a whole; readers are kept from losing it by RCU.
///
/// # Invariants
///
/// `value` is what `Arc::into_raw` gave for a reference that this owns; it is dropped a grace period after another took its place.
pub(crate) struct Replaceable<T: Send + Sync + 'static> {
    value: Atomic<usize>,
    _value: PhantomData<Arc<T>>,
}

impl<T: Send + Sync + 'static> Replaceable<T> {
    /// Starts with `value`.
    pub(crate) fn new(value: Arc<T>) -> Self {
        // INVARIANT: The reference is ours now.
        Replaceable {
            value: Atomic::new(Arc::into_raw(value).expose_provenance()),
            _value: PhantomData,
        }
    }

    /// The value, for as long as the RCU read side lasts. Context: any.
    pub(crate) fn get<'g>(&'g self, _guard: &'g impl ReadSide) -> &'g T {
        // ORDERING: Pairs with the exchange in `replace`: who sees the address sees the value.
        let raw = ptr::with_exposed_provenance::<T>(self.value.load(Acquire));
        // SAFETY: Never null, and alive for this read side, by the type invariant.
        unsafe { &*raw }
    }

    /// Replaces the value, and drops the old one when nobody reads it any more.
    ///
    /// Context: process, sleeps, not in an RCU read side.
    pub(crate) fn replace(&self, value: Arc<T>) {
        // INVARIANT: The reference is ours now; the old one is dropped below, after a grace period.
        let new = Arc::into_raw(value).expose_provenance();
        let old = ptr::with_exposed_provenance::<T>(self.value.xchg(new, Full));
        // SAFETY: Process context, promised by the caller.
        unsafe { c::synchronize_rcu() };
        // SAFETY: From `Arc::into_raw` by the type invariant, and taken out once, by this exchange.
        drop(unsafe { Arc::from_raw(old) });
    }
}

impl<T: Send + Sync + 'static> Drop for Replaceable<T> {
    fn drop(&mut self) {
        let raw = ptr::with_exposed_provenance::<T>(self.value.load(Relaxed));
        // SAFETY: From `Arc::into_raw` by the type invariant; a reader would borrow `self`.
        drop(unsafe { Arc::from_raw(raw) });
    }
}
