// SPDX-License-Identifier: GPL-2.0

//! Unit tests of the estimators, and the controller under hostile input. Whole connections are simulated in `tests/sim`.

use super::base_rtt::BaseRtt;
use super::capacity::Capacity;
use super::crowd::Crowd;
use super::history::History;
use super::loss::LossSplit;
use super::math::{inflate, mul_div, packets, rate, share, Q16};
use super::path::Path;
use super::probe::Schedule;
use super::recovery::Restraint;
use super::rounds::{Kind, Round, Rounds};
use super::types::{Ack, CaState, Idle, RateSample, Settings, Start};
use super::zeta::Zeta;
use crate::model::memory::Known;

const MSS: u32 = 1448;

#[test]
fn arithmetic_survives_its_extremes() {
    assert_eq!(mul_div(5, 7, 0), 0);
    assert_eq!(mul_div(u64::MAX, 2, 2), u64::MAX / 2);
    assert_eq!(rate(u32::MAX, u32::MAX, 1), u64::MAX);
    assert_eq!(rate(10, MSS, 0), 0);
    assert_eq!(packets(0, 1_000_000, 0), 0);
    assert_eq!(share(3, 0), 0);
    // All lost: the factor stays at ten.
    assert_eq!(inflate(1000, Q16), 10_000);
}

#[test]
fn rate_and_packets_are_inverse() {
    // 100 packets in 100 ms are 1,448,000 bytes per second.
    let r = rate(100, MSS, 100_000);
    assert_eq!(r, 1_448_000);
    assert_eq!(packets(r, 100_000, MSS), 100);
}

#[test]
fn history_interpolates_losses_between_marks() {
    let mut history = History::default();
    // Marks an eighth of 80 ms apart: 100 delivered and 10 lost between them.
    for i in 0..5u32 {
        history.note(u64::from(i) * 10_000, 80_000, i * 100, i * 10);
    }
    assert_eq!(history.lost_since(300, 400, 40), Some(10));
    assert_eq!(history.lost_since(350, 400, 40), Some(5));
    assert_eq!(history.lost_since(400, 420, 43), Some(3));
    history.clear();
    assert_eq!(history.lost_since(300, 400, 40), None);
}

#[test]
fn history_survives_counters_that_wrap() {
    let mut history = History::default();
    let base = u32::MAX - 50;
    history.note(0, 80_000, base, u32::MAX - 1);
    history.note(10_000, 80_000, base.wrapping_add(100), 8);
    assert_eq!(
        history.lost_since(base, base.wrapping_add(100), 8),
        Some(10)
    );
}

#[test]
fn base_rtt_forgets_after_its_window_and_follows_a_rebase() {
    let mut rtt = BaseRtt::new(0, Some(50_000));
    assert_eq!(rtt.base(), Some(50_000));
    let mut now = 0;
    while now < 13_000_000 {
        now += 10_000;
        rtt.update(now, 70_000);
    }
    assert_eq!(rtt.base(), Some(70_000));
    rtt.rebase(90_000);
    assert_eq!(rtt.base(), Some(90_000));
    rtt.update(now, 80_000);
    rtt.update(now, 80_000);
    assert_eq!(rtt.base(), Some(80_000));
}

/// Base after ten seconds of packets of 50 ms and up to 20 ms less or more, each by itself, with `samples` in a round.
fn base_of_jitter(samples: u8) -> u32 {
    let mut rtt = BaseRtt::new(0, Some(50_000));
    rtt.set_samples(samples);
    let mut seed = 1u64;
    let mut least = u32::MAX;
    for i in 1..10_000u64 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let sample = 30_000 + (seed >> 33) as u32 % 40_001;
        least = least.min(sample);
        rtt.update(i * 1_000, sample);
    }
    assert!(least < 30_100, "{least}");
    rtt.base().expect("base")
}

#[test]
fn the_base_is_what_several_packets_in_a_row_have_seen() {
    // Of four in a row all are within a tenth of the range in one of ten thousand rows, of two in one of a hundred.
    let (thin, dense) = (base_of_jitter(7), base_of_jitter(8));
    assert!(thin < 32_000, "{thin}");
    assert!((33_000..38_000).contains(&dense), "{dense}");
    // A queue that goes shows the path to all packets that follow.
    let mut queue = BaseRtt::new(0, Some(60_000));
    queue.set_samples(100);
    for i in 0..100u64 {
        let wait = if (50..58).contains(&i) { 0 } else { 10_000 };
        queue.update(i * 1_000, 50_000 + wait);
    }
    assert_eq!(queue.base(), Some(50_000));
}

#[test]
fn the_least_of_many_samples_needs_half_the_noise() {
    let noise = |samples: u8| {
        let mut rtt = BaseRtt::new(0, Some(50_000));
        rtt.set_samples(samples);
        for i in 1..500u64 {
            rtt.update(i * 1_000, if i % 2 == 0 { 50_000 } else { 54_000 });
        }
        rtt.noise()
    };
    let (few, many) = (noise(63), noise(64));
    assert!((7_000..=8_000).contains(&few), "{few}");
    assert!(many.abs_diff(few / 2) <= 1, "{many}");
}

#[test]
fn a_new_route_jumps_and_a_queue_grows() {
    let mut route = BaseRtt::new(0, Some(40_000));
    let mut queue = BaseRtt::new(0, Some(40_000));
    for i in 1..200u64 {
        // 30 ms longer from 100 ms on: what is sent then arrives 30 ms later, and nothing meanwhile.
        if !(100..130).contains(&i) {
            route.update(i * 1_000, if i < 100 { 40_000 } else { 70_000 });
        }
        // Twice the bottleneck's rate: one second of queue a second.
        let grown = i.saturating_sub(100) as u32 * 1_000;
        queue.update(i * 1_000, 40_000 + grown.min(30_000));
    }
    assert!(route.has_jumped(200_000));
    assert!(!queue.has_jumped(200_000));
    // Long ago is not now.
    assert!(!route.has_jumped(10_000_000));
}

#[test]
fn a_queue_is_seen_on_a_quiet_path_and_not_in_jitter() {
    let mut quiet = BaseRtt::new(0, Some(40_000));
    let mut jittery = BaseRtt::new(0, Some(40_000));
    for i in 0..400u64 {
        quiet.update(i * 1_000, 48_000);
        // Alternates by 12 ms: its minimum is also 8 ms above the base.
        jittery.update(i * 1_000, if i % 2 == 0 { 48_000 } else { 60_000 });
    }
    // 40/8 = 5 ms is the threshold without noise.
    assert!(quiet.queue() > quiet.threshold());
    assert!(jittery.queue() <= jittery.threshold());
}

#[test]
fn random_loss_is_not_an_excess_and_overload_is() {
    let mut loss = LossSplit::new();
    for _ in 0..20 {
        loss.add_low(10, 100);
        loss.dispersion.add_below(10, 100);
    }
    assert!(loss.random().abs_diff(Q16 / 10) < Q16 / 100);
    // 830 packets a round, 10 %: 83 expected, standard deviation 8.6.
    assert!(!loss.is_excess(100, 830));
    assert!(loss.is_excess(166, 830));
}

#[test]
fn nothing_is_an_excess_before_anything_is_known() {
    assert!(!LossSplit::new().is_excess(500, 1000));
}

#[test]
fn loss_while_cruising_does_not_raise_the_random_rate() {
    let mut loss = LossSplit::new();
    for _ in 0..10 {
        loss.add_low(1, 100);
    }
    for _ in 0..50 {
        loss.add_cruise(20, 100);
    }
    // One percent, plus one standard deviation of 10 among 1000.
    assert!(loss.random() < Q16 / 50);
    assert!(loss.is_cruise_excess());
}

#[test]
fn compensation_is_bounded() {
    let mut loss = LossSplit::new();
    for _ in 0..20 {
        loss.restart(95, 100);
    }
    assert!(loss.random() <= Q16 * 6 / 10);
}

/// Noise after rounds of 50 ms with an ACK each millisecond; each nine come in a wave, late by `wave_us` at first.
fn noise_of_waves(wave_us: u32) -> u32 {
    let mut rtt = BaseRtt::new(0, Some(50_000));
    for ms in 0..2_000u64 {
        let phase = ms % 9;
        let late = wave_us / 9 * (8 - phase as u32);
        rtt.update(ms * 1_000, 50_000 + late);
        if ms % 50 == 49 {
            rtt.note_round(Some(50_000), true);
        }
    }
    rtt.noise()
}

#[test]
fn packets_that_wait_for_each_other_raise_the_noise_floor() {
    assert_eq!(noise_of_waves(0), 0);
    let noise = noise_of_waves(18_000);
    assert!((9_000..=18_000).contains(&noise), "{noise}");
    // More than half a round trip is never believed.
    assert_eq!(noise_of_waves(180_000), 25_000);
}

#[test]
fn capacity_ignores_measurements_that_only_confirm_it() {
    let mut capacity = Capacity::default();
    capacity.raise(1_000_000);
    capacity.measured(990_000, 0);
    assert_eq!(capacity.get(), 1_000_000);
    capacity.measured(800_000, 0);
    assert_eq!(capacity.get(), 800_000);
    // In doubt by a quarter (64/256) only a larger difference counts.
    capacity.measured(650_000, 64);
    assert_eq!(capacity.get(), 800_000);
    capacity.measured(590_000, 64);
    assert_eq!(capacity.get(), 590_000);
    capacity.reset(0);
    assert_eq!(capacity.get(), 590_000);
}

#[test]
fn a_round_ends_when_a_packet_sent_in_it_is_acknowledged() {
    let mut rounds = Rounds::new(0, 0, 0);
    assert!(rounds.update(100, 0, 10, 1, Some(100), false).is_some());
    rounds.mark(Kind::Low, true);
    assert!(rounds.update(150, 5, 15, 1, Some(90), false).is_none());
    let round = rounds.update(200, 10, 20, 3, Some(110), false);
    let round = round.expect("sent after ten were delivered");
    assert_eq!((round.delivered, round.lost, round.span_us), (10, 2, 100));
    assert_eq!(round.min_rtt_us, Some(90));
    rounds.mark(Kind::Cruise, true);
    let next = rounds.update(300, 20, 30, 3, None, false).expect("next");
    assert_eq!(next.kind, Kind::Low);
}

#[test]
fn a_round_with_any_packet_sent_high_is_not_a_low_one() {
    let mut rounds = Rounds::new(0, 0, 0);
    rounds.update(100, 0, 10, 0, None, false);
    rounds.mark(Kind::High, true);
    rounds.mark(Kind::Low, false);
    rounds.update(200, 10, 20, 0, None, false);
    rounds.mark(Kind::Low, true);
    let round = rounds.update(300, 20, 30, 0, None, false).expect("third");
    assert_eq!(round.kind, Kind::High);
    assert!(round.slowed);
}

#[test]
fn probes_that_overrun_become_smaller_and_rarer() {
    let mut schedule = Schedule::new();
    let (gain, pause) = (schedule.gain(false, RATE), schedule.cruise_rounds(0));
    schedule.overrun();
    schedule.overrun();
    assert!(schedule.gain(false, RATE) < gain);
    assert!(schedule.cruise_rounds(0) > pause);
    assert!(!schedule.may_regrow());
    schedule.harmless();
    schedule.harmless();
    assert_eq!(schedule.gain(false, RATE), gain);
    assert!(schedule.gain(true, RATE) > gain);
}

#[test]
fn the_window_quadruples_after_a_timeout() {
    let mut restraint = Restraint::default();
    restraint.on_rto(0);
    assert_eq!(restraint.bound(1000, 4, 0), 16);
    assert_eq!(restraint.bound(1000, 16, 0), 64);
    assert_eq!(restraint.bound(60, 0, 0), 60);
    assert_eq!(restraint.bound(1000, 0, 0), 1000);
}

/// A rate at which probes have their normal size, bytes per second.
const RATE: u64 = 1_500_000;

#[test]
fn the_smaller_flow_probes_harder() {
    let schedule = Schedule::new();
    let gains = [0, RATE / 16, RATE / 4, RATE, 4 * RATE, 16 * RATE, u64::MAX]
        .map(|rate| schedule.gain(false, rate));
    assert_eq!(gains, [320, 320, 320, 288, 280, 280, 280]);
}

pub(super) fn start() -> Start {
    Start {
        now_us: 1_000_000,
        cwnd: 22,
        mss: MSS,
        srtt_us: Some(100_000),
        delivered: 0,
        lost: 0,
        known: None,
    }
}

/// SplitMix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number that is often one of the nasty ones.
fn nasty(state: &mut u64) -> u32 {
    let value = next(state);
    match value % 5 {
        0 => 0,
        1 => 1,
        2 => u32::MAX,
        3 => (value >> 32) as u32,
        _ => (value >> 50) as u32,
    }
}

#[test]
fn any_input_gives_a_usable_decision() {
    for seed in 0..if cfg!(miri) { 2 } else { 200u64 } {
        let mut state = seed;
        let settings = Settings {
            max_tx: seed % 3 == 0,
            conserv_mode: seed % 2 == 0,
            track_random_loss: seed % 5 != 0,
            half_cwnd_loss_rate_shift: nasty(&mut state) as u8,
            max_rate: u64::from(nasty(&mut state)),
            max_cwnd: nasty(&mut state),
            high_conserv: seed % 4 == 0,
            min_ssthresh: nasty(&mut state),
            min_ssthresh_lossy: nasty(&mut state),
            retran_wait_ms: nasty(&mut state),
            ultra_boost: nasty(&mut state),
            ..Settings::default()
        };
        let mut zeta = Zeta::new(&start(), &settings);
        for _ in 0..500 {
            let s = &mut state;
            let ack = Ack {
                now_us: if next(s) % 50 == 0 {
                    u64::MAX
                } else {
                    next(s) >> 20
                },
                rtt_us: (next(s) % 3 != 0).then(|| nasty(s)),
                delivered: nasty(s),
                prior_delivered: nasty(s),
                sample: (next(s) % 4 != 0).then(|| RateSample {
                    delivered: nasty(s),
                    interval_us: nasty(s),
                    snd_interval_us: nasty(s),
                    rcv_interval_us: nasty(s),
                }),
                acked_sacked: nasty(s),
                losses: nasty(s),
                lost: nasty(s),
                prior_in_flight: nasty(s),
                in_flight: nasty(s),
                is_app_limited: next(s) % 2 == 0,
                is_ack_delayed: next(s) % 2 == 0,
                cwnd: nasty(s),
                cwnd_clamp: nasty(s),
                mss: nasty(s),
                srtt_us: nasty(s),
                rttvar_us: nasty(s),
                ca_state: CaState::Loss,
                snd_wnd_bytes: nasty(s),
                packets_out: nasty(s),
                max_pacing_rate: next(s),
                peer_time: (next(s) % 4 != 0).then(|| nasty(s)),
            };
            let control = zeta.on_ack(ack, &settings);
            assert!(control.cwnd >= 1 && control.pacing_rate >= 1);
            match next(s) % 20 {
                0 => zeta.on_rto(nasty(s), nasty(s)),
                1 => assert!(zeta.on_undo() >= 1),
                2 => {
                    let idle = Idle {
                        is_first: next(s) % 4 == 0,
                        cwnd: nasty(s),
                        cwnd_clamp: nasty(s),
                        mss: nasty(s),
                        srtt_us: nasty(s),
                        snd_wnd_bytes: nasty(s),
                        max_pacing_rate: next(s),
                    };
                    if let Some(boosted) = zeta.on_restart_from_idle(&idle, &settings) {
                        assert!(boosted.cwnd >= 1 && boosted.pacing_rate >= 1);
                    }
                }
                _ => assert!(zeta.ssthresh(nasty(s), &settings) >= 2),
            }
        }
    }
}

#[test]
fn the_first_window_is_paced_over_half_a_round_trip() {
    let settings = Settings::default();
    let control = Zeta::new(&start(), &settings).initial(&start(), u64::MAX);
    assert_eq!(control.cwnd, 22);
    // 22 packets in 50 ms.
    assert_eq!(control.pacing_rate, 22 * 1448 * 20);
}

#[test]
fn state_stays_small() {
    // With the rest of its record a flow has to fit into one kilobyte, the slab that is allocated.
    assert!(
        core::mem::size_of::<Zeta>() <= 824,
        "{}",
        core::mem::size_of::<Zeta>()
    );
}

#[test]
fn square_roots_and_rotation_are_those_of_the_library() {
    for value in [
        0,
        1,
        2,
        3,
        4,
        15,
        16,
        17,
        1 << 32,
        u64::from(u32::MAX) * u64::from(u32::MAX),
        u64::MAX,
    ] {
        assert_eq!(super::math::isqrt(value), value.isqrt(), "{value}");
    }
    let (mut ours, mut theirs) = ([1, 2, 3, 4], [1, 2, 3, 4]);
    super::math::rotate(&mut ours);
    theirs.rotate_right(1);
    assert_eq!(ours, theirs);
}

fn remembered(loss_q16: u32, base_rtt_us: u32, capacity: u64) -> Start {
    Start {
        known: Some(Known {
            loss_q16,
            base_rtt_us,
            capacity,
        }),
        ..start()
    }
}

#[test]
fn a_remembered_path_is_resumed_at_half_if_it_is_still_alike() {
    let settings = Settings::default();
    let window = |known: &Start| Zeta::new(known, &settings).initial(known, u64::MAX).cwnd;
    // 12.5 MB/s for 100 ms are 864 packets.
    assert_eq!(window(&remembered(0, 100_000, 12_500_000)), 432);
    for other_rtt in [0, 40_000, 210_000] {
        assert_eq!(window(&remembered(0, other_rtt, 12_500_000)), 22);
    }
    // Slower than the first window: no reason to go below it.
    assert_eq!(window(&remembered(0, 100_000, 10_000)), 22);
    assert_eq!(window(&start()), 22);
}

#[test]
fn what_rests_on_memory_is_paced_over_a_round_trip() {
    let settings = Settings::default();
    let known = remembered(0, 100_000, 12_500_000);
    let first = Zeta::new(&known, &settings).initial(&known, u64::MAX);
    let bytes = u64::from(first.cwnd) * u64::from(MSS);
    assert_eq!(first.pacing_rate, bytes * 10);
}

#[test]
fn a_remembered_loss_rate_is_believed_unless_it_is_none() {
    let settings = Settings::default();
    let believed = |known: &Start| Zeta::new(known, &settings).random_loss_q16();
    let loss = believed(&remembered(6_554, 100_000, 0));
    assert!((5_900..=6_600).contains(&loss), "{loss}");
    assert_eq!(believed(&remembered(100, 100_000, 0)), 0);
    // Nothing of it is reported as seen.
    let seen = Zeta::new(&remembered(6_554, 100_000, 0), &settings).learned(0, 0);
    assert_eq!((seen.lost, seen.total, seen.capacity), (0, 0, 0));
}

#[test]
fn counters_that_begin_anew_are_no_packets() {
    let settings = Settings::default();
    let mut zeta = Zeta::new(&start(), &settings);
    zeta.path.rounds.restart(100_000, 100, 5);
    assert_eq!(zeta.learned(150, 8).total, 53);
    // What connect(AF_UNSPEC) leaves of them.
    assert_eq!(zeta.learned(0, 0).total, 0);
}

/// An ordinary ACK.
pub(super) fn ack(now_us: u64) -> Ack {
    Ack {
        now_us,
        rtt_us: Some(100_000),
        delivered: 2,
        prior_delivered: 0,
        sample: None,
        acked_sacked: 2,
        losses: 0,
        lost: 0,
        prior_in_flight: 200,
        in_flight: 198,
        is_app_limited: false,
        is_ack_delayed: false,
        cwnd: 400,
        cwnd_clamp: u32::MAX,
        mss: MSS,
        srtt_us: 100_000,
        rttvar_us: 1_000,
        ca_state: CaState::Open,
        snd_wnd_bytes: u32::MAX,
        packets_out: 200,
        max_pacing_rate: u64::MAX,
        peer_time: None,
    }
}

/// A round of cruising at 25 Mbit/s over 100 ms, with a queue of `queue_us`.
fn cruised(queue_us: u32) -> Round {
    Round {
        kind: Kind::Cruise,
        slowed: false,
        delivered: 216,
        lost: 0,
        span_us: 100_000,
        min_rtt_us: Some(100_000 + queue_us),
        mean_rtt_us: Some(100_500 + queue_us),
        samples: 50,
        app_limited: false,
    }
}

/// What a flow of `rate` bytes per second makes of such a round in a crowd.
fn balanced(rate: u64, queue_us: u32) -> (u64, bool) {
    let mut zeta = Zeta::new(&start(), &Settings::default());
    zeta.path.sending(u64::MAX);
    zeta.path.capacity.reset(rate);
    let ack = ack(10_000_000);
    let enough = zeta.balance(&cruised(queue_us), &ack, &Settings::default());
    (zeta.path.capacity.get(), enough)
}

#[test]
fn a_flow_in_a_crowd_rests_with_a_dozen_packets_in_the_queue() {
    // 25 Mbit/s have twelve packets in a queue of 5.6 ms.
    let rate = 3_127_680;
    let (down, enough) = balanced(rate, 20_000);
    // 62,554 bytes wait, 45,178 too many: half of them less in each 100 ms.
    assert!(down.abs_diff(rate - 225_890) < 100 && enough, "{down}");
    let (up, enough) = balanced(rate, 1_000);
    assert!(up > rate && !enough, "{up}");
    let (same, enough) = balanced(rate, 5_556);
    assert!(same.abs_diff(rate) < rate / 100 && enough, "{same}");
    // A large queue takes a quarter in a round, not more.
    let (least, _) = balanced(rate, 400_000);
    assert!(least.abs_diff(rate * 3 / 4) < rate / 100, "{least}");
}

#[test]
fn a_sign_of_others_is_good_for_half_a_minute_and_must_be_confirmed() {
    let mut crowd = Crowd::default();
    assert!(crowd.met(1_000_000));
    assert!(crowd.is_on(30_000_000) && !crowd.is_on(31_000_001));
    let mut crowd = Crowd::default();
    crowd.pressed(20_000_000);
    assert!(!crowd.is_on(20_000_001));
    crowd.pressed(40_000_000);
    assert!(!crowd.is_on(40_000_001));
    crowd.pressed(45_000_000);
    assert!(crowd.is_on(45_000_001));
}

#[test]
fn growth_that_found_little_is_not_repeated_in_a_crowd() {
    let mut crowd = Crowd::default();
    crowd.met(0);
    crowd.grown(1_000_000, 1_600_000);
    assert!(crowd.may_grow(1));
    crowd.grown(1_000_000, 1_400_000);
    assert!(!crowd.may_grow(1));
    for _ in 0..30 {
        crowd.probed(false);
    }
    assert!(crowd.may_grow(1));
    // Nor is it refused where others have left: three probes found room.
    crowd.grown(1_000_000, 1_400_000);
    for _ in 0..3 {
        assert!(!crowd.may_grow(1));
        crowd.probed(true);
    }
    assert!(crowd.may_grow(1));
}

#[test]
fn those_that_fill_the_buffer_get_back_nothing() {
    let mut zeta = Zeta::new(&start(), &Settings::default());
    zeta.path.capacity.reset(3_000_000);
    zeta.crowd.met(0);
    let large = cruised(60_000);
    zeta.watch_crowd(&ack(1_000_000), &large);
    zeta.path.capacity.reset(1_000_000);
    for round in 0..20 {
        assert!(zeta.crowd.is_on(1_000_000), "round {round}");
        zeta.watch_crowd(&ack(1_000_000), &large);
    }
    assert!(!zeta.crowd.is_on(1_000_000));
    assert_eq!(zeta.path.capacity.get(), 3_000_000);
    assert_ne!(zeta.ignore_queue, 0);
    // And not believed to be of our kind for as long.
    assert!(!zeta.crowd.met(2_000_000));
}

#[test]
fn a_queue_is_no_congestion_before_the_round_trip_is_as_long_as_allowed() {
    let mut path = Path::new(&start());
    for round in 0..40 {
        path.rtt.update(round * 10_000, 40_000);
    }
    let usual = path.congested();
    assert_eq!(usual, path.rtt.threshold());
    path.patient_until_ms = 150;
    assert_eq!(path.congested(), 110_000);
    // Patience with less than what is seen anyway changes nothing.
    path.patient_until_ms = 41;
    assert_eq!(path.congested(), usual);
}
