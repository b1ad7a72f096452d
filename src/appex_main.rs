// SPDX-License-Identifier: GPL-2.0

//! appex: makes the TCP of a server fast and steady towards far, lossy,
//! shared networks.
//!
//! `model` decides and knows no kernel; `sys` wraps the kernel and knows no
//! policy; the files beside this one connect the two. See
//! `Documentation/architecture.rst`.

use crate::sys::compat::parameter;
use crate::sys::netfilter::Priorities;
use crate::sys::{layout, net_device, netfilter, published, qdisc, tcp, work};
use core::pin::Pin;
use kernel::prelude::*;

mod adoption;
mod capture;
mod challenge;
mod congestion;
mod convert;
mod copied;
mod flows;
mod hooks;
mod inbound;
mod interfaces;
mod links;
mod meet;
mod meters;
pub mod model;
mod near;
mod outgoing;
mod paths;
mod proc;
mod recent;
mod routes;
mod rules;
#[cfg(appex_selftest)]
mod selftest;
mod shaper;
mod slots;
mod state;
mod summary;
mod sys;
mod trace;
mod via;

module! {
    type: Appex,
    name: "appex",
    authors: ["The appex authors"],
    description: "TCP accelerator for far, lossy, shared networks",
    license: "GPL v2",
    params: {
        engines: u32 {
            default: 1,
            description: "number of engines, each with a directory in /proc/net (1 to 64)",
        },
        // Before connection tracking, so that every packet is met as the
        // network sent it or will see it.
        ipRxHookPri: i32 {
            default: -500,
            description: "netfilter priority of the IPv4 PRE_ROUTING hook",
        },
        // After address translation: the last look at what leaves.
        ipTxHookPri: i32 {
            default: 500,
            description: "netfilter priority of the IPv4 POST_ROUTING hook",
        },
        ipv6RxHookPri: i32 {
            default: -500,
            description: "netfilter priority of the IPv6 PRE_ROUTING hook",
        },
        ipv6TxHookPri: i32 {
            default: 500,
            description: "netfilter priority of the IPv6 POST_ROUTING hook",
        },
    },
}

/// The running module. Fields are dropped in this order: first nobody can
/// change settings, then no packet is met and no socket adopted, then every
/// socket goes back to its own congestion control, and only then does the
/// state go.
struct Appex {
    _shaper: Option<qdisc::Registration<shaper::Shaper>>,
    _proc: proc::Tree,
    _hooks: netfilter::Registration,
    _interfaces: Pin<KBox<net_device::Watch<interfaces::Follow>>>,
    _reaper: Pin<KBox<work::Periodic<flows::Reaper>>>,
    _congestion: tcp::Registration<congestion::Flow>,
    _state: published::Publication<state::State>,
}

impl kernel::Module for Appex {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        layout::check()?;
        #[cfg(appex_selftest)]
        selftest::run()?;
        let engines: u32 = parameter(module_parameters::engines.value());
        if !(1..=state::MAX_ENGINES).contains(&engines) {
            pr_err!("engines={engines}: must be 1 to {}\n", state::MAX_ENGINES);
            return Err(EINVAL);
        }
        let state = state::State::new(engines)?;
        let publication = state::STATE.publish(state.clone())?;
        let mut congestion = tcp::Registration::new()?;
        let reaper = work::Periodic::start(flows::Reaper::new(state.clone()), 1_000)?;
        let interfaces = net_device::Watch::new(&interfaces::Follow)?;
        let hooks = netfilter::Registration::new(
            &hooks::Engines,
            Priorities {
                rx_v4: parameter(module_parameters::ipRxHookPri.value()),
                tx_v4: parameter(module_parameters::ipTxHookPri.value()),
                rx_v6: parameter(module_parameters::ipv6RxHookPri.value()),
                tx_v6: parameter(module_parameters::ipv6TxHookPri.value()),
            },
        )?;
        let proc = proc::Tree::new(state)?;
        // Last: see there.
        congestion.announce()?;
        pr_info!(
            "version {} with {engines} engine(s), nothing attached yet\n",
            state::VERSION
        );
        // After everything that can fail: a shaper that somebody makes now holds the module.
        let shaper = qdisc::Registration::new()
            .inspect_err(|&error| {
                let why = if error == EEXIST {
                    "another qdisc is named appex"
                } else {
                    "out of memory"
                };
                pr_warn!("{why}: there is no shaper\n");
            })
            .ok();
        Ok(Appex {
            _shaper: shaper,
            _proc: proc,
            _hooks: hooks,
            _interfaces: interfaces,
            _reaper: reaper,
            _congestion: congestion,
            _state: publication,
        })
    }
}
