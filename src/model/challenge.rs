// SPDX-License-Identifier: GPL-2.0

//! Whether a peer acknowledges what it has received, or whatever it likes.
//!
//! A sender is told by its receiver how fast it may be. One that acknowledges what has not arrived, by number or by SACK, looks
//! like one behind a path without limits. So now and then, at a place that nobody can guess, a segment is withheld: TCP takes it
//! for sent, but it never leaves. An honest receiver reports a gap, and TCP repairs it. Who acknowledges a byte of it before it was
//! sent again has lied, whatever the network between did: then the connection is bounded for good (Sherwood, Bhattacharjee, Braud,
//! "Misbehaving TCP Receivers Can Cause Internet-Wide Congestion Collapse", CCS 2005: randomly skipped segments).
//!
//! Once within each doubling of what was sent, and when the path seems to have become twice as fast: a liar gets no more than
//! the [first bytes](FIRST_MAX), and later as much again as it has received.

mod types;

pub use types::{Fate, Fit, Now, Packet, Step};

/// Bytes sent before the first segment is withheld: larger than what anybody waits for as a whole, so that a repair is not
/// what the end of a download waits for.
const FIRST: u64 = 6_000_000;

/// It is withheld somewhere in as many bytes behind them.
const FIRST_SPAN: u64 = 6_000_000;

/// Bytes that a peer can lie about before it is asked.
pub const FIRST_MAX: u64 = FIRST + FIRST_SPAN;

/// The place of a segment that is withheld sooner than planned lies within so many bytes: few beside what was sent before the first.
const SOON: u64 = 2_000_000;

/// Bytes from which on the place is chosen: shorter connections do not even draw a random number.
const FROM: u64 = 5_250_000;

/// Full segments that have to wait behind a withheld one, so that it is missed at once: three report a loss, and of some
/// acknowledgements get lost.
const FOLLOWING: u32 = 32;

/// ACKs after which less will do, as the application has no more to send, or the send buffer is full of what the peer acknowledges
/// selectively only. A timer finds what is missing then.
const PATIENCE: u16 = 128;

/// ACKs after which another place is chosen, as nothing that can be withheld passes.
const DESPAIR: u16 = 2048;

/// Window of a connection whose peer has lied, packets: that of RFC 6928, which everybody may have.
pub const BOUND_CWND: u32 = 10;

/// Windows per second that it may send at most, as round trips are what the peer makes them look like.
const BOUND_WINDOWS_PER_S: u32 = 10;

/// Largest rate of such a connection, bytes per second.
pub fn bound_rate(mss: u32) -> u64 {
    u64::from(
        mss.saturating_mul(BOUND_CWND)
            .saturating_mul(BOUND_WINDOWS_PER_S),
    )
    .max(1)
}

/// Bytes on their way with which nobody is asked: a hole has the receiver store a round trip's worth, and receivers with as much
/// as that in store drop what arrives (350 Mbit/s, 307 ms, jitter: 0.93 of the limit became 0.69).
const FLIGHT_MAX: u32 = 3 << 20;

/// Where packets overtake each other, and few are sent again, a place is put off until so many times as much was sent, at least
/// and at most. As long as a hole stands, receivers put their acknowledgements together, and tell of three or four places in
/// each: what overtook in more of them is never told of, and sent again for nothing (1,200 packets for each one withheld at
/// 50 Mbit/s with 5 ms of jitter).
const RARE_LEAST: u64 = 4;
const RARE_MOST: u64 = 8;

/// What is being waited for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Phase {
    /// The place is not chosen yet.
    #[default]
    Fresh,
    /// The place is to come.
    Far,
    /// The next segment that is fit is withheld.
    Armed,
    /// One is.
    Withheld,
    /// The peer has acknowledged what was never sent.
    Lied,
}

/// The state of a connection. All that is asked of it between two challenges is [`Challenge::is_due`].
#[derive(Clone, Copy, Debug)]
pub struct Challenge {
    /// Bytes sent at which something is to be done: a place chosen, or a segment withheld there. Zero if each ACK matters, and
    /// the largest number if nobody is asked.
    due: u64,
    /// Capacity when the peer was found honest last, bytes per second; zero if it is to be noted.
    proven: u64,
    /// Sequence numbers withheld: the first, and the one after the last.
    begin: u32,
    end: u32,
    /// Bytes of other segments that were seen to be sent again since.
    others: u32,
    /// What TCP counted then of all that it has sent again, wraps.
    again: u32,
    /// ACKs while it was armed.
    waited: u16,
    /// What the segments' largest number in a packet was before we made it one; zero if we have not.
    tso: u16,
    phase: Phase,
    /// That TCP counted the segment lost is seen to.
    is_excused: bool,
    /// The place has been put off, as packets overtake each other.
    is_put_off: bool,
}

/// `a` is behind `b`.
const fn after(a: u32, b: u32) -> bool {
    b.wrapping_sub(a) >> 31 == 1
}

/// A number below `span`; zero for an empty one.
fn below(random: u64, span: u64) -> u64 {
    random.checked_rem(span).unwrap_or(0)
}

/// Packets overtake each other, and at most a sixteenth was sent again: SACKs that lie look like the first, but not like the second.
fn is_calm_but_reordered(now: &Now) -> bool {
    now.is_reordered && now.again < now.sent / 16
}

impl Default for Challenge {
    /// For a connection that begins.
    fn default() -> Self {
        Self {
            due: FROM,
            proven: 0,
            begin: 0,
            end: 0,
            others: 0,
            again: 0,
            waited: 0,
            tso: 0,
            phase: Phase::Fresh,
            is_excused: false,
            is_put_off: false,
        }
    }
}

impl Challenge {
    /// Whether [`Challenge::on_ack`] is to be told of an ACK, with so many bytes sent; `false` for nearly all.
    #[inline(always)]
    pub fn is_due(&self, sent: u64) -> bool {
        sent >= self.due
    }

    /// Whether it wants to be told of each packet.
    pub fn is_attentive(&self) -> bool {
        !matches!(self.phase, Phase::Fresh | Phase::Far)
    }

    /// The peer has acknowledged what was never sent.
    pub fn is_bound(&self) -> bool {
        self.phase == Phase::Lied
    }

    fn attend(&mut self, phase: Phase) {
        self.phase = phase;
        self.due = 0;
    }

    fn leave(&mut self, place: u64) {
        self.phase = Phase::Far;
        self.due = place;
    }

    /// A round trip is over, with so many bytes sent and a capacity, bytes per second.
    #[inline(always)]
    pub fn on_round(&mut self, sent: u64, capacity: u64, random: impl Fn() -> u64) {
        // The first place stands: until there the capacity is being found.
        if sent < FIRST_MAX || self.phase != Phase::Far {
            return;
        }
        if self.proven == 0 {
            self.proven = capacity;
        }
        if capacity / 2 > self.proven && self.due > sent.saturating_add(SOON) {
            self.proven = capacity;
            self.due = sent.saturating_add(below(random(), SOON));
        }
    }

    /// Chooses a place within the next doubling: in its second half, as each repair has the peer acknowledge every packet for a
    /// round trip, which a narrow way back feels. A peer that knows this and is honest there gets half as much again as it receives.
    fn after_proof(&mut self, sent: u64, random: u64) {
        let least = sent / 2;
        let place = least.saturating_add(below(random, sent.saturating_sub(least)));
        self.leave(sent.saturating_add(place));
        self.proven = 0;
        self.is_put_off = false;
    }

    /// Chooses another place, as nothing was learned.
    fn postpone(&mut self, sent: u64, random: u64) {
        self.leave(sent.saturating_add(below(random, SOON)));
    }

    /// Gives up what is not decided: nobody is to be asked.
    pub fn abandon(&mut self) {
        if !self.is_bound() {
            self.phase = Phase::Fresh;
            self.due = u64::MAX;
        }
    }

    /// Begins again what was [given up](Challenge::abandon).
    pub fn resume(&mut self) {
        if self.due == u64::MAX {
            self.due = FROM;
        }
    }

    /// An ACK was processed while it was [due](Challenge::is_due). `fate` says what TCP knows of the bytes between two sequence
    /// numbers.
    pub fn on_ack(
        &mut self,
        now: &Now,
        random: impl Fn() -> u64,
        fate: impl Fn(u32, u32) -> Fate,
    ) -> Step {
        match self.phase {
            Phase::Fresh if now.is_drowned() => {
                self.postpone(now.sent, random());
                Step::Go
            }
            Phase::Fresh => {
                self.leave(FIRST.saturating_add(below(random(), FIRST_SPAN)));
                Step::Go
            }
            Phase::Far if is_calm_but_reordered(now) && !self.is_put_off => {
                self.is_put_off = true;
                let least = now.sent.saturating_mul(RARE_LEAST);
                let span = now
                    .sent
                    .saturating_mul(RARE_MOST.saturating_sub(RARE_LEAST));
                self.leave(least.saturating_add(below(random(), span)));
                Step::Go
            }
            Phase::Far => {
                self.waited = 0;
                self.attend(Phase::Armed);
                self.seek(now, random)
            }
            Phase::Armed => self.seek(now, random),
            Phase::Withheld => self.verify(now, random, fate),
            Phase::Lied => Step::Bound,
        }
    }

    fn seek(&mut self, now: &Now, random: impl Fn() -> u64) -> Step {
        self.waited = self.waited.saturating_add(1);
        let hopeless = self.waited > DESPAIR || now.flight > FLIGHT_MAX;
        // Who is drowned is slow as long as it waits, and stores nothing that could be dropped.
        if hopeless && !now.is_drowned() {
            self.postpone(now.sent, random());
            return Step::Go;
        }
        // One segment more than is needed behind it.
        let needed = now.mss.saturating_mul(FOLLOWING.saturating_add(1));
        if now.unsent >= needed || self.is_impatient() {
            Step::Single
        } else {
            Step::Go
        }
    }

    fn is_impatient(&self) -> bool {
        self.waited > PATIENCE
    }

    fn verify(
        &mut self,
        now: &Now,
        random: impl Fn() -> u64,
        fate: impl Fn(u32, u32) -> Fate,
    ) -> Step {
        let fate = fate(self.begin, self.end);
        if after(now.una, self.begin) || fate.is_sacked {
            // Nobody is accused while TCP has sent anything again that was not seen here: it may have been this.
            // CAST: the lower parts, as bytes that are on their way are fewer.
            if (now.again as u32).wrapping_sub(self.again) != self.others {
                self.postpone(now.sent, random());
                return Step::Go;
            }
            self.attend(Phase::Lied);
            return Step::Caught;
        }
        if fate.is_lost && !self.is_excused {
            self.is_excused = true;
            return Step::Excuse;
        }
        Step::Go
    }

    /// A packet with data is about to leave while it is [attentive](Challenge::is_attentive); `now` as TCP stands, the packet
    /// counted.
    pub fn on_packet(&mut self, packet: &Packet, now: &Now, random: impl Fn() -> u64) -> Fit {
        let end = packet.seq.wrapping_add(packet.payload);
        match self.phase {
            Phase::Armed if !packet.is_again => {
                let enough = packet.behind >= now.mss.saturating_mul(FOLLOWING);
                let follows = enough || self.is_impatient();
                if packet.segments > 1 || packet.payload > now.mss || !follows {
                    return Fit::Go;
                }
                self.begin = packet.seq;
                self.end = end;
                self.others = 0;
                // CAST: the lower part.
                self.again = now.again as u32;
                self.is_excused = false;
                self.attend(Phase::Withheld);
                Fit::Withhold
            }
            Phase::Withheld if packet.is_again => {
                if after(self.end, packet.seq) && after(end, self.begin) {
                    if self.is_stormy(packet, now) {
                        self.others = self.others.wrapping_add(packet.payload);
                        return Fit::Withhold;
                    }
                    if now.is_drowned() {
                        // Honest here, and maybe here only.
                        self.postpone(now.sent, random());
                    } else {
                        self.after_proof(now.sent, random());
                    }
                    return Fit::Repair;
                }
                self.others = self.others.wrapping_add(packet.payload);
                Fit::Go
            }
            _ => Fit::Go,
        }
    }

    /// Most of what was sent were repetitions, which no loss that TCP can live with explains, but SACKs that lie do: they make what
    /// lies between look lost before it can have arrived. Then the repair is withheld, too, as long as the peer is not waiting for
    /// it alone.
    fn is_stormy(&self, packet: &Packet, now: &Now) -> bool {
        let most = now.again >= now.sent / 2;
        most && packet.segments == 1 && after(self.begin, now.una)
    }

    /// Whether the loss of what has just been [repaired](Fit::Repair) is still to be excused.
    pub fn owes_excuse(&self) -> bool {
        !self.is_excused
    }

    /// What the largest number of segments in a packet, now `segments`, is to be: one if they shall go `single`, else what it was.
    pub fn tso(&mut self, single: bool, segments: u16) -> u16 {
        if single {
            if segments > 1 {
                self.tso = segments;
            }
            return 1;
        }
        // TCP may have set it anew meanwhile.
        let before = core::mem::take(&mut self.tso);
        if before != 0 && segments == 1 {
            before
        } else {
            segments
        }
    }
}

#[cfg(test)]
mod tests;
