// SPDX-License-Identifier: GPL-2.0

//! Segments that are withheld to see who acknowledges what was never sent: [`crate::model::challenge`] of a socket.
//!
//! CONTEXT: all with the socket's lock held, in softirq or by a process.

use crate::adoption::Adoption;
use crate::model::challenge::{bound_rate, Challenge, Fate, Fit, Now, Packet, Step, BOUND_CWND};
use crate::model::settings::Key;
use crate::model::stats::Event;
use crate::state::STATE;
use crate::sys::procfs::log_allowed;
use crate::sys::random;
use crate::sys::tcp::Socket;
use kernel::prelude::*;
use kernel::sync::rcu;

/// Least number of `logLevel` at which a lie is told of: as what is refused.
const WARNINGS: u64 = 4;

/// What an ACK of a flow that is attentive comes to.
pub(crate) enum Answer {
    /// The model is told of it, but for as many losses; `slow` if the connection is bounded for now, whatever the model says.
    Tell { excused: u32, slow: bool },
    /// The connection is bounded, and no model is asked.
    Bound,
}

fn now(socket: &Socket<'_>) -> Now {
    Now {
        sent: socket.bytes_sent(),
        again: socket.bytes_sent_again(),
        una: socket.snd_una(),
        unsent: socket.write_seq().wrapping_sub(socket.snd_nxt()),
        flight: socket.snd_nxt().wrapping_sub(socket.snd_una()),
        mss: socket.mss(),
        is_reordered: socket.has_seen_reordering(),
    }
}

/// Lets segments go alone, or as they went before.
fn limit_tso(challenge: &mut Challenge, socket: &mut Socket<'_>, single: bool) {
    let segments = socket.max_tso();
    let wanted = challenge.tso(single, segments);
    if wanted != segments {
        socket.set_max_tso(wanted);
    }
}

/// Gives up a challenge, and leaves a bound where it is.
pub(crate) fn abandon(challenge: &mut Challenge, socket: &mut Socket<'_>) {
    challenge.abandon();
    limit_tso(challenge, socket, false);
}

/// Sets the window and the rate of a connection whose peer has lied.
pub(crate) fn bind(socket: &mut Socket<'_>) {
    socket.set_cwnd(BOUND_CWND);
    socket.set_pacing_rate(bound_rate(socket.mss()));
}

/// An ACK has been processed, and a challenge is due, for the flow of `asked`; without it nobody is to be asked.
#[cold]
pub(crate) fn on_ack(
    challenge: &mut Challenge,
    socket: &mut Socket<'_>,
    asked: Option<&Adoption>,
) -> Answer {
    if asked.is_none() && !challenge.is_bound() {
        abandon(challenge, socket);
        return Answer::Tell {
            excused: 0,
            slow: false,
        };
    }
    let seen = &*socket;
    let fate = |begin, end| {
        let (is_sacked, is_lost) = seen.fate(begin, end);
        Fate { is_sacked, is_lost }
    };
    let now = now(seen);
    let step = challenge.on_ack(&now, random::word, fate);
    limit_tso(challenge, socket, step == Step::Single);
    let slow = now.is_drowned();
    match step {
        Step::Go | Step::Single => Answer::Tell { excused: 0, slow },
        Step::Excuse => {
            socket.excuse_loss();
            Answer::Tell { excused: 1, slow }
        }
        Step::Caught => {
            if let Some(adoption) = asked {
                accuse(adoption, socket);
            }
            bind(socket);
            Answer::Bound
        }
        Step::Bound => {
            bind(socket);
            Answer::Bound
        }
    }
}

/// A packet is about to leave, and the flow is attentive; whether it is to be withheld.
#[cold]
pub(crate) fn on_packet(
    challenge: &mut Challenge,
    socket: &mut Socket<'_>,
    packet: &Packet,
) -> bool {
    let fit = challenge.on_packet(packet, &now(socket), random::word);
    match fit {
        Fit::Go => {}
        Fit::Withhold => limit_tso(challenge, socket, false),
        Fit::Repair => {
            let end = packet.seq.wrapping_add(packet.payload);
            // A probe of the tail repeats what does not count as lost.
            if challenge.owes_excuse() && socket.fate(packet.seq, end).1 {
                socket.excuse_loss();
            }
        }
    }
    fit == Fit::Withhold
}

/// Counts a lie and tells of it.
fn accuse(adoption: &Adoption, socket: &Socket<'_>) {
    let guard = rcu::read_lock();
    let Some(state) = STATE.get(&guard) else {
        return;
    };
    state.count(adoption.engine, Event::SocketsBounded);
    let engine = state.engines().get(adoption.engine as usize);
    let level = engine.map_or(WARNINGS, |engine| engine.settings.get(Key::LogLevel));
    if level >= WARNINGS && log_allowed() {
        let (local, remote) = socket.ports();
        pr_warn!(
            "the peer of a connection (port {local}, its port {remote}) acknowledged what was never sent: it gets {BOUND_CWND} packets at a time\n"
        );
    }
}
