// SPDX-License-Identifier: GPL-2.0

//! The file `flows`: one line a flow, with what is known of its connection.
//!
//! The packet path pays nothing for it: what a socket knows is looked up when a line is printed.

use super::directory::{Directory, Shown};
use crate::adoption::FIXED_RATE;
use crate::congestion;
use crate::convert::is_onlink;
use crate::flows::Flow;
use crate::model::classify::{FlowKey, TCP};
use crate::model::flow;
use crate::model::flow_line::{Connection, Ends, Line, Model, State};
use crate::model::policy::{self, Reason};
use crate::model::settings::{Reject, Spec, Why};
use crate::model::units::{Family, Millis};
use crate::rules::PATH;
use crate::state::present;
use crate::summary;
use crate::sys::net_device::Device;
use crate::sys::published::ReadSide;
use crate::sys::tcp::{self, View};
use crate::sys::time::now_ms;
use kernel::prelude::*;
use kernel::seq_file::SeqFile;
use kernel::sync::rcu;

/// Takes a filter; nothing shows everything.
pub(super) fn write(directory: &Directory, spec: &'static Spec, value: &[u8]) -> Result {
    let shown =
        Shown::parse(value).ok_or_else(|| directory.refuse(Reject::new(spec, Why::Form), value))?;
    directory.show(shown);
    Ok(())
}

/// Prints what comes before the lines.
pub(super) fn show_header(directory: &Directory, m: &SeqFile) {
    let shown = directory.shown();
    m.call_printf(format_args!("# filter: {}\n", shown.text()));
}

/// Whether a flow belongs to the directory's engine and its addresses pass the filter.
pub(super) fn wants(directory: &Directory, key: &[u64; 5], flow: &Flow) -> bool {
    flow.engine as usize == directory.number() && {
        let key = FlowKey::from_words(*key);
        let ends = Ends::of(&key, flow.near_is_low);
        directory.shown().filter.may_show(&ends)
    }
}

/// Prints a flow, if it passes the rest of the filter.
pub(super) fn show_item(directory: &Directory, m: &SeqFile, key: &[u64; 5], flow: &Flow) -> Result {
    let guard = rcu::read_lock();
    let key = FlowKey::from_words(*key);
    let ends = Ends::of(&key, flow.near_is_low);
    let mut path = [0u8; PATH];
    let room = match directory.state().rules.ask_for_cgroup(&guard) {
        true => &mut path[..],
        false => &mut [],
    };
    let view = match key.proto() {
        TCP => congestion::control().view(&guard, &sockets_ends(&ends), flow.interface, room),
        _ => None,
    };
    let cgroup = path.get(..view.as_ref().map_or(0, |view| view.cgroup_len));
    let (seen, last) = flow.progress();
    let reason = reason(
        directory,
        &guard,
        flow,
        &ends,
        seen,
        (view.as_ref(), cgroup.unwrap_or(&[])),
    )?;
    if !directory.shown().filter.shows(reason) {
        return Ok(());
    }
    let summary = view
        .as_ref()
        .and_then(|view| view.numbers.as_ref()?.summary);
    let meaning = summary.as_ref().map(summary::meaning);
    let line = Line {
        ends,
        state: view
            .as_ref()
            .map_or(State::Seen(seen), |view| State::Tcp(view.state)),
        reason,
        mode: meaning.map_or("", |(_, mode)| mode),
        interface: flow.interface,
        idle_ms: Millis(now_ms()).since(last).0,
        connection: view.as_ref().and_then(connection),
    };
    m.call_printf(format_args!("{line}\n"));
    Ok(())
}

/// Why a flow is accelerated or not.
fn reason(
    directory: &Directory,
    guard: &impl ReadSide,
    flow: &Flow,
    ends: &Ends,
    seen: flow::Phase,
    (view, cgroup): (Option<&View>, &[u8]),
) -> Result<Reason> {
    if flow.protocol != TCP {
        return Ok(Reason::NotTcp);
    }
    let Some(view) = view else {
        return Ok(match seen {
            flow::Phase::Closed => Reason::Closed,
            flow::Phase::OneWay => Reason::Handshake,
            _ => Reason::Forwarded,
        });
    };
    let Some(numbers) = &view.numbers else {
        return Ok(match State::Tcp(view.state) {
            State::Tcp(6) => Reason::Closed,
            _ => Reason::Handshake,
        });
    };
    if let Some(summary) = &numbers.summary {
        return Ok(match summary.adopted {
            0 => Reason::ByName,
            _ => Reason::Accelerated,
        });
    }
    let engine = directory.engine()?;
    if !engine.accelerates() {
        return Ok(Reason::Off);
    }
    // SYN_SENT and SYN_RECV.
    if matches!(view.state, 2 | 3) {
        return Ok(Reason::Handshake);
    }
    // Only ESTABLISHED and CLOSE_WAIT are taken over: the others have no more data to give.
    if !matches!(view.state, 1 | 8) {
        return Ok(Reason::Closed);
    }
    let hot = engine.hot();
    let peer = ends.far.0;
    let device = Device::by_index(guard, flow.interface);
    let onlink = device.is_some_and(|device| is_onlink(&device, peer));
    let ports = (ends.near.1, ends.far.1);
    let state = directory.state();
    let rules = &state.rules;
    let found = rules.find(guard, peer, ports, |room| copy(cgroup, room));
    let Ok(facts) = engine.facts(state, &hot, peer, onlink, found.as_ref()) else {
        return Ok(Reason::Waiting);
    };
    if let Err(reason) = policy::decide(&facts) {
        return Ok(reason);
    }
    let name = name(&numbers.control);
    if numbers.keeps_control || FIXED_RATE.iter().any(|fixed| *fixed == name.as_bytes()) {
        return Ok(Reason::OwnControl);
    }
    Ok(
        match flow::may_accelerate(&hot.limits, present(&engine.accelerated)) {
            true => Reason::Waiting,
            false => Reason::Limit,
        },
    )
}

fn connection(view: &View) -> Option<Connection<'_>> {
    let numbers = view.numbers.as_ref()?;
    Some(Connection {
        control: name(&numbers.control),
        rate: numbers.pacing_rate,
        rtt_us: numbers.srtt_us,
        cwnd: numbers.cwnd,
        unsent: numbers.unsent,
        sent: numbers.bytes_sent,
        acked: numbers.bytes_acked,
        received: numbers.bytes_received,
        segments: numbers.segments,
        again: numbers.again,
        model: numbers.summary.as_ref().map(|summary| Model {
            phase: summary::meaning(summary).0,
            capacity: summary.bw_bytes_per_s,
            base_rtt_us: summary.base_rtt_us,
            queue_us: summary.queue_us,
            loss_q16: summary.loss_q16,
        }),
    })
}

/// A name that is padded with zeros.
fn name(padded: &[u8; 16]) -> &str {
    let name = padded.split(|&byte| byte == 0).next().unwrap_or(&[]);
    core::str::from_utf8(name).unwrap_or("?")
}

/// The ends as the kernel's table of sockets wants them.
fn sockets_ends(ends: &Ends) -> tcp::Ends {
    let (near, far) = (ends.near, ends.far);
    tcp::Ends {
        v6: near.0.family == Family::V6,
        local: near.0.bits.to_be_bytes(),
        local_port: near.1,
        peer: far.0.bits.to_be_bytes(),
        peer_port: far.1,
    }
}

fn copy<'b>(from: &[u8], to: &'b mut [u8]) -> &'b [u8] {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
    to.get(..from.len()).unwrap_or(&[])
}
