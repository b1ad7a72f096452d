// SPDX-License-Identifier: GPL-2.0

use super::*;

const NONE: Bound = Bound { before: 0, ours: 0 };

const fn ours(before: u32, ours: u32) -> Bound {
    Bound { before, ours }
}

#[test]
fn a_limit_binds_and_its_end_restores() {
    assert_eq!(bound(900, NONE, Some(100)), (100, ours(900, 100)));
    assert_eq!(bound(100, ours(900, 100), Some(100)), (100, ours(900, 100)));
    assert_eq!(bound(100, ours(900, 100), None), (900, NONE));
    assert_eq!(bound(50, NONE, Some(100)), (50, NONE));
    assert_eq!(bound(50, NONE, None), (50, NONE));
}

#[test]
fn a_higher_limit_reaches_connections_that_exist() {
    assert_eq!(bound(100, ours(900, 100), Some(300)), (300, ours(900, 300)));
    assert_eq!(bound(100, ours(900, 100), Some(900)), (900, NONE));
    assert_eq!(bound(100, ours(900, 100), Some(70)), (70, ours(900, 70)));
}

#[test]
fn what_others_have_changed_is_theirs() {
    // The application has asked for less: neither raised now nor at the end.
    assert_eq!(bound(40, ours(900, 100), Some(100)), (40, NONE));
    assert_eq!(bound(40, ours(900, 100), None), (40, NONE));
    // The kernel has enlarged the buffer: bound again, and at the end that is what it gets.
    assert_eq!(
        bound(2000, ours(900, 100), Some(100)),
        (100, ours(2000, 100))
    );
}
