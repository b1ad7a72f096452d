// SPDX-License-Identifier: GPL-2.0

//! What a flow keeps of the settings of its engine.

use crate::adoption::Adoption;
use crate::model::control;
use crate::model::rules::Choice;
use crate::model::settings::{Key, FLAG_BELIEVE};
use crate::proc::{self, Settings};
use crate::state::STATE;
use crate::summary;
use kernel::sync::rcu;

/// An engine's settings as the model wants them, read again when any of them has changed: a change reaches live connections
/// with their next ACK.
#[derive(Clone, Copy, Default)]
pub(crate) struct Copied {
    pub(crate) settings: control::Settings,
    /// Number of their mode, see [`summary::mode`].
    pub(crate) mode: u8,
    /// Little is to be queued that was not sent yet (`shrinkPacket`).
    pub(crate) is_lean: bool,
    /// Every acknowledgement is believed (a bit of `tcpFlags`).
    pub(crate) believes: bool,
    /// What [`proc::changes`] was just before they were read.
    pub(crate) changes: u32,
}

impl Copied {
    fn of(settings: &Settings, choice: &Choice) -> Self {
        let is_lean = settings.get(Key::ShrinkPacket) != 0;
        let believes = settings.get(Key::TcpFlags) & FLAG_BELIEVE != 0;
        let mut settings = summary::settings(settings);
        summary::overrule(&mut settings, choice);
        Copied {
            settings,
            mode: summary::mode(&settings),
            is_lean,
            believes,
            changes: 0,
        }
    }

    /// The settings of an engine; the shipped ones while the module ends.
    pub(crate) fn read(engine: u32, choice: &Choice) -> Self {
        let guard = rcu::read_lock();
        match STATE
            .get(&guard)
            .and_then(|state| state.engines().get(engine as usize))
        {
            Some(engine) => Copied {
                changes: proc::changes(),
                ..Copied::of(&engine.settings, choice)
            },
            None => Copied::default(),
        }
    }

    /// Reads them again, as they have changed; whether that could be.
    #[cold]
    pub(crate) fn renew(&mut self, adoption: Option<&Adoption>) -> bool {
        // Before they are read: what changes meanwhile is read again.
        let changes = proc::changes();
        let guard = rcu::read_lock();
        let Some(state) = STATE.get(&guard) else {
            return false;
        };
        let number = adoption.map_or(0, |adoption| adoption.engine);
        let Some(engine) = state.engines().get(number as usize) else {
            return false;
        };
        let choice = adoption.map_or_else(Choice::default, |adoption| adoption.choice);
        *self = Copied {
            changes,
            ..Copied::of(&engine.settings, &choice)
        };
        true
    }
}
