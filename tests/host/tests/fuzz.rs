// SPDX-License-Identifier: GPL-2.0

//! The fuzzers' bodies with the inputs that were kept, and with some thousand that are made up.
//! `make fuzz` runs them by coverage.

use appex_model::fuzz::{run, BODIES};
use std::path::Path;

/// Made-up inputs a body. They take a second or two all together.
const RANDOM: u64 = 4_000;

fn hex(line: &str) -> Vec<u8> {
    let digits: Vec<u8> = line
        .bytes()
        .map(|digit| char::from(digit).to_digit(16).unwrap() as u8)
        .collect();
    digits
        .chunks_exact(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

#[test]
fn the_kept_corpus_breaks_nothing() {
    for (name, body) in BODIES {
        let kept = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../fuzz/corpus")
            .join(name);
        let text =
            std::fs::read_to_string(&kept).unwrap_or_else(|e| panic!("{}: {e}", kept.display()));
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.len() > 20, "{name}: the corpus is nearly empty");
        for line in lines {
            body(&hex(line));
        }
    }
}

#[test]
fn made_up_inputs_break_nothing() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for (name, _) in BODIES {
        for _ in 0..RANDOM {
            let len = next() as usize % 600;
            let data: Vec<u8> = (0..len).map(|_| (next() >> 32) as u8).collect();
            run(name, &data);
        }
    }
}
