// SPDX-License-Identifier: GPL-2.0

//! The module's pure code as an ordinary library, for unit and property tests.
//!
//! The source is the module's own, included by path. Unit tests stand beside it; property tests are
//! in `tests/`.

#[path = "../../../src/model/mod.rs"]
pub mod model;

pub mod fuzz;
pub mod reference;
pub mod seen;
