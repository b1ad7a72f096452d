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

    /// The table, for [`Cursor`].
    fn as_ptr(&self) -> *mut c::rhashtable {
        self.table.get()
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

/// A walk that may pause anywhere.
///
/// # Invariants
///
/// The C cursor was opened on a `Table<T>` that outlives it. One context at a time uses it; while it pauses, the table changes
/// it, too, under a lock of its own.
#[repr(transparent)]
pub(in crate::sys) struct Cursor<T: Send + Sync + 'static> {
    raw: Opaque<c::appex_flows_cursor>,
    _value: PhantomData<T>,
}

impl<T: Send + Sync + 'static> Cursor<T> {
    /// Begins a walk; `file` is kept for who finds only the cursor.
    ///
    /// # Safety
    ///
    /// `this` has room for a cursor, which must be closed before the table goes, and used by one context at a time.
    pub(in crate::sys) unsafe fn open(this: *mut Self, table: &Table<T>, file: *const ffi::c_void) {
        let raw = this.cast::<c::appex_flows_cursor>();
        // SAFETY: Promised by the caller; `Cursor` is transparent; the table is initialised.
        unsafe {
            (*raw).file = file;
            c::appex_flows_cursor_open(raw, table.as_ptr());
        }
    }

    /// Ends the walk.
    ///
    /// # Safety
    ///
    /// Not between start and stop; nothing is asked of the cursor afterwards.
    pub(in crate::sys) unsafe fn close(&self) {
        // SAFETY: Open by the type invariant; the caller promises the rest.
        unsafe { c::appex_flows_cursor_close(self.raw.get()) }
    }

    /// What was given to [`Cursor::open`].
    pub(in crate::sys) fn file(&self) -> *const ffi::c_void {
        // SAFETY: Open by the type invariant; written by `open` only.
        unsafe { (*self.raw.get()).file }
    }

    /// Goes on where it stopped, or from the start of the table. Holds the RCU read lock until the stop.
    ///
    /// # Safety
    ///
    /// Not between start and stop.
    pub(in crate::sys) unsafe fn start(&self, anew: bool) {
        // SAFETY: Open by the type invariant; the caller promises the rest.
        unsafe { c::appex_flows_cursor_start(self.raw.get(), anew) }
    }

    /// Interrupts the walk.
    ///
    /// # Safety
    ///
    /// After a start, once.
    pub(in crate::sys) unsafe fn stop(&self) {
        // SAFETY: Open by the type invariant, and started, as the caller promises.
        unsafe { c::appex_flows_cursor_stop(self.raw.get()) }
    }

    /// The entry for which `wanted` says yes: the present one or, if `advance`, one after it. Gives
    /// others the CPU now and then; null at the end, and if the reader is to be killed.
    ///
    /// What it gave before is gone when `advance` is said: there may be a pause. Each entry counts
    /// towards the next, whether it is wanted or not: it may have been printed, or skipped over.
    ///
    /// # Safety
    ///
    /// Between start and stop, and not from `wanted`.
    pub(in crate::sys) unsafe fn find(
        &self,
        advance: bool,
        wanted: impl Fn(&Key, &T) -> bool,
    ) -> *mut c::appex_flow_node {
        if advance && !self.take_turn() {
            return ptr::null_mut();
        }
        // SAFETY: Open by the type invariant, and started, as the caller promises.
        let mut node = unsafe {
            match advance {
                true => c::appex_flows_cursor_next(self.raw.get()),
                false => c::appex_flows_cursor_peek(self.raw.get()),
            }
        };
        // SAFETY: A node that the walk gave stays valid until the stop or the next pause.
        while !node.is_null() && !unsafe { Self::visit(node, &wanted) } {
            if !self.take_turn() {
                return ptr::null_mut();
            }
            // SAFETY: As above.
            node = unsafe { c::appex_flows_cursor_next(self.raw.get()) };
        }
        node
    }

    /// Counts an entry, and pauses when there were many. False if the reader is to be killed.
    fn take_turn(&self) -> bool {
        /// Entries between two pauses: some hundred microseconds of work if each is printed.
        const BATCH: u32 = 256;
        // SAFETY: Open by the type invariant, and ours alone; the count is not what the table changes.
        let met = unsafe { &mut (*self.raw.get()).met };
        *met = met.saturating_add(1);
        if *met < BATCH {
            return true;
        }
        *met = 0;
        // SAFETY: Open by the type invariant, and started: only `find` calls this.
        unsafe { c::appex_flows_cursor_pause(self.raw.get()) }
    }

    /// Calls `visit` for an entry.
    ///
    /// # Safety
    ///
    /// The walk gave `node`, and neither stop nor pause came since.
    pub(in crate::sys) unsafe fn visit<R>(
        node: *mut c::appex_flow_node,
        visit: impl FnOnce(&Key, &T) -> R,
    ) -> R {
        // SAFETY: Promised by the caller; key and value as in `Table::find`.
        let (key, value) = unsafe { (&(*node).key, &(*node.cast::<Entry<T>>()).value) };
        visit(key, value)
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
