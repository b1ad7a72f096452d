// SPDX-License-Identifier: GPL-2.0

use super::*;

const MSS: u32 = 1_448;

/// Two percent of loss.
const LOSS_Q16: u32 = Q16 / 50;

/// What the path takes, bytes per second, and holds, packets.
const PATH: (u64, u32) = (1_000_000, 100);

/// An ACK with a window of `window` packets, of which `out` are used when the ACK comes, with two of them acknowledged.
fn ack(window: u32, out: u32, delivered: u32) -> Ack {
    Ack {
        acked_sacked: 2,
        delivered,
        prior_delivered: delivered - 50,
        prior_in_flight: 10,
        in_flight: 20,
        packets_out: out - 2,
        snd_wnd_bytes: window * MSS,
        mss: MSS,
        ..super::super::tests::ack(1_000_000)
    }
}

fn round(delivered: u32) -> Round {
    Round {
        kind: Kind::Cruise,
        slowed: false,
        delivered,
        lost: 0,
        span_us: 100_000,
        min_rtt_us: Some(100_000),
        mean_rtt_us: Some(100_000),
        samples: 50,
        app_limited: false,
    }
}

/// A window of 250 packets that has come to its end, and one round of 70 packets.
fn settled() -> Window {
    let mut window = Window::default();
    assert!(!window.on_ack(&ack(250, 100, 1_000)));
    for _ in 0..=STILL_ROUNDS {
        window.on_round(&round(70), MSS, LOSS_Q16, PATH);
    }
    assert!(!window.is_pressing());
    assert_eq!(window.bound(), None);
    window
}

#[test]
fn a_full_window_is_seen_behind_a_hole() {
    let mut window = settled();
    // Most of what is out has arrived: ten packets are in flight.
    assert!(window.on_ack(&ack(250, 249, 2_000)));
    assert!(window.on_round(&round(70), MSS, LOSS_Q16, PATH));
    assert!(!window.on_round(&round(70), MSS, LOSS_Q16, PATH));
}

#[test]
fn samples_count_again_when_the_gap_is_past() {
    let mut window = settled();
    assert!(window.on_ack(&ack(250, 249, 2_000)));
    // Twenty were in flight: what was sent before they arrived still shows the gap.
    assert!(window.on_ack(&ack(250, 100, 2_070)));
    assert!(!window.on_ack(&ack(250, 100, 2_071)));
}

#[test]
fn a_stop_makes_repairs_precious_for_as_long_as_it_cost() {
    let mut window = settled();
    window.on_ack(&ack(250, 249, 2_000));
    window.on_round(&round(70), MSS, LOSS_Q16, PATH);
    let rounds = (0..1_000)
        .take_while(|_| {
            let pressing = window.is_pressing();
            window.on_round(&round(70), MSS, LOSS_Q16, PATH);
            pressing
        })
        .count();
    // Copies of two percent of fifty rounds are one round.
    assert_eq!(rounds, 50);
}

#[test]
fn after_a_stop_the_mean_rate_is_sent_and_slowly_more() {
    let mut window = settled();
    window.on_ack(&ack(250, 249, 2_000));
    window.on_round(&round(70), MSS, LOSS_Q16, PATH);
    let mean = 70 * u64::from(MSS) * 10;
    let first = window.bound().unwrap();
    assert!(first > mean * 99 / 100 && first <= mean, "{first}");
    window.on_round(&round(70), MSS, LOSS_Q16, PATH);
    let second = window.bound().unwrap();
    assert!(second > first && second <= first + first / 16, "{second}");
    for _ in 0..20 {
        window.on_round(&round(70), MSS, LOSS_Q16, PATH);
    }
    assert_eq!(window.bound(), None);
}

#[test]
fn a_window_that_grows_or_is_small_is_left_alone() {
    for packets in [80, 250] {
        let mut window = settled();
        if packets == 250 {
            // Wider by more than an eighth just now.
            window.on_ack(&ack(300, 100, 1_900));
        } else {
            window = Window::default();
            window.on_ack(&ack(80, 10, 1_900));
            for _ in 0..=STILL_ROUNDS {
                window.on_round(&round(70), MSS, LOSS_Q16, PATH);
            }
        }
        window.on_ack(&ack(packets, packets - 1, 2_000));
        window.on_round(&round(70), MSS, LOSS_Q16, PATH);
        assert_eq!(window.bound(), None, "{packets}");
        assert!(!window.is_pressing(), "{packets}");
    }
}

#[test]
fn the_mean_rate_begins_with_what_the_path_takes() {
    // The first round after the search still shows its stops: it delivered half of what the path takes.
    let mut window = Window::default();
    let (capacity, bdp) = PATH;
    window.on_ack(&ack(2 * bdp, 10, 1_900));
    for _ in 0..=STILL_ROUNDS {
        window.on_round(
            &Round {
                kind: Kind::High,
                ..round(70)
            },
            MSS,
            LOSS_Q16,
            PATH,
        );
    }
    window.on_ack(&ack(2 * bdp, 2 * bdp - 1, 2_000));
    window.on_round(&round(bdp / 2), MSS, LOSS_Q16, PATH);
    let bound = window.bound().unwrap();
    assert!(bound > capacity * 9 / 10 && bound < capacity, "{bound}");
}

#[test]
fn a_path_without_loss_needs_no_copies() {
    let mut window = settled();
    window.on_ack(&ack(250, 249, 2_000));
    window.on_round(&round(70), MSS, 0, PATH);
    assert!(!window.is_pressing());
}
