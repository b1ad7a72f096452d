// SPDX-License-Identifier: GPL-2.0

use super::*;

fn subject<'a>(cgroup: &'a str) -> Subject<'a> {
    Subject {
        peer: Addr::v4([192, 0, 2, 7]),
        peer_port: 40_000,
        local_port: 443,
        cgroup: cgroup.as_bytes(),
    }
}

fn matches(rule: &str, cgroup: &str) -> bool {
    Rule::parse(rule.as_bytes())
        .unwrap()
        .matches(&subject(cgroup))
}

#[test]
fn all_conditions_must_hold() {
    for (rule, expected) in [
        ("to=192.0.2.0/24 off", true),
        ("to=192.0.2.7 acc", true),
        ("to=192.0.3.0/24 off", false),
        ("to=2001:db8::/32 off", false),
        ("to=0.0.0.0/0 off", true),
        ("lport=443 off", true),
        ("lport=400-443 off", true),
        ("lport=444-500 off", false),
        ("rport=443 off", false),
        ("rport=40000 off", true),
        ("off to=192.0.2.0/24 lport=80", false),
        ("mode=max lport=443 rate=1000 to=192.0.2.0/24", true),
    ] {
        assert_eq!(matches(rule, ""), expected, "{rule}");
    }
}

#[test]
fn a_control_group_contains_those_below_it() {
    for (rule, path, expected) in [
        ("cgroup=/system.slice off", "/system.slice", true),
        (
            "cgroup=/system.slice off",
            "/system.slice/nginx.service",
            true,
        ),
        (
            "cgroup=/system.slice/ off",
            "/system.slice/nginx.service",
            true,
        ),
        ("cgroup=/system.slice off", "/system.slice2", false),
        ("cgroup=/system.slice off", "/", false),
        ("cgroup=/ off", "/", true),
        ("cgroup=/ off", "/a/b", true),
        ("cgroup=/ off", "", false),
        ("cgroup=/a off", "", false),
    ] {
        assert_eq!(matches(rule, path), expected, "{rule} {path}");
    }
}

#[test]
fn actions_are_read() {
    let action = |rule: &str| Rule::parse(rule.as_bytes()).unwrap().action;
    assert_eq!(action("lport=1 off").accelerate, Some(false));
    assert_eq!(action("lport=1 acc").accelerate, Some(true));
    let both = action("lport=1 mode=strong rate=8");
    assert_eq!(both.accelerate, None);
    assert_eq!(both.choice.mode, Some(Mode::Strong));
    assert_eq!(both.choice.max_kbps(), Some(8));
    assert_eq!(action("rate=0 lport=1").choice.max_kbps(), Some(0));
}

#[test]
fn other_texts_are_no_rules() {
    let long = format!("cgroup=/{} off", "a".repeat(CGROUP_BYTES));
    for text in [
        "",
        "off",
        "lport=443",
        "lport=443 off acc",
        "lport=443 off mode=max",
        "lport=443 off rate=1",
        "lport=443 lport=80 off",
        "lport=443-80 off",
        "lport=65536 off",
        "lport= off",
        "to=192.0.2.0/33 off",
        "to=example.org off",
        "cgroup=system.slice off",
        "cgroup= off",
        "cgroup=/a cgroup=/b off",
        "lport=443 mode=fast",
        "lport=443 rate=4294967295",
        "lport=443 rate=-1",
        "sport=443 off",
        "lport=443 =off",
        &long,
    ] {
        assert_eq!(Rule::parse(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn what_is_read_can_be_written() {
    let mut out = [0; RULE_BYTES];
    let (kept, rule) = canonical(b"  lport=443\t off ", &mut out).unwrap();
    assert_eq!(kept, b"lport=443 off");
    assert_eq!(Rule::parse(kept), Some(rule));
    let lines = b"lport=443 off # hits=7\n\n# a comment\n+rport=1 off\n-rport=2 off\n";
    let edits: Vec<_> = edits(lines).collect();
    assert_eq!(
        edits,
        [
            Edit::Item(b"lport=443 off"),
            Edit::Add(b"rport=1 off"),
            Edit::Remove(b"rport=2 off"),
        ]
    );
}

#[test]
fn a_rule_that_is_too_long_to_be_kept_is_refused() {
    let mut out = [0; 8];
    assert!(canonical(b"lport=443 off", &mut out).is_none());
}
