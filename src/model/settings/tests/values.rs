// SPDX-License-Identifier: GPL-2.0

//! Which texts each kind of setting takes, and how they read back.

use super::*;
use crate::model::units::Addr;

#[test]
fn switches_take_nothing_but_0_and_1() {
    assert_same(file("tcpAccEnable"), &["0", "1"]);
    assert_refused(file("tcpAccEnable"), Why::Range, &["2", "10"]);
    assert_refused(
        file("tcpAccEnable"),
        Why::Form,
        &["", "on", "01", "-1", "1 ", " 1", "1\n", "1 1", "\0"],
    );
}

#[test]
fn numbers_are_bounded_on_both_sides() {
    assert_same(file("wanKbps"), &["0", "1000000", "4294967295"]);
    assert_refused(
        file("wanKbps"),
        Why::Range,
        &["4294967296", "18446744073709551615"],
    );
    assert_refused(
        file("wanKbps"),
        Why::Form,
        &["18446744073709551616", "1e6", "10 kbit"],
    );
    assert_same(cmd("initialCwndWan"), &["1", "44", "600", "65535"]);
    assert_refused(cmd("initialCwndWan"), Why::Range, &["0", "65536"]);
    assert_same(cmd("mpoolMaxCache"), &["0", "7368000", "1099511627776"]);
}

#[test]
fn unset_numbers_are_empty() {
    assert_same(cmd("smMinKbps"), &["", "0", "100"]);
    assert_refused(cmd("smMinKbps"), Why::Form, &[" ", "none"]);
    assert_refused(cmd("smMinKbps"), Why::Range, &["18446744073709551615"]);
}

#[test]
fn pairs_read_back_exactly() {
    assert_same(
        cmd("l2wQLimit"),
        &[
            "256 2048",
            "512 4096",
            "2560 20480",
            "0 0",
            "4294967295 4294967295",
        ],
    );
    assert_refused(
        cmd("l2wQLimit"),
        Why::Form,
        &[
            "",
            "256",
            "256  2048",
            "256 2048 ",
            " 256 2048",
            "256\t2048",
            "1 2 3",
            "256,2048",
        ],
    );
    assert_refused(
        cmd("l2wQLimit"),
        Why::Range,
        &["4294967296 1", "1 4294967296"],
    );
    assert_refused(cmd("engine"), Why::Range, &["0 1", "1 0"]);
    assert_eq!(unpack(pack(7, u32::MAX)), (7, u32::MAX));
}

#[test]
fn tcp_flags_print_as_hexadecimal_without_padding() {
    let spec = cmd("tcpFlags");
    assert_same(spec, &["0x0", "0x800", "0x4800", "0xffffffff"]);
    // Scripts compute `0x4000 | 0x800` in the shell and write the decimal result.
    assert_eq!(round_trip(spec, "18432").as_deref(), Ok("0x4800"));
    assert_eq!(round_trip(spec, "0").as_deref(), Ok("0x0"));
    assert_refused(
        spec,
        Why::Form,
        &["", "0x", "0x0800", "0xC00", "0X800", "800h", "-1"],
    );
    assert_refused(spec, Why::Range, &["0x100000000", "4294967296"]);
}

#[test]
fn lan_segments_are_kept_as_written() {
    let spec = cmd("lanSegment");
    // The handbook's form, the script's zero-padded form, and the switches.
    assert_same(
        spec,
        &[
            "",
            "C210000/16",
            "0C210000/16",
            "c0a80000/16 0A000000/8",
            "0 C0A80000/16 1 0/0",
        ],
    );
    assert_refused(
        spec,
        Why::Form,
        &[
            "C210000",
            "C210000/33",
            "C210000/",
            "/16",
            "192.168.0.0/16",
            "2",
            "00C210000/16",
            "C210000/016",
            "C210000/16\nengine: 1 1",
            "C210000/16\0",
        ],
    );
    let rules: Vec<_> = lan_rules(b"C0A80100/24 1 C0A80000/16 0 0A000000/8").collect();
    let decide = |addr| {
        let addr = Addr::v4(addr);
        rules
            .iter()
            .find(|rule| rule.net.contains(addr))
            .map(|rule| rule.accelerate)
    };
    assert_eq!(decide([192, 168, 1, 9]), Some(false));
    assert_eq!(decide([192, 168, 2, 9]), Some(true));
    assert_eq!(decide([10, 1, 2, 3]), Some(false));
    assert_eq!(decide([192, 169, 0, 1]), None);
}

#[test]
fn lan_segments_v6_read_back_as_32_digits() {
    let spec = cmd("lanSegmentV6");
    let canonical = "20010DB8000000000000000000000001/128 00000000000000000000000000000000/0";
    assert_same(spec, &["", canonical]);
    assert_eq!(
        round_trip(spec, "2001:db8::1/128 ::/0").as_deref(),
        Ok(canonical)
    );
    assert_eq!(
        round_trip(spec, &canonical.to_lowercase()).as_deref(),
        Ok(canonical)
    );
    assert_refused(
        spec,
        Why::Form,
        &[
            "2001:db8::1",
            "2001:db8::1/129",
            "20010DB8/32",
            ":::/0",
            "1.2.3.4/8",
            "0 ::/0",
        ],
    );
    // 750 bytes are fine to write and would be 5,250 to read.
    assert_refused(spec, Why::TooLong, &["::/0 ".repeat(150).as_str()]);
    let rules: Vec<_> = lan_rules_v6(canonical.as_bytes()).collect();
    assert_eq!(rules.len(), 2);
    assert_eq!(rules[0].net.len, 128);
    assert!(rules[1].net.contains(Addr::v6([7; 16])));
    assert!(!rules[1].net.contains(Addr::v4([7; 4])));
    assert!(rules.iter().all(|rule| !rule.accelerate));
}

#[test]
fn short_rtt_bypass_is_a_list_of_networks_and_switches() {
    let spec = cmd("shortRttBypass");
    assert_same(
        spec,
        &[
            "",
            "noacc 10.0.0.0/8",
            "acc 192.0.2.7 noacc 2001:db8::/32 ::1",
            "acc",
        ],
    );
    assert_refused(
        spec,
        Why::Form,
        &[
            "all",
            "10.0.0.0/33",
            "10.0.0/8",
            "010.0.0.1",
            "::1/129",
            "acc\n",
            "10.0.0.0/8,::1",
        ],
    );
    let rules: Vec<_> = bypass_rules(b"10.0.0.0/8 acc 192.0.2.7 noacc ::1").collect();
    let accelerate: Vec<_> = rules.iter().map(|rule| rule.accelerate).collect();
    assert_eq!(accelerate, [false, true, false]);
    let lens: Vec<_> = rules.iter().map(|rule| rule.net.len).collect();
    assert_eq!(lens, [8, 32, 128]);
}

#[test]
fn free_text_cannot_look_like_another_key() {
    let spec = cmd("udptun");
    assert_same(spec, &["", "4789", "vxlan 4789: eth0", "a:b", "engine"]);
    assert_refused(
        spec,
        Why::Form,
        &[
            "engine: 1 1",
            "x engine:",
            "1\n2",
            "caf\u{e9}",
            "a\x1b",
            "wanState:engine",
        ],
    );
    assert_refused(spec, Why::TooLong, &["x".repeat(256).as_str()]);
    assert_same(spec, &["x".repeat(255).as_str()]);
}

#[test]
fn lists_of_networks_are_short() {
    for (name, entry) in [
        ("lanSegment", "0A000000/8"),
        ("lanSegmentV6", "::/0"),
        ("shortRttBypass", "acc"),
    ] {
        let list = |count: usize| [entry].repeat(count).join(" ");
        assert_refused(cmd(name), Why::TooMany, &[list(RULES_MAX + 1).as_str()]);
    }
    let list = ["0A000000/8"; RULES_MAX].join(" ");
    assert_same(cmd("lanSegment"), &[list.as_str()]);
    assert_refused(
        cmd("lanSegment"),
        Why::TooLong,
        &[" ".repeat(TEXT_MAX + 1).as_str()],
    );
}

#[test]
fn a_rule_survives_as_words() {
    for rule in bypass_rules(b"10.0.0.0/8 2001:db8::/128 acc 192.0.2.7/0 ::1/0") {
        assert_eq!(Rule::from_words(rule.to_words()), rule);
    }
}

#[test]
fn a_window_limit_is_in_units_of_64_kib_and_fits_an_int() {
    assert_eq!(window_limit(0), None);
    assert_eq!(window_limit(1), Some(65_536));
    assert_eq!(window_limit(60), Some(3_932_160));
    assert_eq!(window_limit(u64::MAX), Some(i32::MAX as u32));
}
