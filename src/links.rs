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
    /// Its shapers. Changed under the lock of the list.
    queues: Atomic<u32>,
    /// Earliest departure of the next byte, in the model's ticks.
    clock: Atomic<u64>,
    /// The same of what goes ahead of that clock, at half of the rate.
    ahead: Atomic<u64>,
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
            for clock in [&self.clock, &self.ahead] {
                if clock.load(Relaxed) > now {
                    clock.store(now, Relaxed);
                }
            }
        }
    }

    /// Earliest departure of the next byte.
    pub(crate) fn clock(&self) -> u64 {
        self.clock.load(Relaxed)
    }

    /// Takes the next slot for `bytes`.
    pub(crate) fn claim(&self, pace: &Pace, now_ns: u64, bytes: u32) -> Slot {
        let (now, queues) = (ticks(now_ns), self.queues.load(Relaxed));
        let mut clock = self.clock.load(Relaxed);
        loop {
            // A queue that has not seen a new rate yet may have moved the clock at the old one.
            let believed = pace.believed(clock, now, queues);
            let (slot, next) = pace.claim(believed, now, bytes);
            // Whoever loses has lost to a packet that leaves.
            match self.clock.cmpxchg(clock, next, Full) {
                Ok(_) => return slot,
                Err(current) => clock = current,
            }
        }
    }

    /// Until when something may go ahead of the clock, in ticks: that is `lead_ns` before. All queues
    /// together may not go ahead with more than half of the rate for longer than that, or a thousand thin
    /// flows in one would leave nothing to the others.
    pub(crate) fn open_ahead(&self, pace: &Pace, now_ns: u64, lead_ns: u64) -> u64 {
        let (now, queues) = (ticks(now_ns), self.queues.load(Relaxed));
        let believed = |clock: &Atomic<u64>| pace.believed(clock.load(Relaxed), now, queues);
        believed(&self.clock)
            .max(believed(&self.ahead))
            .saturating_sub(ticks(lead_ns))
    }

    /// Books `bytes` that go ahead of the clock.
    pub(crate) fn go_ahead(&self, pace: &Pace, now_ns: u64, bytes: u32) {
        self.claim(pace, now_ns, bytes);
        let (now, queues) = (ticks(now_ns), self.queues.load(Relaxed));
        let mut clock = self.ahead.load(Relaxed);
        loop {
            let next = pace.borrowed(pace.believed(clock, now, queues), now, bytes);
            match self.ahead.cmpxchg(clock, next, Relaxed) {
                Ok(_) => return,
                Err(current) => clock = current,
            }
        }
    }

    /// Corrects the clock when a slot was used for `sent` bytes, or given back for none.
    pub(crate) fn settle(&self, pace: &Pace, slot: &Slot, sent: u32) {
        if sent == slot.bytes {
            return;
        }
        let mut clock = self.clock.load(Relaxed);
        // A slot of another rate was forgotten with it.
        while self.rate.load(Relaxed) == pace.rate() {
            let next = pace.settled(clock, slot, sent);
            match self.clock.cmpxchg(clock, next, Relaxed) {
                Ok(_) => return,
                Err(current) => clock = current,
            }
        }
    }
}

/// The interfaces that have shapers.
#[pin_data]
pub(crate) struct Links {
    /// Taken under RTNL when shapers come and go, never for packets; no other lock is taken inside.
    #[pin]
    list: Mutex<KVec<Arc<Link>>>,
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
        if let Some(link) = list.iter().find(|link| link.device == device) {
            let queues = link.queues.load(Relaxed).saturating_add(1);
            link.queues.store(queues, Relaxed);
            return Ok(link.clone());
        }
        let link = Arc::new(
            Link {
                device,
                queues: Atomic::new(1),
                clock: Atomic::new(0),
                ahead: Atomic::new(0),
                rate: Atomic::new(0),
            },
            GFP_KERNEL,
        )?;
        list.push(link.clone(), GFP_KERNEL)?;
        Ok(link)
    }

    /// One shaper less. Context: process.
    pub(crate) fn leave(&self, device: &Arc<Link>) {
        self.list.lock().retain(|link| {
            if link.device != device.device {
                return true;
            }
            let queues = link.queues.load(Relaxed).saturating_sub(1);
            link.queues.store(queues, Relaxed);
            queues != 0
        });
    }
}
