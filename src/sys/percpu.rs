// SPDX-License-Identifier: GPL-2.0

//! Per-CPU counters: no cache line is shared on the packet path.

use super::bindings as c;
use core::ptr::NonNull;
use kernel::prelude::*;

/// A fixed number of 64-bit counters on each possible CPU.
///
/// # Invariants
///
/// `base` is a per-CPU allocation of `len` `u64`.
pub(crate) struct Counters {
    base: NonNull<u64>,
    len: u32,
}

// SAFETY: Each CPU writes its own copy, and reads are single words.
unsafe impl Send for Counters {}
// SAFETY: As above.
unsafe impl Sync for Counters {}

impl Counters {
    /// All zero. Context: process. Errors: `ENOMEM`.
    pub(crate) fn new(len: u32) -> Result<Self> {
        // SAFETY: No requirement; the memory is zeroed.
        let base = unsafe { c::appex_percpu_alloc(len) };
        // INVARIANT: Allocated with this length.
        Ok(Counters {
            base: NonNull::new(base).ok_or(ENOMEM)?,
            len,
        })
    }

    /// Adds to this CPU's counter; an index out of range is ignored.
    /// Wraps. Context: any.
    pub(crate) fn add(&self, index: u32, value: u64) {
        if index < self.len {
            // SAFETY: Within the allocation by the type invariant.
            unsafe { c::appex_percpu_add(self.base.as_ptr(), index, value) }
        }
    }

    /// The counter's sum over all CPUs, wrapping. Context: any.
    pub(crate) fn sum(&self, index: u32) -> u64 {
        let mut sum = 0u64;
        if index < self.len {
            for cpu in 0..cpu_ids() {
                // SAFETY: No requirement.
                if unsafe { c::appex_cpu_possible(cpu) } {
                    // SAFETY: A possible CPU and an index within the allocation.
                    let part = unsafe { c::appex_percpu_read(self.base.as_ptr(), index, cpu) };
                    sum = sum.wrapping_add(part);
                }
            }
        }
        sum
    }
}

impl Drop for Counters {
    fn drop(&mut self) {
        // SAFETY: Ours by the type invariant.
        unsafe { c::appex_percpu_free(self.base.as_ptr()) };
    }
}

/// The CPU this runs on; may change at once unless BH or preemption is off.
pub(crate) fn current_cpu() -> u32 {
    // SAFETY: No requirement.
    unsafe { c::appex_cpu_current() }
}

/// One more than the highest possible CPU number.
pub(crate) fn cpu_ids() -> u32 {
    // SAFETY: No requirement.
    unsafe { c::appex_cpu_ids() }
}
