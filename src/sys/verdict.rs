// SPDX-License-Identifier: GPL-2.0

//! What hooks tell netfilter of a packet.
//!
//! C header: `include/uapi/linux/netfilter.h`.

use super::bindings as c;
use kernel::ffi;

/// What becomes of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// It goes on.
    Pass,
    /// It is dropped. A local sender is told "connection refused".
    Refuse,
}

impl Verdict {
    pub(super) fn to_raw(self) -> ffi::c_uint {
        match self {
            Verdict::Pass => c::NF_ACCEPT,
            // As the macro NF_DROP_ERR() does it: the error in the upper half.
            Verdict::Refuse => (c::ECONNREFUSED << 16) | c::NF_DROP,
        }
    }
}

/// What becomes of a packet of a local socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Departure {
    /// It goes on.
    Leaves,
    /// It is gone, and the socket believes that it was sent.
    Withheld,
}

impl Departure {
    /// # Safety
    ///
    /// `skb` must be the packet of a LOCAL_OUT hook's call, whose value is returned to netfilter at once: nobody may refer to the
    /// packet any more.
    pub(super) unsafe fn to_raw(self, skb: *mut c::sk_buff) -> ffi::c_uint {
        match self {
            Departure::Leaves => c::NF_ACCEPT,
            Departure::Withheld => {
                // SAFETY: The packet is the hook's, as NF_STOLEN says; the caller promises the rest.
                unsafe { c::appex_skb_withhold(skb) };
                c::NF_STOLEN
            }
        }
    }
}
