// SPDX-License-Identifier: GPL-2.0

//! The congestion control "zeta" of a socket: the kernel's numbers in, the model's decisions out.
//!
//! CONTEXT: all callbacks run with the socket's lock held, mostly in softirq. Nothing here sleeps or allocates.

use crate::adoption::Adoption;
use crate::challenge::{self, Answer};
use crate::convert;
use crate::copied::Copied;
use crate::model::challenge::{Challenge, BOUND_CWND};
use crate::model::control::{Idle, Start, Zeta};
use crate::model::copies::{Budget, PathNow, Segment};
use crate::model::memory::{Known, Share};
use crate::model::stats::Metric;
use crate::model::window::{self, Bound};
use crate::proc;
use crate::rules::{self, Found};
use crate::state::STATE;
use crate::summary;
use crate::sys::random;
use crate::sys::tcp::{Algorithm, CaState, Control, RateSample, Socket, Summary};
use crate::trace;
use kernel::sync::atomic::Relaxed;
use kernel::sync::rcu;

static CONTROL: Control<Flow> = Control::new();

/// How often a long connection reports on its path, ticks: ten seconds, often against the minutes that a report is believed.
const REPORT_TICKS: u32 = 9_766;

/// Packets of a connection below which its losses are chance.
const REPORT_PACKETS: u32 = 8;

/// One flow under control.
pub(crate) struct Flow {
    zeta: Zeta,
    /// `None` when the user chose the algorithm by name.
    adoption: Option<Adoption>,
    /// When to report what the path is like, [`ticks`].
    report_at: u32,
    copies: Budget,
    /// What it has taken of the remembered capacity.
    share: Share,
    /// What we have bound the offered windows to.
    window: Bound,
    settings: Copied,
}

// With the record's own fields (list, socket, what is to be restored) a flow takes one kilobyte, the slab it is allocated in.
const _: () = assert!(core::mem::size_of::<Flow>() <= 1024 - 48);

/// The congestion control, for registration, adoption and hand-back.
pub(crate) fn control() -> &'static Control<Flow> {
    &CONTROL
}

impl Flow {
    /// How the flow was adopted, if it was.
    pub(crate) fn adoption(&self) -> Option<&Adoption> {
        self.adoption.as_ref()
    }

    /// Obeys a rule, or none, from its next ACK on. Whether it is another one than before.
    pub(crate) fn obey(&mut self, found: Option<&Found>) -> bool {
        let id = found.map_or(0, |found| found.id);
        let Some(adoption) = self.adoption.as_mut().filter(|a| a.rule != id) else {
            return false;
        };
        adoption.rule = id;
        adoption.choice = rules::choice(found);
        // Any other number has the settings read again.
        self.settings.changes = self.settings.changes.wrapping_sub(1);
        true
    }

    /// Whether `segment` is to be sent twice, and if so, whether the path keeps the order of packets, by what was seen before the
    /// first copy; `reordered` if packets were overtaken so far.
    pub(crate) fn wants_copy(
        &mut self,
        segment: Segment,
        bytes_sent: u64,
        reordered: bool,
    ) -> Option<bool> {
        // A rule may want the conservative mode for it.
        if self.settings.settings.conserv_mode {
            return None;
        }
        let path = PathNow {
            loss_q16: self.zeta.random_loss_q16(),
            is_pressing: self.zeta.is_pressing(),
        };
        self.copies
            .spend(segment, &path, bytes_sent)
            .then(|| self.copies.keeps_order(reordered))
    }

    /// The adoption, if the peer is to be asked whether it lies. Who chose the algorithm by name has no engine that could say so.
    fn asked(&self) -> Option<&Adoption> {
        self.adoption.as_ref().filter(|_| !self.settings.believes)
    }

    /// Whether the offered windows are bound by us.
    pub(crate) fn is_bound(&self) -> bool {
        self.window != Bound::default()
    }

    /// What the bound of the offered windows, which is `now`, is to be under `limit`.
    pub(crate) fn bound_window(&mut self, now: u32, limit: Option<u32>) -> u32 {
        let (bytes, bound) = window::bound(now, self.window, limit);
        self.window = bound;
        bytes
    }

    /// Tells the memory of paths what this connection has seen; `last` at its end.
    fn report(&self, socket: &Socket<'_>, last: bool) {
        let guard = rcu::read_lock();
        if let (Some(state), Some(adoption)) = (STATE.get(&guard), self.adoption) {
            let report = self.zeta.learned(socket.delivered(), socket.lost());
            if last && report.capacity == 0 {
                state.paths.give_back(adoption.peer(), self.share);
            }
            // What says next to nothing shall not displace what others know.
            if report.total < REPORT_PACKETS && report.capacity == 0 {
                return;
            }
            state.paths.report(adoption.peer(), &report);
        }
    }

    /// Obeys settings that have changed; whether any may have.
    #[inline(always)]
    fn renew(&mut self, socket: &mut Socket<'_>) -> bool {
        let renewed = proc::have_changed(self.settings.changes)
            && self.settings.renew(self.adoption.as_ref());
        if renewed {
            socket.limit_unsent(self.adoption.is_some() && self.settings.is_lean);
        }
        renewed
    }

    fn gauge(&self, up: bool) {
        let guard = rcu::read_lock();
        if let (Some(state), Some(adoption)) = (STATE.get(&guard), self.adoption) {
            state.gauge(adoption.engine, adoption.family, Metric::NumOfAccFlows, up);
            if let Some(engine) = state.engines().get(adoption.engine as usize) {
                engine.accelerated.add(if up { 1 } else { -1 }, Relaxed);
            }
        }
    }
}

/// A time in steps of 1,024 microseconds, in fewer bytes: it starts again every 50 days.
const fn ticks(now_us: u64) -> u32 {
    // CAST: the lower part.
    (now_us >> 10) as u32
}

/// What is remembered of the path of a connection. Context: any.
fn known(adoption: Adoption) -> Option<(Known, Share)> {
    let guard = rcu::read_lock();
    STATE.get(&guard)?.paths.take(adoption.peer())
}

impl Algorithm for Flow {
    const NAME: &'static [u8] = b"zeta";

    type Context = Adoption;

    type Aside = Challenge;

    fn control() -> &'static Control<Self> {
        &CONTROL
    }

    fn start(socket: &mut Socket<'_>, context: Option<Adoption>) -> Self {
        let (engine, choice) = context.map_or_else(Default::default, |a| (a.engine, a.choice));
        let copied = Copied::read(engine, &choice);
        let settings = copied.settings;
        let initial = context.map_or(settings.initial_cwnd, |adoption| adoption.initial_cwnd);
        // The first data counts as sent before it passes the hook: nothing outstanding and nothing
        // acknowledged (but perhaps the SYN) is what a fresh connection looks like.
        let fresh = socket.packets_out() == 0 && socket.bytes_acked() <= 1;
        let (known, share) = context.filter(|_| fresh).and_then(known).unzip();
        let start = Start {
            now_us: socket.mstamp_us(),
            cwnd: if fresh {
                settings.boosted(initial.max(socket.cwnd()), socket.snd_wnd(), socket.mss())
            } else {
                socket.cwnd()
            },
            mss: socket.mss(),
            srtt_us: socket.srtt_us(),
            delivered: socket.delivered(),
            lost: socket.lost(),
            known,
        };
        let zeta = Zeta::new(&start, &settings);
        let max_rate = match settings.max_rate {
            0 => socket.max_pacing_rate(),
            limit => limit.min(socket.max_pacing_rate()),
        };
        let first = zeta.initial(&start, max_rate);
        socket.set_cwnd(first.cwnd);
        socket.set_pacing_rate(first.pacing_rate);
        socket.limit_unsent(context.is_some() && copied.is_lean);
        let flow = Flow {
            zeta,
            adoption: context,
            report_at: ticks(start.now_us).wrapping_add(REPORT_TICKS),
            copies: Budget::default(),
            share: share.unwrap_or_default(),
            window: Bound::default(),
            settings: copied,
        };
        flow.gauge(true);
        flow
    }

    fn on_ack(
        &mut self,
        challenge: &mut Challenge,
        socket: &mut Socket<'_>,
        sample: &RateSample<'_>,
    ) -> bool {
        let renewed = self.renew(socket);
        if renewed && self.asked().is_some() {
            challenge.resume();
        }
        let (mut excused, mut slow) = (0, false);
        let due = challenge.is_due(socket.bytes_sent());
        if due {
            match challenge::on_ack(challenge, socket, self.asked()) {
                Answer::Tell {
                    excused: losses,
                    slow: bounded,
                } => (excused, slow) = (losses, bounded),
                Answer::Bound => return true,
            }
        }
        let mut ack = convert::ack(socket, sample);
        ack.losses = ack.losses.saturating_sub(excused);
        let now = ticks(ack.now_us);
        let decision = self.zeta.on_ack(ack, &self.settings.settings);
        socket.set_cwnd(decision.cwnd);
        socket.set_pacing_rate(decision.pacing_rate);
        if slow {
            challenge::bind(socket);
        }
        if let Some(threshold) = decision.ssthresh {
            socket.set_ssthresh(threshold);
        }
        if let Some(rto_min) = decision.rto_min_us {
            // The conversion to ticks costs a division: only when it matters.
            if rto_min.abs_diff(socket.rto_min_us()) > rto_min / 8 {
                socket.set_rto_min_us(rto_min);
            }
        }
        trace::ack(socket, sample, &decision, &self.zeta, self.settings.mode);
        // The upper half of what a difference can be is time that is yet to come.
        if now.wrapping_sub(self.report_at) >> 31 == 0 {
            self.report_at = now.wrapping_add(REPORT_TICKS);
            self.report(socket, false);
        }
        let turn = self.zeta.is_turn();
        if turn {
            let capacity = self.zeta.info().bw_bytes_per_s;
            challenge.on_round(socket.bytes_sent(), capacity, random::word);
        }
        renewed || turn || due
    }

    fn ssthresh(&mut self, socket: &mut Socket<'_>) -> u32 {
        self.renew(socket);
        self.zeta.ssthresh(socket.mss(), &self.settings.settings)
    }

    fn undo_cwnd(&mut self, challenge: &mut Challenge, _socket: &mut Socket<'_>) -> u32 {
        let cwnd = self.zeta.on_undo();
        if challenge.is_bound() {
            cwnd.min(BOUND_CWND)
        } else {
            cwnd
        }
    }

    fn on_state(&mut self, socket: &mut Socket<'_>, new: CaState) {
        // Each timeout in a row enters the state again.
        if new == CaState::Loss {
            self.zeta.on_rto(socket.in_flight(), socket.delivered());
        }
    }

    fn on_tx_start(&mut self, challenge: &mut Challenge, socket: &mut Socket<'_>) {
        if socket.is_app_limited() && !challenge.is_bound() {
            let idle = Idle {
                // The SYN counts as one byte.
                is_first: socket.bytes_acked() <= 1,
                cwnd: socket.cwnd(),
                cwnd_clamp: socket.cwnd_clamp(),
                mss: socket.mss(),
                srtt_us: socket.srtt_us().unwrap_or(0),
                snd_wnd_bytes: socket.snd_wnd(),
                max_pacing_rate: socket.max_pacing_rate(),
            };
            self.renew(socket);
            if let Some(boosted) = self
                .zeta
                .on_restart_from_idle(&idle, &self.settings.settings)
            {
                socket.set_cwnd(boosted.cwnd);
                socket.set_pacing_rate(boosted.pacing_rate);
            }
        }
    }

    fn stop(&mut self, challenge: &mut Challenge, socket: &mut Socket<'_>) {
        socket.limit_unsent(false);
        self.gauge(false);
        challenge::abandon(challenge, socket);
        // What a liar has shown is nobody's path.
        if !challenge.is_bound() {
            self.report(socket, true);
        }
        let now = socket.window_bound();
        let free = self.bound_window(now, None);
        if free != now {
            socket.bound_window(free);
        }
        // A successor that has never seen a loss would take our window for slow start and double it:
        // let it begin where we are.
        let window = socket.cwnd();
        if socket.ssthresh() > window {
            socket.set_ssthresh(window);
        }
    }

    fn summary(&self, challenge: &Challenge) -> Summary {
        let info = self.zeta.info();
        Summary {
            bw_bytes_per_s: info.bw_bytes_per_s,
            base_rtt_us: info.base_rtt_us,
            pacing_gain_q8: info.pacing_gain_q8,
            cwnd_gain_q8: info.cwnd_gain_q8,
            queue_us: info.queue_us,
            loss_q16: info.random_loss_q16,
            phase: summary::number(info.mode),
            mode: if challenge.is_bound() {
                summary::BOUNDED
            } else {
                self.settings.mode
            },
            adopted: u8::from(self.adoption.is_some()),
            attentive: u8::from(challenge.is_attentive()),
        }
    }
}
