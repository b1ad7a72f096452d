// SPDX-License-Identifier: GPL-2.0

//! What the queues of one interface share: the clock of its rate.
//!
//! Each hardware queue has a shaper of its own under a lock of its own. The clock is one word that they
//! exchange atomically, so the interface keeps to one rate and no packet waits for another queue's lock.

use crate::model::shaper::{ticks, Pace, Slot};
use kernel::new_mutex;
use kernel::prelude::*;
use kernel::sync::atomic::{Atomic, Full, Relaxed};
use kernel::sync::{Arc, Mutex};

/// The clock of an interface.
pub(crate) struct Link {
    /// The interface, as long as one of its queues has a shaper.
    device: usize,
    /// Earliest departure of the next byte, in the model's ticks.
    clock: Atomic<u64>,
    /// The rate that the clock runs at, as the model tells rates apart; 0 for none.
    rate: Atomic<u64>,
}

impl Link {
    /// Lets the clock run at another rate. What was sent ahead at the old one is forgotten: that may be
    /// hours after a very low rate.
    pub(crate) fn set_rate(&self, pace: Option<&Pace>, now_ns: u64) {
        let rate = pace.map_or(0, Pace::rate);
        if self.rate.xchg(rate, Relaxed) != rate {
            let now = ticks(now_ns);
            if self.clock.load(Relaxed) > now {
                self.clock.store(now, Relaxed);
            }
        }
    }

    /// Earliest departure of the next byte.
    pub(crate) fn clock(&self) -> u64 {
        self.clock.load(Relaxed)
    }

    /// Takes the next slot for `bytes`.
    pub(crate) fn claim(&self, pace: &Pace, now_ns: u64, bytes: u32) -> Slot {
        let mut clock = self.clock.load(Relaxed);
        loop {
            let (slot, next) = pace.claim(clock, ticks(now_ns), bytes);
            // Whoever loses has lost to a packet that leaves.
            match self.clock.cmpxchg(clock, next, Full) {
                Ok(_) => return slot,
                Err(current) => clock = current,
            }
        }
    }

    /// Corrects the clock when a slot was used for `sent` bytes, or given back for none.
    pub(crate) fn settle(&self, pace: &Pace, slot: &Slot, sent: u32) {
        let correction = pace.correction(slot, sent);
        if correction != 0 {
            // Wraps, so that what is too much is taken back.
            self.clock.fetch_add(correction, Relaxed);
        }
    }
}

/// The interfaces that have shapers.
#[pin_data]
pub(crate) struct Links {
    /// Taken under RTNL when shapers come and go, never for packets; no other lock is taken inside.
    #[pin]
    list: Mutex<KVec<(Arc<Link>, u32)>>,
}

impl Links {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Links {
            list <- new_mutex!(KVec::new(), "appex::Links::list"),
        })
    }

    /// The link of an interface, for one more of its shapers. Context: process. Errors: `ENOMEM`.
    pub(crate) fn join(&self, device: usize) -> Result<Arc<Link>> {
        let mut list = self.list.lock();
        if let Some((link, users)) = list.iter_mut().find(|(link, _)| link.device == device) {
            *users = users.saturating_add(1);
            return Ok(link.clone());
        }
        let link = Arc::new(
            Link {
                device,
                clock: Atomic::new(0),
                rate: Atomic::new(0),
            },
            GFP_KERNEL,
        )?;
        list.push((link.clone(), 1), GFP_KERNEL)?;
        Ok(link)
    }

    /// One shaper less. Context: process.
    pub(crate) fn leave(&self, device: &Arc<Link>) {
        self.list.lock().retain(|(link, users)| {
            if link.device == device.device {
                *users = users.saturating_sub(1);
            }
            *users != 0
        });
    }
}
