// SPDX-License-Identifier: GPL-2.0

//! Inbound control of one flow.

use super::edge::{ahead, is_after, later, Edge};
use super::opening::{Opening, Stage};
use super::round_trip::Probes;
use super::route::{Known, Report};
use super::steer::{part, Mode, Round, Sample, Steer};

/// Payload of a packet before one was seen, bytes: Ethernet with timestamps.
const USUAL_MSS: u32 = 1_448;

/// Round trip before one was seen, microseconds: short, so that the first probes are sent in time.
const UNKNOWN_RTT_US: u32 = 16_000;

/// Probes a round trip: as many as can be watched for, and not more than one in a millisecond, the usual resolution of stamps.
const PROBES_A_TRIP: u32 = 8;
const LEAST_GAP_US: u32 = 500;

/// Longest window that TCP can offer, bytes (RFC 7323, 2.3).
const WINDOW_MAX: u32 = 1 << 30;

/// Data came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Arrival {
    /// Now, microseconds.
    pub now_us: u64,
    /// Sequence number after the last byte.
    pub end: u32,
    /// Bytes of payload, and in how many packets.
    pub payload: u32,
    /// Packets on the wire.
    pub packets: u32,
    /// The stamp that is echoed, with timestamps.
    pub echo: Option<u32>,
    /// What came by the same interface since some time, bytes.
    pub all: u64,
}

/// A window is about to be offered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Offer {
    /// Now, microseconds.
    pub now_us: u64,
    /// What is acknowledged.
    pub ack: u32,
    /// The window as its sender wrote it.
    pub field: u16,
    /// By how much it is shifted.
    pub shift: u8,
    /// The time stamp on it.
    pub stamp: Option<u32>,
    /// Packets that it may have in the queue of its path if it is to be steered by what it finds there.
    pub queue: Option<u32>,
    /// Bytes per second that it may have.
    pub rate: Option<u64>,
}

/// The inbound half of one flow.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Inbound {
    edge: Edge,
    probes: Probes,
    steer: Steer,
    opening: Opening,
    /// Highest sequence number seen since the first offer, if any data came.
    highest: Option<u32>,
    /// Payload since the start, bytes.
    received: u64,
    mss: u32,
    /// Least round trip of the last round, microseconds; 0 before the first.
    rtt_us: u32,
    /// When the present round began, microseconds, what had come by then of this flow and of all, and of the round trips since
    /// the least, 0 for none, their sum and their number.
    began_us: u64,
    began_bytes: u64,
    began_all: u64,
    least_us: u32,
    sum_us: u64,
    trips: u32,
}

impl Inbound {
    /// Least round trip of the last round, microseconds; 0 before the first.
    pub fn rtt_us(&self) -> u32 {
        self.rtt_us
    }

    /// Least round trip so far, microseconds; 0 before the first.
    pub fn base_us(&self) -> u32 {
        self.steer.base_us()
    }

    /// What it is doing.
    pub fn mode(&self) -> Mode {
        self.steer.mode()
    }

    /// Payload since the start, bytes.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// What others with the same peer are to know after a round trip that ended at `now_us`.
    pub fn report(&mut self, now_us: u64) -> Report {
        Report {
            now_us,
            rtt_us: self.rtt_us.max(1),
            steered: self.steer.counts(now_us),
        }
    }

    /// Takes what they know.
    pub fn learn(&mut self, known: &Known) {
        self.steer.learn(known);
    }

    fn mss(&self) -> u32 {
        match self.mss {
            0 => USUAL_MSS,
            mss => mss,
        }
    }

    /// Data came. Whether a round trip ended with it.
    pub fn arrived(&mut self, arrival: &Arrival) -> bool {
        if arrival.payload == 0 {
            return false;
        }
        // Nobody may send beyond what was offered, but for a packet that asks for the window: it is not of this connection.
        let edge = self.edge.offered();
        let most = |edge: u32| edge.wrapping_add(self.mss());
        if edge.is_some_and(|edge| is_after(arrival.end, most(edge))) {
            return false;
        }
        let each = arrival
            .payload
            .checked_div(arrival.packets.max(1))
            .unwrap_or(0);
        self.mss = self.mss.max(each.min(16_384));
        self.received = self.received.saturating_add(u64::from(arrival.payload));
        // CAST: wraps.
        let now = arrival.now_us as u32;
        self.opening
            .arrived(now, arrival.payload, self.steer.base_us());
        // Before an offer was seen, it may be of any. What lies so far before the edge has been acknowledged long since, or
        // is of none: as the highest it would stand for ever.
        if edge.is_some_and(|edge| ahead(edge, arrival.end) <= WINDOW_MAX) {
            self.highest = Some(match self.highest {
                Some(before) => later(arrival.end, before),
                None => arrival.end,
            });
        }
        let rtt = match arrival.echo {
            Some(echo) => self.probes.came(echo, now, true),
            None => self.probes.came(arrival.end.wrapping_sub(1), now, false),
        };
        let Some(rtt) = rtt.map(|rtt| rtt.max(1)) else {
            return false;
        };
        let mss = self.mss();
        self.steer.sample(&Sample {
            now_us: arrival.now_us,
            rtt_us: rtt,
            bytes: self.received,
            all: arrival.all,
            mss,
        });
        if self.least_us == 0 || rtt < self.least_us {
            self.least_us = rtt;
        }
        self.sum_us = self.sum_us.saturating_add(u64::from(rtt));
        self.trips = self.trips.saturating_add(1);
        let took = arrival.now_us.saturating_sub(self.began_us);
        // A round is as long as its own round trips: what came in it was sent after what it began with.
        if took < u64::from(rtt) {
            return false;
        }
        let is_first = self.began_us == 0;
        let mean = self.sum_us.checked_div(u64::from(self.trips)).unwrap_or(0);
        let round = Round {
            now_us: arrival.now_us,
            took_us: u32::try_from(took).unwrap_or(u32::MAX),
            rtt_us: self.least_us,
            mean_us: u32::try_from(mean).unwrap_or(u32::MAX),
            bytes: self.received.saturating_sub(self.began_bytes),
            all: arrival.all.saturating_sub(self.began_all),
        };
        self.began_us = arrival.now_us;
        self.began_bytes = self.received;
        self.began_all = arrival.all;
        (self.least_us, self.sum_us, self.trips) = (0, 0, 0);
        if is_first {
            self.rtt_us = rtt;
            return true;
        }
        self.rtt_us = round.rtt_us;
        self.steer.round(&round, mss);
        let opening = self.opening_window();
        self.opening.round(round.bytes, mss);
        if self.stage().is_none() {
            self.opening.end();
        }
        if let (Some(window), true) = (opening, self.opening.is_over()) {
            self.steer.resume(window.min(round.in_flight()));
        }
        true
    }

    /// A window went out as its sender wrote it, after all.
    pub fn passed(&mut self, ack: u32, field: u16, shift: u8) {
        self.edge.pass(ack, field, shift);
    }

    /// What to write as window.
    pub fn offer(&mut self, offer: &Offer) -> u16 {
        let steered = match offer.queue {
            Some(packets) => {
                self.steer.limit_queue(packets);
                self.steer.window().max(self.opening_window())
            }
            None => {
                self.steer.release();
                None
            }
        };
        let limited = offer.rate.map(|rate| self.of_rate(rate));
        let window = match (steered, limited) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let before = self.edge.offered();
        let written = match (window, self.highest) {
            (Some(window), Some(highest)) => {
                // Bytes behind a gap are not in flight any more.
                let held = match highest.wrapping_sub(offer.ack) {
                    bytes if bytes <= WINDOW_MAX => bytes,
                    _ => 0,
                };
                let window = held.saturating_add(window).min(WINDOW_MAX);
                let wanted = offer.ack.wrapping_add(window);
                self.edge.offer(offer.ack, offer.field, offer.shift, wanted)
            }
            _ => {
                self.edge.pass(offer.ack, offer.field, offer.shift);
                offer.field
            }
        };
        // CAST: wraps.
        let now = offer.now_us as u32;
        let gap = match self.rtt_us {
            0 => UNKNOWN_RTT_US / PROBES_A_TRIP,
            rtt => rtt / PROBES_A_TRIP,
        };
        let gap = gap.max(LEAST_GAP_US);
        match (offer.stamp, before) {
            (Some(stamp), _) => self.probes.sent(stamp, now, gap),
            (None, Some(edge)) => self.probes.sent(edge, now, gap),
            (None, None) => {}
        }
        written
    }

    /// The window of a flow that begins.
    fn opening_window(&self) -> Option<u32> {
        let stage = self.stage()?;
        // A look needs the window that it has chosen.
        if self.steer.is_looking() {
            return None;
        }
        self.opening
            .window(self.steer.base_us(), self.rtt_us, stage, self.mss())
    }

    /// How far its beginning has come; `None` if it has ended.
    fn stage(&self) -> Option<Stage> {
        match self.steer.mode() {
            Mode::Open if self.steer.is_queued() => Some(Stage::Queued),
            Mode::Open => Some(Stage::Free),
            Mode::Steered if self.steer.is_steered_alone() => Some(Stage::Steered),
            _ => None,
        }
    }

    /// The window that makes a rate of `rate` bytes per second.
    fn of_rate(&self, rate: u64) -> u32 {
        let rtt = match self.rtt_us {
            0 => UNKNOWN_RTT_US,
            rtt => rtt,
        };
        // With less, a sender would wait for a timer.
        part(rate, rtt, 1_000_000).max(self.mss())
    }
}
