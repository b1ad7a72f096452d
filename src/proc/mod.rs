// SPDX-License-Identifier: GPL-2.0

//! `/proc/net/appex`: the directories of all engines and their files.
//!
//! What the files are called and which values they take is in [`model::settings`]; this module
//! keeps the values, prints them, and lets the rest of the module know of changes.
//!
//! CONTEXT: process context throughout, except where [`Settings`] says otherwise. The caller of a
//! write has CAP_NET_ADMIN; that is checked below, in `sys`.
//!
//! [`model::settings`]: crate::model::settings

mod cmd;
mod directory;
mod files;
mod flows;
mod interfaces;
mod rules;
mod store;

pub(crate) use rules::Changing;
pub(crate) use store::{changes, have_changed, Settings};

use crate::model::settings;
use crate::state::State;
use crate::sys::procfs::Dir;
use directory::Directory;
use files::Content;
use kernel::prelude::*;
use kernel::str::CString;
use kernel::sync::Arc;

/// Permissions of what users write and of `stats`.
const SETTING: u16 = 0o644;
/// Permissions of what the module only tells.
const INFORMATION: u16 = 0o444;
/// Permissions of `flows` and `rules`: whose connections pass this machine, and what peers and control groups
/// there are, is nobody else's business, as in `/proc/net/nf_conntrack`.
const PRIVATE: u16 = 0o600;

/// All directories; dropping it removes them.
///
/// That waits until nobody is inside a callback. Files that are still open then answer `EIO`.
pub(crate) struct Tree {
    _dirs: KVec<Dir<Content>>,
}

impl Tree {
    /// Makes a directory with all files for each engine of `state`: `/proc/net/appex`,
    /// `/proc/net/appex1` and so on. On an error none is left.
    pub(crate) fn new(state: Arc<State>) -> Result<Self> {
        let mut dirs = KVec::with_capacity(state.engines().len(), GFP_KERNEL)?;
        for number in 0..state.engines().len() {
            let directory = Arc::pin_init(Directory::new(state.clone(), number)?, GFP_KERNEL)?;
            dirs.push(populate(directory)?, GFP_KERNEL)?;
        }
        Ok(Tree { _dirs: dirs })
    }
}

fn populate(directory: Arc<Directory>) -> Result<Dir<Content>> {
    let mut dir = Dir::new(directory.name())?;
    for spec in settings::file_specs() {
        let Some(content) = Content::new(directory.clone(), spec) else {
            continue;
        };
        let name = CString::try_from_fmt(fmt!("{}", spec.name))?;
        let mode = match spec.name {
            "flows" | "rules" => PRIVATE,
            "stats" => SETTING,
            _ if spec.writable => SETTING,
            _ => INFORMATION,
        };
        dir.add(&name, mode, content)?;
    }
    Ok(dir)
}
