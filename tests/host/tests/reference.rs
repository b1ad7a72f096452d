// SPDX-License-Identifier: GPL-2.0

//! The interface reference agrees with the module.

use appex_model::reference::{updated, DOCUMENT};

#[test]
fn the_tables_are_those_of_the_module() {
    let path = format!("{}/{DOCUMENT}", env!("CARGO_MANIFEST_DIR"));
    let document = std::fs::read_to_string(path).unwrap();
    let wanted = updated(&document).expect("all markers are there");
    assert!(
        document == wanted,
        "out of date; run `cargo run --bin update-reference` in tests/host"
    );
}
