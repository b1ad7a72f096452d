// SPDX-License-Identifier: GPL-2.0

//! TCP sockets and pluggable congestion control.
//!
//! C headers: `include/net/tcp.h`, `include/net/inet_connection_sock.h`.
//!
//! [`Socket`] is a capability: it exists only while the socket's lock is held
//! by the current context, and so only inside a callback.
//! [`Control`] is a congestion control: registered by name, and able to take
//! over established sockets and to give each back to what it had before.

mod control;
mod ops;
mod receive;
mod registration;
mod review;
mod socket;
mod trace;
mod unsent;
mod view;
mod withheld;

pub(crate) use control::Control;
pub(crate) use ops::{Algorithm, Summary};
pub(crate) use receive::is_short_of_memory;
pub(crate) use registration::Registration;
pub(crate) use review::Review;
pub(crate) use socket::{CaState, RateSample, Socket};
pub(crate) use trace::Traced;
pub(crate) use view::{Ends, View};
