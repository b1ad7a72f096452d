// SPDX-License-Identifier: GPL-2.0

//! Which interfaces an engine works on.
//!
//! Users write names and patterns to `wanIf`; packets carry interface indices.
//! The notifier keeps the list of present interfaces, and [`Interfaces::apply`]
//! turns patterns into indices whenever either side changes. An interface that
//! appears later, or is renamed so that it matches, is attached then.

use crate::adoption;
use crate::model::ifname;
use crate::state::{Engine, STATE};
use crate::sys::net_device::{Event, Watcher};
use crate::sys::peek::Peek;
use crate::sys::procfs::log_allowed;
use kernel::new_mutex;
use kernel::prelude::*;
use kernel::sync::atomic::{Atomic, Relaxed};
use kernel::sync::Mutex;

/// Places for attached interfaces: twice the most entries of `wanIf`.
const SLOTS: usize = 512;

/// Indices of attached interfaces, read per packet without a lock.
pub(crate) struct Attached {
    count: Atomic<u32>,
    slots: KVec<Atomic<u32>>,
}

impl Attached {
    /// None attached.
    pub(crate) fn new() -> Result<Self> {
        let mut slots = KVec::with_capacity(SLOTS, GFP_KERNEL)?;
        for _ in 0..SLOTS {
            slots.push(Atomic::new(0), GFP_KERNEL)?;
        }
        Ok(Attached {
            count: Atomic::new(0),
            slots,
        })
    }

    /// Whether none is attached. Context: any.
    pub(crate) fn is_empty(&self) -> bool {
        self.count.peek() == 0
    }

    /// Whether the interface is attached. Context: any.
    pub(crate) fn contains(&self, index: u32) -> bool {
        // Mostly one or two; the loop also ends with the slots.
        let mut left = self.count.peek();
        for slot in &self.slots {
            if left == 0 {
                break;
            }
            if slot.peek() == index {
                return true;
            }
            left = left.saturating_sub(1);
        }
        false
    }

    /// Replaces the set. A packet met meanwhile sees the old or the new state
    /// of each interface. Writers take turns: the list of present interfaces
    /// is locked.
    fn replace(&self, indices: &[u32]) {
        let mut count = 0u32;
        for (slot, &index) in self.slots.iter().zip(indices) {
            slot.store(index, Relaxed);
            count = count.saturating_add(1);
        }
        self.count.store(count, Relaxed);
    }
}

/// An interface's name: at most 15 bytes.
#[derive(Clone, Copy)]
struct Present {
    index: u32,
    name: [u8; 16],
    len: usize,
}

impl Present {
    fn name(&self) -> &[u8] {
        self.name.get(..self.len).unwrap_or(&[])
    }
}

/// The interfaces of the initial network namespace.
#[pin_data]
pub(crate) struct Interfaces {
    #[pin]
    present: Mutex<KVec<Present>>,
}

impl Interfaces {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Interfaces {
            present <- new_mutex!(KVec::new(), "appex::Interfaces::present"),
        })
    }

    fn update(&self, event: Event, name: &[u8], index: u32) {
        let mut present = self.present.lock();
        present.retain(|known| known.index != index);
        if event == Event::Gone {
            return;
        }
        let mut entry = Present {
            index,
            name: [0; 16],
            len: name.len().min(15),
        };
        for (to, &from) in entry.name.iter_mut().zip(name).take(15) {
            *to = from;
        }
        if present.push(entry, GFP_KERNEL).is_err() && log_allowed() {
            pr_warn!("no memory to follow an interface: it is not accelerated\n");
        }
    }

    /// Brings an engine's attached interfaces in line with its `wanIf` and `lanIf`.
    /// Returns whether one was detached. Context: process.
    pub(crate) fn apply(&self, engine: &Engine) -> bool {
        let present = self.present.lock();
        engine.settings.with_lists(|wan, lan| {
            let mut indices = KVec::new();
            for known in present.iter() {
                let name = known.name();
                let wanted = ifname::matches(wan, name) && !ifname::matches(lan, name);
                if wanted
                    && indices.len() < SLOTS
                    && indices.push(known.index, GFP_KERNEL).is_err()
                    && log_allowed()
                {
                    pr_warn!("no memory to attach an interface: it is not accelerated\n");
                }
            }
            let lost = present.iter().any(|known| {
                engine.attached.contains(known.index) && !indices.contains(&known.index)
            });
            engine.attached.replace(&indices);
            lost
        })
    }
}

/// Feeds the interface notifier into the state.
pub(crate) struct Follow;

impl Watcher for Follow {
    fn on_event(&self, event: Event, name: &[u8], index: u32) {
        let Some(state) = STATE.shared() else { return };
        state.interfaces.update(event, name, index);
        for engine in state.engines() {
            state.interfaces.apply(engine);
        }
        adoption::settings_changed(&state);
    }
}
