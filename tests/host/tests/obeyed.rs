// SPDX-License-Identifier: GPL-2.0

//! A setting is documented as obeyed exactly if the module reads it.

use appex_model::model::settings::{self, Effect, Slot};
use appex_model::seen::{test_of, SEEN, UNSEEN};
use std::fs;
use std::path::Path;

/// Settings that the module reads in another way than by their key, and what it does then.
const INDIRECT: [(&str, &str); 28] = [
    ("tcpAccEnable", ".accelerates()"),
    ("subnetAccEnable", ".subnet_acc"),
    ("tcpOnly", ".is_tcp_only()"),
    ("pcapEnable", ".captures()"),
    ("ipv4Only", ".handles("),
    ("ipv6Only", ".handles("),
    ("initialCwndWan", ".initial_cwnd_wan"),
    ("initialCwndLan", ".initial_cwnd_lan"),
    ("synRetranMS", ".syn_retran_ms"),
    ("engine", ".limits"),
    ("bypassOverFlows", "Admit::Refuse"),
    ("shortRttMS", ".short_rtt_ms"),
    ("wanIf", ".with_lists("),
    ("lanIf", ".with_lists("),
    ("lanSegment", ".rule_for("),
    ("lanSegmentV6", ".rule_for("),
    ("shortRttBypass", ".rule_for("),
    ("logLevel", "Key::LogLevel"),
    ("shaperEnable", "Orders::read("),
    ("wanKbps", "Orders::read("),
    ("smMinKbps", "Orders::read("),
    ("smBurstMS", "Orders::read("),
    ("smBurstMin", "Orders::read("),
    ("smBurstTolerance", "Orders::read("),
    ("l2wQLimit", ".limits.packets("),
    ("hostFairEnable", ".host_fair"),
    ("advAccEnable", "orders.steers"),
    ("wanInKbps", "orders\n        .limit"),
];

/// The module's wiring: what stands in `src`, and the two files of `src/proc` that obey settings
/// themselves instead of only keeping them.
fn wiring() -> String {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../src");
    let mut text = String::new();
    for entry in fs::read_dir(&src).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            text += &fs::read_to_string(path).unwrap();
        }
    }
    text + &fs::read_to_string(src.join("proc/directory.rs")).unwrap()
}

#[test]
fn what_is_documented_as_obeyed_is_read_and_the_rest_is_not() {
    let wiring = wiring();
    let mut wrong = Vec::new();
    for spec in settings::specs() {
        let direct = match spec.slot {
            Slot::Scalar(key) => format!("Key::{key:?}"),
            Slot::Text(key) => format!("TextKey::{key:?}"),
            Slot::Special => continue,
        };
        let names_key = wiring.match_indices(&direct).any(|(at, name)| {
            let next = wiring[at + name.len()..].chars().next();
            next.is_none_or(|next| !next.is_alphanumeric())
        });
        let read = names_key
            || INDIRECT
                .iter()
                .any(|(name, sign)| *name == spec.name && wiring.contains(sign));
        if read != (spec.effect == Effect::Active) {
            wrong.push(format!("{}: read by the module: {read}", spec.name));
        }
    }
    assert!(
        wrong.is_empty(),
        "set these to Active or Stored in src/model/settings/registry.rs, then run \
         `cargo run --bin update-reference`: {wrong:#?}"
    );
}

#[test]
fn every_setting_has_a_test_that_names_it() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for spec in settings::specs() {
        let unseen = UNSEEN.contains(&spec.name);
        let Some(test) = test_of(spec.name) else {
            assert!(unseen, "{}: name its test in src/seen.rs", spec.name);
            continue;
        };
        assert!(!unseen, "{}: seen and unseen", spec.name);
        let text = fs::read_to_string(tests.join(test)).unwrap();
        assert!(
            text.contains(spec.name),
            "{test} does not name {}",
            spec.name
        );
    }
    for (name, _) in SEEN {
        let known = settings::specs().any(|spec| spec.name == name);
        assert!(known, "no setting {name}");
    }
}
