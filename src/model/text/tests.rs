// SPDX-License-Identifier: GPL-2.0

use super::*;
use std::format;
use std::string::String;

#[test]
fn decimal_has_one_spelling() {
    assert_eq!(decimal(b"0"), Some(0));
    assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
    for bad in [
        &b""[..],
        b"00",
        b"01",
        b"+1",
        b"-1",
        b" 1",
        b"1 ",
        b"1\n",
        b"0x1",
        b"1.0",
        b"1e3",
        b"\xb2",
        b"18446744073709551616",
        b"99999999999999999999999999",
    ] {
        assert_eq!(decimal(bad), None, "{}", Escaped(bad));
    }
}

#[test]
fn hexadecimal_is_lower_case_without_padding() {
    assert_eq!(lower_hex(b"0"), Some(0));
    assert_eq!(lower_hex(b"c00"), Some(0xc00));
    for bad in [&b""[..], b"0c", b"C0", b"g", b"0x1", b"10000000000000000"] {
        assert_eq!(lower_hex(bad), None, "{}", Escaped(bad));
    }
}

#[test]
fn only_one_newline_is_removed() {
    assert_eq!(strip_newline(b"1\n"), b"1");
    assert_eq!(strip_newline(b"1\n\n"), b"1\n");
    assert_eq!(strip_newline(b"\n"), b"");
    assert_eq!(strip_newline(b"1"), b"1");
}

#[test]
fn a_refused_value_cannot_forge_a_log_line() {
    let shown = format!("{}", Escaped(b"1\n<0>kernel: \"owned\" \\ \x1b[2J\xff\0"));
    assert_eq!(shown, r"1\n<0>kernel: \x22owned\x22 \x5c \x1b[2J\xff\x00");
    assert!(shown.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
}

#[test]
fn a_long_value_is_cut() {
    let exact = [b'x'; SHOWN_MAX];
    assert_eq!(format!("{}", Escaped(&exact)), "x".repeat(SHOWN_MAX));
    let longer = [b'x'; SHOWN_MAX + 1];
    assert_eq!(
        format!("{}", Escaped(&longer)),
        "x".repeat(SHOWN_MAX) + "..."
    );
}

#[test]
fn a_buffer_takes_a_piece_whole_or_not_at_all() {
    let mut room = [0; 5];
    let mut buf = TextBuf::new(&mut room);
    assert_eq!(buf.push_word(b"ab"), Ok(()));
    assert_eq!(buf.push(b"cdef"), Err(Full));
    assert_eq!(buf.as_bytes(), b"ab");
    assert_eq!(buf.push_word(b"cd"), Ok(()));
    assert_eq!(String::from_utf8_lossy(buf.finish()), "ab cd");
}

#[test]
fn a_line_shows_no_tab() {
    let mut room = [0; 8];
    assert_eq!(one_line(b"\tacc \t b\t", &mut room), Ok(&b"acc b"[..]));
    assert_eq!(one_line(b"\t", &mut room), Ok(&b""[..]));
    assert_eq!(one_line(b"acc port", &mut room), Ok(&b"acc port"[..]));
    assert_eq!(one_line(b"acc port=", &mut room), Err(Full));
}
