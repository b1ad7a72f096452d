// SPDX-License-Identifier: GPL-2.0

use super::*;
use std::vec::Vec;

/// What [`Opening`] offers to a sender that doubles evenly, and what that needs, as `rounds` go by: bytes that come in a round,
/// the window at its end, and the least that was offered of what was needed in it, in percent.
fn doubling(rounds: u32, most: u32) -> Vec<(u32, u32, u32)> {
    const RTT_US: u32 = 100_000;
    let (mut opening, mut now) = (Opening::default(), u32::MAX - 150_000);
    let mut seen = Vec::new();
    for round in 0..rounds {
        let (mut came, mut least) = (0, u32::MAX);
        for step in 0..1_000 {
            now = now.wrapping_add(RTT_US / 1_000);
            // It doubles within the round, not with it.
            let rate = f64::from(20 << round) * 2f64.powf(f64::from(step) / 1_000.0);
            let bytes = ((rate * 1_448.0 / 1_000.0) as u32).min(most / 1_000);
            came += bytes;
            opening.arrived(now, bytes, RTT_US);
            let needed = (f64::from(bytes) * 1_000.0 / core::f64::consts::LN_2) as u32;
            let Some(offered) = opening.window(RTT_US, RTT_US, Stage::Free, 1_448) else {
                break;
            };
            // The first slice has hardly begun.
            if round > 0 || step > 200 {
                least =
                    least.min(u32::try_from(u64::from(offered) * 100 / u64::from(needed)).unwrap());
            }
        }
        opening.round(u64::from(came), 1_448);
        if let Some(window) = opening.window(RTT_US, RTT_US, Stage::Queued, 1_448) {
            seen.push((came, window, least));
        }
    }
    seen
}

#[test]
fn a_sender_that_doubles_is_offered_what_it_needs_and_no_more_than_the_path_holds_twice() {
    let holds = 1_000_000;
    let seen = doubling(12, holds);
    assert!(seen.iter().all(|&(_, _, least)| least >= 100), "{seen:?}");
    let (came, queued, _) = *seen.last().unwrap();
    assert_eq!(came, holds);
    assert!(
        (holds * 3 / 2..=holds * 8 / 5).contains(&queued),
        "{queued}"
    );
}

#[test]
fn only_the_beginning_is_bounded() {
    assert_eq!(doubling(30, 1_000_000).len(), 15);
    // Rounds with a few packets are no beginning.
    let mut opening = Opening::default();
    for round in 0..100 {
        opening.arrived(round * 100_000, 2_000, 100_000);
        opening.round(2_000, 1_448);
    }
    let window = |stage| opening.window(100_000, 100_000, stage, 1_448);
    assert_eq!(window(Stage::Free), Some(128 * 1_448));
    // Nor is a short round trip, in which bursts say nothing, even if it was taken for a longer one at first.
    assert_eq!(opening.window(5_000, 5_000, Stage::Free, 1_448), None);
    let mut opening = Opening::default();
    opening.arrived(1_000, 60_000, 5_000);
    assert_eq!(opening.window(5_000, 5_000, Stage::Free, 1_448), None);
}

#[test]
fn bursts_are_as_fast_as_the_path_lets_them_through() {
    // A fifth of the round trip, at a rate that fills it whole with a megabyte.
    let mut opening = Opening::default();
    for round in 0..3 {
        for step in 0..200u32 {
            opening.arrived(round * 100_000 + step * 100, 1_000, 100_000);
        }
    }
    let window = opening
        .window(100_000, 100_000, Stage::Free, 1_448)
        .unwrap();
    assert!((1_990_000..2_100_000).contains(&window), "{window}");
}
