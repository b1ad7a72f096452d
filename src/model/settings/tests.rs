// SPDX-License-Identifier: GPL-2.0

use super::*;
use crate::model::units::Family;
use std::collections::HashSet;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

mod values;

/// Every file of section 1.2 of the interface contract.
const FILES: &[&str] = &[
    "wanIf",
    "lanIf",
    // Of this product.
    "flows",
    "rules",
    "tcpAccEnable",
    "trackRandomLoss",
    "advAccEnable",
    "conservMode",
    "subnetAccEnable",
    "maxTxEnable",
    "shaperEnable",
    "wanKbps",
    "wanInKbps",
    "pcapEnable",
    "byteCacheEnable",
    "dataCompEnable",
    "httpCompEnable",
    "hostFairEnable",
    "voipAccEnable",
    "engSysEnable",
    "wanRateAutoDetect",
    "wanBurstBytes",
    "wanInBurstBytes",
    "voipSkipPackets",
    "hostFairTcpAccSessNum",
    "hostFairTcpActSessNum",
    "hostFairUdpSessNum",
    "version",
    "stats",
    "cmd",
    "ioctl",
    "engine",
    "hz",
    "logLevel",
    "byteCacheIoFails",
];

/// Every key of section 1.3, with the text that it reads at first where one is published.
const KEYS: &[(&str, Option<&str>)] = &[
    ("initialCwndWan", Some("22")),
    ("maxCwndWan", None),
    ("initialCwndLan", Some("1024")),
    ("maxAdvWinWan", Some("0")),
    ("maxAdvWinLan", Some("60")),
    ("maxTxEffectiveMS", Some("0")),
    ("maxTxMinSsThresh", Some("1048575")),
    ("maxAccFlowTxKbps", Some("0")),
    ("bypassOverFlows", Some("1")),
    ("l2wQLimit", Some("256 2048")),
    ("w2lQLimit", Some("256 2048")),
    ("retranWaitListMS", Some("32")),
    ("halfCwndMinSRtt", Some("500")),
    ("halfCwndLossRateShift", Some("3")),
    ("halfCwndLowLimit", None),
    ("tcpOnly", Some("1")),
    ("smBurstMS", Some("16")),
    ("smBurstMin", Some("16000")),
    ("smBurstTolerance", Some("32768")),
    ("ultraBoostWin", Some("0")),
    ("minSsThresh", Some("8 24")),
    ("dbcRttThreshMS", Some("")),
    ("smMinKbps", Some("")),
    ("rsc", Some("1")),
    ("gso", Some("1")),
    ("txCongestObey", Some("1")),
    ("tcpFlags", Some("0x0")),
    ("taskSchedDelay", Some("100 100")),
    ("flowShortTimeout", Some("30000")),
    ("shrinkPacket", Some("0")),
    ("lanSegment", Some("")),
    ("lanSegmentV6", Some("")),
    ("ipv4Only", None),
    ("ipv6Only", None),
    ("udptun", Some("")),
    ("shortRttBypass", Some("")),
    ("shortRttMS", Some("0")),
    ("synRetranMS", Some("0")),
    ("mpoolMaxCache", Some("245600000")),
    ("lttMaxDelayMS", None),
    ("engine", None),
    ("displayLevel", None),
    ("wanState", None),
    ("pcapFilterSplit", None),
    ("p2pPriorities", None),
];

/// What `text` written to `spec` reads back as.
fn round_trip(spec: &'static Spec, text: &str) -> Result<String, Reject> {
    let mut scratch = [0; TEXT_MAX];
    Ok(match parse(spec, text.as_bytes(), &mut scratch)? {
        Parsed::Scalar(slot) => {
            let mut out = String::new();
            format(spec, slot, &mut out).unwrap();
            out
        }
        Parsed::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
    })
}

fn file(name: &str) -> &'static Spec {
    lookup_file(name.as_bytes()).unwrap()
}

fn cmd(name: &str) -> &'static Spec {
    lookup_cmd(name.as_bytes()).unwrap()
}

fn assert_same(spec: &'static Spec, texts: &[&str]) {
    for text in texts {
        assert_eq!(
            round_trip(spec, text).as_deref(),
            Ok(*text),
            "{}",
            spec.name
        );
    }
}

fn assert_refused(spec: &'static Spec, why: Why, texts: &[&str]) {
    for text in texts {
        let result = round_trip(spec, text);
        assert_eq!(
            result,
            Err(Reject::new(spec, why)),
            "{}: {text:?}",
            spec.name
        );
    }
}

#[test]
fn every_published_file_and_key_exists_and_no_other() {
    let names = |specs: Vec<&'static Spec>| -> HashSet<&str> {
        let count = specs.len();
        let names: HashSet<_> = specs.iter().map(|spec| spec.name).collect();
        assert_eq!(names.len(), count, "a name is listed twice");
        names
    };
    assert_eq!(
        names(file_specs().collect()),
        FILES.iter().copied().collect()
    );
    assert_eq!(
        names(cmd_specs().collect()),
        KEYS.iter().map(|(name, _)| *name).collect()
    );
}

#[test]
fn published_defaults_are_kept() {
    let mut slots = std::vec![None; SCALARS];
    for (key, value) in defaults() {
        assert_eq!(Key::from_index(key.index()), Some(key));
        slots[key.index()] = Some(value);
    }
    for (name, text) in KEYS {
        let spec = cmd(name);
        let read = match spec.slot {
            Slot::Scalar(key) => {
                assert_eq!(key.spec(), spec);
                let slot = slots[key.index()].unwrap();
                FileLine { spec, slot }.to_string()
            }
            Slot::Text(key) => {
                assert_eq!(key.spec(), spec);
                format!("{name}: ")
            }
            Slot::Special => panic!("{name} is not kept"),
        };
        if let Some(text) = text {
            assert_eq!(read, format!("{name}: {text}"));
        }
    }
}

#[test]
fn every_default_is_a_value_that_could_be_written() {
    for (key, slot) in defaults() {
        let spec = key.spec();
        let mut text = String::new();
        format(spec, slot, &mut text).unwrap();
        let mut scratch = [0; TEXT_MAX];
        assert_eq!(
            parse(spec, text.as_bytes(), &mut scratch),
            Ok(Parsed::Scalar(slot)),
            "{}",
            spec.name
        );
    }
}

/// Scripts find a key by an unanchored search for `key:`.
#[test]
fn no_key_ends_with_the_name_of_another() {
    for one in cmd_specs() {
        for other in cmd_specs() {
            assert!(
                one == other || !one.name.ends_with(other.name),
                "{}",
                one.name
            );
        }
    }
}

#[test]
fn what_is_not_writable_is_refused() {
    for name in [
        "version",
        "hz",
        "ioctl",
        "engine",
        "byteCacheIoFails",
        "stats",
    ] {
        assert!(!file(name).writable);
        assert_refused(file(name), Why::ReadOnly, &["0", "1", ""]);
    }
    for spec in specs().filter(|spec| spec.slot != Slot::Special) {
        assert!(spec.writable, "{}", spec.name);
    }
}

#[test]
fn a_cmd_line_is_a_key_a_colon_and_a_value() {
    let value = |line: &'static str| {
        parse_line(line.as_bytes())
            .map(|(spec, value)| (spec.name, std::str::from_utf8(value).unwrap()))
    };
    assert_eq!(value("l2wQLimit: 256 2048"), Ok(("l2wQLimit", "256 2048")));
    assert_eq!(value("udptun:"), Ok(("udptun", "")));
    assert_eq!(value("udptun: "), Ok(("udptun", "")));
    assert_eq!(value("gso:1"), Ok(("gso", "1")));
    // Only one blank belongs to the colon.
    assert_eq!(value("gso:  1"), Ok(("gso", " 1")));
    assert_eq!(value("gso(0~1): 1"), Ok(("gso", "1")));
    let unknown = Err(Reject::cmd_line(Why::UnknownKey));
    for line in [
        "nothing: 1",
        ": 1",
        "GSO: 1",
        " gso: 1",
        "gso : 1",
        "gso(): 1",
        "gso(0~): 1",
        "gso(a~b): 1",
        "gso(0-1): 1",
        "wanKbps: 1",
        "version: 1",
        "minSsThreshx: 1",
    ] {
        assert_eq!(value(line), unknown, "{line}");
    }
    for line in ["", "gso", "gso 1", "\u{0}"] {
        assert_eq!(value(line), Err(Reject::cmd_line(Why::Form)), "{line}");
    }
}

#[test]
fn a_write_to_cmd_may_have_several_lines() {
    let split = |data: &'static [u8]| -> Vec<&[u8]> { lines(data).collect() };
    assert_eq!(split(b"gso: 1\n"), [b"gso: 1"]);
    assert_eq!(split(b"gso: 1\nrsc: 0"), [b"gso: 1", b"rsc: 0"]);
    // Each is refused, for lack of a colon.
    assert_eq!(split(b""), [b""]);
    assert_eq!(split(b"\n"), [b""]);
    assert_eq!(split(b"gso: 1\n\n"), [&b"gso: 1"[..], b""]);
}

#[test]
fn the_log_line_names_place_value_and_range() {
    let line = |reject, value: &str| {
        LogLine {
            dir: "appex1",
            value: value.as_bytes(),
            reject,
        }
        .to_string()
    };
    assert_eq!(
        line(Reject::new(file("wanKbps"), Why::Form), "ten"),
        "/proc/net/appex1/wanKbps: \"ten\" refused: not of the accepted form; accepted: 0 to 4294967295"
    );
    assert_eq!(
        line(Reject::new(cmd("initialCwndWan"), Why::Range), "0\n"),
        "/proc/net/appex1/cmd: initialCwndWan: \"0\\n\" refused: out of range; accepted: 1 to 65535"
    );
    assert_eq!(
        line(Reject::cmd_line(Why::UnknownKey), "x: 1"),
        "/proc/net/appex1/cmd: \"x: 1\" refused: unknown key; accepted: \"key: value\" with a key that reading cmd lists"
    );
}

#[test]
fn the_packet_path_sees_what_was_written() {
    let mut slots: Vec<u64> = defaults().map(|(_, value)| value).collect();
    let hot = Hot::read(|key| slots[key.index()]);
    let scope = Scope::read(|key| slots[key.index()]);
    assert!(hot.tcp_acc && !hot.subnet_acc);
    assert!(scope.is_tcp_only() && scope.handles(Family::V4) && scope.handles(Family::V6));
    assert!(scope.accelerates() && scope.copies());
    assert!(!scope.captures() && !scope.is_inbound_on() && scope.only_counts());
    assert_eq!(Scope::from_bits(scope.bits()), scope);
    assert_eq!((hot.initial_cwnd_wan, hot.initial_cwnd_lan), (22, 1024));
    assert!(hot.limits.bypass);

    for (key, value) in [(Key::PcapEnable, 1), (Key::AdvAccEnable, 1)] {
        let mut slots = slots.clone();
        slots[key.index()] = value;
        assert!(!Scope::read(|key| slots[key.index()]).only_counts());
    }
    for key in [Key::MaxAdvWinWan, Key::MaxAdvWinLan] {
        let mut slots = slots.clone();
        slots[Key::MaxAdvWinWan.index()] = 0;
        slots[Key::MaxAdvWinLan.index()] = 0;
        assert!(!Scope::read(|key| slots[key.index()]).bounds_windows());
        slots[key.index()] = 60;
        assert!(Scope::read(|key| slots[key.index()]).bounds_windows());
    }

    slots[Key::Ipv6Only.index()] = 1;
    slots[Key::Engine.index()] = pack(5, 3);
    slots[Key::BypassOverFlows.index()] = 0;
    let hot = Hot::read(|key| slots[key.index()]);
    let scope = Scope::read(|key| slots[key.index()]);
    assert!(!scope.handles(Family::V4) && scope.handles(Family::V6));
    assert_eq!(
        hot.limits,
        SessionLimits {
            sessions: 5,
            accelerated: 3,
            bypass: false
        }
    );
}
