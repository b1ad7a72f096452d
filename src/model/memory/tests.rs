// SPDX-License-Identifier: GPL-2.0

use super::{Known, Place, Report, Words, SETS, WAYS};
use crate::model::units::Addr;
use std::vec::Vec;

const KEY: u64 = 0x1234_5678_9abc_def0;

const REPORT: Report = Report {
    lost: 512,
    total: 4_096,
    base_rtt_us: 100_000,
    capacity: 12_500_000,
};

fn place(bytes: [u8; 4]) -> Place {
    Place::of(Addr::v4(bytes), KEY)
}

/// Stores a report as the module does.
fn store(set: &mut [Words; WAYS], place: Place, minute: u16, report: &Report) {
    let (way, words) = place.store(set, minute, report);
    set[way] = words;
}

#[test]
fn what_is_stored_is_found() {
    let mut set = [Words::default(); WAYS];
    let home = place([203, 0, 113, 7]);
    assert_eq!(home.find(&set, 5), None);
    store(&mut set, home, 5, &REPORT);
    let known = home.find(&set, 6).expect("just stored");
    assert_eq!(known.loss_q16, 65_536 / 8);
    assert!(known.base_rtt_us.abs_diff(100_000) < 64, "{known:?}");
    assert!(known.capacity.abs_diff(12_500_000) < 1_024, "{known:?}");
}

#[test]
fn hosts_of_a_subnet_share_an_entry_and_others_do_not() {
    assert_eq!(place([203, 0, 113, 7]), place([203, 0, 113, 250]));
    assert_ne!(place([203, 0, 113, 7]), place([203, 0, 114, 7]));
    let v6 = |host: u8, net: u8| {
        let mut bytes = [0; 16];
        (bytes[0], bytes[7], bytes[15]) = (0x20, net, host);
        Place::of(Addr::v6(bytes), KEY)
    };
    assert_eq!(v6(1, 1), v6(2, 1));
    assert_ne!(v6(1, 1), v6(1, 2));
    assert_ne!(
        Place::of(Addr::v4([0; 4]), KEY),
        Place::of(Addr::v6([0; 16]), KEY)
    );
    assert_ne!(place([1, 2, 3, 4]), Place::of(Addr::v4([1, 2, 3, 4]), !KEY));
}

#[test]
fn rates_are_forgotten_before_losses_and_those_within_the_hour() {
    // Across the wrap of the minute counter.
    let start = u16::MAX - 5;
    let mut set = [Words::default(); WAYS];
    let home = place([203, 0, 113, 7]);
    store(&mut set, home, start, &REPORT);
    let at = |minutes: u16| home.find(&set, start.wrapping_add(minutes));
    assert!(at(9).is_some_and(|known| known.capacity != 0));
    let later = at(10).expect("the loss rate is still known");
    assert_eq!((later.capacity, later.base_rtt_us), (0, 0));
    assert_eq!(later.loss_q16, 65_536 / 8);
    assert_eq!(at(60), None);
}

#[test]
fn the_oldest_of_a_full_set_gives_way() {
    let mut set = [Words::default(); WAYS];
    let place_of = |tag: u16| Place { set: 0, tag };
    for (minute, tag) in (10..).zip(1..=WAYS as u16) {
        store(&mut set, place_of(tag), minute, &REPORT);
    }
    assert!((1..=4).all(|tag| place_of(tag).find(&set, 14).is_some()));
    // The first is used again, so the second is the oldest.
    store(&mut set, place_of(1), 14, &REPORT);
    store(&mut set, place_of(9), 15, &REPORT);
    let there: Vec<u16> = (1..=9)
        .filter(|&tag| place_of(tag).find(&set, 15).is_some())
        .collect();
    assert_eq!(there, [1, 3, 4, 9]);
}

#[test]
fn short_connections_move_the_loss_rate_and_long_ones_set_it() {
    let mut set = [Words::default(); WAYS];
    let home = place([203, 0, 113, 7]);
    store(&mut set, home, 0, &REPORT);
    let clean = |total| Report {
        lost: 0,
        total,
        base_rtt_us: 0,
        capacity: 0,
    };
    store(&mut set, home, 0, &clean(10));
    let known = home.find(&set, 0).expect("stored");
    assert_eq!(known.loss_q16, 65_536 / 8 * 502 / 512);
    // What the report does not know stays.
    assert!(known.capacity != 0 && known.base_rtt_us != 0);
    store(&mut set, home, 0, &clean(5_000));
    assert_eq!(home.find(&set, 0).map(|known| known.loss_q16), Some(0));
    // No packets, no opinion.
    store(&mut set, home, 0, &REPORT);
    store(&mut set, home, 0, &Report::default());
    assert_eq!(home.find(&set, 0).map(|known| known.loss_q16), Some(8_192));
}

#[test]
fn connections_that_begin_together_share_what_is_known() {
    let mut set = [Words::default(); WAYS];
    let home = place([203, 0, 113, 7]);
    assert_eq!(home.take(&set, 0), None);
    store(&mut set, home, 0, &REPORT);
    let mut sum = 0;
    for _ in 0..6 {
        let (known, _, way, words) = home.take(&set, 1).expect("known");
        assert_eq!(known.loss_q16, 8_192);
        set[way] = words;
        sum += known.capacity / 2;
    }
    assert!(sum > 12_000_000 && sum <= 12_500_000, "{sum}");
    // The next report puts it right.
    store(&mut set, home, 1, &REPORT);
    let known = home.find(&set, 1).expect("known");
    assert!(known.capacity > 12_400_000);
}

#[test]
fn short_connections_give_back_what_they_took_and_no_more() {
    let mut set = [Words::default(); WAYS];
    let home = place([203, 0, 113, 7]);
    store(&mut set, home, 0, &REPORT);
    let capacity = |set: &[Words], minute| home.find(set, minute).map(|known| known.capacity);
    let full = capacity(&set, 0).expect("stored");
    // They end in another order than they began.
    let mut shares: Vec<_> = (0..8)
        .map(|_| {
            let (_, share, way, words) = home.take(&set, 1).expect("known");
            set[way] = words;
            share
        })
        .collect();
    assert!(capacity(&set, 1) < Some(full / 128));
    shares.swap(0, 5);
    for &share in &shares {
        let (way, words) = home.give_back(&set, 2, share).expect("known");
        set[way] = words;
    }
    let given = capacity(&set, 2).expect("known");
    assert!(given <= full && given >= full - 8 * 1_024, "{given}");
    // Nobody has made it younger.
    assert_eq!(capacity(&set, 9), Some(given));
    assert_eq!(capacity(&set, 10), Some(0));
    assert_eq!(home.give_back(&set, 10, shares[0]), None);
}

#[test]
fn nobody_gives_back_what_was_found_to_be_wrong() {
    let mut set = [Words::default(); WAYS];
    let home = place([203, 0, 113, 7]);
    store(&mut set, home, 0, &REPORT);
    let (_, share, way, words) = home.take(&set, 0).expect("known");
    set[way] = words;
    let slower = Report {
        capacity: 500_000,
        ..REPORT
    };
    store(&mut set, home, 0, &slower);
    assert_eq!(home.give_back(&set, 0, share), None);
    assert_eq!(place([198, 51, 100, 1]).give_back(&set, 0, share), None);
}

#[test]
fn a_report_makes_nothing_younger_that_it_does_not_know() {
    let mut set = [Words::default(); WAYS];
    let home = place([203, 0, 113, 7]);
    store(&mut set, home, 0, &REPORT);
    for minute in 1..=12 {
        let losses_only = Report {
            capacity: 0,
            ..REPORT
        };
        store(&mut set, home, minute, &losses_only);
    }
    let known = home.find(&set, 12).expect("losses were reported just now");
    assert_eq!((known.capacity, known.base_rtt_us), (0, 0));
    for minute in 13..=71 {
        store(&mut set, home, minute, &Report::default());
    }
    assert_eq!(home.find(&set, 72), None);
}

#[test]
fn torn_entries_are_not_believed() {
    let mut set = [Words::default(); WAYS];
    let (one, two) = (Place { set: 0, tag: 1 }, Place { set: 0, tag: 2 });
    let (_, first) = one.store(&set, 0, &REPORT);
    let (_, second) = two.store(&set, 0, &REPORT);
    set[0] = [first[0], second[1]];
    assert_eq!(one.find(&set, 0), None);
    assert_eq!(two.find(&set, 0), None);
}

#[test]
fn nothing_overflows() {
    let mut set = [Words::default(); WAYS];
    let huge = Report {
        lost: u32::MAX,
        total: u32::MAX,
        base_rtt_us: u32::MAX,
        capacity: u64::MAX,
    };
    let place = Place::of(
        Addr {
            bits: u128::MAX,
            ..Addr::v6([0; 16])
        },
        u64::MAX,
    );
    assert!(place.set < SETS);
    for words in [[0, 0], [u64::MAX, u64::MAX]] {
        set[3] = words;
        store(&mut set, place, u16::MAX, &huge);
    }
    let known = place.find(&set, u16::MAX).expect("stored");
    assert!(known != Known::default() && known.loss_q16 <= 65_536);
}

#[test]
#[cfg_attr(miri, ignore = "takes minutes")]
fn addresses_spread_over_the_sets() {
    let mut used = vec![0u32; SETS];
    for net in 0..=u16::MAX {
        let [high, low] = net.to_be_bytes();
        used[place([10, high, low, 1]).set] += 1;
    }
    // 64 a set on average; a binomial spread of 8.
    let (least, most) = (used.iter().min(), used.iter().max());
    assert!(least > Some(&24) && most < Some(&104), "{least:?} {most:?}");
}

#[test]
#[cfg_attr(miri, ignore = "takes minutes")]
fn a_site_cannot_push_out_what_is_known_of_others() {
    let site = 0x2001_0db8_0042_u128 << 80;
    let sets = |subnets: u128| {
        let mut sets: Vec<usize> = (0..subnets)
            .map(|subnet| Addr::v6((site | subnet << 64).to_be_bytes()))
            .map(|addr| Place::of(addr, KEY).set)
            .collect();
        sets.sort_unstable();
        sets.dedup();
        sets.len()
    };
    assert_eq!(sets(65_536), 16);
    // Its subnets do not all meet in one of them either.
    assert!(sets(32) > 8);
    let mut v4: Vec<usize> = (0..=255).map(|c| place([198, 51, c, 1]).set).collect();
    v4.sort_unstable();
    v4.dedup();
    assert!(v4.len() > 200, "{}", v4.len());
}
