// SPDX-License-Identifier: GPL-2.0

//! Whose packet is next in one queue.
//!
//! A flow that begins to send is *sparse*: it goes ahead of all others until it has sent one
//! quantum. Most requests, answers of name servers, keystrokes and acknowledgements end before
//! that. A flow that sends more is *bulk*: hosts take turns, and the flows of a host take turns
//! in its, each turn worth a quantum of bytes (deficit round robin: Shreedhar and Varghese, "Efficient
//! fair queuing using deficit round-robin", SIGCOMM 1995; the two kinds of flows: RFC 8290).
//! Without fairness among hosts all flows belong to one.
//!
//! Other than in RFC 8290 a flow that sends less than a quantum a round stays sparse: what is left of its
//! quantum goes ahead whenever it comes, until the round reaches the flow. It gets no more than its turn.

use super::codel::Codel;
use super::flow::{Ahead, Flow, Host, Turns};
use super::list::List;
use core::ops::DerefMut;

/// Flows that a queue tells apart; those that share a place share its turns. 1024 as in the kernel's
/// own fair queues.
pub const FLOWS: usize = 1024;
/// Hosts that a queue tells apart.
pub const HOSTS: usize = 1024;
/// Places in which a flow is looked for: with one place, two of sixteen flows meet in one queue of
/// nine; with eight practically never.
const WAYS: usize = 8;
/// Packets that have to go for each time that all flows are looked through: sixteen flows for each of them.
const SEARCH_EACH: u16 = 64;

/// The flow whose turn it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Chosen {
    /// Number of the flow.
    pub flow: u16,
    /// It has sent less than a quantum.
    pub is_sparse: bool,
}

/// The order of one queue's flows, over storage of [`FLOWS`] tags, [`FLOWS`] flows and [`HOSTS`] hosts,
/// each made by `default`.
pub struct Scheduler<T, F, H> {
    tags: T,
    flows: F,
    hosts: H,
    sparse: List<Ahead>,
    /// Hosts that have flows with turns.
    round: List<Turns>,
    quantum: i32,
    bytes: u32,
    packets: u32,
    /// A flow that had the longest queue when it was last looked.
    fattest: u16,
    /// Packets that had to go since all flows were looked through.
    unsearched: u16,
}

impl<T, F, H> Scheduler<T, F, H>
where
    T: DerefMut<Target = [u32]>,
    F: DerefMut<Target = [Flow]>,
    H: DerefMut<Target = [Host]>,
{
    /// An empty queue.
    pub fn new(tags: T, flows: F, hosts: H) -> Self {
        Self {
            tags,
            flows,
            hosts,
            sparse: List::default(),
            round: List::default(),
            quantum: 1514,
            bytes: 0,
            packets: 0,
            fattest: 0,
            unsearched: SEARCH_EACH,
        }
    }

    /// Sets how many bytes a turn is worth; at least one.
    pub fn set_quantum(&mut self, bytes: u32) {
        self.quantum = i32::try_from(bytes).unwrap_or(i32::MAX).max(1);
    }

    /// Packets that wait.
    pub fn packets(&self) -> u32 {
        self.packets
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> u32 {
        self.bytes
    }

    /// Bytes of a flow that wait.
    pub fn bytes_of(&self, flow: u16) -> u32 {
        self.flow(flow).map_or(0, |flow| flow.bytes)
    }

    fn flow(&self, flow: u16) -> Option<&Flow> {
        self.flows.get(usize::from(flow))
    }

    fn flow_mut(&mut self, flow: u16) -> Option<&mut Flow> {
        self.flows.get_mut(usize::from(flow))
    }

    /// The state of a flow's queue management.
    pub fn codel(&mut self, flow: u16) -> Option<&mut Codel> {
        self.flow_mut(flow).map(|flow| &mut flow.codel)
    }

    /// The place of the flow with this hash: its own, a free one, or a shared one.
    pub fn place(&mut self, hash: u32) -> u16 {
        // CAST: below FLOWS, which fits.
        let set = (hash as usize % FLOWS) & !(WAYS - 1);
        // Without a free place: one that the hash's other bits choose.
        let shared = set.saturating_add((hash >> 16) as usize % WAYS);
        let mut free = None;
        for at in set..set.saturating_add(WAYS) {
            let (Some(&tag), Some(flow)) = (self.tags.get(at), self.flows.get(at)) else {
                break;
            };
            if tag == hash {
                return at as u16;
            }
            if free.is_none() && flow.is_idle() {
                free = Some(at);
            }
        }
        match (free, self.flows.get_mut(shared)) {
            // Packets of this flow may wait there, and must not be overtaken by later ones.
            (_, Some(flow)) if flow.has_guests && flow.packets > 0 => shared as u16,
            (Some(at), _) => {
                if let Some(tag) = self.tags.get_mut(at) {
                    *tag = hash;
                }
                at as u16
            }
            (None, flow) => {
                if let Some(flow) = flow {
                    flow.has_guests = true;
                }
                shared as u16
            }
        }
    }

    /// A packet joined a flow's queue. `host` counts for a flow that had none waiting.
    pub fn joined(&mut self, flow: u16, host: u16, bytes: u32) {
        self.packets = self.packets.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
        let quantum = self.quantum;
        let fattest = self.bytes_of(self.fattest);
        let Some(entry) = self.flow_mut(flow) else {
            return;
        };
        entry.packets = entry.packets.saturating_add(1);
        entry.bytes = entry.bytes.saturating_add(bytes);
        let fatter = entry.bytes > fattest;
        if entry.is_idle() {
            entry.deficit = quantum;
            entry.host = host;
        }
        // Or the flow has sent its share of this round.
        if !entry.is_ahead && (entry.is_idle() || entry.packets == 1 && entry.deficit > 0) {
            entry.is_ahead = true;
            self.sparse.push_back(&mut self.flows, flow);
        }
        if fatter {
            self.fattest = flow;
        }
    }

    /// A packet left a flow's queue, to be sent or not.
    pub fn left(&mut self, flow: u16, bytes: u32) {
        self.packets = self.packets.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        if let Some(entry) = self.flow_mut(flow) {
            entry.packets = entry.packets.saturating_sub(1);
            entry.bytes = entry.bytes.saturating_sub(bytes);
            if entry.packets == 0 {
                entry.emptied();
            }
        }
    }

    /// A packet of a flow is sent: it is taken from what the flow and its host may send.
    pub fn sent(&mut self, flow: u16, bytes: u32) {
        let bytes = i32::try_from(bytes).unwrap_or(i32::MAX);
        let Some(entry) = self.flow_mut(flow) else {
            return;
        };
        entry.deficit = entry.deficit.saturating_sub(bytes);
        let host = usize::from(entry.host);
        if let Some(host) = self.hosts.get_mut(host) {
            host.deficit = host.deficit.saturating_sub(bytes);
        }
    }

    /// Whose packet has to go when a packet of `arriving` is one too many: the flow with the longest
    /// queue, as far as known. When the one that is known has come down to a turn, it looks for another, but
    /// not for each packet: with a thousand short queues none is to be found.
    pub fn fattest(&mut self, arriving: u16) -> u16 {
        if self.bytes_of(arriving) > self.bytes_of(self.fattest) {
            self.fattest = arriving;
        }
        let turn = u32::try_from(self.quantum).unwrap_or(0);
        self.unsearched = self.unsearched.saturating_add(1);
        if self.bytes_of(self.fattest) <= turn && self.unsearched >= SEARCH_EACH {
            self.unsearched = 0;
            let longest = self
                .flows
                .iter()
                .zip(0..=u16::MAX)
                .max_by_key(|(flow, _)| flow.bytes);
            if let Some((_, longest)) = longest {
                self.fattest = longest;
            }
        }
        if self.bytes_of(self.fattest) > self.bytes_of(arriving) {
            self.fattest
        } else {
            arriving
        }
    }

    /// Whose turn it is; the same again until something joins or is sent.
    pub fn choose(&mut self) -> Option<Chosen> {
        if self.packets == 0 {
            // Flows that emptied are taken out as they are met.
            self.forget_empty();
            return None;
        }
        self.choose_sparse().or_else(|| self.choose_bulk())
    }

    fn choose_sparse(&mut self) -> Option<Chosen> {
        loop {
            let flow = self.sparse.front()?;
            let entry = self.flows.get_mut(usize::from(flow))?;
            let (has_packets, has_rest) = (entry.packets > 0, entry.deficit > 0);
            if has_packets && has_rest {
                return Some(Chosen {
                    flow,
                    is_sparse: true,
                });
            }
            entry.is_ahead = false;
            let has_turn = entry.has_turn;
            self.sparse.pop_front(&mut self.flows);
            // A flow that emptied waits a round, too: or it would have a whole quantum again with the next packet,
            // and several such could keep all others from sending.
            if !has_turn && (has_packets || !self.round.is_empty()) {
                self.give_turn(flow);
            }
        }
    }

    /// Ends because each step takes an empty flow or host out, or adds a quantum to one of those that are left.
    fn choose_bulk(&mut self) -> Option<Chosen> {
        loop {
            let at = self.round.front()?;
            let is_only = self.round.has_one();
            let quantum = self.quantum;
            let host = self.hosts.get_mut(usize::from(at))?;
            let Some(flow) = host.flows.front() else {
                host.active = false;
                self.round.pop_front(&mut self.hosts);
                continue;
            };
            if is_only {
                host.deficit = host.deficit.max(quantum);
            } else if host.deficit <= 0 {
                host.deficit = host.deficit.saturating_add(quantum);
                self.round.rotate(&mut self.hosts);
                continue;
            }
            let entry = self.flows.get_mut(usize::from(flow))?;
            // An empty flow pays its debt, too, before it may begin again as a sparse one.
            if entry.deficit <= 0 {
                entry.deficit = entry.deficit.saturating_add(quantum);
                host.flows.rotate(&mut self.flows);
            } else if entry.packets == 0 {
                entry.has_turn = false;
                host.flows.pop_front(&mut self.flows);
            } else {
                return Some(Chosen {
                    flow,
                    is_sparse: false,
                });
            }
        }
    }

    fn give_turn(&mut self, flow: u16) {
        let Some(entry) = self.flows.get_mut(usize::from(flow)) else {
            return;
        };
        entry.has_turn = true;
        let at = entry.host;
        let Some(host) = self.hosts.get_mut(usize::from(at)) else {
            return;
        };
        host.flows.push_back(&mut self.flows, flow);
        if !host.active {
            host.active = true;
            host.deficit = self.quantum;
            self.round.push_back(&mut self.hosts, at);
        }
    }

    /// Nothing waits at all: every flow is idle.
    fn forget_empty(&mut self) {
        while let Some(flow) = self.sparse.pop_front(&mut self.flows) {
            if let Some(entry) = self.flows.get_mut(usize::from(flow)) {
                entry.is_ahead = false;
            }
        }
        while let Some(at) = self.round.pop_front(&mut self.hosts) {
            let Some(host) = self.hosts.get_mut(usize::from(at)) else {
                continue;
            };
            host.active = false;
            while let Some(flow) = host.flows.pop_front(&mut self.flows) {
                if let Some(entry) = self.flows.get_mut(usize::from(flow)) {
                    entry.has_turn = false;
                }
            }
        }
    }

    /// All packets are gone.
    pub fn clear(&mut self) {
        for flow in self.flows.iter_mut() {
            flow.packets = 0;
            flow.bytes = 0;
            flow.emptied();
        }
        self.packets = 0;
        self.bytes = 0;
        self.forget_empty();
    }
}
