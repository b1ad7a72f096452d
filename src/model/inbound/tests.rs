// SPDX-License-Identifier: GPL-2.0

use super::edge::{is_after, Edge};
use super::round_trip::Probes;
use super::*;
use crate::model::classify::parse;
use std::vec;
use std::vec::Vec;

mod path;

/// A TCP segment over IPv4 with `options`, padded, and its classification.
fn segment(options: &[u8]) -> Option<Segment> {
    let mut padded = options.to_vec();
    padded.resize(options.len().div_ceil(4) * 4, 1);
    let words = 5 + padded.len() / 4;
    let mut bytes = vec![
        0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2,
    ];
    bytes.extend([0, 80, 4, 0, 0, 0, 0, 1, 0x89, 0xab, 0xcd, 0xef]);
    bytes.extend([
        u8::try_from(words).unwrap() << 4,
        0x10,
        0x12,
        0x34,
        0,
        0,
        0,
        0,
    ]);
    bytes.extend(padded);
    let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    bytes[2..4].copy_from_slice(&length);
    let packet = parse(&bytes, u32::try_from(bytes.len()).unwrap()).ok()?;
    Segment::read(&bytes, &packet)
}

#[test]
fn a_header_is_read() {
    let found = segment(&[1, 1, 8, 10, 0, 0, 0, 7, 0, 0, 0, 9]).unwrap();
    assert_eq!(
        (found.offset, found.ack, found.window),
        (20, 0x89ab_cdef, 0x1234)
    );
    assert_eq!((found.times, found.shift), (Some((7, 9)), None));
    assert!(!found.is_signed);
}

#[test]
fn scales_above_the_largest_count_as_that() {
    assert_eq!(segment(&[3, 3, 7]).unwrap().shift, Some(7));
    assert_eq!(segment(&[3, 3, 200]).unwrap().shift, Some(14));
}

#[test]
fn signed_segments_are_told() {
    let mut md5 = vec![19, 18];
    md5.resize(18, 0xaa);
    assert!(segment(&md5).unwrap().is_signed);
    assert!(segment(&[29, 4, 1, 2]).unwrap().is_signed);
}

#[test]
fn options_that_end_early_or_have_no_length_are_survived() {
    for options in [
        &[8, 10, 0, 0][..],
        &[3, 0, 5, 5],
        &[3, 1, 5, 5],
        &[8],
        &[0, 3, 3, 7],
    ] {
        let found = segment(options).unwrap();
        assert_eq!((found.times, found.shift), (None, None), "{options:?}");
    }
}

#[test]
fn a_shift_is_known_when_both_ends_have_been_heard() {
    let near = Handshake::default().note(true, Some(7));
    assert_eq!(near.shift(), None);
    assert_eq!(near.note(false, Some(2)).shift(), Some(7));
    assert_eq!(
        near.note(false, None).shift(),
        Some(0),
        "one end does not scale"
    );
    assert_eq!(Handshake::default().note(false, Some(2)).shift(), None);
}

/// Numbers that look random, the same each time.
struct Dice(u32);

impl Dice {
    fn roll(&mut self, sides: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) % sides
    }
}

#[test]
fn an_edge_is_never_pulled_back_nor_beyond_what_there_is_room_for() {
    for shift in [0u8, 1, 7, 14] {
        let mut dice = Dice(u32::from(shift));
        let mut edge = Edge::default();
        // Sequence numbers wrap on the way.
        let mut ack = u32::MAX - 100_000;
        let mut last: Option<u32> = None;
        for _ in 0..20_000 {
            ack = ack.wrapping_add(dice.roll(3_000));
            // Receivers keep to the rule as well.
            let least = last.map_or(0, |last| {
                if is_after(last, ack) {
                    last.wrapping_sub(ack)
                } else {
                    0
                }
            });
            let field = (least + dice.roll(60_000 << shift))
                .div_ceil(1 << shift)
                .min(65_535);
            let field = u16::try_from(field).unwrap();
            let wanted = ack.wrapping_add(dice.roll(200_000));
            let written = edge.offer(ack, field, shift, wanted);
            assert!(written <= field);
            let now = ack.wrapping_add(u32::from(written) << shift);
            if let Some(last) = last {
                let most = ack.wrapping_add(u32::from(field) << shift);
                assert!(!is_after(last, now) || is_after(last, most), "{last} {now}");
            }
            last = Some(last.map_or(now, |last| edge::later(last, now)));
        }
    }
}

/// Found by the fuzzer.
#[test]
fn an_edge_is_not_pulled_back_for_one_that_is_half_way_round() {
    for far in [0x7fff_ffff_u32, 0x8000_0000, 0x9000_0000, 0xffff_0000] {
        let mut edge = Edge::default();
        edge.pass(1_000, 60_000, 7);
        let wanted = edge.offered().unwrap().wrapping_add(far);
        assert_eq!(edge.offer(2_000, 60_000, 7, wanted), 59_993, "{far:#x}");
    }
}

#[test]
fn a_first_offer_is_not_made_smaller() {
    let mut edge = Edge::default();
    assert_eq!(edge.offer(1_000, 500, 7, 2_000), 500);
    // What was offered is used up before less is offered.
    assert_eq!(
        edge.offer(1_000 + (400 << 7), 500, 7, 1_000 + (450 << 7)),
        100
    );
    assert_eq!(
        edge.offer(1_000 + (600 << 7), 500, 7, 1_000 + (650 << 7)),
        50
    );
}

#[test]
fn an_old_offer_that_is_repeated_takes_nothing_back() {
    let mut edge = Edge::default();
    edge.pass(10_000, 10_000, 0);
    edge.pass(5_000, 10_000, 0);
    assert_eq!(edge.offered(), Some(20_000));
}

#[test]
fn round_trips_are_those_of_the_stamp_that_was_echoed() {
    let mut probes = Probes::default();
    probes.sent(100, 1_000, 500);
    probes.sent(100, 1_600, 500);
    probes.sent(101, 1_300, 500);
    probes.sent(102, 2_000, 500);
    assert_eq!(probes.came(99, 40_000, true), None);
    assert_eq!(probes.came(100, 41_000, true), Some(40_000));
    assert_eq!(
        probes.came(101, 41_500, true),
        None,
        "too close to the one before to be watched for"
    );
    assert_eq!(probes.came(102, 43_000, true), Some(41_000));
    assert_eq!(probes.came(102, 44_000, true), None);
}

#[test]
fn a_ring_that_is_full_waits_for_answers_and_starts_anew_after_a_pause() {
    let mut probes = Probes::default();
    for mark in 0..20 {
        probes.sent(mark, mark * 1_000, 500);
    }
    assert_eq!(
        probes.came(19, 30_000, true),
        None,
        "nine and later were not watched for"
    );
    for mark in 20..28 {
        probes.sent(mark, mark * 1_000, 500);
    }
    probes.sent(28, 6_000_000, 500);
    assert_eq!(probes.came(28, 6_040_000, true), Some(40_000));
}

/// A flow whose data comes at `rate` in a step, and what it is offered.
fn offer(
    inbound: &mut Inbound,
    now_us: u64,
    ack: u32,
    queue: Option<u32>,
    rate: Option<u64>,
) -> u16 {
    inbound.offer(&Offer {
        now_us,
        ack,
        field: 60_000,
        shift: 7,
        stamp: Some(u32::try_from(now_us / 1_000).unwrap()),
        queue,
        rate,
    })
}

#[test]
fn a_first_packet_of_somebody_else_counts_for_nothing() {
    for stray in [
        0x7fff_0000,
        0x8000_1000,
        0x8000_0000 + 200 * 65_160 - 8_000_u32,
    ] {
        let mut inbound = Inbound::default();
        let arrive = |inbound: &mut Inbound, now_us, end| {
            inbound.arrived(&Arrival {
                now_us,
                end,
                payload: 65_160,
                packets: 45,
                echo: None,
                all: 0,
            });
        };
        arrive(&mut inbound, 1_000_000, stray);
        for step in 1..300 {
            let now_us = 1_000_000 + u64::from(step) * 10_000;
            arrive(&mut inbound, now_us, step * 65_160);
            let written = offer(&mut inbound, now_us, step * 65_160, None, Some(1_000_000));
            assert!(written > 0, "{stray:#x} {step}");
            // What was offered at first is used up by then.
            assert!(
                step < 200 || written < 20_000 >> 7,
                "{stray:#x} {step}: {written}"
            );
        }
    }
}

#[test]
fn without_orders_windows_stay_as_they_are() {
    let mut inbound = Inbound::default();
    for step in 0..100u32 {
        let now_us = 1_000_000 + u64::from(step) * 20_000;
        inbound.arrived(&Arrival {
            now_us,
            end: step * 100_000 + 100_000,
            payload: 100_000,
            packets: 70,
            echo: Some(u32::try_from(now_us / 1_000).unwrap() - 20),
            all: 0,
        });
        assert_eq!(
            offer(&mut inbound, now_us, step * 100_000 + 100_000, None, None),
            60_000
        );
    }
}

#[test]
fn a_rate_makes_a_window_of_a_round_trip() {
    let mut inbound = Inbound::default();
    let mut written = 0;
    for step in 0..200u32 {
        let now_us = 1_000_000 + u64::from(step) * 40_000;
        inbound.arrived(&Arrival {
            now_us,
            end: (step + 1) * 50_000,
            payload: 50_000,
            packets: 35,
            echo: Some(u32::try_from(now_us / 1_000).unwrap() - 40),
            all: 0,
        });
        written = offer(
            &mut inbound,
            now_us,
            (step + 1) * 50_000,
            None,
            Some(1_250_000),
        );
    }
    assert_eq!(inbound.rtt_us(), 40_000);
    // 50 kB in 40 ms.
    assert_eq!(u32::from(written) << 7, 50_000u32.div_ceil(128) * 128);
}

#[test]
fn fair_rates_add_up_to_the_limit() {
    for flows in [1u64, 3, 30] {
        let limit = 2_500_000;
        let mut fair = Fair::default();
        let mut late = 0;
        let mut received = Vec::new();
        for _ in 0..400 {
            // What comes is what was allowed a round trip ago, a tenth more, as round trips are longer than the least.
            let bytes = late * flows * 11 / 10 / 25;
            received.push(bytes);
            fair.step(bytes, 40_000, limit);
            late = fair.rate().unwrap();
        }
        let tail: u64 = received[200..].iter().sum::<u64>() / 200 * 25;
        assert!(
            tail.abs_diff(limit) < limit / 50,
            "{flows} flows: {tail} of {limit}"
        );
    }
}

#[test]
fn others_leave_less_to_flows() {
    let mut fair = Fair::default();
    let limit = 2_500_000;
    for _ in 0..400 {
        let others = limit * 6 / 10 / 25;
        fair.step(others + fair.rate().unwrap_or(0) / 25, 40_000, limit);
    }
    assert!(fair.rate().unwrap().abs_diff(limit * 4 / 10) < limit / 50);
}

#[test]
fn a_pause_does_not_end_in_a_burst() {
    let mut fair = Fair::default();
    let limit = 2_500_000;
    for _ in 0..1_000 {
        fair.step(0, 1_000_000, limit);
    }
    assert!(fair.rate().unwrap() <= 2 * limit);
}

#[test]
fn a_flow_takes_little_memory() {
    // With its lock in one object of 512 bytes, the next size of the kernel's allocator.
    let size = core::mem::size_of::<Inbound>();
    assert!(size <= 448, "{size}");
}
