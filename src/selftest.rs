// SPDX-License-Identifier: GPL-2.0

//! Checks that need a kernel, run when the module is loaded; only in builds
//! with `make APPEX_SELFTEST=1`. A failure makes loading fail.

use crate::sys::flow_table::{Key, Table};
use crate::sys::time::now_us;
use kernel::prelude::*;
use kernel::sync::rcu;

/// As many flows as the largest session limit that is in use anywhere.
const FLOWS: u64 = 100_000;

/// Lookups for each insertion: a short connection has about ten packets.
const LOOKUPS: u64 = 10;

/// Runs all checks. Context: process.
pub(crate) fn run() -> Result {
    table()
}

fn key(number: u64) -> Key {
    // As a client's address and port would differ, in two of the words.
    [number >> 16, 1, 2, number << 48, 6]
}

fn expect(what: &str, holds: bool) -> Result {
    if holds {
        return Ok(());
    }
    pr_err!("selftest: table: {what}: no\n");
    Err(EINVAL)
}

/// The flow table keeps what it is given, and is fast enough.
fn table() -> Result {
    let table = KBox::pin_init(Table::<u64>::new(), GFP_KERNEL)?;
    let begin = now_us();
    let mut operations = 0u64;
    for number in 0..FLOWS {
        // The table grows in the background; until it has, it may refuse.
        while table.insert(&key(number), number).is_err() {
            expect(
                "room is made in time",
                now_us().wrapping_sub(begin) < 20_000_000,
            )?;
        }
        operations = operations.saturating_add(1);
    }
    expect("a key is taken once", table.insert(&key(7), 8).is_err())?;
    for round in 0..LOOKUPS {
        for number in 0..FLOWS {
            let guard = rcu::read_lock();
            let found = table.find(&guard, &key(number)).copied();
            expect("a flow is found", found == Some(number))?;
            operations = operations.saturating_add(1);
        }
        let guard = rcu::read_lock();
        let other = key(FLOWS.saturating_add(round));
        expect(
            "an unknown flow is not",
            table.find(&guard, &other).is_none(),
        )?;
    }
    table.retain(|_, &number| number % 2 == 0);
    // While the table shrinks a walk may miss a flow: the reaper comes again.
    table.retain(|_, &number| number % 2 == 0);
    operations = operations.saturating_add(FLOWS);
    let mut left = 0_u64;
    for number in 0..FLOWS {
        let guard = rcu::read_lock();
        left = left.saturating_add(u64::from(table.find(&guard, &key(number)).is_some()));
    }
    operations = operations.saturating_add(FLOWS);
    expect(
        "half of the flows are left",
        left.abs_diff(FLOWS / 2) <= FLOWS / 100,
    )?;
    let us = now_us().wrapping_sub(begin).max(1);
    pr_info!(
        "selftest: table: {operations} operations in {us} us, {} per second\n",
        operations.saturating_mul(1_000_000) / us
    );
    Ok(())
}
