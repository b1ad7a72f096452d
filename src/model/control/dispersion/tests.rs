// SPDX-License-Identifier: GPL-2.0

use super::{Dispersion, MAX_Q4, START_Q4};

/// Rounds of 100 packets that lose so many each.
fn after(add: fn(&mut Dispersion, u32, u32), lost: &[u32]) -> u32 {
    let mut dispersion = Dispersion::new();
    for &lost in lost {
        add(&mut dispersion, lost, 100);
    }
    dispersion.get()
}

#[test]
fn even_losses_lower_it_and_bursts_raise_it() {
    let even = [5; 64];
    let mut bursts = [0; 64];
    for lost in bursts.iter_mut().step_by(8) {
        *lost = 40;
    }
    for add in [Dispersion::add_below, Dispersion::add_cruise] {
        assert!(after(add, &even) < START_Q4 / 2);
    }
    assert!(after(Dispersion::add_below, &bursts) > START_Q4);
}

#[test]
fn at_capacity_clumps_do_not_pass_for_bursts_of_the_path() {
    let mut clumps = [0; 64];
    for lost in clumps.iter_mut().step_by(2) {
        *lost = 60;
    }
    assert!(after(Dispersion::add_cruise, &clumps) <= START_Q4);
}

#[test]
fn a_burst_seen_whole_counts_at_once_and_is_not_forgotten_at_capacity() {
    let mut dispersion = Dispersion::new();
    dispersion.add_burst(20);
    // Halfway from 8 to 39.
    assert_eq!(dispersion.get(), (START_Q4 + 39 * 16) / 2);
    let learned = dispersion.get();
    for _ in 0..64 {
        dispersion.add_cruise(5, 100);
    }
    assert_eq!(dispersion.get(), learned);
    dispersion.add_burst(u32::MAX);
    assert!(dispersion.get() <= MAX_Q4);
}

#[test]
fn rounds_without_losses_say_nothing() {
    assert_eq!(after(Dispersion::add_below, &[0; 64]), START_Q4);
}
