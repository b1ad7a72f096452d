// SPDX-License-Identifier: GPL-2.0

use super::super::*;

const BASE_US: u32 = 50_000;

/// A path of [`BASE_US`], whose handshake took `handshake_us`, after packets sent each millisecond from the tenth on have waited
/// for `waited_us` each; each that arrives in order is told of, if `told`.
fn after(handshake_us: u32, waited_us: impl IntoIterator<Item = u32>, told: bool) -> BaseRtt {
    let mut rtt = BaseRtt::new(0, Some(handshake_us));
    for (sent_us, waited_us) in (10_000..).step_by(1_000).zip(waited_us) {
        let rtt_us = BASE_US + waited_us;
        let now_us = sent_us + u64::from(rtt_us);
        rtt.update(now_us, rtt_us);
        if told {
            rtt.note_held(now_us);
        }
    }
    rtt
}

/// Those of twenty packets that arrive at the same time as the last.
fn clump() -> impl Iterator<Item = u32> {
    (0..20).rev().map(|i| i * 1_000)
}

#[test]
fn packets_that_were_sent_apart_and_arrive_together_were_held_back() {
    let held = after(BASE_US, clump(), true);
    assert!(held.is_noisy());
    // What was seen of it, up to half of the base.
    assert!(
        (18_000..=25_000).contains(&held.noise()),
        "{}",
        held.noise()
    );
    // That they had been sent in that order must be known.
    assert!(!after(BASE_US, clump(), false).is_noisy());
}

#[test]
fn a_queue_that_goes_is_no_clump() {
    // Sent at a half and at an eighth of what the bottleneck passes.
    let half = after(BASE_US, (0..40).rev().map(|i| i * 500), true);
    let proof = after(BASE_US, (0..24).rev().map(|i| i * 875), true);
    for rtt in [half, proof] {
        assert_eq!(rtt.range_q3, 0);
        assert_eq!(rtt.base(), Some(BASE_US));
    }
    // A queue of others that has gone when the next packet comes.
    let gone = after(BASE_US, [20_000, 20_000, 20_000, 0, 0, 0], true);
    assert_eq!(gone.range_q3, 0);
}

#[test]
fn a_lucky_handshake_is_forgotten_when_packets_are_held_back() {
    // 30 ms that none of the others comes near.
    let lucky = after(20_000, clump(), true);
    assert!(lucky.base() >= Some(BASE_US), "{:?}", lucky.base());
    // A queue that all of them meet may be the handshake's luck, too, and it may be ours.
    let queue = after(20_000, [10_000; 20], true);
    assert_eq!(queue.base(), Some(20_000));
    // What was met again is no luck.
    let met = after(BASE_US, [0, 0].into_iter().chain(clump()), true);
    assert_eq!(met.base(), Some(BASE_US));
    assert!(met.is_noisy());
}

#[test]
fn a_handshake_is_believed_after_its_first_bucket() {
    let mut rtt = after(20_000, [10_000; 3000], true);
    assert_eq!(rtt.base(), Some(20_000));
    let sent_us = 3_010_000;
    for i in 0..20u32 {
        let rtt_us = BASE_US + (19 - i) * 1_000;
        let now_us = sent_us + u64::from(BASE_US) + 19_000;
        rtt.update(now_us, rtt_us);
        rtt.note_held(now_us);
    }
    assert!(rtt.is_noisy());
    assert_eq!(rtt.base(), Some(20_000));
}
