// SPDX-License-Identifier: GPL-2.0

//! A connection with a peer, a kernel and a clock that obey no rule, or nearly all of them.

use super::input::Input;
use crate::model::control::{Ack, CaState, Control, Idle, RateSample, Settings, Start, Zeta};
use crate::model::memory::Known;

/// Longest run: what an input of some kilobytes makes.
const STEPS: usize = 400;

pub(super) fn body(data: &[u8]) {
    let mut input = Input::new(data);
    let settings = settings(&mut input);
    let start = Start {
        now_us: u64::from(input.word()),
        cwnd: input.number(),
        mss: input.number(),
        srtt_us: input.flag().then(|| input.number()),
        delivered: input.number(),
        lost: input.number(),
        known: input.flag().then(|| Known {
            loss_q16: input.number(),
            base_rtt_us: input.number(),
            capacity: u64::from(input.word()),
            ..Known::default()
        }),
    };
    let mut zeta = Zeta::new(&start, &settings);
    let mut control = zeta.initial(&start, u64::from(input.number()));
    sound(&control);
    let mut world = World::new(&start);
    for _ in 0..STEPS {
        if input.is_over() {
            break;
        }
        match input.byte() % 16 {
            0 => zeta.on_rto(input.number(), input.number()),
            1 => assert!(zeta.on_undo() >= 1),
            2 => assert!(zeta.ssthresh(input.number(), &settings) >= 2),
            3 => {
                let idle = Idle {
                    is_first: input.flag(),
                    cwnd: input.number(),
                    cwnd_clamp: input.number(),
                    mss: input.number(),
                    srtt_us: input.number(),
                    snd_wnd_bytes: input.number(),
                    max_pacing_rate: u64::from(input.word()),
                };
                if let Some(boosted) = zeta.on_restart_from_idle(&idle, &settings) {
                    sound(&boosted);
                }
            }
            4..=6 => {
                let ack = anything(&mut input);
                control = zeta.on_ack(ack, &settings);
                sound(&control);
            }
            _ => {
                let ack = world.ack(&mut input, &control);
                control = zeta.on_ack(ack, &settings);
                sound(&control);
                assert!(control.cwnd <= ack.cwnd_clamp.max(1), "the clamp holds");
                assert!(settings.max_cwnd == 0 || control.cwnd <= settings.max_cwnd.max(4));
            }
        }
        let _ = zeta.info();
    }
    let report = zeta.learned(input.number(), input.number());
    assert!(report.lost <= report.total);
}

fn sound(control: &Control) {
    assert!(
        control.cwnd >= 1,
        "a connection that may send nothing is dead"
    );
    assert!(
        control.pacing_rate >= 1,
        "and so is one that waits for ever"
    );
}

fn settings(input: &mut Input<'_>) -> Settings {
    let modes = input.byte();
    Settings {
        track_random_loss: modes & 1 == 0,
        conserv_mode: modes & 2 != 0,
        high_conserv: modes & 4 != 0,
        max_tx: modes & 8 != 0,
        max_tx_effective_ms: if modes & 16 != 0 { input.number() } else { 0 },
        max_tx_min_ssthresh: if modes & 16 != 0 { input.number() } else { 0 },
        half_cwnd_min_srtt_ms: if modes & 32 != 0 {
            input.number()
        } else {
            1_000
        },
        half_cwnd_loss_rate_shift: if modes & 32 != 0 { input.byte() } else { 2 },
        half_cwnd_low_limit: if modes & 32 != 0 { input.number() } else { 10 },
        min_ssthresh: if modes & 64 != 0 { input.number() } else { 0 },
        min_ssthresh_lossy: if modes & 64 != 0 { input.number() } else { 0 },
        retran_wait_ms: if modes & 64 != 0 { input.number() } else { 0 },
        ultra_boost: if modes & 128 != 0 { input.number() } else { 0 },
        max_cwnd: if modes & 128 != 0 { input.number() } else { 0 },
        max_rate: if modes & 128 != 0 {
            u64::from(input.word())
        } else {
            0
        },
        // CAST: any number will do.
        patient_until_ms: if modes & 16 != 0 {
            input.number() as u16
        } else {
            0
        },
        ..Settings::default()
    }
}

/// An ACK of which no part fits another.
fn anything(input: &mut Input<'_>) -> Ack {
    Ack {
        now_us: u64::from(input.word()) << (input.byte() & 31),
        rtt_us: input.flag().then(|| input.number()),
        delivered: input.number(),
        prior_delivered: input.number(),
        sample: input.flag().then(|| RateSample {
            delivered: input.number(),
            interval_us: input.number(),
            snd_interval_us: input.number(),
            rcv_interval_us: input.number(),
        }),
        acked_sacked: input.number(),
        losses: input.number(),
        lost: input.number(),
        prior_in_flight: input.number(),
        in_flight: input.number(),
        is_app_limited: input.flag(),
        is_ack_delayed: input.flag(),
        cwnd: input.number(),
        cwnd_clamp: input.number(),
        mss: input.number(),
        srtt_us: input.number(),
        rttvar_us: input.number(),
        ca_state: state(input),
        snd_wnd_bytes: input.number(),
        packets_out: input.number(),
        max_pacing_rate: u64::from(input.word()),
        peer_time: input.flag().then(|| input.number()),
    }
}

fn state(input: &mut Input<'_>) -> CaState {
    match input.byte() % 5 {
        0 => CaState::Open,
        1 => CaState::Disorder,
        2 => CaState::Cwr,
        3 => CaState::Recovery,
        _ => CaState::Loss,
    }
}

/// Counters and a clock that only go forwards, as the kernel's do: what gets deep into the model.
struct World {
    now_us: u64,
    delivered: u32,
    lost: u32,
    mss: u32,
}

impl World {
    fn new(start: &Start) -> Self {
        Self {
            now_us: start.now_us,
            delivered: start.delivered,
            lost: start.lost,
            mss: start.mss.clamp(1, 65_535),
        }
    }

    /// The next ACK of a path with a round trip of `byte` milliseconds or so.
    fn ack(&mut self, input: &mut Input<'_>, control: &Control) -> Ack {
        let how = input.byte();
        let step_us = u32::from(input.byte()) << (how & 7);
        let rtt_us = (u32::from(input.byte()) << ((how >> 3) & 7)).max(1) * 64;
        let got = u32::from(input.byte()).min(control.cwnd);
        let losses = if how & 64 != 0 {
            u32::from(input.byte())
        } else {
            0
        };
        self.now_us = self.now_us.saturating_add(u64::from(step_us));
        self.delivered = self.delivered.wrapping_add(got);
        self.lost = self.lost.wrapping_add(losses);
        let window = control.cwnd.min(1 << 20);
        Ack {
            now_us: self.now_us,
            rtt_us: (how & 128 == 0).then_some(rtt_us),
            delivered: self.delivered,
            prior_delivered: self.delivered.wrapping_sub(window),
            sample: (got != 0).then_some(RateSample {
                delivered: window,
                interval_us: rtt_us,
                snd_interval_us: rtt_us,
                rcv_interval_us: rtt_us,
            }),
            acked_sacked: got,
            losses,
            lost: self.lost,
            prior_in_flight: window,
            in_flight: window.saturating_sub(got).saturating_sub(losses),
            is_app_limited: how & 3 == 3,
            is_ack_delayed: how & 5 == 5,
            cwnd: control.cwnd,
            cwnd_clamp: u32::MAX,
            mss: self.mss,
            srtt_us: rtt_us,
            rttvar_us: rtt_us / 8,
            ca_state: if losses != 0 {
                CaState::Recovery
            } else {
                CaState::Open
            },
            snd_wnd_bytes: u32::MAX,
            packets_out: window,
            max_pacing_rate: u64::MAX,
            peer_time: (how & 32 != 0).then_some((self.now_us / 1_000) as u32),
        }
    }
}
