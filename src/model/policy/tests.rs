// SPDX-License-Identifier: GPL-2.0

use super::*;

const FAR: Facts = Facts {
    ruled: None,
    listed: None,
    is_near: false,
    is_onlink: false,
    subnet_acc: false,
};

fn listed(list: List, accelerate: bool) -> Option<Listed> {
    Some(Listed { list, accelerate })
}

#[test]
fn a_far_peer_is_accelerated() {
    assert_eq!(decide(&FAR), Ok(()));
}

#[test]
fn a_peer_in_the_subnet_only_if_asked_for() {
    let facts = Facts {
        is_onlink: true,
        ..FAR
    };
    assert_eq!(decide(&facts), Err(Reason::Subnet));
    let asked = Facts {
        subnet_acc: true,
        ..facts
    };
    assert_eq!(decide(&asked), Ok(()));
}

#[test]
fn a_near_subnet_is_left_alone_even_if_subnets_are_accelerated() {
    let facts = Facts {
        is_near: true,
        is_onlink: true,
        subnet_acc: true,
        ..FAR
    };
    assert_eq!(decide(&facts), Err(Reason::Near));
}

#[test]
fn the_lists_decide_before_anything_measured() {
    let near = Facts {
        is_near: true,
        is_onlink: true,
        ..FAR
    };
    for list in [List::Bypass, List::Segment] {
        let facts = Facts {
            listed: listed(list, true),
            ..near
        };
        assert_eq!(decide(&facts), Ok(()));
    }
    let never = |list| Facts {
        listed: listed(list, false),
        ..FAR
    };
    assert_eq!(decide(&never(List::Bypass)), Err(Reason::Bypass));
    assert_eq!(decide(&never(List::Segment)), Err(Reason::Segment));
}

#[test]
fn a_rule_decides_before_everything_else() {
    for list in [List::Bypass, List::Segment] {
        let facts = Facts {
            ruled: Some(true),
            listed: listed(list, false),
            is_near: true,
            is_onlink: true,
            ..FAR
        };
        assert_eq!(decide(&facts), Ok(()));
        let facts = Facts {
            ruled: Some(false),
            listed: listed(list, true),
            subnet_acc: true,
            ..FAR
        };
        assert_eq!(decide(&facts), Err(Reason::Rule));
    }
}

#[test]
fn every_reason_has_a_word_of_its_own() {
    for (index, reason) in Reason::ALL.iter().enumerate() {
        assert!(!reason.word().contains(' '));
        let twins = Reason::ALL.iter().filter(|r| r.word() == reason.word());
        assert_eq!(twins.count(), 1, "{}", reason.word());
        assert_eq!(*reason as usize, index);
    }
}
