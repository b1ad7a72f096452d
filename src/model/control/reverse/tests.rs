// SPDX-License-Identifier: GPL-2.0

use super::Reverse;

const SRTT_US: u32 = 100_000;

/// Peer's clock: where it stands at time zero, and what it makes of milliseconds.
struct Peer {
    zero: u32,
    ticks: fn(u64) -> u32,
}

const LINUX: Peer = Peer {
    zero: 12_345,
    ticks: |ms| ms as u32,
};

/// An ACK each 2 ms for four seconds, the second half late by `late_ms` on the way back and stamped later by `forward_ms`.
fn excess_after(peer: &Peer, late_ms: u64, forward_ms: u64) -> u32 {
    let mut reverse = Reverse::new();
    for step in 0..2_000u64 {
        let stamped_ms = 1_000 + 2 * step;
        let queued = step >= 1_000;
        let (late, forward) = if queued {
            (late_ms, forward_ms)
        } else {
            (0, 0)
        };
        let stamp = peer.zero.wrapping_add((peer.ticks)(stamped_ms + forward));
        let now_us = (stamped_ms + forward + late + 50) * 1_000;
        reverse.update(now_us, SRTT_US, Some(stamp));
    }
    reverse.excess()
}

#[test]
fn an_empty_way_back_adds_nothing() {
    assert_eq!(excess_after(&LINUX, 0, 0), 0);
}

#[test]
fn a_queue_on_the_way_back_is_seen_to_the_rounding() {
    let seen = excess_after(&LINUX, 80, 0);
    assert!((77_000..=80_000).contains(&seen), "{seen}");
}

#[test]
fn a_queue_on_the_way_there_is_not() {
    assert_eq!(excess_after(&LINUX, 0, 80), 0);
}

#[test]
fn both_are_told_apart() {
    let seen = excess_after(&LINUX, 30, 80);
    assert!((27_000..=30_000).contains(&seen), "{seen}");
}

#[test]
fn the_clock_may_wrap() {
    let peer = Peer {
        zero: u32::MAX - 2_500,
        ..LINUX
    };
    assert_eq!(excess_after(&peer, 0, 0), 0);
    let seen = excess_after(&peer, 40, 0);
    assert!((37_000..=40_000).contains(&seen), "{seen}");
}

#[test]
fn a_coarse_clock_of_the_right_unit_is_good_enough() {
    let peer = Peer {
        zero: 7,
        ticks: |ms| (ms / 10 * 10) as u32,
    };
    assert_eq!(excess_after(&peer, 0, 0), 0);
    let seen = excess_after(&peer, 60, 0);
    assert!((47_000..=62_000).contains(&seen), "{seen}");
}

#[test]
fn a_clock_of_another_unit_is_not_used() {
    for ticks in [
        (|ms| (ms / 10) as u32) as fn(u64) -> u32,
        |ms| (ms * 1_000) as u32,
        |_| 0,
        |ms| u32::MAX - ms as u32,
    ] {
        let peer = Peer { zero: 99, ticks };
        assert_eq!(excess_after(&peer, 80, 0), 0);
    }
}

#[test]
fn without_a_stamp_nothing_is_known() {
    let mut reverse = Reverse::new();
    for step in 0..2_000u64 {
        reverse.update(step * 2_000, SRTT_US, None);
        assert_eq!(reverse.excess(), 0);
    }
}

#[test]
fn a_queue_that_goes_leaves_nothing_behind() {
    let mut reverse = Reverse::new();
    for step in 0..3_000u64 {
        let late = if (1_000..2_000).contains(&step) {
            80
        } else {
            0
        };
        let stamp = (step * 2) as u32;
        reverse.update((step * 2 + late + 50) * 1_000, SRTT_US, Some(stamp));
    }
    assert_eq!(reverse.excess(), 0);
}
