// SPDX-License-Identifier: GPL-2.0

//! Files that list a flow table, one line an entry, with bounded work for each read.
//!
//! C header: `include/linux/seq_file.h`.
//!
//! A read fills the reader's buffer and no more; the walk goes on from there with the next one.
//! Between start and stop, which seq_file calls for each read, the RCU read lock is held.

use super::bindings as c;
use super::flow_table::Cursor;
use super::procfs::File;
use core::marker::PhantomData;
use core::mem::size_of;
use core::ptr;
use kernel::ffi;
use kernel::prelude::*;
use kernel::seq_file::SeqFile;

/// What seq_file gets instead of an entry before the first one.
const HEADER: *mut ffi::c_void = ptr::without_provenance_mut(1);

/// Operations of a listing of `F`.
pub(in crate::sys) struct Operations<F: File>(PhantomData<F>);

impl<F: File> Operations<F> {
    const SEQ: &'static c::seq_operations = &c::seq_operations {
        start: Some(Self::start),
        stop: Some(Self::stop),
        next: Some(Self::next),
        show: Some(Self::show),
    };

    /// # Safety
    ///
    /// Called by procfs for an entry whose data is an `F` with a table.
    pub(in crate::sys) unsafe extern "C" fn open(
        _inode: *mut c::inode,
        file: *mut c::file,
    ) -> ffi::c_int {
        // SAFETY: `file` and its data are valid in this callback.
        let data = unsafe { c::appex_proc_data(file) };
        // SAFETY: The data is an `F` that stays while the file is open and not removed.
        let Some(table) = (unsafe { (*data.cast::<F>()).table() }) else {
            return ENODEV.to_errno();
        };
        let size = size_of::<Cursor<F::Item>>() as ffi::c_int;
        // SAFETY: `file` is valid; the operations are those for `F`.
        let cursor = unsafe { c::__seq_open_private(file, Self::SEQ, size) };
        if cursor.is_null() {
            return ENOMEM.to_errno();
        }
        // SAFETY: Just allocated with the cursor's size; `release` closes it, at the latest when the
        // entry is removed, which is before the table goes.
        unsafe { Cursor::open(cursor.cast(), table, data) };
        0
    }

    /// # Safety
    ///
    /// Called by procfs for a file that `open` has opened.
    pub(in crate::sys) unsafe extern "C" fn release(
        inode: *mut c::inode,
        file: *mut c::file,
    ) -> ffi::c_int {
        // SAFETY: Promised by the caller. seq_file has stopped what it started, and the file is gone afterwards.
        unsafe {
            let seq = c::appex_file_seq(file);
            (*Self::cursor(seq)).close();
            c::seq_release_private(inode, file)
        }
    }

    /// # Safety
    ///
    /// `seq` belongs to a file that `open` has opened.
    unsafe fn cursor(seq: *mut c::seq_file) -> *mut Cursor<F::Item> {
        // SAFETY: Promised by the caller.
        unsafe { (*seq).private.cast() }
    }

    /// # Safety
    ///
    /// Called by seq_file, with its mutex held.
    unsafe extern "C" fn start(
        seq: *mut c::seq_file,
        position: *mut c::loff_t,
    ) -> *mut ffi::c_void {
        // SAFETY: `seq` and `position` are valid; the mutex keeps others from this file's cursor. seq_file stops before
        // it starts again.
        let (cursor, first) = unsafe {
            let (cursor, first) = (&*Self::cursor(seq), *position == 0);
            cursor.start(first);
            (cursor, first)
        };
        if first {
            return HEADER;
        }
        // SAFETY: What `open` kept.
        let file = unsafe { &*cursor.file().cast::<F>() };
        // SAFETY: Started above; `wants` has no cursor.
        unsafe { cursor.find(false, |key, item| file.wants(key, item)) }.cast()
    }

    /// # Safety
    ///
    /// Called by seq_file between start and stop.
    unsafe extern "C" fn next(
        seq: *mut c::seq_file,
        _entry: *mut ffi::c_void,
        position: *mut c::loff_t,
    ) -> *mut ffi::c_void {
        // SAFETY: As in `start`.
        let cursor = unsafe {
            *position = (*position).saturating_add(1);
            &*Self::cursor(seq)
        };
        // SAFETY: What `open` kept.
        let file = unsafe { &*cursor.file().cast::<F>() };
        // SAFETY: seq_file has started; `wants` has no cursor.
        unsafe { cursor.find(true, |key, item| file.wants(key, item)) }.cast()
    }

    /// # Safety
    ///
    /// Called by seq_file after a start.
    unsafe extern "C" fn stop(seq: *mut c::seq_file, _entry: *mut ffi::c_void) {
        // SAFETY: As in `start`, which came before, once.
        unsafe { (*Self::cursor(seq)).stop() }
    }

    /// # Safety
    ///
    /// Called by seq_file between start and stop, with what these gave.
    unsafe extern "C" fn show(seq: *mut c::seq_file, entry: *mut ffi::c_void) -> ffi::c_int {
        // SAFETY: `seq` is valid and used by this thread only; the cursor keeps an `F`.
        let (file, m) = unsafe {
            (
                &*(*Self::cursor(seq)).file().cast::<F>(),
                SeqFile::from_raw(seq.cast::<kernel::bindings::seq_file>()),
            )
        };
        let shown = if ptr::eq(entry, HEADER) {
            file.show(m)
        } else {
            // SAFETY: What the walk gave, and no stop came since.
            unsafe { Cursor::visit(entry.cast(), |key, item| file.show_item(m, key, item)) }
        };
        match shown {
            Ok(()) => 0,
            Err(error) => error.to_errno(),
        }
    }
}
