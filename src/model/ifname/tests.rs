// SPDX-License-Identifier: GPL-2.0

use super::*;
use std::format;
use std::string::String;

fn edited(current: &str, change: &str) -> Result<String, Error> {
    let mut out = [0; 4096];
    edit(current.as_bytes(), change.as_bytes(), &mut out)
        .map(|list| String::from_utf8(list.to_vec()).unwrap())
}

#[test]
fn signed_writes_add_and_remove() {
    assert_eq!(edited("", "+eth0").as_deref(), Ok("eth0"));
    assert_eq!(edited("eth0", "+ppp0").as_deref(), Ok("eth0 ppp0"));
    assert_eq!(edited("eth0 ppp0", "-eth0").as_deref(), Ok("ppp0"));
    assert_eq!(edited("eth0", "-eth0").as_deref(), Ok(""));
    assert_eq!(
        edited("eth0", "+eth1 +eth2 -eth0").as_deref(),
        Ok("eth1 eth2")
    );
    // The last word about an entry counts.
    assert_eq!(edited("", "+eth0 -eth0").as_deref(), Ok(""));
    assert_eq!(edited("eth0", "-eth0 +eth0").as_deref(), Ok("eth0"));
}

#[test]
fn adding_twice_or_removing_nothing_changes_nothing() {
    assert_eq!(edited("eth0 eth1", "+eth0").as_deref(), Ok("eth0 eth1"));
    assert_eq!(edited("eth0", "-eth1").as_deref(), Ok("eth0"));
    assert_eq!(edited("eth10", "-eth1").as_deref(), Ok("eth10"));
}

#[test]
fn a_plain_list_replaces() {
    assert_eq!(edited("wlan0", "eth0 eth1").as_deref(), Ok("eth0 eth1"));
    assert_eq!(edited("eth1", "eth0 eth1 eth0").as_deref(), Ok("eth0 eth1"));
    assert_eq!(edited("eth0 eth1", "").as_deref(), Ok(""));
    assert_eq!(edited("eth0 eth1", "  \t").as_deref(), Ok(""));
}

#[test]
fn bad_entries_are_refused_and_leave_the_list() {
    for bad in [
        "$+ppp0",
        "+",
        "-",
        "+-eth0",
        "++eth0",
        "eth0 +eth1",
        "+eth0 eth1",
        "eth/0",
        "eth:0",
        ".",
        "..",
        "+eth0\neth1",
        "eth0;reboot",
        "abcdefghijklmnop",
        "eth[",
        "eth[]",
        "eth[!]",
        "eth[0",
        "\u{e9}th0",
        "eth0\0",
        "+..",
        "eth0,eth1",
    ] {
        assert_eq!(edited("eth0", bad), Err(Error::BadEntry), "{bad}");
    }
    assert_eq!(
        edited("", "abcdefghijklmno").as_deref(),
        Ok("abcdefghijklmno")
    );
}

#[test]
#[cfg_attr(miri, ignore = "takes minutes")]
fn a_list_has_256_entries_at_most() {
    let names = |count: usize| {
        (0..count)
            .map(|n| format!("e{n}"))
            .collect::<std::vec::Vec<_>>()
            .join(" ")
    };
    let full = names(256);
    assert_eq!(edited("", &full).as_deref(), Ok(full.as_str()));
    assert_eq!(edited("", &names(257)), Err(Error::TooMany));
    assert_eq!(edited(&full, "+one-more"), Err(Error::TooMany));
    assert_eq!(edited(&full, "+e7").as_deref(), Ok(full.as_str()));
    assert!(edited(&full, "-e7 +one-more").is_ok());
    // 256 names of full length are 4095 bytes and fit one page.
    let long = |count: usize| {
        (0..count)
            .map(|n| format!("interface-n{n:04}"))
            .collect::<std::vec::Vec<_>>()
            .join(" ")
    };
    assert!(edited("", &long(256)).is_ok());
    let mut small = [0; 8];
    assert_eq!(edit(b"", b"eth0 eth1", &mut small), Err(Error::TooLong));
}

#[test]
fn names_match_as_a_whole() {
    assert!(matches(b"eth0 eth1", b"eth1"));
    assert!(!matches(b"eth1", b"eth10"));
    assert!(!matches(b"eth10", b"eth1"));
    assert!(!matches(b"", b"eth0"));
    assert!(matches(b"lo eth*", b"eth10"));
    assert!(!matches(b"eth*", b"veth0"));
}

#[test]
fn patterns_work_as_in_a_shell() {
    for (pattern, yes, no) in [
        ("*", &["", "eth0"][..], &[][..]),
        ("eth?", &["eth0"], &["eth", "eth10"]),
        ("eth[0-2]", &["eth0", "eth2"], &["eth3", "eth-"]),
        ("eth[!0-2]", &["eth3"], &["eth1", "eth"]),
        ("eth[^02]", &["eth1"], &["eth0"]),
        ("eth[0-]", &["eth0", "eth-"], &["eth1"]),
        ("eth[2-0]", &[], &["eth1", "eth2"]),
        ("*.10*", &["eth0.10", "bond1.1.100"], &["eth0.1", "eth10"]),
        ("e*s*f?", &["enp1s0f0", "enss1f1"], &["enp1s0", "enp1s0f"]),
        ("**a**", &["a", "xax"], &["", "xx"]),
    ] {
        assert!(is_entry(pattern.as_bytes()), "{pattern}");
        for name in yes {
            assert!(
                glob(pattern.as_bytes(), name.as_bytes()),
                "{pattern} {name}"
            );
        }
        for name in no {
            assert!(
                !glob(pattern.as_bytes(), name.as_bytes()),
                "{pattern} {name}"
            );
        }
    }
}
