// SPDX-License-Identifier: GPL-2.0

//! A simplified TCP sender: SACK scoreboard per transmission, loss detection by later deliveries, delivery-rate samples as the
//! kernel takes them, pacing and a retransmission timeout. Data never ends and the receiver's window never limits.

use crate::model::control::{Ack, CaState, Control, RateSample, Settings, Start, Zeta};
use crate::net::MSS;
use std::collections::VecDeque;

/// Transmissions later than a hole that must be delivered before the hole counts as lost.
const DUPTHRESH: u64 = 3;

#[derive(Clone, Copy)]
struct Sent {
    at: f64,
    delivered: u32,
    delivered_at: f64,
    first_tx: f64,
    done: bool,
}

pub struct Sender {
    pub zeta: Zeta,
    pub settings: Settings,
    control: Control,
    window: VecDeque<Sent>,
    first: u64,
    highest: u64,
    scan: u64,
    in_flight: u32,
    delivered: u32,
    lost: u32,
    delivered_at: f64,
    first_tx: f64,
    srtt: f64,
    rttvar: f64,
    min_rtt: f64,
    pub next_send: f64,
    pub rto_at: f64,
    recovery_end: u64,
    loss_state: bool,
    pub sent: u64,
    pub rtts: Vec<(f64, f32)>,
    pub rtos: u32,
    pub delivered_log: Vec<(f64, u32)>,
    reo: f64,
}

fn us(t: f64) -> u64 {
    (t * 1e6) as u64
}

impl Sender {
    pub fn new(now: f64, rtt: f64, reo: f64, settings: Settings) -> Self {
        let start = Start {
            now_us: us(now),
            cwnd: settings.initial_cwnd,
            mss: MSS,
            srtt_us: Some(us(rtt) as u32),
            delivered: 0,
            lost: 0,
            known: None,
        };
        let zeta = Zeta::new(&start, &settings);
        let control = zeta.initial(&start, u64::MAX);
        Self {
            zeta,
            settings,
            control,
            window: VecDeque::new(),
            first: 0,
            highest: 0,
            scan: 0,
            in_flight: 0,
            delivered: 0,
            lost: 0,
            delivered_at: now,
            first_tx: now,
            srtt: rtt,
            rttvar: rtt / 2.0,
            min_rtt: rtt,
            next_send: now,
            rto_at: f64::MAX,
            recovery_end: 0,
            loss_state: false,
            sent: 0,
            rtts: Vec::new(),
            rtos: 0,
            delivered_log: Vec::new(),
            reo,
        }
    }

    /// Orders of the transmissions that may be sent at `now`.
    pub fn transmit(&mut self, now: f64) -> Vec<u64> {
        let mut out = Vec::new();
        while self.next_send <= now && self.in_flight < self.control.cwnd {
            let rate = self.control.pacing_rate as f64;
            let burst = ((rate / 1024.0 / f64::from(MSS)) as u32).clamp(2, 44);
            let burst = burst.min(self.control.cwnd - self.in_flight);
            if self.in_flight == 0 {
                self.first_tx = now;
                self.delivered_at = now;
            }
            for _ in 0..burst {
                out.push(self.first + self.window.len() as u64);
                self.window.push_back(Sent {
                    at: now,
                    delivered: self.delivered,
                    delivered_at: self.delivered_at,
                    first_tx: self.first_tx,
                    done: false,
                });
                self.in_flight += 1;
                self.sent += 1;
            }
            let credit = (now - self.next_send).max(0.0);
            let gap = f64::from(burst * MSS) / rate;
            self.next_send = now + gap - credit.min(gap / 2.0);
            if self.rto_at == f64::MAX {
                self.rearm(now);
            }
        }
        out
    }

    fn rearm(&mut self, now: f64) {
        self.rto_at = now + self.srtt + (4.0 * self.rttvar).max(0.2);
    }

    pub fn on_timeout(&mut self, now: f64) {
        self.rtos += 1;
        for sent in &mut self.window {
            if !sent.done {
                sent.done = true;
                self.lost += 1;
            }
        }
        self.in_flight = 0;
        self.first += self.window.len() as u64;
        self.window.clear();
        self.scan = self.first;
        self.loss_state = true;
        self.recovery_end = self.first;
        self.zeta.on_rto(0, self.delivered);
        self.control.cwnd = 1;
        self.rto_at = now + self.srtt + (4.0 * self.rttvar).max(0.4);
    }

    /// An ACK for the given transmissions arrives.
    pub fn on_ack(&mut self, now: f64, orders: &[u64]) {
        let prior_in_flight = self.in_flight;
        let mut newest: Option<(u64, Sent)> = None;
        let mut acked = 0;
        for &order in orders {
            if order < self.first {
                continue;
            }
            let Some(sent) = self.window.get_mut((order - self.first) as usize) else {
                continue;
            };
            if sent.done {
                continue;
            }
            sent.done = true;
            acked += 1;
            self.in_flight -= 1;
            self.delivered += 1;
            if newest.is_none_or(|(n, _)| order > n) {
                newest = Some((order, *sent));
            }
        }
        let Some((order, sent)) = newest else {
            return;
        };
        self.delivered_log.push((now, self.delivered));
        let rtt = now - sent.at;
        self.rtts.push((now, rtt as f32));
        self.rttvar += ((rtt - self.srtt).abs() - self.rttvar) / 4.0;
        self.srtt += (rtt - self.srtt) / 8.0;
        self.min_rtt = self.min_rtt.min(rtt);
        self.highest = self.highest.max(order);
        self.delivered_at = now;

        // Everything sent sufficiently before the newest delivery and still missing is lost.
        let mut losses = 0;
        self.scan = self.scan.max(self.first);
        let limit = self.highest.saturating_sub(DUPTHRESH);
        while self.scan < limit {
            let i = (self.scan - self.first) as usize;
            let Some(hole) = self.window.get_mut(i) else {
                break;
            };
            if !hole.done {
                if now - hole.at < self.srtt + self.reo && self.reo > 0.0 {
                    break;
                }
                hole.done = true;
                losses += 1;
                self.lost += 1;
                self.in_flight -= 1;
            }
            self.scan += 1;
        }
        if losses > 0 && order >= self.recovery_end {
            self.recovery_end = self.first + self.window.len() as u64;
        }
        while self.window.front().is_some_and(|s| s.done) {
            self.window.pop_front();
            self.first += 1;
        }
        let snd = sent.at - sent.first_tx;
        let rcv = now - sent.delivered_at;
        self.first_tx = sent.at;
        let interval = snd.max(rcv);
        let delivered = self.delivered - sent.delivered;
        let sample = (interval >= self.min_rtt && delivered > 0).then(|| RateSample {
            delivered,
            interval_us: us(interval).max(1) as u32,
            snd_interval_us: us(snd) as u32,
            rcv_interval_us: us(rcv) as u32,
        });
        let recovering = order < self.recovery_end;
        if !recovering {
            self.loss_state = false;
        }
        let ack = Ack {
            now_us: us(now),
            rtt_us: Some(us(rtt) as u32),
            delivered: self.delivered,
            prior_delivered: sent.delivered,
            sample,
            acked_sacked: acked,
            losses,
            lost: self.lost,
            prior_in_flight,
            in_flight: self.in_flight,
            is_app_limited: false,
            is_ack_delayed: false,
            cwnd: self.control.cwnd,
            cwnd_clamp: u32::MAX,
            mss: MSS,
            srtt_us: us(self.srtt) as u32,
            rttvar_us: us(self.rttvar) as u32,
            ca_state: match (recovering, self.loss_state) {
                (false, _) => CaState::Open,
                (true, false) => CaState::Recovery,
                (true, true) => CaState::Loss,
            },
            snd_wnd_bytes: u32::MAX,
            packets_out: self.window.len() as u32,
            max_pacing_rate: u64::MAX,
            peer_time: None,
        };
        self.control = self.zeta.on_ack(ack, &self.settings);
        self.rearm(now);
    }

    pub fn delivered(&self) -> u32 {
        self.delivered
    }

    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    pub fn control(&self) -> &Control {
        &self.control
    }
}
