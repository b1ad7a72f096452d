// SPDX-License-Identifier: GPL-2.0

use super::super::route::Known;
use super::*;

const MSS: u32 = 1_448;
const BASE_US: u32 = 40_000;
/// Bytes per second that the path lets through.
const RATE: u64 = 6_000_000;

/// A flow that has `bytes` a round trip, and what else comes by its interface.
struct Sender {
    steer: Steer,
    now_us: u64,
    bytes: u64,
    all: u64,
}

impl Sender {
    fn new() -> Self {
        let mut steer = Steer::default();
        steer.limit_queue(2_048);
        Sender {
            steer,
            now_us: 1_000_000,
            bytes: 0,
            all: 0,
        }
    }

    /// A round of eight samples of `rtt_us`, each longer by what `noise` says, at `rate` bytes per second, while others have
    /// `others`.
    fn round(&mut self, rtt_us: u32, noise: impl Fn(u32) -> u32, rate: u64, others: u64) {
        let (bytes, all) = (self.bytes, self.all);
        let mut least = u32::MAX;
        for sample in 0..8 {
            let each = u64::from(rtt_us / 8);
            self.now_us += each;
            self.bytes += rate * each / 1_000_000;
            self.all += (rate + others) * each / 1_000_000;
            let rtt_us = rtt_us + noise(sample);
            least = least.min(rtt_us);
            self.steer.sample(&Sample {
                now_us: self.now_us,
                rtt_us,
                bytes: self.bytes,
                all: self.all,
                mss: MSS,
            });
        }
        let round = Round {
            now_us: self.now_us,
            took_us: rtt_us,
            rtt_us: least,
            mean_us: rtt_us + (0..8).map(noise).sum::<u32>() / 8,
            bytes: self.bytes - bytes,
            all: self.all - all,
        };
        self.steer.round(&round, MSS);
    }

    /// Rounds until the mode is another one, at most `most`.
    fn until_change(&mut self, most: u32, mut round: impl FnMut(&mut Self)) -> u32 {
        let before = self.steer.mode();
        let mut rounds = 0;
        while rounds < most && self.steer.mode() == before {
            round(self);
            rounds += 1;
        }
        rounds
    }

    /// One that has a queue of `queue_us` and is steered.
    fn steered(queue_us: u32, others: u64) -> Self {
        let mut sender = Sender::new();
        sender.round(BASE_US, |_| 0, RATE, others);
        let rounds = sender.until_change(4, |sender| {
            sender.round(BASE_US + queue_us, |_| 0, RATE, others)
        });
        assert!(rounds < 4);
        assert_eq!(sender.steer.mode(), Mode::Steered);
        sender
    }
}

#[test]
fn a_queue_that_stays_is_steered_and_round_trips_that_vary_are_left_alone() {
    Sender::steered(20_000, 0);
    let mut sender = Sender::new();
    // Up to a fifth more or less than the middle, beyond what a queue would be.
    let noise =
        |sample: u32| [0, 16_000, 4_000, 12_000, 1_000, 15_000, 7_000, 9_000][sample as usize];
    for _ in 0..4 {
        sender.round(BASE_US, noise, RATE, 0);
    }
    for _ in 0..40 {
        sender.round(2 * BASE_US, noise, RATE, 0);
        assert_eq!(sender.steer.mode(), Mode::Open);
    }
}

#[test]
fn a_queue_that_grows_is_no_noise() {
    let mut sender = Sender::new();
    sender.round(BASE_US, |_| 0, RATE, 0);
    sender.round(BASE_US, |sample| sample * 8_000, RATE, 0);
    sender.round(2 * BASE_US, |sample| sample * 8_000, RATE, 0);
    assert_eq!(sender.steer.mode(), Mode::Steered);
}

#[test]
fn who_is_alone_and_loses_beside_a_queue_is_let_go_at_once() {
    let mut sender = Sender::steered(20_000, 0);
    // A tenth less, and the queue is as long as before.
    let rounds = sender.until_change(50, |sender| {
        sender.round(BASE_US + 20_000, |_| 0, RATE * 9 / 10, 0)
    });
    assert!(rounds <= 8, "{rounds}");
    assert!(matches!(sender.steer.mode(), Mode::Yielding(_)));
}

#[test]
fn what_was_in_flight_beyond_the_window_is_given_up_step_by_step() {
    let mut sender = Sender::steered(20_000, 0);
    let least = sender.steer.window;
    sender.steer.resume(2 * least);
    let mut before = 2 * least;
    assert_eq!(sender.steer.window(), Some(before));
    for _ in 0..12 {
        let rtt_us = u32::try_from(u64::from(before) * 1_000_000 / RATE).unwrap();
        sender.round(rtt_us, |_| 0, RATE, 0);
        let window = sender.steer.window;
        // A larger window has some more packets in the queue; looks leave it as it is.
        let half = least / 2 + before / 2;
        let is_step = half.abs_diff(window) < 8 * MSS;
        assert!(
            is_step || window == before,
            "{least}: {window} after {before}"
        );
        before = window;
    }
    assert!(before < least + least / 16, "{least}: {before}");
    // One that is larger already stays.
    sender.steer.resume(least / 2);
    assert_eq!(sender.steer.window, before);
}

#[test]
fn round_trips_that_differ_do_not_hide_what_is_lost() {
    // Acknowledgements that wait for each other: a third more than the least, mostly.
    let waits = |sample: u32| if sample == 0 { 0 } else { 16_000 };
    let mut sender = Sender::steered(20_000, 0);
    let mut rate = 0;
    for _ in 0..16 {
        let window = sender.steer.window().map_or(u64::MAX, u64::from);
        rate = RATE.min(window.saturating_mul(1_000_000) / u64::from(BASE_US + 16_000));
        sender.round(BASE_US, waits, rate, 0);
    }
    assert!(rate > RATE * 15 / 16, "{rate}");
}

#[test]
fn a_little_gained_by_a_larger_window_says_nothing_among_several() {
    let is_let_go = |others: u64| {
        let mut sender = Sender::steered(8_000, others);
        for _ in 0..40 {
            sender.round(BASE_US + 4_000, |_| 0, RATE, others);
        }
        assert_eq!(sender.steer.mode(), Mode::Steered);
        (sender.steer.raised, sender.steer.tried) = (6, Rates::default());
        for _ in 0..6 {
            sender.round(BASE_US + 4_000, |_| 0, RATE / 20 * 21, others);
        }
        assert_eq!(sender.steer.raised, 0);
        sender.steer.mode() != Mode::Steered
    };
    assert!(is_let_go(0));
    assert!(!is_let_go(3 * RATE));
}

#[test]
fn what_came_while_the_first_queue_drained_counts_as_much_as_before_it() {
    // Somebody who has just begun: steered before the path was full, with more from it for some rounds.
    let rounds = |first: u64| {
        let mut sender = Sender::new();
        sender.round(BASE_US, |_| 0, RATE / 2, 0);
        sender.until_change(4, |sender| {
            sender.round(BASE_US + 20_000, |_| 0, RATE * 4 / 5, 0)
        });
        assert_eq!(sender.steer.mode(), Mode::Steered);
        for _ in 0..4 {
            sender.round(BASE_US + 20_000, |_| 0, first, 0);
        }
        sender.until_change(16, |sender| {
            sender.round(BASE_US + 16_000, |_| 0, RATE * 4 / 5, 0)
        })
    };
    assert_eq!(rounds(RATE * 4 / 5), 16, "no less than when it began");
    assert!(rounds(RATE) < 6);
}

#[test]
fn what_others_of_the_interface_have_got_is_not_lost() {
    let mut sender = Sender::steered(8_000, RATE);
    for lost in 0..20 {
        let moved = RATE * lost / 40;
        sender.round(BASE_US + 6_000, |_| 0, RATE - moved, RATE + moved);
        assert_eq!(sender.steer.mode(), Mode::Steered, "{lost}");
    }
}

#[test]
fn a_window_that_was_too_small_is_mended_first() {
    let mut sender = Sender::steered(20_000, 0);
    // The queue is gone, and so is a tenth of the rate.
    for _ in 0..5 {
        sender.round(BASE_US, |_| 0, RATE * 9 / 10, 0);
        assert_eq!(sender.steer.mode(), Mode::Steered);
    }
}

#[test]
fn nobody_is_left_much_less_than_an_equal_part_by_others_with_the_same_peer() {
    let mut sender = Sender::steered(20_000, RATE);
    let known = Known {
        base_us: BASE_US,
        flows: 2,
        rate: 2 * RATE,
    };
    for _ in 0..20 {
        sender.steer.learn(&known);
        sender.round(3 * BASE_US, |_| 0, RATE, RATE);
    }
    let share = u32::try_from(RATE * u64::from(BASE_US) / 1_000_000).unwrap();
    let window = sender.steer.window();
    assert!(
        window.is_some_and(|window| window >= share / 8 * 3),
        "{window:?} of {share}"
    );
}

#[test]
fn who_begins_beside_a_flow_that_is_steered_is_steered_soon() {
    let rounds = |known: &Known| {
        let mut sender = Sender::new();
        sender.until_change(20, |sender| {
            sender.steer.learn(known);
            sender.round(BASE_US + 12_000, |sample| sample % 2 * 3_000, RATE, RATE);
            sender.steer.learn(known);
        })
    };
    let nobody = Known::default();
    let somebody = Known {
        base_us: BASE_US,
        flows: 1,
        rate: RATE,
    };
    assert_eq!(rounds(&nobody), 20, "it takes the queue for the path");
    assert!(rounds(&somebody) <= 2);
}

#[test]
fn rates_that_others_have_got_go_back_with_them() {
    let of = |own, all| Rates {
        own,
        all,
        rounds: JUDGED_ROUNDS,
    };
    let mut known = of(1_000, 1_000);
    known.cede_to(&of(600, 1_000));
    assert_eq!((known.own, known.all), (600, 1_000));
    assert_eq!(of(600, 1_000).lost_from(&known), 0);
    known.cede_to(&of(900, 1_000));
    assert_eq!((known.own, known.all), (900, 1_000));
    known.cede_to(&of(500, 500));
    assert_eq!(known.own, 900, "nobody has got that");
}
