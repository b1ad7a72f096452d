// SPDX-License-Identifier: GPL-2.0

//! What the files of one directory share.

use super::store::printable;
use super::Settings;
use crate::adoption;
use crate::flows::Flow;
use crate::model::flow_line::{Filter, FILTER_MAX};
use crate::model::settings::{Key, LogLine, Reject, Spec, Why};
use crate::model::stats::{Counter, Event};
use crate::model::text::{one_line, Escaped};
use crate::rules::Refused;
use crate::state::{Engine, State};
use crate::sys::flow_table::Table;
use crate::sys::procfs::log_allowed;
use core::fmt;
use kernel::prelude::*;
use kernel::str::CString;
use kernel::sync::{rcu, Arc, Mutex, MutexGuard, SpinLock};
use kernel::{new_mutex, new_spinlock};

/// `logLevel` from which refused values are logged: kernel log level "warning".
const WARNINGS: u64 = 4;
/// `logLevel` from which attached interfaces are logged: kernel log level "info".
const CHANGES: u64 = 6;

/// One engine's directory.
#[pin_data]
pub(super) struct Directory {
    state: Arc<State>,
    /// Number of the engine; `state` has it.
    number: usize,
    name: CString,
    /// Held during a write, from the check of the value until all of the module obeys it. So writes
    /// take effect one after the other, and an interface list is not changed under its editor.
    #[pin]
    writing: Mutex<()>,
    /// What `flows` shows.
    #[pin]
    filter: SpinLock<Shown>,
}

/// The filter of `flows`, and its text.
#[derive(Clone, Copy)]
pub(super) struct Shown {
    pub(super) filter: Filter,
    text: [u8; FILTER_MAX],
    len: usize,
}

impl Shown {
    /// `None` if the text is no filter.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let filter = Filter::parse(text)?;
        let mut shown = [0; FILTER_MAX];
        let len = one_line(text, &mut shown).ok()?.len();
        Some(Shown {
            filter,
            text: shown,
            len,
        })
    }

    /// The text, printable: it was parsed.
    pub(super) fn text(&self) -> &str {
        printable(self.text.get(..self.len).unwrap_or(&[]))
    }
}

impl Directory {
    pub(super) fn new(state: Arc<State>, number: usize) -> Result<impl PinInit<Self>> {
        let name = match number {
            // The suffix of the first is empty, as scripts expect.
            0 => CString::try_from_fmt(fmt!("appex"))?,
            number => CString::try_from_fmt(fmt!("appex{number}"))?,
        };
        let everything = Shown::parse(b"").ok_or(EINVAL)?;
        Ok(pin_init!(Self {
            state,
            number,
            name,
            writing <- new_mutex!((), "appex::Directory::writing"),
            filter <- new_spinlock!(everything, "appex::Directory::filter"),
        }))
    }

    /// Name of the directory in `/proc/net`.
    pub(super) fn name(&self) -> &CStr {
        &self.name
    }

    /// Number of the engine.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// Number of all engines.
    pub(super) fn engines(&self) -> usize {
        self.state.engines().len()
    }

    /// Waits for the end of other writes to this directory.
    pub(super) fn begin_write(&self) -> MutexGuard<'_, ()> {
        self.writing.lock()
    }

    /// The engine.
    pub(super) fn engine(&self) -> Result<&Engine> {
        self.state.engines().get(self.number).ok_or(ENODEV)
    }

    /// All that is shared.
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// The table that `flows` lists.
    pub(super) fn flows(&self) -> &Table<Flow> {
        &self.state.flows
    }

    /// What `flows` shows. Context: process, any lock held.
    pub(super) fn shown(&self) -> Shown {
        *self.filter.lock()
    }

    /// Changes what `flows` shows.
    pub(super) fn show(&self, shown: Shown) {
        *self.filter.lock() = shown;
    }

    /// The engine's settings.
    pub(super) fn settings(&self) -> Result<&Settings> {
        Ok(&self.engine()?.settings)
    }

    /// A counter, over the CPUs of the engine.
    pub(super) fn counter(&self, counter: Counter) -> u64 {
        self.state.counter(self.cpu_number(), counter)
    }

    /// The number in the type of the counters; there are at most 64 engines.
    fn cpu_number(&self) -> u32 {
        u32::try_from(self.number).unwrap_or(u32::MAX)
    }

    /// Prints the rules, which are those of all engines.
    pub(super) fn show_rules(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let guard = rcu::read_lock();
        let mut result = Ok(());
        self.state.rules.each(&guard, |text, hits| {
            result = result.and_then(|()| writeln!(out, "{} # hits={hits}", printable(text)));
        });
        result
    }

    /// Changes the rules.
    pub(super) fn edit_rules(&self, spec: &'static Spec, text: &[u8]) -> Result {
        let why = match self.state.rules.edit(text) {
            Ok(()) => {
                self.review();
                return Ok(());
            }
            Err(Refused::Memory) => return Err(ENOMEM),
            Err(Refused::TooMany) => Why::TooMany,
            Err(Refused::Form | Refused::Mixed) => Why::Form,
        };
        Err(self.refuse(Reject::new(spec, why), text))
    }

    /// Lets the module obey new settings of sockets that it already has.
    pub(super) fn review(&self) {
        adoption::settings_changed(&self.state);
        adoption::review(&self.state);
    }

    /// Lets the module obey a new interface list, and tells the administrator about it.
    pub(super) fn interfaces_changed(&self, file: &str, value: &[u8]) -> Result {
        let engine = self.engine()?;
        if self.state.interfaces.apply(engine) {
            self.review();
        }
        if engine.settings.get(Key::LogLevel) >= CHANGES && log_allowed() {
            let value = Escaped(value);
            match self.number {
                // The line that users of the original know.
                0 => pr_info!("set {file} {}\n", format_args!("{value}")),
                number => pr_info!("engine {number}: set {file} {}\n", format_args!("{value}")),
            }
        }
        Ok(())
    }

    /// Tells that a feature was switched on that is not there.
    pub(super) fn note_absent(&self, file: &str) {
        let log_level = self.settings().map_or(WARNINGS, |s| s.get(Key::LogLevel));
        if log_level >= WARNINGS && log_allowed() {
            pr_warn!("{file}: this version has no such feature and works without it\n");
        }
    }

    /// Tells that a value is kept and nothing done with it.
    pub(super) fn note_unused(&self, name: &str) {
        let log_level = self.settings().map_or(WARNINGS, |s| s.get(Key::LogLevel));
        if log_level >= CHANGES && log_allowed() {
            pr_info!("{name}: kept, has no effect here\n");
        }
    }

    /// Counts and logs a refused value.
    pub(super) fn refuse(&self, reject: Reject, value: &[u8]) -> Error {
        self.state.count(self.cpu_number(), Event::RejectedWrites);
        let log_level = self.settings().map_or(WARNINGS, |s| s.get(Key::LogLevel));
        if log_level >= WARNINGS && log_allowed() {
            let line = LogLine {
                dir: display(self.name()),
                value,
                reject,
            };
            pr_warn!("{}\n", format_args!("{line}"));
        }
        EINVAL
    }
}

/// The name is ours and ASCII.
fn display(name: &CStr) -> &str {
    name.to_str().unwrap_or("appex")
}
