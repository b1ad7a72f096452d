// SPDX-License-Identifier: GPL-2.0

//! Inbound control of a flow whose sender and clock do anything: windows are never made larger than the receiver's, and the
//! right edge that was offered is never pulled back.

use super::input::Input;
use crate::model::inbound::route::{Place, Route};
use crate::model::inbound::{edge, Arrival, Inbound, Offer};
use crate::model::units::Addr;

pub(super) fn body(data: &[u8]) {
    let mut input = Input::new(data);
    let shift = input.byte() % 16;
    let has_stamps = input.flag();
    let mut inbound = Inbound::default();
    let mut route = Route::default();
    let place = Place::of(Addr::v4([192, 0, 2, 1]), 1);
    let (mut now_us, mut all) = (u64::from(input.word()), 0_u64);
    let mut end = input.word();
    let mut ack = end;
    // What was offered last and at most, and the stamp that went with it.
    let (mut offered, mut stamp) = (None, 0_u32);
    let right = |ack: u32, field: u16| ack.wrapping_add(u32::from(field) << shift.min(14));
    let note = |offered: &mut Option<u32>, edge| {
        *offered = Some(offered.map_or(edge, |before| edge::later(edge, before)));
    };
    while !input.is_over() {
        now_us += match input.byte() % 4 {
            0 => 0,
            1 => u64::from(input.byte()),
            2 => u64::from(input.byte()) * 256,
            _ => u64::from(input.number()),
        };
        match input.byte() % 8 {
            0..=3 => {
                let payload = match input.flag() {
                    true => 1_448 * u32::from(input.byte() % 46),
                    false => input.number(),
                };
                // In order as a rule.
                let at = match input.byte() % 8 {
                    0 => end.wrapping_sub(input.number() >> 8),
                    1 => end.wrapping_add(input.number() >> 8),
                    _ => end,
                };
                let last = at.wrapping_add(payload);
                if edge::is_after(last, end) {
                    end = last;
                }
                all = all.saturating_add(u64::from(payload));
                let is_over = inbound.arrived(&Arrival {
                    now_us,
                    end: last,
                    payload,
                    packets: u32::from(input.byte() % 48),
                    echo: has_stamps.then(|| stamp.wrapping_sub(u32::from(input.byte() % 4))),
                    all,
                });
                if is_over {
                    let known = route.note(&place, &inbound.report(now_us));
                    inbound.learn(&known);
                }
            }
            4..=6 => {
                // Receivers do not go back by much, nor acknowledge what has not come.
                let step = end.wrapping_sub(ack).min(1 << 24);
                ack = match input.byte() % 8 {
                    0 => ack.wrapping_add(step / 2),
                    1 => ack,
                    _ => ack.wrapping_add(step),
                };
                stamp = now_us.wrapping_div(1_000) as u32;
                let offer = Offer {
                    now_us,
                    ack,
                    field: input.word() as u16,
                    shift,
                    stamp: has_stamps.then_some(stamp),
                    queue: input.flag().then(|| input.number()),
                    rate: (input.byte() % 4 == 0).then(|| u64::from(input.number())),
                };
                let written = inbound.offer(&offer);
                assert!(written <= offer.field, "a window was made larger");
                if offer.queue.is_none() && offer.rate.is_none() {
                    assert_eq!(written, offer.field, "nobody wanted it smaller");
                }
                if let Some(before) = offered {
                    let own = right(ack, offer.field);
                    let least = if edge::is_after(own, before) {
                        before
                    } else {
                        own
                    };
                    assert!(
                        !edge::is_after(least, right(ack, written)),
                        "an edge was pulled back"
                    );
                }
                note(&mut offered, right(ack, written));
            }
            _ => {
                let field = input.word() as u16;
                inbound.passed(ack, field, shift);
                note(&mut offered, right(ack, field));
            }
        }
    }
}
