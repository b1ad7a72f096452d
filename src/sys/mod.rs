// SPDX-License-Identifier: GPL-2.0

//! Everything unsafe: bindings, and safe wrappers over the kernel interfaces
//! that the kernel crate does not cover.
//!
//! Nothing here knows a policy and nothing here knows `crate::model`.
//! The wrappers promise, each in its own words, in which context they may be
//! called: *process* (may sleep), *softirq* (BH off, must not sleep), or both.

mod bindings;

pub(crate) mod barrier;
pub(crate) mod bh_lock;
pub(crate) mod compat;
pub(crate) mod flow_table;
pub(crate) mod late;
pub(crate) mod layout;
mod listing;
pub(crate) mod net_device;
pub(crate) mod netfilter;
pub(crate) mod peek;
pub(crate) mod percpu;
pub(crate) mod procfs;
pub(crate) mod published;
pub(crate) mod qdisc;
pub(crate) mod queue;
pub(crate) mod random;
pub(crate) mod skb;
pub(crate) mod tcp;
pub(crate) mod time;
mod verdict;
pub(crate) mod work;
