// SPDX-License-Identifier: GPL-2.0

//! What a socket's [`Summary`] says in numbers, for readers that look at it without the socket's lock.

use crate::model::control::{Mode, Settings};
use crate::model::rules::{self, Choice};
use crate::sys::tcp::Summary;

/// Words for the numbers that [`mode`] gives.
const MODES: [&str; 4] = ["normal", "conservative", "strong", "max"];

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
