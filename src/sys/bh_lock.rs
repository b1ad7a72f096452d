// SPDX-License-Identifier: GPL-2.0

//! A lock for what packets in softirq and processes that send change.

use super::bindings as c;
use core::cell::UnsafeCell;

/// A value under a spin lock that keeps softirqs away. It is initialised where it is made and only moved before it is first
/// shared.
pub(crate) struct BhLock<T> {
    lock: UnsafeCell<c::spinlock_t>,
    value: UnsafeCell<T>,
}

// SAFETY: The value is only reached under the lock, by one context after another.
unsafe impl<T: Send> Sync for BhLock<T> {}
// SAFETY: As the value; a spin lock that nobody holds may be moved.
unsafe impl<T: Send> Send for BhLock<T> {}

impl<T> BhLock<T> {
    /// A lock that nobody holds.
    pub(crate) fn new(value: T) -> Self {
        let lock = UnsafeCell::new(c::spinlock_t::default());
        // SAFETY: There is room for a lock. It holds no address of its own: it may be moved until somebody waits for it.
        unsafe { c::appex_spin_lock_init(lock.get()) };
        BhLock {
            lock,
            value: UnsafeCell::new(value),
        }
    }

    /// Runs `f` on the value, which must be short. Context: softirq or process, not hard interrupts; not within another of these.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: Initialised by `new`.
        unsafe { c::appex_spin_lock_bh(self.lock.get()) };
        // SAFETY: The lock is held, so this is the only reference.
        let result = f(unsafe { &mut *self.value.get() });
        // SAFETY: Just locked, by this context.
        unsafe { c::appex_spin_unlock_bh(self.lock.get()) };
        result
    }
}
