// SPDX-License-Identifier: GPL-2.0

//! The shaper's order of packets: whatever comes in which order, each packet leaves once.

use super::input::Input;
use crate::model::shaper::{ticks, Flow, Host, Pace, Scheduler, FLOWS, HOSTS};
use std::collections::VecDeque;

pub(super) fn body(data: &[u8]) {
    let mut input = Input::new(data);
    let mut queue = Scheduler::new(
        vec![0; FLOWS],
        vec![Flow::default(); FLOWS],
        vec![Host::default(); HOSTS],
    );
    queue.set_quantum(input.number());
    let mut waiting: Vec<VecDeque<u32>> = vec![VecDeque::new(); FLOWS];
    let (mut packets, mut bytes) = (0_u32, 0_u32);
    while !input.is_over() {
        match input.byte() % 8 {
            0..=3 => {
                let (hash, host) = (input.number(), u16::from(input.byte()));
                let size = u32::from(input.byte()) * 64 + 1;
                let flow = queue.place(hash);
                waiting[usize::from(flow)].push_back(size);
                queue.joined(flow, host, size);
                packets += 1;
                bytes += size;
            }
            4..=5 => {
                let Some(chosen) = queue.choose() else {
                    assert_eq!(packets, 0, "somebody waits for ever");
                    continue;
                };
                assert_eq!(queue.choose(), Some(chosen), "the choice stands");
                let size = waiting[usize::from(chosen.flow)]
                    .pop_front()
                    .expect("an empty flow was chosen");
                queue.left(chosen.flow, size);
                queue.sent(chosen.flow, size);
                packets -= 1;
                bytes -= size;
            }
            6 if packets > 0 => {
                // The longest has to give way.
                let flow = queue.fattest(0);
                if let Some(size) = waiting[usize::from(flow)].pop_front() {
                    queue.left(flow, size);
                    packets -= 1;
                    bytes -= size;
                }
            }
            _ => queue.set_quantum(input.number()),
        }
        assert_eq!((queue.packets(), queue.bytes()), (packets, bytes));
    }
    pace(data);
}

/// A slot never opens before the one that was claimed earlier.
fn pace(data: &[u8]) {
    let mut input = Input::new(data);
    let pace = Pace::new(
        u64::from(input.number()),
        u64::from(input.number()),
        input.number(),
    );
    let (mut now, mut clock) = (u64::from(input.word()), 0);
    for _ in 0..32 {
        now = now.saturating_add(u64::from(input.number()));
        let size = input.number();
        let (slot, next) = pace.claim(clock, ticks(now), size);
        assert!(next >= clock, "the clock went backwards");
        let _ = pace.opens(&slot, size);
        clock = if input.flag() {
            pace.settled(next, &slot, input.number())
        } else {
            next
        };
    }
}
