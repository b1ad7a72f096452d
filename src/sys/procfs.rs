// SPDX-License-Identifier: GPL-2.0

//! Files under `/proc/net` of the initial network namespace.
//!
//! C header: `include/linux/proc_fs.h`.
//!
//! Opening, reading and writing run in process context and may sleep. Removing
//! a directory waits until nobody is inside a callback of its files; files that
//! are still open then answer `EIO`.

use super::bindings as c;
use super::flow_table::{Key, Table};
use super::listing;
use core::mem::offset_of;
use core::ptr;
use kernel::ffi;
use kernel::prelude::*;
use kernel::seq_file::SeqFile;

/// Longest accepted write, bytes; a longer one is refused with `EINVAL`.
pub(crate) const MAX_WRITE: usize = 4096;

/// The files of a directory.
pub(crate) trait File: Send + Sync + 'static {
    /// What the tables hold that files list.
    type Item: Send + Sync + 'static;

    /// Prints the whole content or, for a listing, what comes before the first entry. May be called
    /// again with a larger buffer. Context for a listing: RCU, must not sleep.
    fn show(&self, m: &SeqFile) -> Result;

    /// The table that the file lists, if it is a listing; always the same answer.
    fn table(&self) -> Option<&Table<Self::Item>>;

    /// Whether a listing shows an entry. Context: RCU, must not sleep.
    fn wants(&self, key: &Key, item: &Self::Item) -> bool;

    /// Prints an entry of a listing. Context: RCU, must not sleep.
    fn show_item(&self, m: &SeqFile, key: &Key, item: &Self::Item) -> Result;

    /// Takes one write, at most [`MAX_WRITE`] bytes, from a caller that has
    /// CAP_NET_ADMIN in the initial user namespace.
    fn write(&self, text: &[u8]) -> Result;
}

/// A directory with its files; removed when dropped.
///
/// # Invariants
///
/// `entry` is a directory in procfs made by us. Each of `files` is the data of
/// an entry inside it and is freed only after `entry` was removed.
pub(crate) struct Dir<F: File> {
    entry: *mut c::proc_dir_entry,
    files: KVec<KBox<F>>,
}

// SAFETY: The entry is only used by methods that need `&mut self`, from process context.
unsafe impl<F: File> Send for Dir<F> {}
// SAFETY: `&Dir` offers nothing.
unsafe impl<F: File> Sync for Dir<F> {}

impl<F: File> Dir<F> {
    /// Makes `/proc/net/<name>`. Errors: `EEXIST` when something of that name
    /// is there, `ENOMEM`.
    pub(crate) fn new(name: &CStr) -> Result<Self> {
        // SAFETY: The name is a C string, the parent is the initial namespace's directory.
        let entry = unsafe {
            c::proc_mkdir_data(
                name.as_char_ptr().cast(),
                0o555,
                c::appex_proc_net(),
                ptr::null_mut(),
            )
        };
        if entry.is_null() {
            // procfs has one answer for no memory and for a name that is taken.
            return Err(EEXIST);
        }
        // INVARIANT: Just made; no files yet.
        Ok(Dir {
            entry,
            files: KVec::new(),
        })
    }

    /// Adds a file with the given permission bits; one without any write bit
    /// never calls [`File::write`].
    pub(crate) fn add(&mut self, name: &CStr, mode: u16, file: F) -> Result {
        self.files.reserve(1, GFP_KERNEL)?;
        let file = KBox::new(file, GFP_KERNEL)?;
        let data = ptr::from_ref::<F>(&file).cast_mut().cast::<ffi::c_void>();
        let operations = match file.table() {
            Some(_) => Operations::<F>::LISTING,
            None => Operations::<F>::OPS,
        };
        // SAFETY: `data` is an `F` that outlives the entry by the type invariant; the operations
        // are those for `F`.
        let entry = unsafe {
            c::proc_create_data(
                name.as_char_ptr().cast(),
                mode,
                self.entry,
                operations,
                data,
            )
        };
        if entry.is_null() {
            return Err(ENOMEM);
        }
        // Never fails: the room was reserved.
        self.files.push(file, GFP_KERNEL)?;
        Ok(())
    }
}

impl<F: File> Drop for Dir<F> {
    fn drop(&mut self) {
        // SAFETY: Ours by the type invariant; waits for callbacks in progress, and only then the
        // fields, and with them the files' data, are dropped.
        unsafe { c::proc_remove(self.entry) };
    }
}

struct Operations<F: File>(core::marker::PhantomData<F>);

impl<F: File> Operations<F> {
    const OPS: &'static c::proc_ops = &c::proc_ops {
        proc_open: Some(Self::open),
        proc_read: Some(c::seq_read),
        proc_lseek: Some(c::seq_lseek),
        proc_release: Some(c::single_release),
        proc_write: Some(Self::write),
        // SAFETY: All-zero means: no further operation.
        ..unsafe { core::mem::zeroed() }
    };

    const LISTING: &'static c::proc_ops = &c::proc_ops {
        proc_open: Some(listing::Operations::<F>::open),
        proc_read: Some(c::seq_read),
        proc_lseek: Some(c::seq_lseek),
        proc_release: Some(listing::Operations::<F>::release),
        proc_write: Some(Self::write),
        // SAFETY: All-zero means: no further operation.
        ..unsafe { core::mem::zeroed() }
    };

    /// # Safety
    ///
    /// Called by procfs for an entry whose data is an `F`.
    unsafe extern "C" fn open(_inode: *mut c::inode, file: *mut c::file) -> ffi::c_int {
        // SAFETY: `file` is valid in this callback.
        let data = unsafe { c::appex_proc_data(file) };
        // SAFETY: As above; `data` stays valid while the file is open and not removed.
        unsafe { c::single_open(file, Some(Self::show), data) }
    }

    /// # Safety
    ///
    /// Called by seq_file for a file opened by `open`.
    unsafe extern "C" fn show(seq: *mut c::seq_file, _v: *mut ffi::c_void) -> ffi::c_int {
        const {
            // Both are the C `struct seq_file`, described twice by bindgen.
            assert!(
                core::mem::size_of::<c::seq_file>()
                    == core::mem::size_of::<kernel::bindings::seq_file>()
            );
            assert!(
                offset_of!(c::seq_file, private) == offset_of!(kernel::bindings::seq_file, private)
            );
        }
        // SAFETY: `seq` is valid and used by this thread only; `private` is what `open` gave.
        let (file, m) = unsafe {
            (
                &*(*seq).private.cast::<F>(),
                SeqFile::from_raw(seq.cast::<kernel::bindings::seq_file>()),
            )
        };
        match file.show(m) {
            Ok(()) => 0,
            Err(error) => error.to_errno(),
        }
    }

    /// # Safety
    ///
    /// Called by procfs; `from` is a user address of `len` bytes, to be checked.
    unsafe extern "C" fn write(
        file: *mut c::file,
        from: *const ffi::c_char,
        len: usize,
        position: *mut c::loff_t,
    ) -> isize {
        // SAFETY: `file` and its data are valid in this callback.
        let target = unsafe { &*c::appex_proc_data(file).cast::<F>() };
        match Self::copy_and_write(target, from, len) {
            Ok(()) => {
                // SAFETY: The position is a valid pointer of the caller's.
                unsafe { *position = (*position).saturating_add(len as c::loff_t) };
                len as isize
            }
            Err(error) => error.to_errno() as isize,
        }
    }

    fn copy_and_write(target: &F, from: *const ffi::c_char, len: usize) -> Result {
        // SAFETY: No requirement.
        if !unsafe { c::appex_capable_net_admin() } {
            return Err(EPERM);
        }
        if len > MAX_WRITE {
            return Err(EINVAL);
        }
        let mut text = KVec::<u8>::with_capacity(len, GFP_KERNEL)?;
        let room = text.spare_capacity_mut();
        // SAFETY: `room` holds at least `len` bytes; user addresses are checked by the callee.
        let missing =
            unsafe { c::appex_copy_from_user(room.as_mut_ptr().cast(), from.cast(), len) };
        if missing != 0 {
            return Err(EFAULT);
        }
        // SAFETY: The first `len` bytes were just written, within the capacity.
        unsafe { text.inc_len(len) };
        target.write(&text)
    }
}

/// Whether a log line may be printed now: at most ten in five seconds over
/// the whole module; the kernel tells how many it suppressed.
///
/// Context: any.
pub(crate) fn log_allowed() -> bool {
    // SAFETY: No requirement.
    unsafe { c::appex_log_allowed() }
}
