// SPDX-License-Identifier: GPL-2.0

//! Between the kernel's forms and the model's: headers in pieces, families, addresses.

use crate::model::classify::{self, Packet, Skip, HEADERS};
use crate::model::units::{self, Addr};
use crate::sys::net_device::Device;
use crate::sys::netfilter::Family;
use crate::sys::skb;

/// Whether `peer` is in a subnet of the interface. Context: RCU.
pub(crate) fn is_onlink(device: &Device<'_>, peer: Addr) -> bool {
    let bits = peer.bits.to_be_bytes();
    match peer.family {
        units::Family::V4 => bits
            .first_chunk()
            .is_some_and(|addr| device.is_onlink_v4(addr)),
        units::Family::V6 => device.is_onlink_v6(&bits),
    }
}

/// An address as the kernel has it in a union for both families.
pub(crate) fn addr(family: units::Family, bytes: &[u8; 16]) -> Addr {
    match family {
        units::Family::V4 => {
            let [a, b, c, d, ..] = *bytes;
            Addr::v4([a, b, c, d])
        }
        units::Family::V6 => Addr::v6(*bytes),
    }
}

/// Classifies a packet whose headers do not lie in one piece.
#[cold]
pub(crate) fn parse_scattered(raw: &skb::Packet<'_>) -> Result<Packet, Skip> {
    let mut head = [0u8; HEADERS];
    classify::parse(raw.head(&mut head), raw.len())
}

/// A family.
pub(crate) const fn units_family(family: Family) -> units::Family {
    match family {
        Family::V4 => units::Family::V4,
        Family::V6 => units::Family::V6,
    }
}
