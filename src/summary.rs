// SPDX-License-Identifier: GPL-2.0

//! What a socket's [`Summary`] says in numbers, for readers that look at it without the socket's lock; and
//! what an engine's settings are to its model.

use crate::model::control::{Mode, Settings};
use crate::model::rules::{self, Choice};
use crate::model::settings::{unpack, Key, EMPTY, FLAG_HIGH_CONSERV};
use crate::proc;
use crate::sys::tcp::Summary;

/// Words for the numbers that [`mode`] gives.
const MODES: [&str; 5] = ["normal", "conservative", "strong", "max", "bounded"];

/// Number of the mode of a flow whose peer has acknowledged what was never sent.
pub(crate) const BOUNDED: u8 = 4;

/// What the controller is doing, as a number.
pub(crate) const fn number(phase: Mode) -> u8 {
    match phase {
        Mode::Startup => 0,
        Mode::Drain => 1,
        Mode::Cruise => 2,
        Mode::Probe => 3,
        Mode::Verify => 4,
    }
}

/// The mode that settings mean, as a number. The conservative ones come first: they go without the boosts of the other.
pub(crate) const fn mode(settings: &Settings) -> u8 {
    match (
        settings.conserv_mode,
        settings.high_conserv,
        settings.max_tx,
    ) {
        (true, true, _) => 2,
        (true, false, _) => 1,
        (false, _, true) => 3,
        (false, _, false) => 0,
    }
}

/// The phase and the word for the mode behind the numbers. A reader may find anything there, once.
pub(crate) fn meaning(summary: &Summary) -> (Mode, &'static str) {
    let phase = match summary.phase {
        0 => Mode::Startup,
        1 => Mode::Drain,
        2 => Mode::Cruise,
        3 => Mode::Probe,
        _ => Mode::Verify,
    };
    let mode = MODES.get(usize::from(summary.mode));
    (phase, mode.copied().unwrap_or("normal"))
}

/// Changes what a rule changes.
pub(crate) fn overrule(settings: &mut Settings, choice: &Choice) {
    if let Some(mode) = choice.mode {
        settings.conserv_mode = matches!(mode, rules::Mode::Conservative | rules::Mode::Strong);
        settings.high_conserv = mode == rules::Mode::Strong;
        settings.max_tx = mode == rules::Mode::Max;
    }
    if let Some(kbps) = choice.max_kbps() {
        // kbit/s to bytes per second.
        settings.max_rate = u64::from(kbps).saturating_mul(125);
    }
}

/// The numbers of an engine as the model wants them.
pub(crate) fn settings(settings: &proc::Settings) -> Settings {
    let mut out = Settings::default();
    let get = |key| settings.get(key);
    let small = |key| u32::try_from(get(key)).unwrap_or(u32::MAX);
    out.initial_cwnd = small(Key::InitialCwndWan);
    out.track_random_loss = get(Key::TrackRandomLoss) != 0;
    out.conserv_mode = get(Key::ConservMode) != 0;
    out.high_conserv = get(Key::TcpFlags) & FLAG_HIGH_CONSERV != 0;
    out.max_tx = get(Key::MaxTxEnable) != 0;
    out.max_tx_effective_ms = small(Key::MaxTxEffectiveMs);
    out.max_tx_min_ssthresh = small(Key::MaxTxMinSsThresh);
    out.half_cwnd_min_srtt_ms = small(Key::HalfCwndMinSRtt);
    out.half_cwnd_loss_rate_shift =
        u8::try_from(get(Key::HalfCwndLossRateShift)).unwrap_or(u8::MAX);
    out.half_cwnd_low_limit = small(Key::HalfCwndLowLimit);
    (out.min_ssthresh, out.min_ssthresh_lossy) = unpack(get(Key::MinSsThresh));
    out.retran_wait_ms = small(Key::RetranWaitListMs);
    out.ultra_boost = small(Key::UltraBoostWin);
    out.max_cwnd = small(Key::MaxCwndWan);
    out.patient_until_ms = match get(Key::DbcRttThreshMs) {
        EMPTY => 0,
        ms => u16::try_from(ms).unwrap_or(u16::MAX),
    };
    // kbit/s to bytes per second.
    out.max_rate = get(Key::MaxAccFlowTxKbps).saturating_mul(125);
    out
}
