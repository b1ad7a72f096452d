// SPDX-License-Identifier: GPL-2.0

//! A table of flows: the kernel's resizable hash table, read under RCU without
//! locks, written under its bucket locks.
//!
//! C header: `include/linux/rhashtable.h`.

use super::bindings as c;
use super::published::ReadSide;
use core::marker::PhantomData;
use core::mem::offset_of;
use core::pin::Pin;
use core::ptr;
use kernel::alloc::flags::__GFP_NOWARN;
use kernel::error::to_result;
use kernel::ffi;
use kernel::prelude::*;
use kernel::types::Opaque;

/// A key, compared and hashed as memory.
pub(crate) type Key = [u64; c::APPEX_FLOW_KEY_WORDS as usize];

#[repr(C)]
struct Entry<T> {
    node: c::appex_flow_node,
    value: T,
}

/// Flows by key. `T` is shared by all CPUs, so its changing parts are atomics.
#[pin_data(PinnedDrop)]
pub(crate) struct Table<T: Send + Sync + 'static> {
    #[pin]
    table: Opaque<c::rhashtable>,
    _value: PhantomData<T>,
}

// SAFETY: The hash table synchronises itself; values are `Send` and `Sync`.
unsafe impl<T: Send + Sync> Send for Table<T> {}
// SAFETY: As above.
unsafe impl<T: Send + Sync> Sync for Table<T> {}

impl<T: Send + Sync + 'static> Table<T> {
    /// An empty table. Context: process. Errors: `ENOMEM`.
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Table {
            table <- Opaque::try_ffi_init(|slot| {
                // SAFETY: `slot` is valid and pinned from now on.
                to_result(unsafe { c::appex_flows_init(slot) })
            }),
            _value: PhantomData,
        }? Error)
    }

    /// Looks a flow up; it stays valid for the RCU read side.
    pub(crate) fn find<'g>(&'g self, _guard: &'g impl ReadSide, key: &Key) -> Option<&'g T> {
        // SAFETY: Initialised by `new`; the read side is held; the key is read.
        let node = unsafe { c::appex_flows_find(self.table.get(), key.as_ptr()) };
        if node.is_null() {
            return None;
        }
        // SAFETY: Nodes are the first field of an `Entry<T>`, freed after a grace period. No
        // reference to the whole entry: the table changes the node's links meanwhile.
        Some(unsafe { &(*node.cast::<Entry<T>>()).value })
    }

    /// Adds a flow. Context: any. Errors: `EEXIST` when the key is there,
    /// `ENOMEM`, `EBUSY` or `E2BIG` when the table cannot take it now.
    pub(crate) fn insert(&self, key: &Key, value: T) -> Result {
        let node = c::appex_flow_node {
            key: *key,
            ..Default::default()
        };
        let entry = KBox::new(Entry { node, value }, GFP_ATOMIC | __GFP_NOWARN)?;
        let entry = KBox::into_raw(entry);
        // SAFETY: A fresh entry; on success the table owns it.
        let result = to_result(unsafe { c::appex_flows_insert(self.table.get(), entry.cast()) });
        if result.is_err() {
            // SAFETY: Not inserted, so still ours alone.
            drop(unsafe { KBox::from_raw(entry) });
        }
        result
    }

    /// Number of flows.
    pub(crate) fn len(&self) -> u32 {
        // SAFETY: Initialised by `new`.
        unsafe { c::appex_flows_count(self.table.get()) }
    }

    /// Removes the flows for which `keep` says no. A flow may be asked about
    /// twice, or missed while the table grows. Context: process.
    pub(crate) fn retain<F: FnMut(&Key, &T) -> bool>(&self, keep: F) {
        struct Visit<'a, T: Send + Sync + 'static, F> {
            table: &'a Table<T>,
            keep: F,
        }
        /// # Safety
        ///
        /// `arg` is a `Visit<T, F>`, `node` a node of its table, RCU is held.
        unsafe extern "C" fn visit<T: Send + Sync + 'static, F: FnMut(&Key, &T) -> bool>(
            node: *mut c::appex_flow_node,
            arg: *mut ffi::c_void,
        ) {
            // SAFETY: Promised by the caller; key and value as in `find`.
            let (visit, key, value) = unsafe {
                (
                    &mut *arg.cast::<Visit<'_, T, F>>(),
                    &(*node).key,
                    &(*node.cast::<Entry<T>>()).value,
                )
            };
            if !(visit.keep)(key, value) {
                visit.table.remove(node);
            }
        }
        let mut arg = Visit { table: self, keep };
        // SAFETY: `visit` is called with `arg` and live nodes during this call only.
        unsafe {
            c::appex_flows_walk(
                self.table.get(),
                Some(visit::<T, F>),
                ptr::from_mut(&mut arg).cast(),
            )
        };
    }

    fn remove(&self, node: *mut c::appex_flow_node) {
        // SAFETY: `node` was met in the table under RCU. Only who removes it frees it, after the
        // present readers are done.
        unsafe {
            if c::appex_flows_remove(self.table.get(), node) == 0 {
                c::appex_flows_free_later(node, Some(free_rcu::<T>));
            }
        }
    }
}

/// # Safety
///
/// Called by RCU for a removed node of a `Table<T>`.
unsafe extern "C" fn free_rcu<T>(head: *mut c::callback_head) {
    // SAFETY: `head` is the field `rcu` of a node that starts an `Entry<T>`, owned by us now.
    drop(unsafe {
        KBox::from_raw(
            head.byte_sub(offset_of!(c::appex_flow_node, rcu))
                .cast::<Entry<T>>(),
        )
    });
}

/// # Safety
///
/// Called for each node left when the table is destroyed.
unsafe extern "C" fn free_now<T>(node: *mut ffi::c_void, _arg: *mut ffi::c_void) {
    // SAFETY: Nobody else can reach the entry any more.
    drop(unsafe { KBox::from_raw(node.cast::<Entry<T>>()) });
}

#[pinned_drop]
impl<T: Send + Sync + 'static> PinnedDrop for Table<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: Dropping means that there are no readers. Entries removed before are freed by
        // RCU callbacks in this module's code: wait for those too.
        unsafe {
            c::appex_flows_destroy(self.table.get(), Some(free_now::<T>));
            c::rcu_barrier();
        }
    }
}
