// SPDX-License-Identifier: GPL-2.0

//! Properties that hold for any input. Set `PROPTEST_CASES` for longer runs.

use appex_model::fuzz::read_back;
use appex_model::model::classify::{self, Packet, Transport};
use appex_model::model::flow::{self, Seen};
use appex_model::model::ifname;
use appex_model::model::memory;
use appex_model::model::settings::{self, Kind, Slot};
use appex_model::model::text::{words, Escaped};
use appex_model::model::units::{Addr, Family, Millis};
use proptest::collection::vec;
use proptest::prelude::*;

/// Texts that are often nearly right, and sometimes anything.
fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[0-9]{0,21}".prop_map(String::into_bytes),
        "[0-9]{1,10} [0-9]{1,10}".prop_map(String::into_bytes),
        "0x[0-9a-fA-F]{0,10}".prop_map(String::into_bytes),
        "([0-9A-Fa-f]{1,9}/[0-9]{1,3}|0|1| ){0,8}".prop_map(String::into_bytes),
        "([0-9a-f:]{2,20}/[0-9]{1,3} ?){0,4}".prop_map(String::into_bytes),
        "((acc|noacc|[0-9.]{7,15}(/[0-9]{1,2})?|[0-9a-f:]{2,9}) ){0,4}"
            .prop_map(String::into_bytes),
        "[ -~]{0,40}".prop_map(String::into_bytes),
        vec(any::<u8>(), 0..64),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_accepted_value_reads_back_as_written(value in value()) {
        for spec in settings::specs().filter(|spec| spec.slot != Slot::Special) {
            let Some(read) = read_back(spec, &value) else { continue };
            let exempt = match spec.kind {
                Kind::Hex { .. } => !value.starts_with(b"0x"),
                Kind::LanSegmentsV6 => true,
                _ => false,
            };
            if !exempt {
                prop_assert_eq!(&read, &value, "{}", spec.name);
            }
            // What is read can always be written, and then reads back exactly.
            let again = read_back(spec, &read);
            prop_assert_eq!(again.as_ref(), Some(&read), "{}", spec.name);
            // It can neither end a line nor start another.
            prop_assert!(read.iter().all(|byte| *byte == b'\t' || (b' '..=b'~').contains(byte)));
        }
    }

    #[test]
    fn a_canonical_v6_list_reads_back_as_written(nets in vec((any::<u128>(), 0u8..=128), 0..50)) {
        let text: Vec<String> = nets.iter().map(|(addr, len)| format!("{addr:032X}/{len}")).collect();
        let text = text.join(" ").into_bytes();
        let spec = settings::TextKey::LanSegmentV6.spec();
        prop_assert_eq!(read_back(spec, &text), Some(text));
    }

    #[test]
    fn a_cmd_line_names_a_key_that_is_in_it(line in prop_oneof![
        value(),
        "[a-zA-Z0-9]{1,12}(\\([0-9~]{0,5}\\))?:? ?[0-9 ]{0,8}".prop_map(String::into_bytes),
    ]) {
        if let Ok((spec, value)) = settings::parse_line(&line) {
            prop_assert!(line.starts_with(spec.name.as_bytes()));
            prop_assert!(line.ends_with(value));
        }
    }

    #[test]
    fn a_log_line_is_one_short_printable_line(value in vec(any::<u8>(), 0..300)) {
        let shown = Escaped(&value).to_string();
        prop_assert!(shown.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        prop_assert!(shown.len() <= 4 * 64 + 3);
    }

    #[test]
    fn an_interface_list_is_well_formed_after_any_writes(
        writes in vec(prop_oneof![
            "[+-]?[a-c][0-2]( [+-]?[a-c][0-2]){0,3}".prop_map(String::into_bytes),
            value(),
        ], 0..20),
    ) {
        let mut list: Vec<u8> = Vec::new();
        let mut out = [0; 4096];
        for change in &writes {
            let Ok(next) = ifname::edit(&list, change, &mut out) else { continue };
            let next = next.to_vec();
            let entries: Vec<&[u8]> = words(&next).collect();
            prop_assert_eq!(entries.join(&b" "[..]), next.clone());
            for (index, entry) in entries.iter().enumerate() {
                prop_assert!(ifname::is_entry(entry));
                prop_assert!(!entries[..index].contains(entry));
            }
            // Reference: what each word asks for, the last word about an entry counting.
            for word in words(change) {
                let (sign, entry) = match word.split_first() {
                    Some((b'+', entry)) => (b'+', entry),
                    Some((b'-', entry)) => (b'-', entry),
                    _ => (b' ', word),
                };
                let last = words(change).filter(|other| other.ends_with(entry)
                    && other.len() - entry.len() <= 1 && (other.len() == entry.len() || sign != b' ')).last();
                if last == Some(word) {
                    prop_assert_eq!(entries.contains(&entry), sign != b'-');
                }
            }
            // The list itself can be written back and stays the same.
            let mut again = [0; 4096];
            prop_assert_eq!(ifname::edit(b"x", &next, &mut again), Ok(&next[..]));
            list = next;
        }
    }

    #[test]
    fn a_pattern_matches_as_the_slow_definition_says(
        pattern in "[ab*?]{0,8}|[ab*]{0,3}\\[!?a-?b?\\][b*]{0,3}",
        name in "[abc-]{0,8}",
    ) {
        if !pattern.is_empty() && ifname::is_entry(pattern.as_bytes()) {
            let fast = ifname::glob(pattern.as_bytes(), name.as_bytes());
            prop_assert_eq!(fast, slow_glob(pattern.as_bytes(), name.as_bytes()));
        }
    }

    #[test]
    fn no_bytes_confuse_the_parser(bytes in packet_like(), total in any::<u32>()) {
        if let Ok(packet) = classify::parse(&bytes, total) {
            prop_assert!(packet.len() <= total);
            prop_assert_eq!(packet.source.family, packet.dest.family);
            prop_assert_eq!(packet.flow().0.family(), packet.family());
            // The whole of what follows must cope with it too.
            let seen = Seen::of(&packet, packet.flow().1);
            let _ = flow::timeout(packet.flow().0.proto(), seen.phase(), Millis(1));
            let _ = flow::wire_len(&packet, u16::MAX);
        }
    }

    #[test]
    fn a_longer_copy_of_a_packet_changes_nothing(bytes in packet_like(), more in vec(any::<u8>(), 0..32)) {
        if let Ok(packet) = classify::parse(&bytes, 1_000_000) {
            let mut longer = bytes.clone();
            longer.extend(more);
            prop_assert_eq!(classify::parse(&longer, 1_000_000), Ok(packet));
        }
    }

    #[test]
    fn the_way_back_has_the_same_key(bytes in packet_like()) {
        if let Ok(packet) = classify::parse(&bytes, 1_000_000) {
            let back = classify::parse(&reversed(&bytes, &packet), 1_000_000).unwrap();
            prop_assert_eq!(back.flow().0, packet.flow().0);
            let one_ended = packet.source == packet.dest && packet.source_port == packet.dest_port;
            prop_assert_eq!(back.flow().1 == packet.flow().1, one_ended);
        }
    }

    #[test]
    fn whatever_words_are_in_a_set_a_report_is_found_there(
        mut set in any::<[[u64; 2]; memory::WAYS]>(),
        bits in any::<u128>(),
        key in any::<u64>(),
        minute in any::<u16>(),
        report in any::<(u32, u32, u32, u64)>(),
    ) {
        let place = memory::Place::of(Addr { family: Family::V6, bits }, key);
        prop_assert!(place.set < memory::SETS);
        let (lost, total, base_rtt_us, capacity) = report;
        let report = memory::Report { lost, total, base_rtt_us, capacity };
        let (way, words) = place.store(&set, minute, &report);
        set[way] = words;
        let known = place.find(&set, minute);
        prop_assert!(known.is_some_and(|known| known.loss_q16 <= 65_536));
        prop_assert!(place.take(&set, minute).is_some());
    }
}

/// Bytes that look like IPv4 or IPv6 with some transport header, with anything in between.
fn packet_like() -> impl Strategy<Value = Vec<u8>> {
    let proto = prop_oneof![
        Just(6u8),
        Just(17),
        Just(0),
        Just(43),
        Just(44),
        Just(51),
        Just(60),
        any::<u8>()
    ];
    let version =
        prop_oneof![4 => Just(0x45u8), 4 => Just(0x60), 1 => Just(0x47), 1 => any::<u8>()];
    (version, proto, vec(any::<u8>(), 0..160), any::<bool>()).prop_map(
        |(version, proto, mut bytes, plain)| {
            let v6 = version >> 4 == 6;
            let mut put = |at: usize, value: u8| {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            };
            put(0, version);
            put(if v6 { 6 } else { 9 }, proto);
            if plain {
                // No fragment, a length that says nothing, a TCP header of 20 bytes.
                for at in if v6 { [4, 5, 4, 5] } else { [2, 3, 6, 7] } {
                    put(at, 0);
                }
                put(if v6 { 52 } else { 32 }, 0x50);
            }
            bytes
        },
    )
}

/// The same packet with both ends exchanged.
fn reversed(bytes: &[u8], packet: &Packet) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let (source, dest, size) = if bytes[0] >> 4 == 4 {
        (12, 16, 4)
    } else {
        (8, 24, 16)
    };
    for index in 0..size {
        bytes.swap(source + index, dest + index);
    }
    let header = match packet.transport {
        Transport::Tcp { .. } => {
            // The data offset is the only thing that says how long the header is.
            let find = |at: &usize| {
                let length = usize::from(bytes.get(at + 12).copied().unwrap_or(0) >> 4) * 4;
                at + length == packet.headers as usize
                    && bytes[*at..*at + 2] == packet.source_port.to_be_bytes()
                    && bytes[*at + 2..*at + 4] == packet.dest_port.to_be_bytes()
            };
            (20..packet.headers as usize).step_by(4).find(find)
        }
        Transport::Udp => Some(packet.headers as usize - 8),
        Transport::Other => None,
    };
    if let Some(at) = header {
        bytes.swap(at, at + 2);
        bytes.swap(at + 1, at + 3);
    }
    bytes
}

/// The definition of a match, without any cleverness.
fn slow_glob(pattern: &[u8], name: &[u8]) -> bool {
    let Some((first, rest)) = pattern.split_first() else {
        return name.is_empty();
    };
    if *first == b'*' {
        return (0..=name.len()).any(|skip| slow_glob(rest, &name[skip..]));
    }
    let Some((byte, name)) = name.split_first() else {
        return false;
    };
    match first {
        b'?' => slow_glob(rest, name),
        b'[' => {
            let end = rest.iter().position(|byte| *byte == b']').unwrap();
            let (set, after) = (&rest[..end], &rest[end + 1..]);
            let negated = set[0] == b'!';
            let set = if negated { &set[1..] } else { set };
            let inside = match set {
                [low, b'-', high] => (low..=high).contains(&byte),
                _ => set.contains(byte),
            };
            inside != negated && slow_glob(after, name)
        }
        literal => literal == byte && slow_glob(rest, name),
    }
}
