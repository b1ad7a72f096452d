// SPDX-License-Identifier: GPL-2.0

//! Which sockets are taken over, and when they go back.

use crate::congestion;
use crate::model::flow;
use crate::model::policy;
use crate::model::rules::Choice;
use crate::model::settings::Hot;
use crate::model::stats::Event;
use crate::model::units::{Addr, Family};
use crate::rules::Found;
use crate::state::{present, Engine, State};
use crate::sys::tcp::{Review, Socket};
use kernel::error::code::EEXIST;
use kernel::sync::atomic::{Full, Relaxed};
use kernel::sync::rcu;

/// What the adopting hook decides for a socket.
#[derive(Clone, Copy)]
pub(crate) struct Adoption {
    /// Engine whose settings rule the flow.
    pub(crate) engine: u32,
    /// Index of the interface that its packets leave by.
    pub(crate) interface: u32,
    /// The peer is in a subnet of that interface.
    pub(crate) is_onlink: bool,
    /// The rule that it obeys; 0 for none.
    pub(crate) rule: u32,
    /// What that rule changes in the engine's settings.
    pub(crate) choice: Choice,
    /// Address family of its packets.
    pub(crate) family: Family,
    /// First window of a connection that has sent no data yet, packets.
    pub(crate) initial_cwnd: u32,
    /// Address of the peer as bytes, which take less room than a number that has to lie on sixteen of them.
    pub(crate) peer: [u8; 16],
}

impl Adoption {
    /// Address of the peer.
    pub(crate) fn peer(&self) -> Addr {
        Addr {
            family: self.family,
            bits: u128::from_be_bytes(self.peer),
        }
    }
}

/// Congestion controls that an application chooses in order to send at a rate
/// of its own; taking over would void that rate. Everything else is adopted,
/// chosen by the application or not: this product accelerates whole servers.
pub(crate) const FIXED_RATE: [&[u8]; 1] = [b"brutal"];

/// Takes the socket over if it may be. Failure is no error: the connection
/// goes on as it was, and its next packet tries again.
///
/// Context: LOCAL_OUT, the socket's lock held.
///
/// Returns whether it is taken over now.
pub(crate) fn adopt(state: &State, hot: &Hot, socket: &mut Socket<'_>, adoption: Adoption) -> bool {
    let Some(engine) = state.engines().get(adoption.engine as usize) else {
        return false;
    };
    if !flow::may_accelerate(&hot.limits, present(&engine.accelerated)) {
        return false;
    }
    if FIXED_RATE.iter().any(|name| socket.control_is(name)) {
        return false;
    }
    let adopted = congestion::control().adopt(socket, adoption);
    match adopted {
        Ok(()) => state.count(adoption.engine, Event::SocketsAdopted),
        Err(EEXIST) => {}
        Err(_) => state.count(adoption.engine, Event::AdoptFailures),
    }
    adopted.is_ok()
}

/// Keeps the windows that an adopted socket offers within what the settings of its engine allow.
///
/// Context: LOCAL_OUT, the socket's lock held.
pub(crate) fn limit_window(state: &State, socket: &mut Socket<'_>) {
    let now = socket.window_bound();
    let bound = congestion::control().with(socket, |flow| {
        let adoption = flow.adoption()?;
        let engine = state.engines().get(adoption.engine as usize)?;
        // Mostly there is no limit, nor was there one.
        if !engine.scope().bounds_windows() && !flow.is_bound() {
            return None;
        }
        let (wan, lan) = engine.window_limits();
        let limit = if adoption.is_onlink { lan } else { wan };
        Some(flow.bound_window(now, limit))
    });
    if let Some(bytes) = bound.flatten().filter(|&bytes| bytes != now) {
        socket.bound_window(bytes);
    }
}

/// Notes a handshake that is short enough to leave the peer's subnet alone (`shortRttMS`): the one round trip that a peer
/// cannot make look shorter, by acknowledging what it has not received yet. Context: LOCAL_OUT, the socket's lock held.
pub(crate) fn note_near(state: &State, hot: &Hot, socket: &Socket<'_>, peer: Addr) {
    // The SYN counts as a byte on the side that sent it.
    if hot.short_rtt_ms == 0 || socket.bytes_acked() > 1 {
        return;
    }
    let Some(rtt_us) = socket.srtt_us() else {
        return;
    };
    if state.near.note(peer, rtt_us, hot.short_rtt_ms) {
        state.near_news.store(1, Relaxed);
    }
}

/// Rounds of the reaper, seconds apart, without another look at all sockets for the sake of subnets that were found near.
/// Their number is up to whoever connects; that of changed settings is not.
const NEAR_ROUNDS: u32 = 30;

/// Whether this round is to look at all sockets because a subnet was found near.
fn near_is_due(state: &State) -> bool {
    let quiet = state.near_quiet.load(Relaxed);
    if quiet > 0 {
        state.near_quiet.store(quiet.saturating_sub(1), Relaxed);
        return false;
    }
    if state.near_news.xchg(0, Full) == 0 {
        return false;
    }
    state.near_quiet.store(NEAR_ROUNDS, Relaxed);
    true
}

/// Rounds of the reaper, seconds apart, that look at all sockets after a
/// change: one may be adopted by a hook that read the old settings just before,
/// the next is for a reaper that was in the middle of a round.
const ROUNDS: u32 = 3;

/// Has the reaper look at all adopted sockets soon. Context: any.
pub(crate) fn settings_changed(state: &State) {
    state.reviews.store(ROUNDS, Relaxed);
}

/// What the reaper does about sockets: nothing, unless something has changed.
/// With very many sockets looking at each every second would be felt.
///
/// Context: process, sleeps, no lock held.
pub(crate) fn review_if_due(state: &State) {
    let near = near_is_due(state);
    let left = state.reviews.load(Relaxed);
    if left == 0 {
        if near {
            review(state);
        }
        return;
    }
    // Failure means that something has changed just now: then all rounds are left.
    let _ = state.reviews.cmpxchg(left, left.saturating_sub(1), Full);
    review(state);
}

/// Hands back the sockets that are no longer to be accelerated: their engine
/// was switched off, their interface detached, their peer put on a list.
///
/// Context: process, sleeps. RTNL may be held, a socket's lock may not.
pub(crate) fn review(state: &State) {
    let skipped = congestion::control().review(|flow, socket| {
        let Some(adoption) = flow.adoption() else {
            return Review::Keep;
        };
        let number = adoption.engine;
        let guard = rcu::read_lock();
        let ports = socket.ports();
        let rules = &state.rules;
        let found = rules.find(&guard, adoption.peer(), ports, |path| socket.cgroup(path));
        let engine = state.engines().get(number as usize);
        if engine.is_some_and(|engine| is_wanted(state, engine, adoption, found.as_ref())) {
            if flow.obey(found.as_ref()) {
                found.inspect(|found| state.rules.hit(&guard, found.id));
            }
            return Review::Keep;
        }
        state.count(number, Event::SocketsHandedBack);
        Review::HandBack
    });
    if skipped > 0 {
        settings_changed(state);
    }
}

/// Whether an adopted socket would be adopted again.
fn is_wanted(state: &State, engine: &Engine, adoption: &Adoption, found: Option<&Found>) -> bool {
    if !engine.accelerates() || !engine.attached.contains(adoption.interface) {
        return false;
    }
    let hot = engine.hot();
    match engine.facts(state, &hot, adoption.peer(), adoption.is_onlink, found) {
        Ok(facts) => policy::decide(&facts).is_ok(),
        // Whoever is changing the lists has all sockets looked at again afterwards.
        Err(_) => true,
    }
}
