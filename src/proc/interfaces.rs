// SPDX-License-Identifier: GPL-2.0

//! The files `wanIf` and `lanIf`.

use super::directory::Directory;
use super::store::printable;
use crate::model::ifname;
use crate::model::settings::{Reject, Spec, TextKey, Why, TEXT_MAX};
use kernel::prelude::*;
use kernel::seq_file::SeqFile;

/// Prints the list, separated by blanks.
pub(super) fn show(directory: &Directory, key: TextKey, m: &SeqFile) -> Result {
    directory.settings()?.with_text(key, |list| {
        m.call_printf(format_args!("{}\n", printable(list)));
    });
    Ok(())
}

/// Adds, removes or replaces entries. The caller holds the directory's write lock.
pub(super) fn write(
    directory: &Directory,
    spec: &'static Spec,
    key: TextKey,
    change: &[u8],
) -> Result {
    let store = directory.settings()?;
    let mut room = KVec::from_elem(0u8, TEXT_MAX, GFP_KERNEL)?;
    let mut list = KVec::new();
    let edited = store.with_text(key, |current| ifname::edit(current, change, &mut room));
    let edited = edited.map_err(|error| {
        let why = match error {
            ifname::Error::BadEntry => Why::Form,
            ifname::Error::TooMany => Why::TooMany,
            ifname::Error::TooLong => Why::TooLong,
        };
        directory.refuse(Reject::new(spec, why), change)
    })?;
    list.extend_from_slice(edited, GFP_KERNEL)?;
    store.set_text(key, list);
    directory.interfaces_changed(spec.name, change)
}
