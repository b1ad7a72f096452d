// SPDX-License-Identifier: GPL-2.0

use super::*;
use crate::model::classify::{Endpoint, TCP};
use crate::model::units::{Addr, Family};

const SECRET: u64 = 0xfeed_face_cafe_beef;
const WAN: Way = Way {
    interface: 2,
    is_onlink: false,
    is_accelerated: false,
};

fn connection(port: u16) -> (FlowKey, bool) {
    let end = |addr: Addr, port| Endpoint {
        addr: addr.bits,
        port,
    };
    let container = end(Addr::v4([172, 17, 0, 2]), port);
    let peer = end(Addr::v4([192, 0, 2, 7]), 443);
    FlowKey::new(Family::V4, TCP, container, peer)
}

fn put(set: &mut [Words; WAYS], place: &Place, minute: u16, way: Way) {
    if let Some((index, words)) = place.note(set, minute, way) {
        set[index] = words;
    }
}

#[test]
fn what_was_forwarded_is_found_and_nothing_else() {
    let mut set = [[0; 2]; WAYS];
    let place = Place::of(&connection(1), SECRET);
    assert_eq!(place.find(&set, 7), None);
    put(&mut set, &place, 7, WAN);
    assert_eq!(place.find(&set, 7), Some(WAN));
    assert_eq!(Place::of(&connection(2), SECRET).find(&set, 7), None);
}

#[test]
fn the_other_end_does_not_leave_this_way() {
    let mut set = [[0; 2]; WAYS];
    let (key, forward) = connection(1);
    let place = Place::of(&(key, forward), SECRET);
    put(&mut set, &place, 7, WAN);
    assert_eq!(Place::of(&(key, !forward), SECRET).find(&set, 7), None);
}

#[test]
fn a_note_is_renewed_once_a_minute_and_when_the_way_changes() {
    let mut set = [[0; 2]; WAYS];
    let place = Place::of(&connection(1), SECRET);
    put(&mut set, &place, 7, WAN);
    assert_eq!(place.note(&set, 7, WAN), None);
    assert!(place.note(&set, 8, WAN).is_some());
    let other = Way {
        interface: 0x3fff_ffff,
        is_onlink: true,
        is_accelerated: false,
    };
    put(&mut set, &place, 7, other);
    assert_eq!(place.find(&set, 7), Some(other));
    assert_eq!(set.iter().filter(|words| words[0] != 0).count(), 1);
}

#[test]
fn who_sees_the_socket_says_whether_it_is_accelerated() {
    let mut set = [[0; 2]; WAYS];
    let place = Place::of(&connection(1), SECRET);
    let fast = Way {
        is_accelerated: true,
        ..WAN
    };
    let (index, words) = place.mark(&set, 7, fast).unwrap();
    set[index] = words;
    assert_eq!(place.find(&set, 7), Some(fast));
    // What is forwarded does not know, and changes nothing about it, now or in the next minute.
    assert_eq!(place.note(&set, 7, WAN), None);
    put(&mut set, &place, 8, WAN);
    assert_eq!(place.find(&set, 8), Some(fast));
    let (index, words) = place.mark(&set, 8, WAN).unwrap();
    set[index] = words;
    assert_eq!(place.find(&set, 8), Some(WAN));
}

#[test]
fn it_is_believed_for_ten_minutes_also_across_the_wrap_of_the_clock() {
    let mut set = [[0; 2]; WAYS];
    let place = Place::of(&connection(1), SECRET);
    put(&mut set, &place, u16::MAX - 3, WAN);
    assert_eq!(place.find(&set, 6), Some(WAN));
    assert_eq!(place.find(&set, 7), None);
}

#[test]
fn a_full_set_forgets_the_oldest() {
    let mut set = [[0; 2]; WAYS];
    for minute in 1..=5 {
        let place = Place::of(&connection(minute), SECRET);
        put(&mut set, &place, minute, WAN);
    }
    let found = |port| Place::of(&connection(port), SECRET).find(&set, 5).is_some();
    assert!(!found(1));
    assert!(found(2) && found(3) && found(4) && found(5));
}

#[test]
fn words_of_two_connections_are_no_entry() {
    let places = [1, 2].map(|port| Place::of(&connection(port), SECRET));
    let words = places.map(|place| place.note(&[[0; 2]; WAYS], 1, WAN).unwrap().1);
    let mixed = [[words[0][0], words[1][1]]; WAYS];
    assert_eq!(places[0].find(&mixed, 1), None);
    assert_eq!(places[1].find(&mixed, 1), None);
}
