// SPDX-License-Identifier: GPL-2.0

//! What a hook knows of a packet that it meets.
//!
//! Most packets are in the middle of a connection whose record knows of it, and need to be counted only: for them [`Here`] and
//! [`Plain`] are enough. The others are met in full, as [`Met`].

use crate::convert::{parse_scattered, units_family};
use crate::flows;
use crate::model::classify::{self, Packet, Skip, HEADERS};
use crate::model::flow::wire_len;
use crate::model::plain::Plain;
use crate::model::settings::Scope;
use crate::model::stats::{Counter, Event, Metric};
use crate::model::units;
use crate::state::{Engine, State, STATE};
use crate::sys::net_device::Device;
use crate::sys::netfilter::Family;
use crate::sys::published::ReadSide;
use crate::sys::skb;

/// A place whose packets concern the engine.
#[derive(Clone, Copy)]
pub(crate) struct Here<'a> {
    pub(crate) state: &'a State,
    /// Number of the engine.
    pub(crate) number: u32,
    pub(crate) engine: &'a Engine,
    pub(crate) scope: Scope,
    /// Index of the interface.
    pub(crate) interface: u32,
    family: units::Family,
}

impl<'a> Here<'a> {
    /// `None` when packets of this interface are none of the engine's business.
    #[inline(always)]
    pub(crate) fn new(
        guard: &'a impl ReadSide,
        family: Family,
        device: &Device<'_>,
    ) -> Option<Self> {
        let interface = device.index();
        Self::where_attached(guard, family, interface, |engine| {
            engine.attached.contains(interface)
        })
    }

    /// The same for packets that are to be met on `interface`, if `attached` says that they concern the engine.
    #[inline(always)]
    pub(crate) fn where_attached(
        guard: &'a impl ReadSide,
        family: Family,
        interface: u32,
        attached: impl FnOnce(&Engine) -> bool,
    ) -> Option<Self> {
        let state = STATE.get(guard)?;
        let (number, engine) = state.current()?;
        if !attached(engine) {
            return None;
        }
        let scope = engine.scope();
        let family = units_family(family);
        scope.handles(family).then_some(Here {
            state,
            number,
            engine,
            scope,
            interface,
            family,
        })
    }

    /// The packet's headers, if there is nothing unusual about them.
    #[inline(always)]
    pub(crate) fn plain(&self, raw: &skb::Packet<'_>) -> Option<Plain> {
        Plain::read(self.family, raw.linear(HEADERS), raw.len())
    }

    /// The same of a packet that is to be counted, and nothing else.
    #[inline(always)]
    pub(crate) fn known(&self, raw: &skb::Packet<'_>) -> Option<Plain> {
        if !self.scope.only_counts() {
            return None;
        }
        let plain = self.plain(raw)?;
        flows::is_known(self.state, &plain).then_some(plain)
    }

    /// Counts bytes on the wire.
    #[inline(always)]
    pub(crate) fn count(&self, metric: Metric, wire: u64) {
        let counter = Counter::Of(self.family, metric);
        self.state.add(self.number, counter, wire);
    }
}

/// A packet that concerns the engine.
pub(crate) struct Met<'a> {
    pub(crate) here: Here<'a>,
    pub(crate) packet: Packet,
    /// Bytes that it takes on the wire, from the network header on.
    pub(crate) wire: u64,
}

impl<'a> Met<'a> {
    /// `None` when the packet is none of the engine's business.
    pub(crate) fn new(here: Here<'a>, raw: &skb::Packet<'_>) -> Option<Self> {
        let parsed = match classify::parse(raw.linear(HEADERS), raw.len()) {
            Err(Skip::Truncated) => parse_scattered(raw),
            parsed => parsed,
        };
        let Ok(packet) = parsed else {
            here.state.count(here.number, Event::UnclassifiedPackets);
            return None;
        };
        if here.scope.is_tcp_only() && !flows::is_tcp(&packet) {
            return None;
        }
        let segments = u16::try_from(raw.segments()).unwrap_or(u16::MAX);
        Some(Met {
            here,
            packet,
            wire: wire_len(&packet, segments),
        })
    }

    /// Counts it.
    pub(crate) fn count(&self, metric: Metric) {
        self.here.count(metric, self.wire);
    }
}
