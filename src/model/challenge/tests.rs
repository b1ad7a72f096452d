// SPDX-License-Identifier: GPL-2.0

use super::{
    bound_rate, Challenge, Fate, Fit, Now, Packet, Step, DESPAIR, FIRST, FIRST_MAX, FOLLOWING,
    FROM, PATIENCE, RARE_LEAST, RARE_MOST, SOON,
};

const MSS: u32 = 1_448;

fn now(sent: u64) -> Now {
    Now {
        sent,
        again: 0,
        una: 0,
        unsent: 1 << 20,
        flight: 1 << 20,
        mss: MSS,
        is_reordered: false,
    }
}

fn packet(seq: u32) -> Packet {
    Packet {
        seq,
        payload: MSS,
        segments: 1,
        is_again: false,
        behind: 1 << 20,
    }
}

fn unknown(_: u32, _: u32) -> Fate {
    Fate::default()
}

/// Ready to withhold what comes next.
fn armed() -> Challenge {
    let mut challenge = Challenge::default();
    assert_eq!(challenge.on_ack(&now(FROM), || 0, unknown), Step::Go);
    assert_eq!(challenge.on_ack(&now(FIRST), || 0, unknown), Step::Single);
    assert!(challenge.is_attentive() && challenge.is_due(0));
    challenge
}

/// The bytes from 5000 on have been withheld.
fn withheld() -> Challenge {
    let mut challenge = armed();
    let fit = challenge.on_packet(&packet(5_000), &now(FIRST), || 0);
    assert_eq!(fit, Fit::Withhold);
    challenge
}

#[test]
fn what_is_small_is_left_alone() {
    let mut challenge = Challenge::default();
    assert!(!challenge.is_due(5_000_000));
    assert!(challenge.is_due(FROM));
    assert_eq!(challenge.on_ack(&now(FROM), || 0, unknown), Step::Go);
    assert!(!challenge.is_due(FIRST - 1) && challenge.is_due(FIRST));
    assert!(!challenge.is_attentive());
}

#[test]
fn the_first_place_lies_in_its_span() {
    let mut seen = (u64::MAX, 0);
    for random in (0..400_000_000).step_by(999_983) {
        let mut challenge = Challenge::default();
        challenge.on_ack(&now(FROM), || random, unknown);
        seen = (seen.0.min(challenge.due), seen.1.max(challenge.due));
    }
    assert!((FIRST..FIRST + SOON).contains(&seen.0), "{seen:?}");
    assert!((FIRST_MAX - SOON..FIRST_MAX).contains(&seen.1), "{seen:?}");
}

#[test]
fn who_is_believed_is_not_asked() {
    let mut challenge = withheld();
    challenge.abandon();
    assert!(!challenge.is_due(1 << 60) && !challenge.is_attentive());
    challenge.resume();
    assert!(challenge.is_due(FROM));
}

#[test]
fn only_a_single_fresh_segment_with_enough_behind_it_is_withheld() {
    let cases = [
        Packet {
            segments: 2,
            payload: 2 * MSS,
            ..packet(5_000)
        },
        Packet {
            payload: MSS + 1,
            ..packet(5_000)
        },
        Packet {
            is_again: true,
            ..packet(5_000)
        },
        Packet {
            behind: FOLLOWING * MSS - 1,
            ..packet(5_000)
        },
    ];
    for case in cases {
        assert_eq!(armed().on_packet(&case, &now(FIRST), || 0), Fit::Go);
    }
}

#[test]
fn who_acknowledges_it_by_number_lies() {
    let mut challenge = withheld();
    let at = |una| Now {
        una,
        ..now(FIRST + 1)
    };
    assert_eq!(challenge.on_ack(&at(5_000), || 0, unknown), Step::Go);
    assert_eq!(challenge.on_ack(&at(5_001), || 0, unknown), Step::Caught);
    assert!(challenge.is_bound() && challenge.is_attentive());
    assert_eq!(challenge.on_ack(&at(9_000), || 0, unknown), Step::Bound);
    challenge.abandon();
    assert!(challenge.is_bound(), "it is for good");
}

#[test]
fn who_acknowledges_it_by_sack_lies() {
    let mut challenge = withheld();
    let sacked = |begin, end| {
        assert_eq!((begin, end), (5_000, 5_000 + MSS));
        Fate {
            is_sacked: true,
            is_lost: false,
        }
    };
    assert_eq!(challenge.on_ack(&now(FIRST), || 0, sacked), Step::Caught);
}

#[test]
fn numbers_wrap() {
    let mut challenge = armed();
    let before = u32::MAX - 10;
    let fit = challenge.on_packet(&packet(before), &now(FIRST), || 0);
    assert_eq!(fit, Fit::Withhold);
    let at = |una| Now { una, ..now(FIRST) };
    assert_eq!(challenge.on_ack(&at(before), || 0, unknown), Step::Go);
    assert_eq!(challenge.on_ack(&at(3), || 0, unknown), Step::Caught);
}

#[test]
fn nobody_is_asked_with_much_on_its_way() {
    let mut challenge = Challenge::default();
    challenge.on_ack(&now(FROM), || 0, unknown);
    let full = Now {
        flight: (3 << 20) + 1,
        ..now(FIRST)
    };
    assert_eq!(challenge.on_ack(&full, || 0, unknown), Step::Go);
    assert!(!challenge.is_attentive());
}

#[test]
fn what_was_sent_again_may_be_acknowledged() {
    // The repair may begin before it and end behind it, or be a part of it.
    for (seq, payload) in [(5_000, MSS), (4_000, 1_001), (6_000, 10), (1_000, 9_000)] {
        let mut challenge = withheld();
        let repair = Packet {
            is_again: true,
            payload,
            ..packet(seq)
        };
        let fit = challenge.on_packet(&repair, &now(8_000_000), || 3_000_000);
        assert_eq!(fit, Fit::Repair, "{seq} {payload}");
        assert!(!challenge.is_attentive());
        // Between half as much again and twice as much.
        assert_eq!(challenge.due, 8_000_000 + 4_000_000 + 3_000_000);
    }
}

#[test]
fn in_a_storm_of_repetitions_the_repair_is_withheld_too() {
    let at = |again, una| Now {
        again,
        una,
        ..now(10_000_000)
    };
    let repair = Packet {
        is_again: true,
        ..packet(5_000)
    };
    let mut challenge = armed();
    let fit = challenge.on_packet(&packet(5_000), &at(5_000_000, 0), || 0);
    assert_eq!(fit, Fit::Withhold);
    for round in 1..50 {
        let now = at(5_000_000 + round * u64::from(MSS), 4_999);
        assert_eq!(challenge.on_packet(&repair, &now, || 0), Fit::Withhold);
    }
    let sacked = |_, _| Fate {
        is_sacked: true,
        is_lost: false,
    };
    let mut liar = challenge;
    let now = at(5_000_000 + 49 * u64::from(MSS), 4_999);
    assert_eq!(liar.on_ack(&now, || 0, sacked), Step::Caught);
    // An honest peer gets it once it waits for nothing else.
    let now = at(5_000_000 + 50 * u64::from(MSS), 5_000);
    assert_eq!(challenge.on_packet(&repair, &now, || 0), Fit::Repair);
    // Nearly a half is what a path can lose.
    let mut challenge = armed();
    challenge.on_packet(&packet(5_000), &at(4_990_000, 0), || 0);
    let now = at(4_990_000 + u64::from(MSS), 0);
    assert_eq!(challenge.on_packet(&repair, &now, || 0), Fit::Repair);
}

#[test]
fn who_repeats_nearly_everything_is_asked_at_once_and_again() {
    let drowned = |sent: u64| Now {
        again: sent / 4 * 3 + 4,
        flight: 16 << 20,
        unsent: 0,
        ..now(sent)
    };
    assert!(drowned(FROM).is_drowned());
    // What is made up for at most.
    let lossy = Now {
        again: FROM / 5 * 3,
        ..now(FROM)
    };
    assert!(!lossy.is_drowned() && !now(0).is_drowned());
    let mut challenge = Challenge::default();
    challenge.on_ack(&drowned(FROM), || SOON / 2, unknown);
    assert!(challenge.is_due(FROM + SOON / 2) && !challenge.is_attentive());
    // It waits for as long as it takes, whatever is on its way.
    for _ in 0..2 * DESPAIR {
        challenge.on_ack(&drowned(FROM + SOON), || 0, unknown);
        assert!(challenge.is_attentive());
    }
    let fit = challenge.on_packet(&packet(5_000), &drowned(FROM + SOON), || 0);
    assert_eq!(fit, Fit::Withhold);
    let repair = Packet {
        is_again: true,
        ..packet(5_000)
    };
    let waiting = Now {
        una: 5_000,
        ..drowned(2 * FIRST)
    };
    assert_eq!(
        challenge.on_packet(&repair, &waiting, || SOON / 2),
        Fit::Repair
    );
    assert!(challenge.is_due(2 * FIRST + SOON / 2));
}

#[test]
fn repairs_of_others_prove_nothing_but_count() {
    let other = Packet {
        is_again: true,
        ..packet(5_000 + MSS)
    };
    let at = |again| Now {
        again,
        una: 9_000,
        ..now(FIRST)
    };
    let mut challenge = withheld();
    let fit = challenge.on_packet(&other, &at(u64::from(MSS)), || 0);
    assert_eq!(fit, Fit::Go);
    assert_eq!(
        challenge.on_ack(&at(u64::from(MSS)), || 0, unknown),
        Step::Caught
    );
    // TCP has sent something again that passed us by: it may have been this.
    let mut challenge = withheld();
    challenge.on_packet(&other, &at(u64::from(MSS)), || 0);
    assert_eq!(
        challenge.on_ack(&at(2 * u64::from(MSS)), || 0, unknown),
        Step::Go
    );
    assert!(!challenge.is_bound() && !challenge.is_attentive());
}

#[test]
fn its_loss_is_excused_once() {
    let mut challenge = withheld();
    let lost = |_, _| Fate {
        is_lost: true,
        is_sacked: false,
    };
    assert!(challenge.owes_excuse());
    assert_eq!(challenge.on_ack(&now(FIRST), || 0, lost), Step::Excuse);
    assert_eq!(challenge.on_ack(&now(FIRST), || 0, lost), Step::Go);
    assert!(!challenge.owes_excuse());
}

#[test]
fn an_opportunity_that_does_not_come_is_not_waited_for_for_ever() {
    let mut challenge = armed();
    let idle = Now {
        unsent: 0,
        ..now(FIRST)
    };
    let last = Packet {
        behind: 0,
        ..packet(5_000)
    };
    for _ in 1..PATIENCE {
        assert_eq!(challenge.on_ack(&idle, || 77, unknown), Step::Go);
        assert_eq!(challenge.on_packet(&last, &idle, || 0), Fit::Go);
    }
    assert_eq!(challenge.on_ack(&idle, || 77, unknown), Step::Single);
    let mut other = challenge;
    assert_eq!(other.on_packet(&last, &idle, || 0), Fit::Withhold);
    // Nothing that is fit passes at all.
    for _ in PATIENCE..DESPAIR {
        assert!(challenge.is_attentive());
        challenge.on_ack(&idle, || 77, unknown);
    }
    assert!(!challenge.is_attentive());
    assert_eq!(challenge.due, FIRST + 77);
}

#[test]
fn a_path_that_seems_twice_as_fast_is_doubted_sooner() {
    let mut challenge = Challenge::default();
    challenge.after_proof(50_000_000, 40_000_000);
    assert_eq!(challenge.due, 90_000_000);
    challenge.on_round(50_000_000, 1_000_000, || 0);
    challenge.on_round(51_000_000, 2_000_001, || 500_000);
    assert_eq!(challenge.due, 90_000_000, "not yet twice");
    challenge.on_round(51_000_000, 2_000_002, || 1_500_000);
    assert_eq!(challenge.due, 52_500_000);
}

#[test]
fn where_packets_overtake_each_other_it_is_asked_more_rarely() {
    let mut challenge = Challenge::default();
    let at = |sent| Now {
        is_reordered: true,
        ..now(sent)
    };
    challenge.on_ack(&at(FROM), || 0, unknown);
    assert_eq!(challenge.on_ack(&at(FIRST), || 0, unknown), Step::Go);
    assert_eq!(challenge.due, RARE_LEAST * FIRST);
    assert_eq!(
        challenge.on_ack(&at(4 * FIRST), || 0, unknown),
        Step::Single
    );
    // A place is put off once, so that nobody gets away by pretending; the next one is put off again.
    challenge.after_proof(4 * FIRST, 0);
    assert_eq!(challenge.due, 6 * FIRST);
    let step = challenge.on_ack(&at(6 * FIRST), || 24 * FIRST - 1, unknown);
    assert_eq!(step, Step::Go);
    assert_eq!(challenge.due, RARE_MOST * 6 * FIRST - 1);
    // SACKs that lie have much sent again.
    let again = 3 * FIRST;
    let storm = Now {
        again,
        ..at(48 * FIRST)
    };
    let mut stormy = challenge;
    assert_eq!(stormy.on_ack(&storm, || 0, unknown), Step::Single);
    challenge.after_proof(40 * FIRST, 0);
    let step = challenge.on_ack(
        &Now {
            again: 4 * FIRST,
            ..at(60 * FIRST)
        },
        || 0,
        unknown,
    );
    assert_eq!(step, Step::Single, "not even put off");
    challenge = Challenge::default();
    challenge.leave(48 * FIRST);
    // In order from there on.
    assert_eq!(
        challenge.on_ack(&now(48 * FIRST), || 0, unknown),
        Step::Single
    );
}

#[test]
fn segments_go_alone_for_a_while_only() {
    let mut challenge = Challenge::default();
    assert_eq!(challenge.tso(false, 44), 44);
    assert_eq!(challenge.tso(true, 44), 1);
    assert_eq!(challenge.tso(true, 1), 1);
    assert_eq!(challenge.tso(false, 1), 44);
    assert_eq!(challenge.tso(false, 44), 44);
    // Another route has set it anew meanwhile.
    assert_eq!(challenge.tso(true, 44), 1);
    assert_eq!(challenge.tso(false, 20), 20);
    assert_eq!(challenge.tso(false, 1), 1, "a device without TSO");
}

#[test]
fn the_bound_is_small_for_every_segment_size() {
    assert_eq!(bound_rate(1_448), 144_800);
    assert!(bound_rate(1) >= 1 && bound_rate(0) >= 1);
    assert_eq!(bound_rate(u32::MAX), u64::from(u32::MAX));
}

/// A sender and a path that loses: `knows` says what the peer claims to have of what it has and what was sent.
struct World {
    challenge: Challenge,
    state: u64,
    sent: u64,
    again: u64,
    /// Number of the first segment that is not acknowledged.
    una: u32,
    /// What was sent and has arrived, segment for segment, from number 0 on.
    arrived: Vec<bool>,
    lies: bool,
    withheld: u32,
}

impl World {
    fn random(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    fn now(&self) -> Now {
        Now {
            sent: self.sent,
            again: self.again,
            una: self.una.wrapping_mul(MSS),
            unsent: 1 << 20,
            flight: 1 << 20,
            mss: MSS,
            is_reordered: false,
        }
    }

    fn send(&mut self, number: u32, is_again: bool, unseen: bool) {
        self.sent += u64::from(MSS);
        if is_again {
            self.again += u64::from(MSS);
        }
        let (random, lost) = (self.random(), self.random() % 10 == 0);
        let packet = Packet {
            is_again,
            ..packet(number.wrapping_mul(MSS))
        };
        let now = self.now();
        let fit = if unseen || !self.challenge.is_attentive() {
            Fit::Go
        } else {
            self.challenge.on_packet(&packet, &now, || random)
        };
        if fit == Fit::Withhold {
            assert!(!is_again);
            self.withheld += 1;
        } else if !lost {
            self.arrived[number as usize] = true;
        }
    }

    fn step(&mut self) {
        let number = self.arrived.len() as u32;
        self.arrived.push(false);
        self.send(number, false, false);
        // Now and then something is repaired; rarely unseen, by another way out.
        if self.random() % 8 == 0 && number > self.una {
            let span = u64::from(number - self.una);
            let again = self.una + (self.random() % span) as u32;
            let unseen = self.random() % 50 == 0;
            self.send(again, true, unseen);
        }
        // The oldest is repaired when it holds up the window.
        if number - self.una > 200 {
            self.send(self.una, true, false);
        }
        let has = |arrived: &[bool], at: usize| arrived.get(at).copied().unwrap_or(false);
        while self.una <= number && (self.lies || has(&self.arrived, self.una as usize)) {
            self.una += 1;
        }
        let (random, now) = (self.random(), self.now());
        if self.challenge.is_due(self.sent) {
            let (lies, arrived) = (self.lies, &self.arrived);
            // SACKs tell of half of what has arrived.
            let fate = |begin: u32, _| {
                let at = (begin / MSS) as usize;
                Fate {
                    is_sacked: lies || (random & 1 == 0 && has(arrived, at)),
                    is_lost: random & 2 == 0,
                }
            };
            self.challenge.on_ack(&now, || random, fate);
        }
        self.challenge.on_round(now.sent, 1 << 20, || random);
    }

    fn run(seed: u64, lies: bool) -> Self {
        let mut world = World {
            challenge: Challenge::default(),
            state: seed * 2 + 1,
            sent: 0,
            again: 0,
            una: 0,
            arrived: Vec::new(),
            lies,
            withheld: 0,
        };
        for _ in 0..12_000 {
            world.step();
            if world.challenge.is_bound() {
                break;
            }
        }
        world
    }
}

#[test]
fn no_honest_peer_is_ever_accused_and_each_liar_is_by_the_first_bytes() {
    let mut withheld = 0;
    for seed in 0..60 {
        let honest = World::run(seed, false);
        assert!(!honest.challenge.is_bound(), "seed {seed}");
        withheld += honest.withheld;
        let liar = World::run(seed, true);
        assert!(liar.challenge.is_bound(), "seed {seed}");
        assert!(liar.sent < FIRST_MAX + 400_000, "{}", liar.sent);
    }
    // About twice each: somewhere in the first bytes, and within their doubling.
    assert!(withheld > 60, "{withheld}");
}
