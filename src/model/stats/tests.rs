// SPDX-License-Identifier: GPL-2.0

use super::*;
use std::collections::HashMap;
use std::string::String;

fn text(get: impl Fn(Counter) -> u64) -> String {
    let mut out = String::new();
    render(get, &mut out).unwrap();
    out
}

/// What the scripts of the original make of the text: all blanks removed, then `NAME=INTEGER`.
fn parsed(text: &str) -> HashMap<String, u64> {
    text.lines()
        .map(|line| {
            let line: String = line.chars().filter(|c| !c.is_whitespace()).collect();
            let (name, value) = line.split_once('=').unwrap();
            assert!(
                name.bytes().all(|byte| byte.is_ascii_alphanumeric()),
                "{line}"
            );
            (name.into(), value.parse().unwrap())
        })
        .collect()
}

#[test]
fn every_published_counter_is_there_for_each_family() {
    let values = parsed(&text(|counter| match counter {
        Counter::Of(Family::V4, _) => 3,
        Counter::Of(Family::V6, _) => 4,
        Counter::Event(Event::NfBypass) => 5,
        Counter::Event(_) => 6,
    }));
    for name in [
        "NumOfFlows",
        "NumOfTcpFlows",
        "NumOfAccFlows",
        "NumOfActFlows",
        "WanInBytes",
        "WanOutBytes",
        "LanInBytes",
        "LanOutBytes",
    ] {
        assert_eq!(values[name], 7, "{name}");
        assert_eq!(values[&std::format!("V4{name}")], 3);
        assert_eq!(values[&std::format!("V6{name}")], 4);
    }
    assert_eq!(values["NfBypass"], 5);
}

#[test]
fn own_counters_do_not_match_what_scripts_look_for() {
    for event in Event::ALL {
        let name = event.name();
        if event != Event::NfBypass {
            assert!(
                !name.contains("Bytes") && !name.contains("NfBypass"),
                "{name}"
            );
            assert!(
                !(name.contains("NumOf") && name.contains("Flows")),
                "{name}"
            );
        }
    }
}

#[test]
fn lines_are_name_blank_equals_blank_number() {
    let text = text(|_| u64::MAX >> 1);
    assert!(text.starts_with("NumOfFlows = 18446744073709551614\n"));
    assert!(text.ends_with("RejectedWrites = 9223372036854775807\n"));
}

#[test]
fn each_counter_has_its_own_place() {
    let mut seen = [false; COUNTERS];
    let all = Metric::ALL
        .into_iter()
        .flat_map(|metric| [Family::V4, Family::V6].map(|family| Counter::Of(family, metric)))
        .chain(Event::ALL.map(Counter::Event));
    for counter in all {
        assert!(!seen[counter.index()], "{counter:?}");
        seen[counter.index()] = true;
    }
    assert!(seen.iter().all(|seen| *seen));
}

#[test]
fn parts_below_zero_add_up() {
    // Five flows began on one CPU, three of them ended on the other.
    assert_eq!(sum([5, 0u64.wrapping_sub(3)].into_iter()), 2);
    // An end was read whose beginning was not.
    assert_eq!(sum([0, 0u64.wrapping_sub(1)].into_iter()), 0);
}
