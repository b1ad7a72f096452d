// SPDX-License-Identifier: GPL-2.0

use super::super::recovery::Restraint;
use super::super::types::{Ack, CaState, Control, Idle, RateSample, Settings, Start};
use super::super::zeta::Zeta;
use super::Q8;
use crate::model::memory::Known;

const MSS: u32 = 1448;

fn start(loss_q16: u32) -> Start {
    Start {
        known: (loss_q16 != 0).then_some(Known {
            loss_q16,
            base_rtt_us: 100_000,
            capacity: 0,
        }),
        ..super::super::tests::start()
    }
}

/// A random loss of ten percent.
const LOSSY: u32 = 6_554;

/// What is decided on the first ACK of a connection, which tells of `delivered` packets; `edit` may change it.
fn decide(
    zeta: &mut Zeta,
    delivered: u32,
    settings: &Settings,
    edit: impl Fn(&mut Ack),
) -> Control {
    let mut ack = Ack {
        now_us: 1_100_000,
        rtt_us: Some(100_000),
        delivered,
        prior_delivered: 0,
        sample: Some(RateSample {
            delivered,
            interval_us: 100_000,
            snd_interval_us: 100_000,
            rcv_interval_us: 100_000,
        }),
        acked_sacked: delivered,
        losses: 0,
        lost: 0,
        prior_in_flight: 22,
        in_flight: 22_u32.saturating_sub(delivered),
        is_app_limited: false,
        is_ack_delayed: false,
        cwnd: 22,
        cwnd_clamp: u32::MAX,
        mss: MSS,
        srtt_us: 100_000,
        rttvar_us: 1_000,
        ca_state: CaState::Open,
        snd_wnd_bytes: 1 << 20,
        packets_out: 22,
        max_pacing_rate: u64::MAX,
        peer_time: None,
    };
    edit(&mut ack);
    zeta.on_ack(ack, settings)
}

fn timer_wait_us(retran_wait_ms: u32, rttvar_us: u32) -> u32 {
    let settings = Settings {
        retran_wait_ms,
        ..Settings::default()
    };
    let mut zeta = Zeta::new(&start(0), &settings);
    decide(&mut zeta, 2, &settings, |ack| ack.rttvar_us = rttvar_us)
        .rto_min_us
        .expect("each ACK decides on the timer")
}

#[test]
fn timers_wait_as_long_as_they_are_told_to() {
    // As shipped: above the 40 ms of delayed ACKs, below the 200 ms of the kernel.
    assert_eq!(
        timer_wait_us(Settings::default().retran_wait_ms, 1_000),
        50_000
    );
    assert_eq!(timer_wait_us(100, 1_000), 118_000);
    assert_eq!(timer_wait_us(300, 1_000), 318_000);
    // A quarter of the round trip of 100 ms remains, and twice its variation.
    assert_eq!(timer_wait_us(0, 1_000), 25_000);
    assert_eq!(timer_wait_us(0, 40_000), 80_000);
    assert_eq!(timer_wait_us(0, 400_000), 200_000);
    assert_eq!(timer_wait_us(u32::MAX, 1_000), 1_000_000);
}

/// The window on the first ACK after a timeout, of `acked` packets, on a path that loses `loss_q16`.
fn after_timeout(acked: u32, loss_q16: u32, settings: &Settings) -> u32 {
    let mut zeta = Zeta::new(&start(loss_q16), settings);
    zeta.on_rto(0, 0);
    decide(&mut zeta, acked, settings, |ack| {
        ack.ca_state = CaState::Loss;
        ack.cwnd = 1;
    })
    .cwnd
}

#[test]
fn the_window_after_a_timeout_has_a_floor_once_something_arrives() {
    let shipped = Settings::default();
    assert_eq!(after_timeout(0, 0, &shipped), 4);
    assert_eq!(after_timeout(1, 0, &shipped), 8);
    assert_eq!(after_timeout(0, LOSSY, &shipped), 4);
    assert_eq!(after_timeout(1, LOSSY, &shipped), 24);
    let other = Settings {
        min_ssthresh: 10,
        min_ssthresh_lossy: 15,
        ..shipped
    };
    assert_eq!(after_timeout(1, 0, &other), 10);
    assert_eq!(after_timeout(1, LOSSY, &other), 15);
    let untold = Settings {
        track_random_loss: false,
        ..other
    };
    assert_eq!(after_timeout(1, LOSSY, &untold), 10);
}

#[test]
fn a_floor_never_exceeds_what_is_aimed_at() {
    let mut restraint = Restraint::default();
    restraint.on_rto(0);
    assert!(restraint.is_in_force());
    assert_eq!(restraint.bound(100, 0, 50), 4);
    assert_eq!(restraint.bound(100, 1, 50), 50);
    assert_eq!(restraint.bound(60, 1, 1_000), 60);
    assert!(!restraint.is_in_force());
}

#[test]
fn the_threshold_shown_has_the_floor_of_the_path() {
    let settings = Settings {
        min_ssthresh: 1_000,
        min_ssthresh_lossy: 2_000,
        ..Settings::default()
    };
    let shown = |loss_q16| Zeta::new(&start(loss_q16), &settings).ssthresh(MSS, &settings);
    assert_eq!(shown(0), 1_000);
    assert_eq!(shown(LOSSY), 2_000);
}

/// The capacity, bytes per second, after rounds of 40 packets that lose 10 each on a round trip of 600 ms.
fn after_heavy_loss(settings: &Settings) -> u64 {
    let mut zeta = Zeta::new(&start(0), settings);
    for round in 1..=8_u32 {
        decide(&mut zeta, 30, settings, |ack| {
            ack.now_us = 1_000_000 + u64::from(round) * 600_000;
            ack.rtt_us = Some(600_000);
            ack.srtt_us = 600_000;
            ack.delivered = round * 30;
            ack.prior_delivered = (round - 1) * 30;
            ack.lost = round * 10;
            ack.losses = 10;
            if let Some(sample) = &mut ack.sample {
                sample.interval_us = 600_000;
                sample.snd_interval_us = 600_000;
                sample.rcv_interval_us = 600_000;
            }
        });
    }
    zeta.info().bw_bytes_per_s
}

#[test]
fn halving_stops_at_the_floor() {
    let low = Settings {
        half_cwnd_low_limit: 0,
        min_ssthresh: 0,
        min_ssthresh_lossy: 0,
        ..Settings::default()
    };
    let high = Settings {
        min_ssthresh: 28,
        min_ssthresh_lossy: 28,
        ..low
    };
    let rate = |packets: u64| packets * u64::from(MSS) * 1_000_000 / 600_000;
    assert!(
        after_heavy_loss(&low) < rate(27),
        "{}",
        after_heavy_loss(&low)
    );
    assert!(
        after_heavy_loss(&high) >= rate(28),
        "{}",
        after_heavy_loss(&high)
    );
}

#[test]
fn a_boost_goes_as_far_as_every_window_allows() {
    let settings = Settings {
        ultra_boost: 30,
        ..Settings::default()
    };
    const WIDE: u32 = 1 << 30;
    assert_eq!(settings.boosted(22, WIDE, MSS), 52);
    assert_eq!(Settings::default().boosted(22, WIDE, MSS), 22);
    assert_eq!(settings.boosted(22, 40 * MSS, MSS), 40);
    assert_eq!(settings.boosted(22, 10 * MSS, MSS), 22);
    let capped = |max_cwnd| Settings {
        max_cwnd,
        ..settings
    };
    assert_eq!(capped(50).boosted(22, WIDE, MSS), 50);
    assert_eq!(capped(10).boosted(22, WIDE, MSS), 22);
    let conservative = Settings {
        conserv_mode: true,
        ..settings
    };
    assert_eq!(conservative.boosted(22, WIDE, MSS), 22);
    let mistaken = Settings {
        ultra_boost: u32::MAX,
        ..settings
    };
    assert_eq!(mistaken.boosted(22, u32::MAX, MSS), 22 + 1_024);
}

fn idle() -> Idle {
    Idle {
        is_first: false,
        cwnd: 40,
        cwnd_clamp: u32::MAX,
        mss: MSS,
        srtt_us: 100_000,
        snd_wnd_bytes: 1 << 20,
        max_pacing_rate: u64::MAX,
    }
}

fn restart(idle: &Idle, settings: &Settings) -> Option<Control> {
    Zeta::new(&start(0), settings).on_restart_from_idle(idle, settings)
}

#[test]
fn a_boost_after_idling_is_spread_over_a_round_trip() {
    let settings = Settings {
        ultra_boost: 160,
        ..Settings::default()
    };
    let boosted = restart(&idle(), &settings).expect("a boost");
    // 200 packets in 100 ms.
    assert_eq!((boosted.cwnd, boosted.pacing_rate), (200, 2_896_000));
    assert_eq!(restart(&idle(), &Settings::default()), None);
    let clamped = Idle {
        cwnd_clamp: 70,
        max_pacing_rate: 5_000,
        ..idle()
    };
    let boosted = restart(&clamped, &settings).expect("a boost");
    assert_eq!((boosted.cwnd, boosted.pacing_rate), (70, 5_000));
    let limited = Settings {
        max_rate: 7_000,
        ..settings
    };
    let boosted = restart(&idle(), &limited).expect("a boost");
    assert_eq!(boosted.pacing_rate, 7_000);
}

#[test]
fn nothing_is_boosted_twice_or_while_a_timeout_is_being_answered() {
    let settings = Settings {
        ultra_boost: 160,
        ..Settings::default()
    };
    let first = Idle {
        is_first: true,
        ..idle()
    };
    assert_eq!(restart(&first, &settings), None);
    let mut zeta = Zeta::new(&start(0), &settings);
    zeta.on_rto(0, 0);
    assert_eq!(zeta.on_restart_from_idle(&idle(), &settings), None);
}

#[test]
fn the_high_conservative_mode_probes_less_and_needs_the_plain_one() {
    let plain = Settings {
        conserv_mode: true,
        ..Settings::default()
    };
    let high = Settings {
        high_conserv: true,
        ..plain
    };
    let alone = Settings {
        conserv_mode: false,
        ..high
    };
    for settings in [Settings::default(), plain, alone] {
        assert_eq!(settings.probe_gain(Q8 + 32), Q8 + 32);
        assert_eq!(settings.pause(5), 5);
    }
    assert_eq!(high.probe_gain(Q8 + 32), Q8 + 16);
    // No smaller than what noise would hide.
    assert_eq!(high.probe_gain(Q8 + 10), Q8 + 8);
    assert_eq!(high.pause(5), 10);
    assert_eq!(high.pause(u8::MAX), u8::MAX);

    let window_gain = |settings: &Settings| {
        let mut zeta = Zeta::new(&start(0), settings);
        decide(&mut zeta, 2, settings, |_| {});
        zeta.info().cwnd_gain_q8
    };
    assert_eq!(window_gain(&Settings::default()), 512);
    assert_eq!(window_gain(&plain), 320);
    assert_eq!(window_gain(&high), 288);
    assert_eq!(window_gain(&alone), 512);
}
