// SPDX-License-Identifier: GPL-2.0

//! What must hold for any bytes whatever: the bodies of the fuzzers.
//!
//! Each takes bytes, makes inputs of them and panics if the pure code breaks a promise; the build checks
//! overflows as the kernel's does. `tests/fuzz` drives them by coverage for as long as one likes, and
//! `tests/host/tests/fuzz.rs` with the kept corpus and some thousand random inputs in each run of the unit tests.

mod control;
mod inbound;
mod input;
mod packet;
mod queue;
mod text;

pub use text::read_back;

/// A body, by the name of its fuzzer.
pub type Body = fn(&[u8]);

/// All of them.
pub const BODIES: [(&str, Body); 6] = [
    ("packet", packet::body),
    ("settings", text::settings),
    ("rules", text::rules),
    ("control", control::body),
    ("queue", queue::body),
    ("inbound", inbound::body),
];

/// Runs the body of that name. Panics if there is none.
pub fn run(name: &str, data: &[u8]) {
    let (_, body) = BODIES.iter().find(|(known, _)| *known == name).unwrap();
    body(data);
}
