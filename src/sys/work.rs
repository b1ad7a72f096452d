// SPDX-License-Identifier: GPL-2.0

//! A task that is run again and again in process context.
//!
//! C header: `include/linux/workqueue.h`.

use super::bindings as c;
use core::mem::offset_of;
use core::pin::Pin;
use kernel::prelude::*;
use kernel::types::Opaque;

/// Something to do periodically. Context: process, may sleep.
pub(crate) trait Task: Send + Sync + 'static {
    /// Runs once; returns after how many milliseconds to run again.
    fn run(&self) -> u32;
}

/// A running periodic task; dropping it waits for a run in progress.
#[pin_data(PinnedDrop)]
pub(crate) struct Periodic<T: Task> {
    #[pin]
    work: Opaque<c::delayed_work>,
    task: T,
}

// SAFETY: The work item is only touched by the workqueue and by the owner's drop.
unsafe impl<T: Task> Send for Periodic<T> {}
// SAFETY: `&Periodic` offers nothing.
unsafe impl<T: Task> Sync for Periodic<T> {}

impl<T: Task> Periodic<T> {
    /// Runs the task for the first time after `delay_ms`.
    pub(crate) fn start(task: T, delay_ms: u32) -> Result<Pin<KBox<Self>>> {
        let periodic = KBox::pin_init(
            try_pin_init!(Periodic {
                work: Opaque::uninit(),
                task,
            }? Error),
            GFP_KERNEL,
        )?;
        // SAFETY: Pinned until `drop`, which cancels the work for good.
        unsafe {
            c::appex_work_init(periodic.work.get(), Some(Self::run));
            c::appex_work_schedule(periodic.work.get(), delay_ms);
        }
        Ok(periodic)
    }

    /// # Safety
    ///
    /// Called by the workqueue with the work item of a live `Periodic<T>`.
    unsafe extern "C" fn run(work: *mut c::work_struct) {
        // SAFETY: The work item is the first field of its `delayed_work` (asserted in helpers.c),
        // which is a field of a `Periodic<T>`.
        let this = unsafe {
            &*work
                .cast::<c::delayed_work>()
                .byte_sub(offset_of!(Self, work))
                .cast::<Self>()
        };
        let delay_ms = this.task.run();
        // SAFETY: Live as above; does nothing once `drop` has begun to disable the work.
        unsafe { c::appex_work_schedule(this.work.get(), delay_ms) };
    }
}

#[pinned_drop]
impl<T: Task> PinnedDrop for Periodic<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: Initialised by `start`; waits for a run in progress and bars further ones.
        unsafe { c::appex_work_cancel(self.work.get()) };
    }
}
