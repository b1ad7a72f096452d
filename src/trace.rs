// SPDX-License-Identifier: GPL-2.0

//! Traces: the model's numbers after each acknowledgement, for whoever listens to the tracepoint.

use crate::model::control::{Control, Zeta};
use crate::summary;
use crate::sys::tcp::{RateSample, Socket, Traced};

/// Tells what an acknowledgement has led to. Context: the socket's lock held.
pub(crate) fn ack(
    socket: &Socket<'_>,
    sample: &RateSample<'_>,
    decision: &Control,
    zeta: &Zeta,
    mode: u8,
) {
    if socket.is_traced() {
        tell(socket, sample, decision, zeta, mode);
    }
}

#[cold]
fn tell(socket: &Socket<'_>, sample: &RateSample<'_>, decision: &Control, zeta: &Zeta, mode: u8) {
    let info = zeta.info();
    let ppm = u64::from(info.random_loss_q16).saturating_mul(1_000_000) >> 16;
    socket.trace(&Traced {
        pacing_rate: decision.pacing_rate,
        capacity: info.bw_bytes_per_s,
        cwnd: decision.cwnd,
        in_flight: socket.in_flight(),
        delivered: socket.delivered(),
        lost: socket.lost(),
        rtt_us: sample.rtt_us().unwrap_or(0),
        srtt_us: socket.srtt_us().unwrap_or(0),
        base_us: info.base_rtt_us,
        queue_us: info.queue_us,
        loss_ppm: u32::try_from(ppm).unwrap_or(u32::MAX),
        phase: summary::number(info.mode),
        mode,
    });
}
