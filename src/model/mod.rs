// SPDX-License-Identifier: GPL-2.0

//! Pure decisions of appex: settings, statistics, packet classification, flow bookkeeping and
//! congestion control.
//!
//! Everything below this module is plain data in, plain data out. It uses `core` only: no kernel
//! types, no clock, no allocation, no floating point, no `unsafe`. The same source is compiled into
//! the kernel module and, by `tests/host`, into an ordinary program, where it is unit-tested and
//! property-tested.
//!
//! The kernel is built with overflow checks, and a panic in softirq context takes the machine down.
//! So arithmetic here is checked, saturating or explicitly wrapping, slices are read with `get`,
//! and the lints below turn every slip into a build error under `clippy`.
//!
//! CONTEXT: unless an item says otherwise it may be called from any context, takes no lock and
//! never sleeps.

#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::expect_used,
        clippy::float_arithmetic,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::todo,
        clippy::unimplemented,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

pub mod challenge;
pub mod classify;
pub mod control;
pub mod copies;
pub mod flow;
pub mod flow_line;
pub mod ifname;
pub mod inbound;
pub mod memory;
pub mod near;
pub mod plain;
pub mod policy;
pub mod recent;
pub mod refusal;
pub mod rules;
pub mod settings;
pub mod shaper;
pub mod stats;
pub mod text;
pub mod units;
pub mod via;
pub mod window;
