// SPDX-License-Identifier: GPL-2.0

//! The right edge of the offered windows: the sequence number before which a sender may send.

/// Whether sequence number `a` lies after `b`.
pub const fn is_after(a: u32, b: u32) -> bool {
    let distance = a.wrapping_sub(b);
    distance != 0 && distance >> 31 == 0
}

/// How far sequence number `a` lies after `b`; 0 if it does not.
pub const fn ahead(a: u32, b: u32) -> u32 {
    if is_after(a, b) {
        a.wrapping_sub(b)
    } else {
        0
    }
}

/// The later of two sequence numbers.
pub const fn later(a: u32, b: u32) -> u32 {
    if is_after(a, b) {
        a
    } else {
        b
    }
}

/// The right edge that the sender has been offered.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Edge {
    /// The sequence number, if an offer was seen.
    offered: Option<u32>,
}

impl Edge {
    /// What to write as the window of a segment that acknowledges `ack`, when its sender wrote `field` and the edge is
    /// wanted at `wanted`. Windows are shifted by `shift`.
    ///
    /// Never more than `field`, for that is what there is room for; and never an edge before the last one, for what was
    /// offered is offered (RFC 9293, 3.8.6). Rounded up therefore.
    pub fn offer(&mut self, ack: u32, field: u16, shift: u8, wanted: u32) -> u16 {
        let shift = u32::from(shift.min(14));
        let room = u32::from(field) << shift;
        // Both from here: two numbers far apart do not tell which is the later one.
        let window = match self.offered {
            Some(edge) => ahead(edge, ack).max(ahead(wanted, ack)),
            // What was offered before is not known, but it was no more than this.
            None => room,
        };
        let unit = 1u32 << shift;
        let rounded = window.saturating_add(unit.saturating_sub(1)) >> shift;
        let written = u16::try_from(rounded).unwrap_or(u16::MAX).min(field);
        self.note(ack, written, shift);
        written
    }

    /// Notes an offer that goes out as it is.
    pub fn pass(&mut self, ack: u32, field: u16, shift: u8) {
        self.note(ack, field, u32::from(shift.min(14)));
    }

    fn note(&mut self, ack: u32, field: u16, shift: u32) {
        let edge = ack.wrapping_add(u32::from(field).wrapping_shl(shift));
        self.offered = Some(match self.offered {
            // An old segment that is sent again may say less.
            Some(before) => later(edge, before),
            None => edge,
        });
    }

    /// The edge, if an offer was seen.
    pub fn offered(&self) -> Option<u32> {
        self.offered
    }
}
