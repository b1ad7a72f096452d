// SPDX-License-Identifier: GPL-2.0

//! The file `cmd`: all settings that have no file of their own.

use super::directory::Directory;
use super::files::{list_obeyed_by_sockets, note_unused, obeyed_by_sockets, Print};
use super::store::printable;
use crate::model::settings::{self, Effect, FileLine, Key, Parsed, Slot, TextKey, TEXT_MAX};
use core::fmt::Write;
use kernel::prelude::*;
use kernel::seq_file::SeqFile;

/// Prints one `key: value` line for every key.
pub(super) fn show(directory: &Directory, m: &SeqFile) -> Result {
    let store = directory.settings()?;
    let mut out = Print(m);
    for spec in settings::cmd_specs() {
        match spec.slot {
            Slot::Scalar(key) => {
                let slot = store.get(key);
                writeln!(out, "{}", FileLine { spec, slot })?;
            }
            Slot::Text(key) => store.with_text(key, |text| {
                writeln!(out, "{}: {}", spec.name, printable(text))
            })?,
            Slot::Special => {}
        }
    }
    Ok(())
}

/// A setting that was found good and is about to be changed.
enum Change {
    Scalar(Key, u64),
    Text(TextKey, KVec<u8>),
}

/// Takes one or more `key: value` lines: all of them, or none if one is refused or memory is short.
pub(super) fn write(directory: &Directory, data: &[u8]) -> Result {
    let store = directory.settings()?;
    let mut scratch = KVec::from_elem(0u8, TEXT_MAX, GFP_KERNEL)?;
    let mut changes = KVec::new();
    for line in settings::lines(data) {
        let (spec, value) =
            settings::parse_line(line).map_err(|reject| directory.refuse(reject, line))?;
        let parsed = settings::parse(spec, value, &mut scratch)
            .map_err(|reject| directory.refuse(reject, value))?;
        let change = match (spec.slot, parsed) {
            (Slot::Scalar(key), Parsed::Scalar(slot)) => Change::Scalar(key, slot),
            (Slot::Text(key), Parsed::Text(text)) => {
                let mut copy = KVec::new();
                copy.extend_from_slice(text, GFP_KERNEL)?;
                Change::Text(key, copy)
            }
            _ => return Err(EINVAL),
        };
        changes.push(change, GFP_KERNEL)?;
    }

    // Nothing fails from here on.
    let mut review = false;
    for change in changes {
        match change {
            Change::Scalar(key, slot) => {
                if store.set(key, slot) {
                    review |= obeyed_by_sockets(key);
                    note_unused(directory, key, slot);
                }
            }
            Change::Text(key, text) => {
                let spec = key.spec();
                if spec.effect == Effect::Stored && !text.is_empty() {
                    directory.note_unused(spec.name);
                }
                store.set_text(key, text);
                review |= list_obeyed_by_sockets(key);
            }
        }
    }
    if review {
        directory.review();
    }
    Ok(())
}
