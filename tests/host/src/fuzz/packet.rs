// SPDX-License-Identifier: GPL-2.0

//! Headers from the network, and what is decided by them.

use super::input::Input;
use crate::model::classify::{self, Skip, HEADERS};
use crate::model::flow::{self, Seen};
use crate::model::memory;
use crate::model::refusal::Reset;
use crate::model::units::Millis;
use crate::model::via::Place;

pub(super) fn body(data: &[u8]) {
    let mut input = Input::new(data);
    let total = input.number();
    let secret = u64::from(input.word());
    let bytes = input.rest();
    let Ok(packet) = classify::parse(bytes, total) else {
        return;
    };
    assert!(packet.len() <= total);
    assert_eq!(packet.source.family, packet.dest.family);
    // What the module looks at suffices, or it says so.
    if let Some(head) = bytes.get(..HEADERS) {
        let seen = classify::parse(head, total);
        assert!(seen == Ok(packet) || seen == Err(Skip::Truncated));
    }
    let (key, forward) = packet.flow();
    let seen = Seen::of(&packet, forward);
    let _ = flow::timeout(key.proto(), seen.phase(), Millis(u64::from(total)));
    let _ = flow::wire_len(&packet, (secret & 0xffff) as u16);
    if let Some(reset) = Reset::of(&packet) {
        // The answer is a packet that we understand ourselves, for the other end.
        let answer = reset.bytes();
        let back = classify::parse(answer, answer.len() as u32).expect("a reset is a packet");
        assert_eq!((back.source, back.dest), (packet.dest, packet.source));
        assert_eq!(back.payload, 0);
    }
    assert!(memory::Place::of(packet.dest, secret).set < memory::SETS);
    let _ = Place::of(&packet.flow(), secret);
}
