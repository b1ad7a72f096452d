// SPDX-License-Identifier: GPL-2.0

//! What the whole module shares: engines with their settings, the flow table,
//! the counters.
//!
//! An *engine* is one directory in `/proc/net`: settings, attached interfaces
//! and counters of its own. A packet is handled by the engine of the CPU that
//! it is met on, CPU number modulo number of engines, so the counters of all
//! engines together are the machine's.
//!
//! Lock order, outermost first; the packet path takes none of them:
//! 1. RTNL (taken by the kernel around interface events),
//! 2. a directory's write lock ([`crate::proc`]),
//! 3. [`Interfaces`]' list of present interfaces,
//! 4. a socket's lock, when sockets are handed back.

use crate::flows::Flow;
use crate::interfaces::{Attached, Interfaces};
use crate::links::Links;
use crate::meters::Meters;
use crate::model::policy::Facts;
use crate::model::settings::{unpack, window_limit, Hot, InboundOrders, Key, Scope};
use crate::model::stats::{Counter, Event, Metric, COUNTERS};
use crate::model::units::{Addr, Family};
use crate::near::Near;
use crate::paths::Paths;
use crate::proc::{Changing, Settings};
use crate::recent::Recent;
use crate::routes::Routes;
use crate::rules::{Found, Rules};
use crate::sys::flow_table::Table;
use crate::sys::percpu::{self, Counters};
use crate::sys::published::Published;
use crate::via::Via;
use kernel::prelude::*;
use kernel::sync::atomic::{Atomic, Relaxed};
use kernel::sync::Arc;

/// The state, for hooks and congestion control; there while the module works.
pub(crate) static STATE: Published<State> = Published::new();

/// The version of this module.
pub(crate) const VERSION: &str = env!("APPEX_VERSION");

/// Most engines; as many directories as the scripts of the original handle.
pub(crate) const MAX_ENGINES: u32 = 64;

/// Everything shared.
#[pin_data]
pub(crate) struct State {
    engines: KVec<Engine>,
    counters: Counters,
    /// What earlier connections have learned about their paths.
    pub(crate) paths: Paths,
    /// How connections of other network namespaces leave.
    pub(crate) via: Via,
    /// Flows whose records were told of a packet a moment ago.
    pub(crate) recent: Recent,
    /// Subnets that are near.
    pub(crate) near: Near,
    /// What interfaces receive that keep to a limit.
    pub(crate) meters: Meters,
    /// The least round trips to peers of inbound flows.
    pub(crate) routes: Routes,
    /// Rounds of the reaper that are to look at all adopted sockets.
    pub(crate) reviews: Atomic<u32>,
    /// One if a subnet was found near since connections were last looked at for that.
    pub(crate) near_news: Atomic<u32>,
    /// Rounds of the reaper before that is done again; the reaper's own.
    pub(crate) near_quiet: Atomic<u32>,
    /// Interfaces of the machine, attached or not.
    #[pin]
    pub(crate) interfaces: Interfaces,
    /// Interfaces that have shapers.
    #[pin]
    pub(crate) links: Links,
    /// The rules in force.
    #[pin]
    pub(crate) rules: Rules,
    /// Known flows.
    #[pin]
    pub(crate) flows: Table<Flow>,
}

/// One engine.
pub(crate) struct Engine {
    /// What was written to its files.
    pub(crate) settings: Settings,
    /// Interfaces on which it works.
    pub(crate) attached: Attached,
    /// Active TCP flows of each family, counted by the reaper.
    pub(crate) active: [Atomic<u64>; 2],
    /// The reaper's count in progress.
    pub(crate) counting: [Atomic<u64>; 2],
    /// Flow records made by it, against its session limit.
    pub(crate) tracked: Atomic<i64>,
    /// Those of them that both ends take part in.
    pub(crate) two_way: Atomic<i64>,
    /// Sockets adopted by it, against its other limit.
    pub(crate) accelerated: Atomic<i64>,
}

impl Engine {
    fn new() -> Result<Self> {
        Ok(Engine {
            settings: Settings::new()?,
            attached: Attached::new()?,
            active: [Atomic::new(0), Atomic::new(0)],
            counting: [Atomic::new(0), Atomic::new(0)],
            tracked: Atomic::new(0),
            two_way: Atomic::new(0),
            accelerated: Atomic::new(0),
        })
    }

    /// Which packets are looked at. Context: any.
    pub(crate) fn scope(&self) -> Scope {
        self.settings.scope()
    }

    /// What inbound control is to do. Context: any.
    pub(crate) fn inbound(&self) -> InboundOrders {
        InboundOrders::read(|key| self.settings.get(key))
    }

    /// Packets that a steered flow may have in the queue of its path: when memory is short, and otherwise. Context: any.
    pub(crate) fn queue_limits(&self) -> (u32, u32) {
        unpack(self.settings.get(Key::W2lQLimit))
    }

    /// The other settings of the packet path. Context: any.
    pub(crate) fn hot(&self) -> Hot {
        Hot::read(|key| self.settings.get(key))
    }

    /// What speaks for and against accelerating connections with `peer`, `found` being the rule that matches. Context: any.
    pub(crate) fn facts(
        &self,
        state: &State,
        hot: &Hot,
        peer: Addr,
        is_onlink: bool,
        found: Option<&Found>,
    ) -> Result<Facts, Changing> {
        Ok(Facts {
            ruled: found.and_then(|found| found.action.accelerate),
            listed: self.settings.rule_for(peer)?,
            is_near: state.near.is_near(peer, hot.short_rtt_ms),
            is_onlink,
            subnet_acc: hot.subnet_acc,
        })
    }

    /// Largest windows to offer to WAN and to LAN peers, bytes. Context: any.
    pub(crate) fn window_limits(&self) -> (Option<u32>, Option<u32>) {
        let limit = |key| window_limit(self.settings.get(key));
        (limit(Key::MaxAdvWinWan), limit(Key::MaxAdvWinLan))
    }

    /// Whether accelerated packets are captured.
    pub(crate) fn captures(&self) -> bool {
        self.scope().captures()
    }

    /// Whether the engine accelerates TCP at all.
    pub(crate) fn accelerates(&self) -> bool {
        self.scope().accelerates()
    }
}

impl State {
    /// Default settings, nothing attached. Context: process.
    pub(crate) fn new(engines: u32) -> Result<Arc<Self>> {
        let engines = engines.clamp(1, MAX_ENGINES);
        let mut list = KVec::with_capacity(engines as usize, GFP_KERNEL)?;
        for _ in 0..engines {
            list.push(Engine::new()?, GFP_KERNEL)?;
        }
        let counters = Counters::new(engines.saturating_mul(COUNTERS as u32))?;
        Arc::pin_init(
            try_pin_init!(State {
                engines: list,
                counters,
                paths: Paths::new()?,
                via: Via::new()?,
                recent: Recent::new()?,
                near: Near::new()?,
                meters: Meters::new()?,
                routes: Routes::new()?,
                reviews: Atomic::new(0),
                near_news: Atomic::new(0),
                near_quiet: Atomic::new(0),
                interfaces <- Interfaces::new(),
                links <- Links::new(),
                rules <- Rules::new(),
                flows <- Table::new(),
            }? Error),
            GFP_KERNEL,
        )
    }

    /// All engines, in the order of their directories.
    pub(crate) fn engines(&self) -> &[Engine] {
        &self.engines
    }

    /// The engine of the CPU this runs on, and its number.
    pub(crate) fn current(&self) -> Option<(u32, &Engine)> {
        if let [only] = self.engines.as_slice() {
            return Some((0, only));
        }
        // Never zero: `new` makes at least one.
        let count = u32::try_from(self.engines.len()).ok()?;
        let number = percpu::current_cpu().checked_rem(count)?;
        Some((number, self.engines.get(number as usize)?))
    }

    /// Adds to a counter of an engine. Context: any.
    pub(crate) fn add(&self, engine: u32, counter: Counter, value: u64) {
        self.counters.add(slot(engine, counter), value);
    }

    /// Counts an event. Context: any.
    pub(crate) fn count(&self, engine: u32, event: Event) {
        self.add(engine, Counter::Event(event), 1);
    }

    /// Changes a gauge by one, up or down. Context: any.
    pub(crate) fn gauge(&self, engine: u32, family: Family, metric: Metric, up: bool) {
        // A step down is the two's complement of one: sums wrap.
        let step = if up { 1 } else { u64::MAX };
        self.add(engine, Counter::Of(family, metric), step);
    }

    /// A counter of an engine over all CPUs. Context: any.
    pub(crate) fn counter(&self, engine: u32, counter: Counter) -> u64 {
        if let Counter::Of(family, Metric::NumOfActFlows) = counter {
            let engine = self.engines.get(engine as usize);
            return engine.map_or(0, |e| match family {
                Family::V4 => e.active[0].load(Relaxed),
                Family::V6 => e.active[1].load(Relaxed),
            });
        }
        let value = self.counters.sum(slot(engine, counter));
        match counter {
            // A reader may meet a step down before the step up on another CPU.
            Counter::Of(_, Metric::NumOfFlows | Metric::NumOfTcpFlows | Metric::NumOfAccFlows) => {
                u64::try_from(i64::from_ne_bytes(value.to_ne_bytes())).unwrap_or(0)
            }
            _ => value,
        }
    }
}

/// A number of things that is never below zero, but may seem so while another CPU counts.
pub(crate) fn present(count: &Atomic<i64>) -> u64 {
    u64::try_from(count.load(Relaxed)).unwrap_or(0)
}

fn slot(engine: u32, counter: Counter) -> u32 {
    // CAST, OVERFLOW: both are bounded by small constants, and `Counters` looks at the sum.
    engine
        .wrapping_mul(COUNTERS as u32)
        .wrapping_add(counter.index() as u32)
}
