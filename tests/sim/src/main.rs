// SPDX-License-Identifier: GPL-2.0

//! Deterministic simulation of the congestion control over one bottleneck, for design work without a kernel.
//!
//! `zeta-sim [NAME-PART] [--seed=N] [--trace] [--shares]` prints a line per case; `--trace` prints the model's state every
//! round trip, `--shares` what each flow got every two seconds, with the queue that it met.

#[path = "../../../src/model/mod.rs"]
#[allow(dead_code)]
mod model;
mod net;
mod sender;

use model::control::Settings;
use net::{Case, Link, MSS};
use sender::Sender;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

#[derive(PartialEq)]
enum What {
    Arrive(u64),
    Acked(Vec<u64>),
    Delack(u64),
    Wake,
    Timeout,
}

struct Event {
    at: f64,
    seq: u64,
    flow: usize,
    what: What,
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Event {}
impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Event {
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.total_cmp(&self.at).then(other.seq.cmp(&self.seq))
    }
}

struct Queue(BinaryHeap<Event>, u64);
impl Queue {
    fn add(&mut self, at: f64, flow: usize, what: What) {
        self.1 += 1;
        self.0.push(Event {
            at,
            seq: self.1,
            flow,
            what,
        });
    }
}

struct Outcome {
    goodput: Vec<f64>,
    /// Fairness after [`SETTLED_SECONDS`].
    jain: f64,
    p95_rtt_ms: f64,
    lost: f64,
    tail: f64,
    rtos: u32,
}

/// Time that flows have to come to equal shares.
const SETTLED_SECONDS: f64 = 20.0;

/// Interval of `--shares`.
const SHARE_SECONDS: f64 = 2.0;

fn run(case: &Case, seed: u64, (trace, shares): (bool, bool), settings: Settings) -> Outcome {
    let mut link = Link::new(case, seed);
    let mut queue = Queue(BinaryHeap::new(), 0);
    let rtt = case.rtt_ms / 1e3;
    let reo = if case.jitter_ms > 0.0 && !case.in_order {
        rtt / 4.0
    } else {
        0.0
    };
    let mut flows: Vec<Sender> = Vec::new();
    let mut held: Vec<Vec<u64>> = vec![Vec::new(); case.flows];
    let mut wake: Vec<f64> = vec![f64::MAX; case.flows];
    for flow in 0..case.flows {
        let start = flow as f64 * case.gap;
        flows.push(Sender::new(start, link.handshake(case), reo, settings));
        queue.add(start, flow, What::Wake);
        queue.add(start + 1.0, flow, What::Timeout);
    }
    let mut next_trace = 0.0;
    let mut early: Vec<u32> = Vec::new();
    let mut next_share = SHARE_SECONDS;
    let (mut shared, mut dropped) = (Vec::new(), 0);
    let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
    while let Some(event) = queue.0.pop() {
        let now = event.at;
        if now > case.seconds {
            break;
        }
        let flow = event.flow;
        match event.what {
            What::Arrive(order) => {
                held[flow].push(order);
                if held[flow].len() >= 2 {
                    let orders = std::mem::take(&mut held[flow]);
                    queue.add(now + rtt / 2.0, flow, What::Acked(orders));
                } else {
                    queue.add(now + 0.04, flow, What::Delack(order));
                }
            }
            What::Delack(order) => {
                if held[flow].first() == Some(&order) {
                    let orders = std::mem::take(&mut held[flow]);
                    queue.add(now + rtt / 2.0, flow, What::Acked(orders));
                }
            }
            What::Acked(orders) => flows[flow].on_ack(now, &orders),
            What::Wake => wake[flow] = f64::MAX,
            What::Timeout => {
                let due = flows[flow].rto_at;
                if due <= now {
                    flows[flow].on_timeout(now);
                }
                let next = flows[flow].rto_at.min(now + 1.0).max(now + 0.001);
                queue.add(next, flow, What::Timeout);
            }
        }
        if shares {
            let queue = link.queue_ms(now);
            least = queue.min(least);
            most = queue.max(most);
        }
        for order in flows[flow].transmit(now) {
            if let Some(at) = link.send(case, now) {
                queue.add(at, flow, What::Arrive(order));
            }
        }
        let next = flows[flow].next_send;
        if next > now && next < wake[flow] {
            wake[flow] = next;
            queue.add(next, flow, What::Wake);
        }
        if early.is_empty() && now >= SETTLED_SECONDS {
            early = flows.iter().map(Sender::delivered).collect();
        }
        if shares && now >= next_share {
            let got: Vec<u32> = flows.iter().map(Sender::delivered).collect();
            let mbit = |f: usize| {
                let packets = got[f] - shared.get(f).copied().unwrap_or(0);
                f64::from(packets) * f64::from(MSS) * 8e-6 / SHARE_SECONDS
            };
            let list: Vec<String> = (0..got.len()).map(|f| format!("{:6.2}", mbit(f))).collect();
            println!(
                "{now:6.1} {} queue {:5.1}-{:5.1} ms, dropped {}",
                list.join(" "),
                if least.is_finite() { least } else { 0.0 },
                most,
                link.tail_drops - dropped
            );
            (least, most) = (f64::INFINITY, 0.0);
            dropped = link.tail_drops;
            shared = got;
            next_share += SHARE_SECONDS;
        }
        if trace && now >= next_trace {
            next_trace = now + rtt;
            let f = &flows[0];
            let i = f.zeta.info();
            println!(
                "{now:8.3} {:?} bw {:7.2} gain {:.2} base {:6.1} q {:6.1}/{:5.1} p {:5.2}% cwnd {} inflight {} delivered {}",
                i.mode,
                i.bw_bytes_per_s as f64 * 8e-6,
                f64::from(i.pacing_gain_q8) / 256.0,
                f64::from(i.base_rtt_us) / 1e3,
                f64::from(i.queue_us) / 1e3,
                f64::from(i.queue_threshold_us) / 1e3,
                f64::from(i.random_loss_q16) / 655.36,
                f.control().cwnd,
                f.in_flight(),
                f.delivered(),
            );
        }
    }
    let mut rtts: Vec<f32> = flows
        .iter()
        .flat_map(|f| f.rtts.iter().map(|r| r.1))
        .collect();
    rtts.sort_by(f32::total_cmp);
    let sent: u64 = flows.iter().map(|f| f.sent).sum();
    let delivered: u64 = flows.iter().map(|f| u64::from(f.delivered())).sum();
    Outcome {
        goodput: flows
            .iter()
            .map(|f| f64::from(f.delivered()) * f64::from(MSS) * 8e-6 / case.seconds)
            .collect(),
        jain: jain(
            flows
                .iter()
                .zip(&early)
                .map(|(f, before)| f64::from(f.delivered() - before)),
        ),
        p95_rtt_ms: f64::from(rtts.get(rtts.len() * 95 / 100).copied().unwrap_or(0.0)) * 1e3,
        lost: 1.0 - delivered as f64 / sent as f64,
        tail: link.tail_drops as f64 / sent as f64,
        rtos: flows.iter().map(|f| f.rtos).sum(),
    }
}

/// Jain's index: 1 if all are equal, 1/n if one has everything.
fn jain(shares: impl Iterator<Item = f64>) -> f64 {
    let (n, sum, squares) = shares.fold((0.0, 0.0, 0.0), |(n, sum, squares), x| {
        (n + 1.0, sum + x, squares + x * x)
    });
    sum * sum / squares / n
}

fn cases() -> Vec<Case> {
    let a = |name, loss| Case::new(name, 100.0, 100.0, 1.0, loss);
    vec![
        a("100M-100ms-0", 0.0),
        a("100M-100ms-0.1%", 0.001),
        a("100M-100ms-1%", 0.01),
        a("100M-100ms-5%", 0.05),
        a("100M-100ms-10%", 0.1),
        a("100M-100ms-20%", 0.2),
        a("100M-100ms-30%", 0.3),
        a("100M-100ms-50%", 0.5),
        Case {
            burst: 8.0,
            ..a("ge-1%-8", 0.01)
        },
        Case {
            burst: 20.0,
            ..a("ge-5%-20", 0.05)
        },
        Case::new("10M-20ms-5%", 10.0, 20.0, 1.0, 0.05),
        Case::new("10M-20ms-20%", 10.0, 20.0, 1.0, 0.2),
        Case::new("10M-300ms-2%", 10.0, 300.0, 1.0, 0.02),
        Case::new("500M-200ms-2%", 500.0, 200.0, 1.0, 0.02),
        Case::new("500M-50ms-1%", 500.0, 50.0, 1.0, 0.01),
        Case::new("shallow-0.02", 50.0, 40.0, 0.02, 0.0),
        Case::new("shallow-0.06", 50.0, 40.0, 0.06, 0.0),
        Case::new("shallow-0.2", 50.0, 40.0, 0.2, 0.0),
        Case::new("shallow-0.2-1%", 50.0, 40.0, 0.2, 0.01),
        Case::new("deep-8", 50.0, 40.0, 8.0, 0.0),
        Case {
            jitter_ms: 5.0,
            ..Case::new("jitter-5", 50.0, 50.0, 1.0, 0.0)
        },
        Case {
            jitter_ms: 20.0,
            in_order: true,
            ..Case::new("in-order-20", 50.0, 50.0, 1.0, 0.0)
        },
        Case {
            jitter_ms: 5.0,
            in_order: true,
            ..Case::new("in-order-5", 50.0, 50.0, 1.0, 0.0)
        },
        Case {
            policer: Some((10.0, 100e3)),
            ..Case::new("policer-10", 100.0, 50.0, 1.0, 0.0)
        },
        Case {
            policer: Some((50.0, 1e6)),
            ..Case::new("policer-50-1%", 100.0, 50.0, 1.0, 0.01)
        },
        Case {
            steps: &[
                (0.0, 100.0),
                (10.0, 20.0),
                (20.0, 100.0),
                (30.0, 20.0),
                (40.0, 100.0),
                (50.0, 20.0),
            ],
            ..a("steps", 0.0)
        },
        Case {
            steps: &[
                (0.0, 100.0),
                (10.3, 20.0),
                (20.1, 100.0),
                (29.7, 20.0),
                (39.8, 100.0),
                (49.9, 20.0),
            ],
            ..a("steps-0.02%", 0.0002)
        },
        Case {
            flows: 4,
            ..a("4-flows", 0.0)
        },
        Case {
            flows: 8,
            ..a("8-flows-1%", 0.01)
        },
        Case {
            flows: 4,
            gap: 1.0,
            ..a("4-flows-late", 0.0)
        },
        Case {
            flows: 8,
            gap: 0.001,
            ..a("8-flows-at-once", 0.0)
        },
        Case {
            flows: 30,
            gap: 0.0,
            ..Case::new("crowd-30", 100.0, 20.0, 0.3, 0.0)
        },
        Case {
            flows: 12,
            gap: 0.0,
            ..Case::new("crowd-12-thin", 12.0, 17.0, 1.0, 0.0)
        },
        Case {
            flows: 6,
            gap: 0.0,
            ..Case::new("crowd-6-thin", 6.0, 17.0, 4.0, 0.0)
        },
        Case {
            flows: 30,
            gap: 0.1,
            ..Case::new("crowd-30-5%", 100.0, 40.0, 1.0, 0.05)
        },
        Case::new("geo", 20.0, 600.0, 1.0, 0.005),
    ]
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let trace = args.iter().any(|a| a == "--trace");
    let shares = args.iter().any(|a| a == "--shares");
    let seed = args
        .iter()
        .find_map(|a| a.strip_prefix("--seed="))
        .map_or(1, |n| n.parse().expect("--seed=N takes a number"));
    let part = args
        .iter()
        .find(|a| !a.starts_with("--"))
        .cloned()
        .unwrap_or_default();
    println!(
        "{:16} {:>7} {:>7} {:>6} {:>8} {:>7} {:>7} {:>5}",
        "case", "limit", "goodput", "ratio", "p95 rtt", "lost%", "tail%", "rtos"
    );
    for case in cases().iter().filter(|c| c.name.contains(&part)) {
        let o = run(case, seed, (trace, shares), Settings::default());
        let limit = limit(case);
        let sum: f64 = o.goodput.iter().sum();
        println!(
            "{:16} {:7.2} {:7.2} {:6.3} {:8.1} {:7.2} {:7.2} {:5} {}",
            case.name,
            limit,
            sum,
            sum / limit,
            o.p95_rtt_ms,
            o.lost * 100.0,
            o.tail * 100.0,
            o.rtos,
            if case.flows > 1 {
                format!("jain {:.3}", o.jain)
            } else {
                String::new()
            },
        );
    }
}

/// Goodput of a perfect sender, Mbit/s. The steps of rate come to 60 on the mean.
fn limit(case: &Case) -> f64 {
    let rate = if case.steps.is_empty() {
        case.policer.map_or(case.mbit, |p| p.0)
    } else {
        60.0
    };
    rate * (1.0 - case.loss) * f64::from(MSS) / net::WIRE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(name: &str) -> Case {
        cases()
            .into_iter()
            .find(|c| c.name == name)
            .expect("known path")
    }

    /// Goodput over the limit, and share of packets dropped at the bottleneck.
    fn outcome(name: &str, seed: u64, settings: Settings) -> (f64, f64) {
        let case = case(name);
        let o = run(&case, seed, (false, false), settings);
        let limit = limit(&case);
        (o.goodput.iter().sum::<f64>() / limit, o.tail)
    }

    #[test]
    fn paths_are_filled_and_not_flooded() {
        // A little under and over what is achieved.
        for (name, least, most_dropped) in [
            ("100M-100ms-0", 0.97, 0.005),
            ("100M-100ms-1%", 0.95, 0.005),
            ("100M-100ms-10%", 0.95, 0.005),
            ("100M-100ms-30%", 0.95, 0.005),
            ("100M-100ms-50%", 0.93, 0.01),
            ("ge-1%-8", 0.90, 0.01),
            ("shallow-0.06", 0.95, 0.03),
            ("shallow-0.2-1%", 0.93, 0.02),
            ("deep-8", 0.97, 0.005),
            ("policer-10", 0.95, 0.025),
            ("policer-50-1%", 0.95, 0.03),
            ("10M-20ms-5%", 0.93, 0.02),
            ("geo", 0.90, 0.01),
            ("steps", 0.92, 0.03),
        ] {
            let (ratio, dropped) = outcome(name, 1, Settings::default());
            println!("{name}: {ratio:.3} of the limit, {dropped:.4} dropped");
            assert!(ratio >= least, "{name}: {ratio:.3} of the limit");
            assert!(dropped <= most_dropped, "{name}: {dropped:.4} dropped");
        }
    }

    #[test]
    fn flows_of_ours_come_to_equal_shares_and_keep_the_queue_short() {
        // When flows begin is chance: the mean of several.
        let gaps = [0.8, 0.9, 1.0, 1.1, 1.2, 1.5, 2.0];
        let late: Vec<f64> = gaps
            .iter()
            .map(|&gap| {
                let case = Case {
                    gap,
                    ..case("4-flows-late")
                };
                run(&case, 1, (false, false), Settings::default()).jain
            })
            .collect();
        println!("4-flows-late: {late:.3?}");
        assert!(late.iter().all(|&jain| jain >= 0.8), "{late:.3?}");
        assert!(
            late.iter().sum::<f64>() / late.len() as f64 >= 0.94,
            "{late:.3?}"
        );
        for (name, seeds) in [("4-flows", 1), ("8-flows-1%", 4), ("8-flows-at-once", 1)] {
            let case = case(name);
            for seed in 1..=seeds {
                let o = run(&case, seed, (false, false), Settings::default());
                println!("{name}, seed {seed}: {:.3}, {:.0} ms", o.jain, o.p95_rtt_ms);
                assert!(o.jain >= 0.95, "{name}, seed {seed}: {:.3}", o.jain);
                // A full buffer is 200 ms.
                assert!(o.p95_rtt_ms <= 170.0, "{name}: {:.0} ms", o.p95_rtt_ms);
            }
        }
    }

    /// Each of them alone would lose the same if it sent less: only together do they find out that it is their own doing.
    #[test]
    fn crowds_do_not_make_up_for_what_they_lose_to_each_other() {
        for (name, most_dropped) in [
            ("crowd-30", 0.25),
            ("crowd-12-thin", 0.25),
            ("crowd-6-thin", 0.20),
            ("crowd-30-5%", 0.12),
        ] {
            let (ratio, dropped) = outcome(name, 1, Settings::default());
            println!("{name}: {ratio:.3} of the limit, {dropped:.4} dropped");
            assert!(ratio >= 0.95, "{name}: {ratio:.3} of the limit");
            assert!(dropped <= most_dropped, "{name}: {dropped:.4} dropped");
        }
    }

    #[test]
    fn bursts_do_not_stop_a_connection_whenever_they_come() {
        for seed in 1..=8 {
            let (ratio, _) = outcome("ge-5%-20", seed, Settings::default());
            assert!(ratio >= 0.85, "seed {seed}: {ratio:.3} of the limit");
        }
    }

    #[test]
    fn the_floors_notice_a_sender_that_slows_down_by_what_it_loses() {
        let settings = Settings {
            track_random_loss: false,
            half_cwnd_min_srtt_ms: 0,
            ..Settings::default()
        };
        let (ratio, _) = outcome("100M-100ms-30%", 1, settings);
        assert!(ratio < 0.95, "{ratio:.3} of the limit");
    }
}
