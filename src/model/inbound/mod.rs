// SPDX-License-Identifier: GPL-2.0

//! Inbound control: what a remote sender is steered by, the window that it is offered.
//!
//! A receiver cannot tell a sender how fast to send, but never has to let it fill the path: a sender has at most a
//! window in flight. So a window of what the path holds, and little more, makes a sender that only stops at losses one
//! that never fills a buffer, and no packet is dropped for it. (The idea of RFC 9840, with another law.)
//!
//! - [`segment`]: what is read of TCP headers,
//! - [`edge`]: the right edge that was offered, which is never pulled back,
//! - [`round_trip`]: round trips as the receiver sees them,
//! - [`route`]: the least round trip to a peer, that its flows know together,
//! - [`steer`]: the window of one flow by the queue that it finds,
//! - [`opening`]: the window of a flow that begins,
//! - [`fair`]: the rate of each flow of an interface that keeps to a limit,
//! - [`flow`]: all of them for one flow.

pub mod edge;
pub mod fair;
pub mod flow;
pub mod opening;
pub mod round_trip;
pub mod route;
pub mod segment;
pub mod steer;

pub use fair::Fair;
pub use flow::{Arrival, Inbound, Offer};
pub use segment::{Handshake, Segment};

#[cfg(test)]
mod tests;
