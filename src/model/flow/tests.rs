// SPDX-License-Identifier: GPL-2.0

use super::*;
use crate::model::classify::UDP;

const SHORT: Millis = Millis(30_000);
const LIMITS: SessionLimits = SessionLimits {
    sessions: 10,
    accelerated: 5,
    bypass: true,
};

fn packet(flags: u8, payload: u32) -> Packet {
    let addr = Addr::v4([192, 0, 2, 1]);
    Packet {
        proto: TCP,
        source: addr,
        dest: addr,
        source_port: 1,
        dest_port: 2,
        transport: Transport::Tcp {
            flags: TcpFlags(flags),
            seq: 0,
        },
        headers: 52,
        payload,
    }
}

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;
const FIN_ACK: u8 = 0x11;
const SYN_ACK: u8 = 0x12;
const RST: u8 = 0x04;

fn after(packets: &[(bool, u8)]) -> Seen {
    packets
        .iter()
        .map(|(forward, flags)| Seen::of(&packet(*flags, 0), *forward))
        .fold(Seen::default(), Seen::merge)
}

#[test]
fn a_connection_lives_through_its_phases() {
    let mut packets = vec![(true, SYN)];
    assert_eq!(after(&packets).phase(), Phase::OneWay);
    packets.push((false, SYN_ACK));
    packets.push((true, ACK));
    assert_eq!(
        after(&packets).phase(),
        Phase::OneWay,
        "the other end has only answered the SYN"
    );
    packets.push((false, ACK));
    assert_eq!(after(&packets).phase(), Phase::TwoWay);
    packets.push((true, FIN_ACK));
    assert_eq!(after(&packets).phase(), Phase::Closing);
    packets.push((true, FIN_ACK));
    assert_eq!(
        after(&packets).phase(),
        Phase::Closing,
        "one end said it twice"
    );
    packets.push((false, FIN_ACK));
    assert_eq!(after(&packets).phase(), Phase::Closed);
    assert_eq!(after(&[(true, SYN), (false, RST)]).phase(), Phase::Closed);
}

use std::vec;

#[test]
fn the_order_of_packets_does_not_matter() {
    let one = after(&[(true, SYN), (false, FIN_ACK), (true, FIN_ACK)]);
    let other = after(&[(true, FIN_ACK), (true, SYN), (false, FIN_ACK)]);
    assert_eq!(one, other);
}

#[test]
fn an_idle_flow_is_forgotten_by_its_phase() {
    let gone =
        |proto, seen, idle: u64| expired(Millis(1000 + idle), Millis(1000), proto, seen, SHORT);
    let one_way = after(&[(true, SYN)]);
    assert!(!gone(TCP, one_way, 29_999) && gone(TCP, one_way, 30_000));
    let half_open = after(&[(true, SYN), (false, SYN_ACK)]);
    assert!(!gone(TCP, half_open, 29_999) && gone(TCP, half_open, 30_000));
    let two_way = after(&[(true, ACK), (false, ACK)]);
    assert!(!gone(TCP, two_way, 7_439_999) && gone(TCP, two_way, 7_440_000));
    assert!(!gone(UDP, two_way, 119_999) && gone(UDP, two_way, 120_000));
    let closing = after(&[(true, ACK), (false, FIN_ACK)]);
    assert!(!gone(TCP, closing, 59_999) && gone(TCP, closing, 60_000));
    let closed = after(&[(true, FIN_ACK), (false, FIN_ACK)]);
    assert!(!gone(TCP, closed, 9_999) && gone(TCP, closed, 10_000));
}

#[test]
fn a_long_short_timeout_does_not_shorten_established_flows() {
    let day = Millis::from_secs(86_400);
    assert_eq!(timeout(TCP, Phase::TwoWay, day), day);
    assert_eq!(
        timeout(TCP, Phase::TwoWay, Millis(100)),
        Millis::from_secs(7_440)
    );
}

#[test]
fn a_clock_that_steps_back_forgets_nothing() {
    assert!(!expired(
        Millis(0),
        Millis(u64::MAX),
        TCP,
        Seen::default(),
        SHORT
    ));
    assert!(is_active(Millis(0), Some(Millis(u64::MAX))));
}

#[test]
fn ports_may_be_used_again_after_the_end_only() {
    let syn = packet(SYN, 0);
    assert!(
        !after(&[(true, SYN), (false, SYN_ACK)]).restarts(&syn),
        "a repeated SYN"
    );
    assert!(
        after(&[(false, FIN_ACK)]).restarts(&syn),
        "an end that was met without a beginning"
    );
    assert!(after(&[(true, SYN), (false, RST)]).restarts(&syn));
    assert!(after(&[(true, FIN_ACK), (false, FIN_ACK)]).restarts(&syn));
    assert!(!after(&[(true, FIN_ACK), (false, FIN_ACK)]).restarts(&packet(ACK, 0)));
    assert!(!after(&[(true, FIN_ACK), (false, FIN_ACK)]).restarts(&packet(SYN_ACK, 0)));
}

#[test]
fn active_means_data_in_the_last_ten_seconds() {
    assert!(!is_active(Millis(5), None));
    assert!(is_active(Millis(10_999), Some(Millis(1_000))));
    assert!(!is_active(Millis(11_000), Some(Millis(1_000))));
}

#[test]
fn over_the_limit_only_new_connections_are_refused() {
    let refusing = SessionLimits {
        bypass: false,
        ..LIMITS
    };
    let syn = packet(SYN, 0);
    let there = |all, two_way| Sessions { all, two_way };
    assert_eq!(admit(&LIMITS, there(9, 9), &syn), Admit::Track);
    assert_eq!(admit(&LIMITS, there(10, 0), &syn), Admit::Pass);
    assert_eq!(admit(&refusing, there(9, 9), &syn), Admit::Track);
    assert_eq!(admit(&refusing, there(10, 10), &syn), Admit::Refuse);
    assert_eq!(
        admit(&refusing, there(10, 10), &packet(ACK, 9)),
        Admit::Pass
    );
    assert_eq!(
        admit(&refusing, there(10, 10), &packet(SYN_ACK, 0)),
        Admit::Pass
    );
    assert!(may_accelerate(&LIMITS, 4));
    assert!(!may_accelerate(&LIMITS, 5));
}

/// Packets of strangers, half-open connections and the like fill their own share of the table only.
#[test]
fn what_nobody_answers_has_nobody_refused() {
    let refusing = SessionLimits {
        bypass: false,
        ..LIMITS
    };
    let there = |all, two_way| Sessions { all, two_way };
    let syn = packet(SYN, 0);
    assert_eq!(admit(&refusing, there(10, 0), &syn), Admit::Pass);
    assert_eq!(admit(&refusing, there(19, 9), &syn), Admit::Pass);
    assert_eq!(
        admit(&refusing, there(18, 9), &syn),
        Admit::Track,
        "one more of each"
    );
    assert_eq!(admit(&refusing, there(20, 10), &syn), Admit::Refuse);
    assert_eq!(
        admit(&refusing, there(0, 3), &syn),
        Admit::Track,
        "counted up late on another processor"
    );
}

#[test]
fn each_segment_repeats_the_headers() {
    let big = packet(ACK, 14_480);
    assert_eq!(wire_len(&big, 0), 14_532);
    assert_eq!(wire_len(&big, 1), 14_532);
    assert_eq!(wire_len(&big, 10), 14_480 + 10 * 52);
}

#[test]
fn one_near_host_stands_for_its_subnet() {
    let of = |addr| subnet(Addr::v4(addr));
    assert_eq!(of([192, 0, 2, 1]), of([192, 0, 2, 254]));
    assert_ne!(of([192, 0, 2, 1]), of([192, 0, 3, 1]));
    let v6 = |tail: u8, link: u8| {
        let mut bytes = [0x20; 16];
        bytes[15] = tail;
        bytes[7] = link;
        subnet(Addr::v6(bytes))
    };
    assert_eq!(v6(1, 0), v6(2, 0));
    assert_ne!(v6(1, 0), v6(1, 1));
}
