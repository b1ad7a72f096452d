// SPDX-License-Identifier: GPL-2.0

//! Flows over a bottleneck whose buffer has no end: senders double their windows until twice the path is full, and
//! then add a packet a round trip for good.

use super::super::*;
use crate::model::units::Addr;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::vec;
use std::vec::Vec;

const MSS: u32 = 1_448;
const FRAME: u64 = 1_514;
/// Room that receivers have, times what the path holds.
const ROOM: u64 = 6;
const SHIFT: u8 = 8;

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Event {
    Start,
    /// A packet reaches the receiver: its end, the stamp that it echoes.
    Data(u32, u32),
    /// An acknowledgement reaches the sender: number, edge, stamp.
    Ack(u32, u32, u32),
}

pub(super) struct Path {
    pub(super) bytes_per_s: u64,
    pub(super) rtt_us: u64,
    /// Of the round trip, what is added to it, up to.
    pub(super) jitter_us: u32,
    pub(super) flows: usize,
    /// Packets of its own that each flow may have in the queue.
    pub(super) queue: Option<u32>,
    /// Time between the starts of flows.
    pub(super) stagger_us: u64,
    /// They come from one peer.
    pub(super) is_one_peer: bool,
    /// The last of them comes from another peer and is left alone; it begins that late.
    pub(super) foreign_us: Option<u64>,
    /// Up to how much senders double, times what the path holds; 0 is until there is a queue, as the kernel's (HyStart).
    pub(super) doubles_to: u64,
    /// Receivers have room for twice what has come at first, as the kernel's.
    pub(super) grows: bool,
}

#[derive(Clone, Default)]
struct End {
    inbound: Inbound,
    next: u32,
    acked: u32,
    edge: u32,
    cwnd: u32,
    echo: u32,
    delayed: bool,
    received: u64,
    all: u64,
    has_doubled: bool,
}

pub(super) struct Outcome {
    /// Payload of each flow in the second half, bytes per second.
    pub(super) rates: Vec<u64>,
    /// 95th percentile of round trips in the second half, microseconds.
    pub(super) rtt_p95_us: u64,
    /// The longest queue of all, microseconds.
    pub(super) most_us: u64,
}

impl Outcome {
    pub(super) fn total(&self) -> u64 {
        self.rates.iter().sum()
    }

    pub(super) fn jain(&self) -> f64 {
        let sum: f64 = self.rates.iter().map(|&rate| rate as f64).sum();
        let squares: f64 = self.rates.iter().map(|&rate| (rate as f64).powi(2)).sum();
        sum * sum / squares / self.rates.len() as f64
    }
}

pub(super) fn run(path: &Path, seconds: u64) -> Outcome {
    let mut dice = super::Dice(7);
    let mut ends = vec![End::default(); path.flows];
    let mut events = BinaryHeap::new();
    let (mut busy_until, mut all) = (0, 0);
    let mut route = route::Route::default();
    let place = route::Place::of(Addr::v4([192, 0, 2, 1]), 1);
    let holds = path.bytes_per_s * path.rtt_us / 1_000_000;
    let room = (ROOM * holds).min(u64::from(u16::MAX) << SHIFT);
    let (end_us, half_us) = (seconds * 1_000_000, seconds * 500_000);
    let mut round_trips = Vec::new();
    let mut most_us = 0;
    for flow in 0..path.flows {
        let begin_us = match path.foreign_us {
            Some(late_us) if flow + 1 == path.flows => late_us,
            _ => flow as u64 * path.stagger_us,
        };
        events.push(Reverse((1_000_000 + begin_us, flow, Event::Start)));
    }
    while let Some(Reverse((now, flow, event))) = events.pop() {
        if now > end_us {
            break;
        }
        let end = &mut ends[flow];
        let is_foreign = path.foreign_us.is_some() && flow + 1 == path.flows;
        match event {
            Event::Start => {
                end.cwnd = 10 * MSS;
                end.edge = 65_536;
            }
            Event::Data(seq, stamp) => {
                all += FRAME;
                end.all += u64::from(MSS);
                end.received += if now > half_us { u64::from(MSS) } else { 0 };
                let is_over = end.inbound.arrived(&Arrival {
                    now_us: now,
                    end: seq,
                    payload: MSS,
                    packets: 1,
                    echo: Some(stamp),
                    all,
                });
                if is_over && path.is_one_peer && !is_foreign {
                    let known = route.note(&place, &end.inbound.report(now));
                    end.inbound.learn(&known);
                }
                end.delayed = !end.delayed;
                if !end.delayed {
                    let stamp = u32::try_from(now / 1_000).unwrap();
                    let offered = match path.grows {
                        true => room.min(65_536 + 2 * end.all),
                        false => room,
                    };
                    let field = end.inbound.offer(&Offer {
                        now_us: now,
                        ack: seq,
                        field: u16::try_from(offered >> SHIFT).unwrap(),
                        shift: SHIFT,
                        stamp: Some(stamp),
                        queue: path.queue.filter(|_| !is_foreign),
                        rate: None,
                    });
                    let edge = seq.wrapping_add(u32::from(field) << SHIFT);
                    let back = path.rtt_us / 2 + u64::from(dice.roll(path.jitter_us + 1));
                    events.push(Reverse((now + back, flow, Event::Ack(seq, edge, stamp))));
                }
                continue;
            }
            Event::Ack(ack, edge, stamp) => {
                if edge::is_after(ack, end.acked) {
                    let acked = ack.wrapping_sub(end.acked);
                    end.has_doubled |= match path.doubles_to {
                        0 => busy_until > now + path.rtt_us / 4,
                        most => u64::from(end.cwnd) >= most * holds,
                    };
                    end.cwnd += match !end.has_doubled {
                        true => acked,
                        false => {
                            u32::try_from(u64::from(acked) * u64::from(MSS) / u64::from(end.cwnd))
                                .unwrap()
                        }
                    };
                    end.acked = ack;
                }
                end.edge = edge::later(edge, end.edge);
                end.echo = stamp;
            }
        }
        loop {
            let seq = end.next.wrapping_add(MSS);
            if seq.wrapping_sub(end.acked) > end.cwnd || edge::is_after(seq, end.edge) {
                break;
            }
            end.next = seq;
            busy_until = busy_until.max(now) + FRAME * 1_000_000 / path.bytes_per_s;
            most_us = most_us.max(busy_until - now);
            if now > half_us {
                round_trips.push(busy_until - now + path.rtt_us);
            }
            events.push(Reverse((
                busy_until + path.rtt_us / 2,
                flow,
                Event::Data(seq, end.echo),
            )));
        }
    }
    round_trips.sort_unstable();
    Outcome {
        rates: ends.iter().map(|end| end.received * 2 / seconds).collect(),
        rtt_p95_us: round_trips
            .get(round_trips.len() * 95 / 100)
            .copied()
            .unwrap_or(0),
        most_us,
    }
}

const PLAIN: Path = Path {
    bytes_per_s: 6_250_000,
    rtt_us: 40_000,
    jitter_us: 0,
    flows: 1,
    queue: Some(2_048),
    stagger_us: 0,
    is_one_peer: true,
    foreign_us: None,
    doubles_to: 2,
    grows: false,
};

fn percent_of_link(outcome: &Outcome, path: &Path) -> u64 {
    outcome.total() * 100 * FRAME / u64::from(MSS) / path.bytes_per_s
}

#[test]
fn a_sender_that_never_stops_by_itself_makes_no_queue() {
    for (bytes_per_s, rtt_us) in [
        (6_250_000, 40_000),
        (12_500_000, 100_000),
        (1_250_000, 20_000),
    ] {
        let path = Path {
            bytes_per_s,
            rtt_us,
            ..PLAIN
        };
        let free = run(
            &Path {
                queue: None,
                ..path
            },
            20,
        );
        assert!(free.rtt_p95_us > 2 * rtt_us, "it would without");
        let outcome = run(&path, 20);
        assert!(
            percent_of_link(&outcome, &path) >= 95,
            "{} of {bytes_per_s}",
            outcome.total()
        );
        assert!(
            // Packets come in pairs, and a window has whole ones.
            outcome.rtt_p95_us <= rtt_us * 13 / 10 + 2 * FRAME * 1_000_000 / bytes_per_s,
            "{} of {rtt_us}",
            outcome.rtt_p95_us
        );
    }
}

#[test]
fn a_sender_that_doubles_for_too_long_makes_half_the_queue() {
    let path = Path {
        rtt_us: 100_000,
        doubles_to: 4,
        grows: true,
        ..PLAIN
    };
    let queue = |queue| {
        let outcome = run(&Path { queue, ..path }, 3);
        (outcome.most_us, percent_of_link(&outcome, &path))
    };
    let (free_us, free) = queue(None);
    let (bounded_us, bounded) = queue(Some(2_048));
    assert!(bounded_us < free_us / 2, "{bounded_us} {free_us}");
    assert!(bounded >= free, "{bounded} {free}");
}

#[test]
fn several_flows_come_to_fair_rates() {
    let one_peer = [4, 8].map(|flows| {
        [0, 100_000, 500_000, 1_000_000].map(|stagger_us| (flows, stagger_us, true, 0.95))
    });
    let two = [(2, 0, false, 0.8), (2, 0, true, 0.95)];
    for (flows, stagger_us, is_one_peer, least) in two.into_iter().chain(one_peer.concat()) {
        let path = Path {
            flows,
            stagger_us,
            is_one_peer,
            doubles_to: 0,
            ..PLAIN
        };
        let outcome = run(&path, 60);
        assert!(outcome.jain() > least, "{flows} flows: {:?}", outcome.rates);
        assert!(
            outcome.rtt_p95_us < 52_000,
            "{flows} flows: {}",
            outcome.rtt_p95_us
        );
        assert!(
            percent_of_link(&outcome, &path) >= 95,
            "{flows} flows: {:?}",
            outcome.rates
        );
    }
}

#[test]
fn round_trips_that_vary_cost_nothing() {
    for jitter_us in [2_000, 10_000, 40_000] {
        let path = Path { jitter_us, ..PLAIN };
        let outcome = run(&path, 20);
        assert!(
            percent_of_link(&outcome, &path) >= 95,
            "{jitter_us}: {:?}",
            outcome.rates
        );
    }
}

#[test]
fn the_queue_is_as_large_as_its_limit_lets_it_be() {
    let [one, many] = [1, 2_048].map(|queue| {
        run(
            &Path {
                queue: Some(queue),
                ..PLAIN
            },
            20,
        )
        .rtt_p95_us
    });
    assert!(one + 1_000 < many, "{one} {many}");
}

#[test]
fn flows_of_one_peer_keep_their_part_beside_one_that_nobody_steers() {
    for flows in [2, 3] {
        let path = Path {
            flows: flows + 1,
            foreign_us: Some(20_000_000),
            ..PLAIN
        };
        let outcome = run(&path, 120);
        let part = outcome.total() / (flows as u64 + 1);
        let ours = &outcome.rates[..flows];
        assert!(
            ours.iter().all(|&rate| rate >= part / 2),
            "{flows}: {:?}",
            outcome.rates
        );
    }
}
