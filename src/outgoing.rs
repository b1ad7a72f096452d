// SPDX-License-Identifier: GPL-2.0

//! What a local socket sends, in LOCAL_OUT, while the socket is at hand.

use crate::adoption;
use crate::challenge;
use crate::congestion;
use crate::meet::Here;
use crate::model::challenge::Packet;
use crate::model::classify::{self, TcpFlags, Transport};
use crate::model::copies::Segment;
use crate::model::plain::Plain;
use crate::model::stats::{Event, Metric};
use crate::sys::netfilter::{Departure, LocalOut};
use crate::sys::tcp::Socket;

/// A TCP segment that a local socket sends.
#[derive(Clone, Copy)]
pub(crate) struct Outgoing {
    /// Ports of the sender and of the receiver.
    pub(crate) ports: (u16, u16),
    seq: u32,
    pub(crate) flags: TcpFlags,
    /// Bytes of data.
    payload: u32,
}

/// What becomes of it.
#[derive(Clone, Copy)]
pub(crate) enum Fate {
    /// It goes.
    Leaves,
    /// It is to be sent twice; whether the peer gets both in order.
    Twice(bool),
    /// It does not leave.
    Withheld,
}

impl Outgoing {
    pub(crate) fn of(packet: &classify::Packet) -> Option<Self> {
        let Transport::Tcp { seq, flags, .. } = packet.transport else {
            return None;
        };
        Some(Outgoing {
            ports: (packet.source_port, packet.dest_port),
            seq,
            flags,
            payload: packet.payload,
        })
    }

    #[inline(always)]
    pub(crate) fn of_plain(packet: &Plain) -> Self {
        Outgoing {
            ports: (packet.source_port, packet.dest_port),
            seq: packet.seq,
            flags: packet.flags,
            payload: packet.payload,
        }
    }

    /// The socket advances `snd_nxt` after the first transmission, so what lies before it was sent already.
    #[inline(always)]
    pub(crate) fn is_again(&self, socket: &Socket<'_>) -> bool {
        self.seq.wrapping_sub(socket.snd_nxt()) >> 31 == 1
    }

    /// What there is to do about a segment that an adopted socket sends.
    #[inline(always)]
    pub(crate) fn attend(
        &self,
        here: &Here<'_>,
        socket: &mut Socket<'_>,
        is_again: bool,
        segments: u32,
    ) -> Fate {
        if self.payload == 0 {
            // A window that is offered with data is that of the acknowledgement before it, or little more.
            adoption::limit_window(here.state, socket);
        } else if congestion::control().is_attentive(socket) {
            if let Some(fate) = self.show(here, socket, is_again, segments) {
                return fate;
            }
        }
        let end = self.seq.wrapping_add(self.payload);
        let segment = Segment {
            payload: self.payload,
            is_fin: self.flags.has(TcpFlags::FIN),
            is_again,
            // A FIN takes a sequence number after the last byte.
            is_last: socket.write_seq().wrapping_sub(end) <= 1,
            is_drained: socket.write_seq().wrapping_sub(socket.snd_nxt()) <= 1,
        };
        if !segment.is_candidate() || !here.scope.copies() {
            return Fate::Leaves;
        }
        let (sent, reordered) = (socket.bytes_sent(), socket.saw_reordering());
        let flow = |flow: &mut congestion::Flow| flow.wants_copy(segment, sent, reordered);
        let wanted = congestion::control().with(socket, flow).flatten();
        wanted.map_or(Fate::Leaves, Fate::Twice)
    }

    /// Shows data to a flow that wants to see what its socket sends. `None` if nothing follows for it.
    #[cold]
    fn show(
        &self,
        here: &Here<'_>,
        socket: &mut Socket<'_>,
        is_again: bool,
        segments: u32,
    ) -> Option<Fate> {
        let end = self.seq.wrapping_add(self.payload);
        let packet = Packet {
            seq: self.seq,
            payload: self.payload,
            segments,
            is_again,
            behind: socket.write_seq().wrapping_sub(end),
        };
        let shown = congestion::control().with_aside(socket, |_, challenge, socket| {
            let withheld = challenge::on_packet(challenge, socket, &packet);
            (withheld, challenge.is_bound())
        });
        match shown {
            Some((true, _)) => {
                here.state.count(here.number, Event::WithheldPackets);
                Some(Fate::Withheld)
            }
            // Nothing is done to have it sooner.
            Some((_, true)) => Some(Fate::Leaves),
            _ => None,
        }
    }

    /// Lets the packet go as it was decided.
    #[inline(always)]
    pub(crate) fn depart(
        &self,
        here: &Here<'_>,
        sending: &mut LocalOut<'_>,
        fate: Fate,
    ) -> Departure {
        match fate {
            Fate::Leaves => Departure::Leaves,
            Fate::Twice(in_order) => {
                self.double(here, sending, in_order);
                Departure::Leaves
            }
            Fate::Withheld => Departure::Withheld,
        }
    }

    /// Sends the packet a second time.
    #[cold]
    fn double(&self, here: &Here<'_>, sending: &mut LocalOut<'_>, in_order: bool) {
        if !sending.send_copy() {
            return;
        }
        here.state.count(here.number, Event::CopiedPackets);
        let segments = sending.packet().segments();
        if let Some(mut socket) = sending.socket(self.ports.0, self.ports.1) {
            socket.count_copy(segments, in_order);
        }
    }

    /// A segment of a socket that is ours already: all that there is to do in LOCAL_OUT, or nothing and `None` if it is another's.
    #[inline(always)]
    pub(crate) fn of_ours(
        &self,
        here: &Here<'_>,
        sending: &mut LocalOut<'_>,
        wire: u64,
        segments: u32,
    ) -> Option<Departure> {
        let mut socket = sending.socket(self.ports.0, self.ports.1)?;
        if !congestion::control().controls(&socket) {
            return None;
        }
        let is_again = self.is_again(&socket);
        if self.payload == 0 || !is_again {
            here.count(Metric::LanInBytes, wire);
        }
        if !here.scope.accelerates() {
            return Some(Departure::Leaves);
        }
        let fate = self.attend(here, &mut socket, is_again, segments);
        Some(self.depart(here, sending, fate))
    }
}
