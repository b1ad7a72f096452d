// SPDX-License-Identifier: GPL-2.0

use super::*;
use crate::model::classify::{parse, Transport, HEADERS};
use crate::model::flow::wire_len;
use std::vec;
use std::vec::Vec;

fn tcp(flags: u8, options: u8, payload: usize) -> Vec<u8> {
    let mut bytes = vec![0x01, 0xbb, 0xc3, 0x50, 1, 2, 3, 4, 0, 0, 0, 9];
    bytes.extend([(5 + options) << 4, flags, 0, 99, 0, 0, 0, 0]);
    bytes.resize(bytes.len() + usize::from(options) * 4 + payload, 0);
    bytes
}

fn v4(tcp: &[u8]) -> Vec<u8> {
    let total = u16::try_from(20 + tcp.len()).unwrap().to_be_bytes();
    let mut bytes = vec![0x45, 0, total[0], total[1], 0, 0, 0x40, 0, 64, TCP, 0, 0];
    bytes.extend([198, 51, 100, 7, 203, 0, 113, 80]);
    bytes.extend(tcp);
    bytes
}

fn v6(tcp: &[u8]) -> Vec<u8> {
    let length = u16::try_from(tcp.len()).unwrap().to_be_bytes();
    let mut bytes = vec![0x60, 0, 0, 0, length[0], length[1], TCP, 64];
    bytes.extend(1..=32);
    bytes.extend(tcp);
    bytes
}

fn read(family: Family, bytes: &[u8]) -> Option<Plain> {
    let head = &bytes[..bytes.len().min(HEADERS)];
    Plain::read(family, head, u32::try_from(bytes.len()).unwrap())
}

/// Both ways to read headers agree.
fn same_as_parsed(family: Family, bytes: &[u8]) {
    let plain = read(family, bytes).unwrap();
    let total = u32::try_from(bytes.len()).unwrap();
    let packet = parse(&bytes[..bytes.len().min(HEADERS)], total).unwrap();
    let Transport::Tcp { flags, seq } = packet.transport else {
        panic!("no TCP");
    };
    assert_eq!((plain.flags, plain.seq), (flags, seq));
    assert_eq!(plain.family, packet.family());
    assert_eq!(
        (plain.headers, plain.payload),
        (packet.headers, packet.payload)
    );
    assert_eq!(
        (plain.source_port, plain.dest_port),
        (packet.source_port, packet.dest_port)
    );
    for segments in [0, 1, 2, 44] {
        assert_eq!(
            plain.wire_len(u32::from(segments)),
            wire_len(&packet, segments)
        );
    }
}

#[test]
fn both_ways_to_read_headers_agree() {
    for options in [0, 3, 10] {
        for payload in [0, 1, 1_400] {
            let tcp = tcp(0x18, options, payload);
            same_as_parsed(Family::V4, &v4(&tcp));
            same_as_parsed(Family::V6, &v6(&tcp));
        }
    }
}

#[test]
fn padding_and_packets_to_be_segmented_have_their_true_lengths() {
    for (family, mut bytes, field) in [
        (Family::V4, v4(&tcp(0x10, 3, 5)), 2),
        (Family::V6, v6(&tcp(0x10, 3, 5)), 4),
    ] {
        bytes.extend([0; 7]);
        assert_eq!(read(family, &bytes).unwrap().payload, 5);
        same_as_parsed(family, &bytes);
        (bytes[field], bytes[field + 1]) = (0, 0);
        assert_eq!(read(family, &bytes).unwrap().payload, 12);
        same_as_parsed(family, &bytes);
    }
}

#[test]
fn what_is_unusual_is_left_to_others() {
    let change = |family, at: usize, value: u8| {
        let mut bytes = match family {
            Family::V4 => v4(&tcp(0x10, 0, 9)),
            Family::V6 => v6(&tcp(0x10, 0, 9)),
        };
        bytes[at] = value;
        read(family, &bytes)
    };
    // Options, another version, another protocol, a later fragment, a header that is too short or too long.
    for (at, value) in [
        (0, 0x46),
        (0, 0x65),
        (9, 17),
        (6, 1),
        (7, 8),
        (32, 0x40),
        (32, 0xf0),
    ] {
        assert_eq!(change(Family::V4, at, value), None, "{at}");
    }
    for (at, value) in [(0, 0x45), (6, 0), (6, 44), (52, 0x40), (52, 0xf0)] {
        assert_eq!(change(Family::V6, at, value), None, "{at}");
    }
    // The first fragment, and whether it may be cut, do not matter.
    assert!(change(Family::V4, 6, 0x20).is_some());
    assert!(change(Family::V4, 6, 0x40).is_some());
}

#[test]
fn headers_that_are_cut_off_are_not_read() {
    for (family, bytes) in [
        (Family::V4, v4(&tcp(0x10, 0, 0))),
        (Family::V6, v6(&tcp(0x10, 0, 0))),
    ] {
        for len in 0..bytes.len() {
            let total = u32::try_from(len).unwrap();
            assert_eq!(Plain::read(family, &bytes[..len], total), None);
        }
        assert!(read(family, &bytes).is_some());
    }
}

#[test]
fn only_what_neither_opens_nor_ends_is_in_the_middle() {
    for (flags, expected) in [
        (0x10, true),
        (0x18, true),
        (0xd0, true),
        (0x11, false),
        (0x12, false),
        (0x04, false),
    ] {
        let plain = read(Family::V4, &v4(&tcp(flags, 0, 0))).unwrap();
        assert_eq!(plain.is_in_the_middle(), expected, "{flags:#x}");
    }
}
