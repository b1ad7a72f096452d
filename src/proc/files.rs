// SPDX-License-Identifier: GPL-2.0

//! The files of a directory: which file shows and takes what.

use super::directory::Directory;
use super::{cmd, flows, interfaces};
use crate::flows::Flow;
use crate::model::settings::{
    self, Effect, FileLine, Initial, Kind, Parsed, Reject, Slot, Spec, TextKey, Why,
};
use crate::model::stats;
use crate::model::text::strip_newline;
use crate::state::VERSION;
use crate::sys::flow_table::Table;
use crate::sys::procfs::File;
use crate::sys::time;
use core::fmt;
use kernel::prelude::*;
use kernel::seq_file::SeqFile;
use kernel::sync::Arc;

/// One file.
pub(super) struct Content {
    directory: Arc<Directory>,
    spec: &'static Spec,
    what: What,
}

/// Where the content of a file comes from.
enum What {
    Scalar(settings::Key),
    Interfaces(TextKey),
    Cmd,
    Stats,
    Flows,
    Rules,
    Version,
    Engine,
    Hz,
    /// The module has none of what the file counts.
    Zero,
}

impl Content {
    /// `None` for a file whose content is not known here, which a test of the table rules out.
    pub(super) fn new(directory: Arc<Directory>, spec: &'static Spec) -> Option<Self> {
        let what = match (spec.slot, spec.kind, spec.name) {
            (Slot::Scalar(key), ..) => What::Scalar(key),
            (Slot::Text(key), Kind::Interfaces, _) => What::Interfaces(key),
            (_, _, "cmd") => What::Cmd,
            (_, _, "stats") => What::Stats,
            (_, _, "flows") => What::Flows,
            (_, _, "rules") => What::Rules,
            (_, _, "version") => What::Version,
            (_, _, "engine") => What::Engine,
            (_, _, "hz") => What::Hz,
            (_, _, "ioctl" | "byteCacheIoFails") => What::Zero,
            _ => return None,
        };
        Some(Content {
            directory,
            spec,
            what,
        })
    }

    fn write_scalar(&self, key: settings::Key, value: &[u8]) -> Result {
        // Numbers need no room for another spelling.
        match settings::parse(self.spec, value, &mut []) {
            Ok(Parsed::Scalar(slot)) => {
                let changed = self.directory.settings()?.set(key, slot);
                if changed && obeyed_by_sockets(key) {
                    self.directory.review();
                }
                if changed {
                    note_unused(&self.directory, key, slot);
                }
                Ok(())
            }
            Ok(Parsed::Text(_)) => Err(EINVAL),
            Err(reject) => Err(self.directory.refuse(reject, value)),
        }
    }
}

/// Whether sockets that were taken over may have to go back when the setting changes.
pub(super) fn obeyed_by_sockets(key: settings::Key) -> bool {
    use settings::Key::{ShortRttMs, SubnetAccEnable, TcpAccEnable, TcpFlags};
    matches!(key, TcpAccEnable | SubnetAccEnable | ShortRttMs | TcpFlags)
}

/// Tells of a number that was set to something else than as shipped and has no effect here.
pub(super) fn note_unused(directory: &Directory, key: settings::Key, slot: u64) {
    let spec = key.spec();
    let is_shipped = matches!(spec.default, Initial::Scalar(default) if default == slot);
    if spec.effect == Effect::Active || is_shipped || is_scripts_own(key) {
        return;
    }
    if is_absent(key) {
        directory.note_absent(spec.name);
    } else {
        directory.note_unused(spec.name);
    }
}

/// Whether there is nothing to tell: scripts set `engSysEnable` at each start, and obey the other two themselves.
fn is_scripts_own(key: settings::Key) -> bool {
    use settings::Key::{EngSysEnable, Gso, Rsc};
    matches!(key, EngSysEnable | Gso | Rsc)
}

/// Whether the setting switches something on that only the original has.
fn is_absent(key: settings::Key) -> bool {
    use settings::Key::{ByteCacheEnable, DataCompEnable, HttpCompEnable};
    matches!(key, ByteCacheEnable | DataCompEnable | HttpCompEnable)
}

/// The same for a text of `cmd`.
pub(super) fn list_obeyed_by_sockets(key: TextKey) -> bool {
    use TextKey::{LanSegment, LanSegmentV6, ShortRttBypass};
    matches!(key, LanSegment | LanSegmentV6 | ShortRttBypass)
}

impl File for Content {
    type Item = Flow;

    fn table(&self) -> Option<&Table<Flow>> {
        matches!(self.what, What::Flows).then(|| self.directory.flows())
    }

    fn wants(&self, key: &[u64; 5], flow: &Flow) -> bool {
        flows::wants(&self.directory, key, flow)
    }

    fn show_item(&self, m: &SeqFile, key: &[u64; 5], flow: &Flow) -> Result {
        flows::show_item(&self.directory, m, key, flow)
    }

    fn show(&self, m: &SeqFile) -> Result {
        let directory = &self.directory;
        match self.what {
            What::Scalar(key) => {
                let slot = directory.settings()?.get(key);
                let line = FileLine {
                    spec: self.spec,
                    slot,
                };
                m.call_printf(format_args!("{line}\n"));
            }
            What::Interfaces(key) => interfaces::show(directory, key, m)?,
            What::Cmd => cmd::show(directory, m)?,
            // Printing to a seq_file never fails: it notes that its buffer is full and asks again.
            What::Stats => stats::render(|counter| directory.counter(counter), &mut Print(m))?,
            What::Flows => flows::show_header(directory, m),
            What::Rules => directory.show_rules(&mut Print(m))?,
            What::Version => m.call_printf(format_args!("{VERSION}\n")),
            What::Engine => {
                let (number, all) = (directory.number(), directory.engines());
                m.call_printf(format_args!("{number} {all}\n"));
            }
            What::Hz => m.call_printf(format_args!("{}\n", time::hz())),
            What::Zero => m.call_printf(format_args!("0\n")),
        }
        Ok(())
    }

    fn write(&self, text: &[u8]) -> Result {
        let _writing = self.directory.begin_write();
        let value = strip_newline(text);
        match self.what {
            What::Scalar(key) => self.write_scalar(key, value),
            What::Interfaces(key) => interfaces::write(&self.directory, self.spec, key, value),
            What::Cmd => cmd::write(&self.directory, text),
            What::Rules => self.directory.edit_rules(self.spec, text),
            What::Flows => flows::write(&self.directory, self.spec, value),
            What::Stats | What::Version | What::Engine | What::Hz | What::Zero => {
                let reject = Reject::new(self.spec, Why::ReadOnly);
                Err(self.directory.refuse(reject, value))
            }
        }
    }
}

/// Lets code that prints to a [`fmt::Write`] print to a file.
pub(super) struct Print<'a>(pub(super) &'a SeqFile);

impl fmt::Write for Print<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.call_printf(format_args!("{text}"));
        Ok(())
    }
}
