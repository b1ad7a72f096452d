// SPDX-License-Identifier: GPL-2.0

use super::*;

const KEY: u64 = 7;

fn place(last: u8) -> Place {
    Place::of(Addr::v4([192, 0, 2, last]), KEY)
}

fn report(now_us: u64, rtt_us: u32, steered: Option<u64>) -> Report {
    Report {
        now_us,
        rtt_us,
        steered,
    }
}

#[test]
fn who_begins_in_a_queue_knows_the_path_without_it() {
    let mut route = Route::default();
    route.note(&place(1), &report(1_000_000, 40_000, None));
    let known = route.note(&place(1), &report(2_000_000, 90_000, None));
    assert_eq!(known.base_us, 40_000);
}

#[test]
fn a_path_that_got_longer_is_known_after_two_epochs() {
    let mut route = Route::default();
    let epoch = 1 << EPOCH_SHIFT;
    route.note(&place(1), &report(0, 40_000, None));
    let known = route.note(&place(1), &report(epoch, 90_000, None));
    assert_eq!(known.base_us, 40_000, "the least may have been at its end");
    let known = route.note(&place(1), &report(2 * epoch, 90_000, None));
    assert_eq!(known.base_us, 90_000);
    let known = route.note(&place(1), &report(9 * epoch, 95_000, None));
    assert_eq!(known.base_us, 95_000, "nobody came for long");
}

#[test]
fn peers_that_share_an_entry_do_not_share_what_is_known() {
    let mut route = Route::default();
    let other = Place {
        entry: place(1).entry,
        ..place(2)
    };
    route.note(&place(1), &report(0, 40_000, Some(1_000)));
    let known = route.note(&other, &report(1, 90_000, None));
    assert_eq!((known.base_us, known.flows, known.rate), (90_000, 0, 0));
}

#[test]
fn steered_flows_are_counted_for_a_second_or_two() {
    let mut route = Route::default();
    let census = 1 << CENSUS_SHIFT;
    route.note(&place(1), &report(0, 40_000, Some(1_000)));
    let known = route.note(&place(1), &report(10, 40_000, Some(3_000)));
    assert_eq!((known.flows, known.rate), (2, 4_000));
    let known = route.note(&place(1), &report(census, 40_000, Some(1_000)));
    assert_eq!(
        (known.flows, known.rate),
        (2, 4_000),
        "the new one is not over"
    );
    let known = route.note(&place(1), &report(2 * census, 40_000, None));
    assert_eq!((known.flows, known.rate), (1, 1_000));
    let known = route.note(&place(1), &report(4 * census, 40_000, None));
    assert_eq!((known.flows, known.rate), (0, 0));
}

#[test]
fn all_of_a_64_are_one_peer() {
    let addr = |bits: u128| Addr {
        family: Family::V6,
        bits,
    };
    let (a, b) = (0x2001_0db8 << 96 | 1, 0x2001_0db8 << 96 | 2);
    assert_eq!(Place::of(addr(a), KEY), Place::of(addr(b), KEY));
    assert_ne!(
        Place::of(addr(a), KEY),
        Place::of(addr(0x2001_0db9 << 96), KEY)
    );
}

#[test]
fn a_processor_whose_clock_was_read_a_little_earlier_changes_nothing() {
    let mut route = Route::default();
    let (epoch, census) = (1 << EPOCH_SHIFT, 1 << CENSUS_SHIFT);
    route.note(&place(1), &report(2 * epoch, 40_000, Some(1_000)));
    let known = route.note(&place(1), &report(2 * epoch - 1, 90_000, Some(1_000)));
    assert_eq!((known.base_us, known.flows), (40_000, 2));
    let known = route.note(&place(1), &report(2 * epoch + census, 90_000, None));
    assert_eq!((known.base_us, known.flows), (40_000, 2));
}
