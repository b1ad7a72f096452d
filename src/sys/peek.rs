// SPDX-License-Identifier: GPL-2.0

//! Loads of atomics without a call.
//!
//! [`Atomic::load`](kernel::sync::atomic::Atomic::load) is a call into C, and all that a function has in registers goes to memory around it. On the
//! packet path that costs more than what is read. `READ_ONCE()`, which such a call comes to, is a volatile read.
//!
//! C header: `include/asm-generic/rwonce.h`.

use core::ptr;
use kernel::sync::atomic::Atomic;

/// An atomic that can be read in place.
pub(crate) trait Peek<T> {
    /// The value, as `load(Relaxed)` gives it. What lies behind a pointer that is read so is seen as it was when the pointer was
    /// stored with release: the address carries the dependency, as with `rcu_dereference()`. Context: any.
    fn peek(&self) -> T;
}

macro_rules! peek {
    ($($word:ty),*) => {$(
        impl Peek<$word> for Atomic<$word> {
            #[inline(always)]
            fn peek(&self) -> $word {
                // SAFETY: Valid and aligned, as `as_ptr` guarantees; a volatile read of a word is an atomic one.
                unsafe { ptr::read_volatile(self.as_ptr()) }
            }
        }
    )*};
}

peek!(u32, u64, usize);
