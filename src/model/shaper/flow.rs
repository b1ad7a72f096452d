// SPDX-License-Identifier: GPL-2.0

//! The places of flows and hosts in one queue, and the lists that they are in.

use super::codel::Codel;
use super::list::{Link, Linked, List};

/// A flow's place.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flow {
    pub(super) bytes: u32,
    pub(super) packets: u32,
    /// Bytes it may still send in this round.
    pub(super) deficit: i32,
    pub(super) host: u16,
    pub(super) ahead: Link,
    pub(super) turn: Link,
    /// It is in the list of sparse flows.
    pub(super) is_ahead: bool,
    /// It is in its host's list.
    pub(super) has_turn: bool,
    /// Packets of flows without a place of their own may wait in it.
    pub(super) has_guests: bool,
    pub(super) codel: Codel,
}

impl Flow {
    /// It is in no list.
    pub(super) const fn is_idle(&self) -> bool {
        !self.is_ahead && !self.has_turn
    }

    /// Its last packet left.
    pub(super) fn emptied(&mut self) {
        self.has_guests = false;
        self.codel.emptied();
    }
}

/// Flows by their place among the sparse ones.
#[derive(Debug)]
pub(super) struct Ahead;
/// Flows by their place in their host's turns, and hosts by theirs.
#[derive(Debug)]
pub(super) struct Turns;

impl Linked<Flow> for Ahead {
    fn link(flow: &mut Flow) -> &mut Link {
        &mut flow.ahead
    }
}

impl Linked<Flow> for Turns {
    fn link(flow: &mut Flow) -> &mut Link {
        &mut flow.turn
    }
}

/// A host's place.
#[derive(Clone, Copy, Debug, Default)]
pub struct Host {
    pub(super) deficit: i32,
    pub(super) turn: Link,
    /// Its flows, in the order of their turns.
    pub(super) flows: List<Turns>,
    /// Whether it is in the round.
    pub(super) active: bool,
}

impl Linked<Host> for Turns {
    fn link(host: &mut Host) -> &mut Link {
        &mut host.turn
    }
}
