// SPDX-License-Identifier: GPL-2.0

use super::*;
use crate::model::classify::TcpFlags;
use std::collections::HashSet;

const SECRET: Secret = [
    0x9e37_79b9_7f4a_7c15,
    0xbf58_476d_1ce4_e5b9,
    0x94d0_49bb_1331_11eb,
    0xfeed_face_cafe_beef,
];

fn packet(family: Family, ends: (u32, u32), ports: (u16, u16), payload: u32) -> Plain {
    let (from, to) = (u64::from(ends.0), u64::from(ends.1));
    Plain {
        family,
        addresses: match family {
            Family::V4 => [from << 32 | to, 0, 0, 0],
            Family::V6 => [0x2001, from, 0x2001, to],
        },
        source_port: ports.0,
        dest_port: ports.1,
        seq: 1,
        flags: TcpFlags::ACK,
        headers: 40,
        payload,
    }
}

fn place(packet: &Plain, now_ms: u64) -> Place {
    Place::of(packet, &SECRET, now_ms)
}

#[test]
fn a_record_is_told_once_in_an_eighth_of_a_second() {
    let packet = packet(Family::V4, (1, 2), (443, 50_000), 0);
    let first = place(&packet, 1_024);
    assert_eq!(place(&packet, 1_024 + 127), first);
    let later = place(&packet, 1_024 + 128);
    assert_eq!(later.index, first.index);
    assert_ne!(later.word(), first.word());
}

#[test]
fn no_two_kinds_of_packets_share_a_word() {
    let mut words = HashSet::new();
    let mut count = 0;
    for family in [Family::V4, Family::V6] {
        for ends in [(1, 2), (2, 1), (1, 3), (3, 1), (2, 3), (3, 2), (1, 1)] {
            for ports in [(80, 1), (1, 80), (80, 2), (2, 80)] {
                for payload in [0, 1_448] {
                    let place = place(&packet(family, ends, ports, payload), 5_000);
                    assert!(place.index < PLACES);
                    words.insert(place.word());
                    count += 1;
                }
            }
        }
    }
    assert_eq!(words.len(), count);
}

#[test]
fn another_secret_makes_other_words() {
    for family in [Family::V4, Family::V6] {
        let packet = packet(family, (1, 2), (443, 50_000), 0);
        let other = SECRET.map(|word| word ^ 1);
        assert_ne!(Place::of(&packet, &other, 0), place(&packet, 0));
    }
}

#[test]
fn how_much_payload_does_not_matter() {
    let of = |payload| place(&packet(Family::V4, (1, 2), (1, 2), payload), 0);
    assert_eq!(of(1), of(1_448));
    assert_ne!(of(0), of(1));
}

#[test]
fn connections_spread_over_the_table() {
    let used: HashSet<usize> = (0..PLACES as u16)
        .map(|port| place(&packet(Family::V4, (1, 2), (443, port), 1), 0).index)
        .collect();
    // A random function leaves a 1/e of the places empty.
    assert!(used.len() > PLACES * 6 / 10, "{}", used.len());
}

#[test]
fn all_places_of_a_direction_are_known() {
    for family in [Family::V4, Family::V6] {
        let of = |payload| packet(family, (1, 2), (443, 50_000), payload);
        let all = Place::all(&of(0), &SECRET);
        assert_eq!(all, [place(&of(0), 99).index, place(&of(1), 99).index]);
    }
}
