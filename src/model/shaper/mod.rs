// SPDX-License-Identifier: GPL-2.0

//! The shaper's decisions: which packet leaves next, when, and which does not.
//!
//! * [`Plan`] turns settings into quantities: rate, bursts, largest packet, queue limits.
//! * [`Pace`] is arithmetic on one virtual clock per interface, the *earliest departure time* of
//!   the next byte. Whoever sends advances it by the time its bytes take; nothing else is shared by
//!   the queues of an interface.
//! * [`Scheduler`] orders the flows of one queue: sparse flows first, then hosts and flows in
//!   turns of equal bytes (deficit round robin).
//! * [`acks`] tells acknowledgements that later ones make superfluous.
//! * [`Codel`] keeps a flow's own queue short, by RFC 8289.
//!
//! Packets themselves, the clock's memory and the timers are the caller's.

pub mod acks;
mod codel;
mod flow;
mod list;
mod pace;
mod plan;
mod schedule;

pub use codel::{Aqm, Codel, Verdict};
pub use flow::{Flow, Host};
pub use pace::{ticks, Pace, Slot, TICKS_PER_NS};
pub use plan::{Limits, Orders, Plan};
pub use schedule::{Chosen, Scheduler, FLOWS, HOSTS};

#[cfg(test)]
mod tests;
