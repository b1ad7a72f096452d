// SPDX-License-Identifier: GPL-2.0

use super::{synack_timeout_ms, Budget, PathNow, Segment, LEAST_LOSS_Q16};

const LOSSY: PathNow = PathNow {
    loss_q16: 65_536 / 50,
    is_pressing: false,
};

const LAST: Segment = Segment {
    payload: 1_448,
    is_fin: false,
    is_again: false,
    is_last: true,
    is_drained: false,
};

fn losing(loss_q16: u32) -> PathNow {
    PathNow { loss_q16, ..LOSSY }
}

#[test]
fn the_end_is_copied_and_the_middle_is_not() {
    let mut budget = Budget::default();
    let middle = Segment {
        is_last: false,
        ..LAST
    };
    assert!(!budget.spend(middle, &LOSSY, 1 << 20));
    assert!(budget.spend(LAST, &LOSSY, 1 << 20));
    let empty = Segment { payload: 0, ..LAST };
    assert!(!budget.spend(empty, &LOSSY, 1 << 20));
    let fin = Segment {
        is_fin: true,
        ..empty
    };
    assert!(budget.spend(fin, &LOSSY, 1 << 20));
}

#[test]
fn repairs_are_copied_once_there_is_nothing_else_to_send() {
    let mut budget = Budget::default();
    let repair = Segment {
        is_again: true,
        is_last: false,
        ..LAST
    };
    assert!(!budget.spend(repair, &LOSSY, 1 << 20));
    let drained = Segment {
        is_drained: true,
        ..repair
    };
    assert!(budget.spend(drained, &LOSSY, 1 << 20));
}

#[test]
fn repairs_are_copied_while_the_window_presses() {
    let mut budget = Budget::default();
    let new = Segment {
        is_last: false,
        ..LAST
    };
    let repair = Segment {
        is_again: true,
        ..new
    };
    let pressing = PathNow {
        is_pressing: true,
        ..LOSSY
    };
    assert!(repair.is_candidate() && !new.is_candidate());
    assert!(budget.spend(repair, &pressing, 1 << 20));
    assert!(!budget.spend(new, &pressing, 1 << 20));
    assert!(!budget.spend(repair, &LOSSY, 1 << 20));
}

#[test]
fn order_is_what_it_was_before_the_first_copy() {
    let mut budget = Budget::default();
    assert!(budget.keeps_order(false));
    assert!(budget.keeps_order(true));
    let mut budget = Budget::default();
    assert!(!budget.keeps_order(true));
    assert!(!budget.keeps_order(false));
}

#[test]
fn a_path_that_does_not_lose_gets_no_copies() {
    let mut budget = Budget::default();
    assert!(!budget.spend(LAST, &losing(LEAST_LOSS_Q16 - 1), 1 << 20));
    assert!(budget.spend(LAST, &losing(LEAST_LOSS_Q16), 1 << 20));
}

#[test]
fn copies_stay_within_an_eighth_and_two_packets() {
    let mut budget = Budget::default();
    let sent = 1_000_000;
    let copied = (0..10_000)
        .filter(|_| budget.spend(LAST, &LOSSY, sent))
        .count() as u64
        * 1_448;
    assert!(copied <= sent / 8 + 3_000 && copied > sent / 8, "{copied}");
    // A short response still gets its two.
    let mut budget = Budget::default();
    let count = (0..9).filter(|_| budget.spend(LAST, &LOSSY, 0)).count();
    assert_eq!(count, 2);
    let huge = Segment {
        payload: u32::MAX,
        ..LAST
    };
    assert!(!budget.spend(huge, &LOSSY, 0));
    assert!(budget.spend(huge, &LOSSY, u64::MAX));
}

#[test]
fn the_wait_for_an_answer_follows_what_is_known() {
    assert_eq!(synack_timeout_ms(0, 0), None);
    assert_eq!(synack_timeout_ms(300, 0), Some(300));
    assert_eq!(synack_timeout_ms(300, 400_000), Some(300));
    assert_eq!(synack_timeout_ms(3, 0), Some(200));
    assert_eq!(synack_timeout_ms(90_000, 0), Some(1_000));
    assert_eq!(synack_timeout_ms(0, 20_000), Some(200));
    assert_eq!(synack_timeout_ms(0, 180_000), Some(360));
    assert_eq!(synack_timeout_ms(0, 900_000), Some(1_000));
    assert_eq!(synack_timeout_ms(0, u32::MAX), Some(1_000));
}
