// SPDX-License-Identifier: GPL-2.0

use super::*;

fn ends() -> Ends {
    let (near, far) = (Addr::v4([10, 9, 0, 1]), Addr::v4([192, 0, 2, 7]));
    let end = |addr: Addr, port| Endpoint {
        addr: addr.bits,
        port,
    };
    let (key, forward) = FlowKey::new(Family::V4, TCP, end(near, 443), end(far, 40_000));
    Ends::of(&FlowKey::from_words(*key.words()), forward)
}

fn line() -> Line<'static> {
    Line {
        ends: ends(),
        state: State::Tcp(1),
        reason: Reason::Accelerated,
        mode: "normal",
        interface: 2,
        idle_ms: 15,
        connection: Some(Connection {
            control: "zeta",
            rate: Some(1_250_000),
            rtt_us: 101_000,
            cwnd: 90,
            unsent: 5,
            sent: 2_000,
            acked: 1_500,
            received: 70,
            segments: 20,
            again: 2,
            model: Some(Model {
                phase: Phase::Cruise,
                capacity: 1_000_000,
                base_rtt_us: 100_000,
                queue_us: 1_000,
                loss_q16: 655,
            }),
        }),
    }
}

#[test]
fn a_line_tells_all_of_a_connection() {
    assert_eq!(
        line().to_string(),
        "10.9.0.1:443 192.0.2.7:40000 tcp established accelerated if=2 idle_ms=15 control=zeta \
         mode=normal phase=cruise rate_kbps=10000 path_kbps=8000 base_us=100000 queue_us=1000 \
         loss_ppm=9994 rtt_us=101000 cwnd=90 unsent=5 sent=2000 acked=1500 received=70 \
         segments=20 again=2"
    );
}

#[test]
fn a_line_without_a_socket_tells_what_packets_have_shown() {
    let end = |bits| Endpoint {
        addr: bits,
        port: 53,
    };
    let (low, high) = (1u128 << 64, 0x2001u128 << 112);
    let (key, forward) = FlowKey::new(Family::V6, UDP, end(high), end(low));
    let line = Line {
        ends: Ends::of(&key, forward),
        state: State::Seen(Seen::OneWay),
        reason: Reason::NotTcp,
        connection: None,
        ..line()
    };
    assert_eq!(
        line.to_string(),
        "[2001::]:53 [0:0:0:1::]:53 udp one-way not-tcp if=2 idle_ms=15"
    );
}

#[test]
fn a_filter_without_words_shows_everything() {
    let filter = Filter::parse(b" \t").unwrap();
    assert!(filter.may_show(&ends()));
    assert!(Reason::ALL.iter().all(|&reason| filter.shows(reason)));
}

#[test]
fn a_network_or_a_port_matches_either_end() {
    for (text, shown) in [
        ("192.0.2.0/24", true),
        ("10.9.0.1", true),
        ("10.9.0.2", false),
        ("2001:db8::/32", false),
        ("port=443", true),
        ("port=40000", true),
        ("port=80", false),
        ("192.0.2.7 port=80", false),
        ("port=443 192.0.2.7", true),
    ] {
        let filter = Filter::parse(text.as_bytes()).unwrap();
        assert_eq!(filter.may_show(&ends()), shown, "{text}");
    }
}

#[test]
fn acc_and_noacc_ask_for_the_reason() {
    let acc = Filter::parse(b"acc").unwrap();
    let noacc = Filter::parse(b"noacc").unwrap();
    for reason in Reason::ALL {
        assert_eq!(acc.shows(reason), reason.is_ours());
        assert_eq!(noacc.shows(reason), !reason.is_ours());
    }
}

#[test]
fn other_words_are_no_filter() {
    for text in [
        "all",
        "port=",
        "port=65536",
        "port=1 port=2",
        "10.0.0.0/33",
        "acc noacc",
        "10.0.0.1 10.0.0.2",
        "Acc",
    ] {
        assert_eq!(Filter::parse(text.as_bytes()), None, "{text}");
    }
}
