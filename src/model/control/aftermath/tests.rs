// SPDX-License-Identifier: GPL-2.0

use super::super::types::CaState;
use super::*;

fn ack(delivered: u32, lost: u32, in_flight: u32) -> Ack {
    Ack {
        rtt_us: Some(50_000),
        delivered,
        acked_sacked: 1,
        lost,
        prior_in_flight: in_flight,
        in_flight,
        cwnd: 200,
        srtt_us: 50_000,
        ca_state: CaState::Recovery,
        packets_out: in_flight,
        ..super::super::tests::ack(1_000_000)
    }
}

const SEEN: Observation = Observation {
    round: None,
    sample: None,
    excess: true,
    forgiven: false,
    queued: false,
    loaded: false,
    rwnd_limited: false,
    lost: 20,
    total: 60,
};

/// Twenty packets were found lost, 100 are under way; of these `lost_of` says which get lost. The counters wrap meanwhile.
fn verdict(lost_of: impl Fn(u32) -> bool) -> Option<bool> {
    let (mut delivered, mut lost) = (u32::MAX - 30, u32::MAX - 5);
    let phase = Phase::Cruise {
        rounds: 2,
        since_us: 0,
    };
    let mut loss = LossSplit::new();
    loss.add_low(0, 500);
    let mut aftermath = Aftermath::new(&ack(delivered, lost, 100), &SEEN, 1_000_000, phase)?;
    for packet in 0..100 {
        if lost_of(packet) {
            lost = lost.wrapping_add(1);
        } else {
            delivered = delivered.wrapping_add(1);
        }
        let verdict = aftermath.step(&ack(delivered, lost, 99 - packet), &loss);
        assert_eq!(verdict.is_some(), packet == 99);
        if verdict.is_some() {
            let (burst, total) = aftermath.burst(&ack(delivered, lost, 0));
            assert_eq!(burst, 20 + (0..100).filter(|&n| lost_of(n)).count() as u32);
            assert_eq!(total, 160);
            return verdict;
        }
    }
    None
}

#[test]
fn packets_behind_a_burst_arrive() {
    assert_eq!(verdict(|_| false), Some(true));
    // The burst was still going on.
    assert_eq!(verdict(|packet| packet < 30), Some(true));
}

#[test]
fn packets_behind_an_overload_fare_no_better() {
    assert_eq!(verdict(|packet| packet % 5 == 0), Some(false));
    assert_eq!(verdict(|packet| packet >= 50), Some(false));
}

#[test]
fn a_few_packets_are_no_evidence() {
    let phase = Phase::Cruise {
        rounds: 2,
        since_us: 0,
    };
    assert!(Aftermath::new(&ack(0, 0, 31), &SEEN, 1_000_000, phase).is_none());
}
