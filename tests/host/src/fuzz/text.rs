// SPDX-License-Identifier: GPL-2.0

//! What is written to files of /proc, and what is kept of it.

use super::input::Input;
use crate::model::settings::{self, Kind, Parsed, Slot, Spec, TEXT_MAX};
use crate::model::{ifname, rules};

/// A write of a value to the setting that the first byte chooses, and the same bytes as lines of `cmd`.
pub(super) fn settings(data: &[u8]) {
    for line in settings::lines(data).take(64) {
        if let Ok((spec, value)) = settings::parse_line(line) {
            assert!(line.ends_with(value));
            keeps(spec, value);
        }
    }
    let mut input = Input::new(data);
    let count = settings::specs().count();
    let chosen = usize::from(input.byte()) % count;
    let value = input.rest();
    if let Some(spec) = settings::specs().nth(chosen) {
        keeps(spec, value);
    }
    lists(value);
    for rule in settings::lan_rules(value)
        .chain(settings::lan_rules_v6(value))
        .chain(settings::bypass_rules(value))
    {
        let _ = rule;
    }
}

/// Two writes to a list of interfaces.
fn lists(value: &[u8]) {
    let (first, second) = value.split_at(value.len() / 2);
    let (mut one, mut two, mut three) = ([0; TEXT_MAX], [0; TEXT_MAX], [0; TEXT_MAX]);
    let Ok(list) = ifname::edit(&[], first, &mut one) else {
        return;
    };
    if let Ok(list) = ifname::edit(list, second, &mut two) {
        assert_eq!(
            ifname::edit(&[], list, &mut three),
            Ok(list),
            "a list is its own edit"
        );
    }
}

/// What is accepted reads back, and what reads back is accepted and means the same.
fn keeps(spec: &'static Spec, value: &[u8]) {
    if spec.slot == Slot::Special || matches!(spec.kind, Kind::Interfaces) {
        return;
    }
    let Some(read) = read_back(spec, value) else {
        return;
    };
    assert_eq!(
        read_back(spec, &read).as_ref(),
        Some(&read),
        "{}",
        spec.name
    );
    // It can neither end a line of a file nor start another.
    assert!(
        read.iter()
            .all(|byte| *byte == b'\t' || (b' '..=b'~').contains(byte)),
        "{}",
        spec.name
    );
}

/// What a setting reads as after a write of `value`; `None` if that is refused.
pub fn read_back(spec: &'static Spec, value: &[u8]) -> Option<Vec<u8>> {
    let mut scratch = [0; TEXT_MAX];
    match settings::parse(spec, value, &mut scratch).ok()? {
        Parsed::Text(text) => Some(text.to_vec()),
        Parsed::Scalar(slot) => {
            let mut text = String::new();
            settings::format(spec, slot, &mut text).unwrap();
            Some(text.into_bytes())
        }
    }
}

/// A write to the file of rules.
pub(super) fn rules(data: &[u8]) {
    for edit in rules::edits(data) {
        let (rules::Edit::Add(text) | rules::Edit::Remove(text) | rules::Edit::Item(text)) = edit;
        let mut out = [0; TEXT_MAX];
        let Some((kept, rule)) = rules::canonical(text, &mut out) else {
            continue;
        };
        let kept = kept.to_vec();
        let mut again = [0; TEXT_MAX];
        let (same, parsed) = rules::canonical(&kept, &mut again).expect("what is kept is a rule");
        assert_eq!(same, &kept[..]);
        assert_eq!(format!("{parsed:?}"), format!("{rule:?}"));
    }
}
