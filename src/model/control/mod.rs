// SPDX-License-Identifier: GPL-2.0

//! Congestion control "zeta": a model of the path, and sending decisions made from it.
//!
//! Pure code: every input is a number in an [`Ack`], [`Start`] or [`Settings`], every output one in a [`Control`]. See
//! `Documentation/algorithm.rst` for the reasoning. One file an estimator (`capacity`, `base_rtt`, `loss`, `history`,
//! `rounds`, `aggregation`, `reverse`; together `path`) and one file a concern of control (`startup`, `probe`, `recovery`; together
//! `zeta`).
//!
//! CONTEXT: called with the socket lock held, usually in softirq. Nothing here blocks, allocates or panics.

mod aftermath;
mod aggregation;
mod base_rtt;
mod buckets;
mod capacity;
mod crowd;
mod dispersion;
mod drain;
mod history;
mod jumps;
mod loss;
mod math;
mod modes;
mod output;
mod path;
mod phase;
mod probe;
mod prove;
mod recovery;
mod resume;
mod reverse;
mod rounds;
mod startup;
mod steady;
mod types;
mod verify;
mod window;
mod zeta;

#[cfg(test)]
mod tests;

pub(in crate::model) use math::isqrt;
pub use types::{Ack, CaState, Control, Idle, Info, Mode, RateSample, Settings, Start};
pub use zeta::{Zeta, MIN_CWND};
