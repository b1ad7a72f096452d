// SPDX-License-Identifier: GPL-2.0

use super::*;
use std::vec::Vec;

const STAMPS: &[u8] = &[1, 1, 8, 10];

fn stamps(stamp: u32, echo: u32) -> Vec<u8> {
    [STAMPS, &stamp.to_be_bytes(), &echo.to_be_bytes()].concat()
}

fn tcp(port: u8, number: u32, flags: u8, options: &[u8], payload: usize) -> Vec<u8> {
    let offset = u8::try_from(5 + options.len() / 4).unwrap() << 4;
    let mut bytes = [&[0x14, 0x51, 0, port][..], &7u32.to_be_bytes()].concat();
    bytes.extend(number.to_be_bytes());
    bytes.extend([offset, flags, 1, 0, 0, 0, 0, 0]);
    bytes.extend(options);
    bytes.extend(vec![0; payload]);
    bytes
}

fn v4(tos: u8, segment: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + segment.len()).unwrap().to_be_bytes();
    let mut bytes = vec![0x45, tos, length[0], length[1], 0, 1, 0x40, 0, 64, 6, 0, 0];
    bytes.extend([192, 0, 2, 1, 192, 0, 2, 2]);
    bytes.extend(segment);
    // As Ethernet pads short ones.
    bytes.extend([0; 6]);
    bytes
}

fn v6(segment: &[u8]) -> Vec<u8> {
    let length = u16::try_from(segment.len()).unwrap().to_be_bytes();
    let mut bytes = vec![0x60, 0, 0, 0, length[0], length[1], 6, 64];
    bytes.extend([0x20; 32]);
    bytes.extend(segment);
    bytes
}

fn ack(number: u32) -> PureAck {
    PureAck::read(&v4(0, &tcp(1, number, ACK, &stamps(100, 200), 0))).unwrap()
}

#[test]
fn a_later_one_replaces_an_earlier_one_across_the_wrap() {
    assert!(ack(2_000).replaces(&ack(1_000)));
    assert!(ack(5).replaces(&ack(u32::MAX - 5)));
    assert!(!ack(1_000).replaces(&ack(2_000)));
    let of = |number| PureAck::read(&v6(&tcp(1, number, ACK, &stamps(1, 1), 0))).unwrap();
    assert!(of(2).replaces(&of(1)));
    assert!(!of(2).replaces(&ack(1)));
}

#[test]
fn one_that_is_repeated_is_kept() {
    assert!(!ack(1_000).replaces(&ack(1_000)));
}

#[test]
fn those_of_other_connections_and_classes_are_kept() {
    let other = |tos, port| PureAck::read(&v4(tos, &tcp(port, 2_000, ACK, &stamps(100, 200), 0)));
    assert!(other(0, 1).unwrap().replaces(&ack(1_000)));
    assert!(!other(0, 2).unwrap().replaces(&ack(1_000)));
    assert!(!other(8, 1).unwrap().replaces(&ack(1_000)));
}

#[test]
fn times_must_not_go_back() {
    let at =
        |stamp, echo| PureAck::read(&v4(0, &tcp(1, 2_000, ACK, &stamps(stamp, echo), 0))).unwrap();
    assert!(at(101, 201).replaces(&ack(1_000)));
    assert!(!at(99, 201).replaces(&ack(1_000)));
    assert!(!at(101, 199).replaces(&ack(1_000)));
    let without = PureAck::read(&v4(0, &tcp(1, 2_000, ACK, &[], 0))).unwrap();
    assert!(!without.replaces(&ack(1_000)));
}

#[test]
fn whatever_says_something_of_its_own_is_none() {
    let is_one = |segment: &[u8]| PureAck::read(&v4(0, segment)).is_some();
    assert!(is_one(&tcp(1, 1, ACK, &[], 0)));
    assert!(!is_one(&tcp(1, 1, ACK, &[], 1)), "data");
    for flags in [0x11, 0x12, 0x14, 0x18, 0x30, 0x50, 0x90, 0] {
        assert!(!is_one(&tcp(1, 1, flags, &[], 0)), "{flags:x}");
    }
    let signed = [19, 18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert!(!is_one(&tcp(1, 1, ACK, &signed, 0)), "MD5");
    let mut counted = tcp(1, 1, ACK, &[], 0);
    counted[12] |= 1;
    assert!(!is_one(&counted), "AccECN");
    let mut fragment = v4(0, &tcp(1, 1, ACK, &[], 0));
    fragment[6] = 0x20;
    assert_eq!(PureAck::read(&fragment), None);
}

#[test]
fn selective_ones_are_replaced_by_those_that_repeat_them() {
    let of = |number: u32, blocks: &[Block]| {
        let mut options = vec![1, 1, 5, 2 + 8 * u8::try_from(blocks.len()).unwrap()];
        for (first, end) in blocks {
            options.extend([first.to_be_bytes(), end.to_be_bytes()].concat());
        }
        PureAck::read(&v4(0, &tcp(1, number, ACK, &options, 0))).unwrap()
    };
    let plain = |number| PureAck::read(&v4(0, &tcp(1, number, ACK, &[], 0))).unwrap();
    let older = of(100, &[(200, 300)]);
    assert!(of(100, &[(200, 400)]).replaces(&older));
    assert!(of(100, &[(500, 600), (200, 300)]).replaces(&older));
    assert!(
        of(300, &[(500, 600)]).replaces(&older),
        "it is in order by now"
    );
    assert!(plain(300).replaces(&older));
    assert!(!plain(250).replaces(&older), "it was taken back");
    assert!(
        !of(100, &[(500, 600)]).replaces(&older),
        "there was no room for it"
    );
    assert!(!older.replaces(&older), "it is repeated");
    assert!(
        !of(100, &[(200, 300)]).replaces(&plain(100)),
        "the first that tells of the loss"
    );
    assert!(of(101, &[(200, 300)]).replaces(&plain(100)));
    let twice = of(100, &[(50, 80), (200, 300)]);
    assert!(
        !of(100, &[(200, 400)]).replaces(&twice),
        "data that came twice"
    );
    let twice = of(100, &[(200, 300), (200, 400)]);
    assert!(
        !of(100, &[(200, 500)]).replaces(&twice) && !plain(400).replaces(&twice),
        "data behind a gap that came twice"
    );
    let five = [5, 10, 0, 0, 0, 1, 0, 0, 0];
    assert_eq!(Said::read(&five), None);
}

#[test]
fn what_is_not_all_there_is_survived() {
    for whole in [
        v4(0, &tcp(1, 1, ACK, &stamps(1, 1), 0)),
        v6(&tcp(1, 1, ACK, &stamps(1, 1), 0)),
    ] {
        let least = whole.len() - if whole[0] == 0x45 { 6 } else { 0 };
        for length in 0..least {
            assert_eq!(PureAck::read(&whole[..length]), None);
        }
        assert!(PureAck::read(&whole[..least]).is_some());
    }
}
