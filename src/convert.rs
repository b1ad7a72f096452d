// SPDX-License-Identifier: GPL-2.0

//! Between the kernel's forms and the model's: headers in pieces, families, addresses, acknowledgements.

use crate::model::classify::{self, Packet, Skip, HEADERS};
use crate::model::control::{self, Ack};
use crate::model::units::{self, Addr};
use crate::sys::net_device::Device;
use crate::sys::netfilter::Family;
use crate::sys::skb;
use crate::sys::tcp::{CaState, RateSample, Socket};

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

/// What the model is told of an acknowledgement. Context: the socket's lock held.
#[inline(always)]
pub(crate) fn ack(socket: &Socket<'_>, sample: &RateSample<'_>) -> Ack {
    // What calls or decides comes first: what is in registers would have to be kept over it.
    let peer_time = socket.peer_time();
    let ca_state = match socket.ca_state() {
        CaState::Open => control::CaState::Open,
        CaState::Disorder => control::CaState::Disorder,
        CaState::Cwr => control::CaState::Cwr,
        CaState::Recovery => control::CaState::Recovery,
        CaState::Loss => control::CaState::Loss,
    };
    let measured = sample
        .delivered()
        .map(|(delivered, interval_us)| control::RateSample {
            delivered,
            interval_us,
            snd_interval_us: sample.snd_interval_us(),
            rcv_interval_us: sample.rcv_interval_us(),
        });
    Ack {
        now_us: socket.mstamp_us(),
        rtt_us: sample.rtt_us(),
        delivered: socket.delivered(),
        prior_delivered: sample.prior_delivered(),
        sample: measured,
        acked_sacked: sample.acked_sacked(),
        losses: sample.losses(),
        lost: socket.lost(),
        prior_in_flight: sample.prior_in_flight(),
        in_flight: socket.in_flight(),
        is_app_limited: sample.is_app_limited(),
        is_ack_delayed: sample.is_ack_delayed(),
        cwnd: socket.cwnd(),
        cwnd_clamp: socket.cwnd_clamp(),
        mss: socket.mss(),
        srtt_us: socket.srtt_us().unwrap_or(0),
        rttvar_us: socket.rttvar_us(),
        ca_state,
        snd_wnd_bytes: socket.snd_wnd(),
        packets_out: socket.packets_out(),
        max_pacing_rate: socket.max_pacing_rate(),
        peer_time,
    }
}
