// SPDX-License-Identifier: GPL-2.0

//! Two threads that write to one word without a word to each other: what tests/vm/debug/selfcheck has the data race
//! detector find in Rust code. Never for a machine that is needed.

use core::{hint::black_box, ptr::addr_of_mut};
use kernel::{prelude::*, workqueue};

module! {
    type: Race,
    name: "race",
    authors: ["The appex authors"],
    description: "A data race in Rust, on purpose",
    license: "GPL",
}

/// What both write.
static mut COUNT: u64 = 0;

/// Long enough that both are at it at once, and that each of the detector's samples, one in thousands, may see it.
const ROUNDS: u64 = 20_000_000;

fn count() {
    for _ in 0..ROUNDS {
        // SAFETY: Valid and aligned. That nothing orders it with the other thread's access is what this is about.
        unsafe { *black_box(addr_of_mut!(COUNT)) += 1 };
    }
}

struct Race;

impl kernel::Module for Race {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        workqueue::system_unbound().try_spawn(GFP_KERNEL, count)?;
        count();
        Ok(Race)
    }
}
