// SPDX-License-Identifier: GPL-2.0

//! Values made of bytes; zeros when there are no more.

/// The bytes that are left.
pub(super) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    pub(super) fn word(&mut self) -> u32 {
        u32::from_le_bytes(core::array::from_fn(|_| self.byte()))
    }

    /// A number that is often small, often at an edge, and sometimes any.
    pub(super) fn number(&mut self) -> u32 {
        let kind = self.byte();
        match kind & 7 {
            0..=2 => u32::from(self.byte()),
            3 => u32::from(self.byte()) << (kind >> 3),
            4 => u32::MAX - u32::from(self.byte()),
            5 => (1_u32 << (kind >> 3)).wrapping_sub(1),
            _ => self.word(),
        }
    }

    pub(super) fn flag(&mut self) -> bool {
        self.byte() & 1 != 0
    }

    pub(super) fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.0)
    }
}
