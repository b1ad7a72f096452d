// SPDX-License-Identifier: GPL-2.0

//! Small typed quantities shared by the bookkeeping modules.

/// A point in time or a span, in milliseconds.
///
/// Points in time count from an origin that the caller chooses (the module uses boot time). A `u64`
/// of milliseconds lasts 584 million years, so sums saturate only for nonsensical input.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Millis(pub u64);

impl Millis {
    /// Makes a span from whole seconds, saturating.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// The span from `earlier` to `self`; zero if `earlier` is in fact later.
    ///
    /// Time stamps taken on different CPUs may be a tick apart, so a small step backwards is normal
    /// and means "just now".
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

/// Address family of a packet, a flow or a network.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// An IPv4 or IPv6 address, of a known family, as one number.
///
/// The first bit of the address is the top bit of the number for both families, so that prefixes of
/// either are compared in the same way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Addr {
    /// The family.
    pub family: Family,
    /// The address, left-aligned; the low 96 bits of an IPv4 address are zero.
    pub bits: u128,
}

impl Addr {
    /// An IPv4 address from its bytes in network order.
    pub const fn v4(bytes: [u8; 4]) -> Self {
        Self {
            family: Family::V4,
            // CAST: `u128::from` is not const.
            bits: (u32::from_be_bytes(bytes) as u128) << 96,
        }
    }

    /// An IPv6 address from its bytes in network order.
    pub const fn v6(bytes: [u8; 16]) -> Self {
        Self {
            family: Family::V6,
            bits: u128::from_be_bytes(bytes),
        }
    }

    /// Whether the first `len` bits of both addresses agree. Addresses of two families never do.
    pub fn shares_prefix(self, other: Self, len: u8) -> bool {
        self.family == other.family && (self.bits ^ other.bits).leading_zeros() >= u32::from(len)
    }
}
