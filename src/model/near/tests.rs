// SPDX-License-Identifier: GPL-2.0

use super::*;

const KEY: u64 = 0x0123_4567_89ab_cdef;

fn v4(a: u8, b: u8, c: u8, d: u8) -> Addr {
    Addr::v4([a, b, c, d])
}

fn put(set: &mut [Word; WAYS], place: &Place, rtt_ms: u16) {
    if let Some((way, word)) = place.note(set, rtt_ms) {
        set[way] = word;
    }
}

#[test]
fn all_hosts_of_a_24_share_an_entry_and_those_of_the_next_do_not() {
    let mut set = [0; WAYS];
    let place = Place::of(v4(192, 0, 2, 7), KEY);
    put(&mut set, &place, 3);
    assert_eq!(Place::of(v4(192, 0, 2, 250), KEY), place);
    assert_eq!(Place::of(v4(192, 0, 2, 250), KEY).find(&set), Some(3));
    assert_eq!(Place::of(v4(192, 0, 3, 7), KEY).find(&set), None);
}

#[test]
fn all_hosts_of_a_64_share_an_entry_and_those_of_the_next_do_not() {
    let host = |segment: u8, last: u8| {
        let mut bytes = [0x20, 1, 0xd, 0xb8, 0, 0, 0, segment, 0, 0, 0, 0, 0, 0, 0, 0];
        bytes[15] = last;
        Addr::v6(bytes)
    };
    assert_eq!(Place::of(host(1, 1), KEY), Place::of(host(1, 200), KEY));
    assert_ne!(Place::of(host(1, 1), KEY), Place::of(host(2, 1), KEY));
}

#[test]
fn the_shortest_round_trip_is_kept() {
    let mut set = [0; WAYS];
    let place = Place::of(v4(192, 0, 2, 7), KEY);
    put(&mut set, &place, 9);
    put(&mut set, &place, 12);
    assert_eq!(place.find(&set), Some(9));
    put(&mut set, &place, 0);
    assert_eq!(place.find(&set), Some(0));
    assert_eq!(set.iter().filter(|&&word| word != 0).count(), 1);
}

#[test]
fn a_full_set_forgets_one_subnet_for_the_new_one() {
    let mut set = [0; WAYS];
    for c in 0..=255 {
        let place = Place::of(v4(10, 0, c, 1), KEY);
        put(&mut set, &place, 5);
        assert_eq!(place.find(&set), Some(5), "10.0.{c}.0/24");
    }
    assert!(set.iter().all(|&word| word != 0));
}

#[test]
fn a_round_trip_is_below_a_threshold_exactly_if_its_whole_milliseconds_are() {
    for (rtt_us, threshold_ms, below) in [
        (14_999, 15, true),
        (15_000, 15, false),
        (999, 1, true),
        (u32::MAX, 60_000, false),
    ] {
        assert_eq!(whole_ms(rtt_us) < threshold_ms, below, "{rtt_us}");
    }
}
