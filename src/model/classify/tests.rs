// SPDX-License-Identifier: GPL-2.0

use super::*;
use std::vec;
use std::vec::Vec;

const CLIENT: [u8; 4] = [198, 51, 100, 7];
const SERVER: [u8; 4] = [203, 0, 113, 80];

fn v4(proto: u8, source: [u8; 4], dest: [u8; 4], rest: &[u8]) -> Vec<u8> {
    let total = u16::try_from(20 + rest.len()).unwrap();
    let mut bytes = vec![0x45, 0];
    bytes.extend(total.to_be_bytes());
    bytes.extend([0, 1, 0x40, 0, 64, proto, 0, 0]);
    bytes.extend(source);
    bytes.extend(dest);
    bytes.extend(rest);
    bytes
}

fn v6(next: u8, rest: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x60, 0, 0, 0];
    bytes.extend(u16::try_from(rest.len()).unwrap().to_be_bytes());
    bytes.extend([next, 64]);
    bytes.extend([0x20; 16]);
    bytes.extend([0x10; 16]);
    bytes.extend(rest);
    bytes
}

fn tcp(source: u16, dest: u16, flags: u8, payload: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(source.to_be_bytes());
    bytes.extend(dest.to_be_bytes());
    bytes.extend(7u32.to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend([0x80, flags]);
    // Window, checksum, urgent pointer and twelve bytes of options.
    bytes.extend([0; 18]);
    bytes.extend(vec![0; payload]);
    bytes
}

fn whole(bytes: &[u8]) -> Result<Packet, Skip> {
    parse(bytes, u32::try_from(bytes.len()).unwrap())
}

#[test]
fn a_tcp_packet_over_ipv4() {
    let packet = whole(&v4(TCP, CLIENT, SERVER, &tcp(40000, 80, 0x02, 0))).unwrap();
    assert_eq!(packet.source, Addr::v4(CLIENT));
    assert_eq!(packet.dest, Addr::v4(SERVER));
    assert_eq!((packet.source_port, packet.dest_port), (40000, 80));
    assert_eq!((packet.headers, packet.payload), (52, 0));
    let Transport::Tcp { flags, seq } = packet.transport else {
        panic!("{packet:?}");
    };
    assert!(flags.opens() && !flags.has(TcpFlags::FIN));
    assert_eq!(seq, 7);
    assert_eq!(packet.flow().0.proto(), TCP);
    assert_eq!(packet.flow().0.family(), Family::V4);
}

#[test]
fn both_directions_have_one_key() {
    let there = whole(&v4(TCP, CLIENT, SERVER, &tcp(40000, 80, 0x10, 5))).unwrap();
    let back = whole(&v4(TCP, SERVER, CLIENT, &tcp(80, 40000, 0x10, 1000))).unwrap();
    assert_eq!(there.flow().0, back.flow().0);
    assert_ne!(there.flow().1, back.flow().1);
    // 198.51.100.7 sorts before 203.0.113.80.
    assert!(there.flow().1);
}

#[test]
fn any_difference_makes_another_key() {
    let base = whole(&v4(TCP, CLIENT, SERVER, &tcp(40000, 80, 0x10, 0))).unwrap();
    for other in [
        v4(TCP, CLIENT, SERVER, &tcp(40001, 80, 0x10, 0)),
        v4(TCP, CLIENT, SERVER, &tcp(40000, 81, 0x10, 0)),
        v4(TCP, CLIENT, SERVER, &tcp(80, 40000, 0x10, 0)),
        v4(TCP, [198, 51, 100, 8], SERVER, &tcp(40000, 80, 0x10, 0)),
        v4(UDP, CLIENT, SERVER, &tcp(40000, 80, 0x10, 0)),
        v6(TCP, &tcp(40000, 80, 0x10, 0)),
    ] {
        assert_ne!(whole(&other).unwrap().flow().0, base.flow().0);
    }
}

#[test]
fn a_flow_to_itself_has_a_direction_by_port() {
    let there = whole(&v4(TCP, SERVER, SERVER, &tcp(40000, 80, 0x10, 0))).unwrap();
    let back = whole(&v4(TCP, SERVER, SERVER, &tcp(80, 40000, 0x10, 0))).unwrap();
    assert_eq!(there.flow().0, back.flow().0);
    assert_ne!(there.flow().1, back.flow().1);
}

#[test]
fn udp_and_other_protocols() {
    let packet = whole(&v4(
        UDP,
        CLIENT,
        SERVER,
        &[0, 53, 0, 99, 0, 12, 0, 0, 1, 2, 3, 4],
    ))
    .unwrap();
    assert_eq!(packet.transport, Transport::Udp);
    assert_eq!((packet.source_port, packet.payload), (53, 4));
    let ping = whole(&v4(1, CLIENT, SERVER, &[8, 0, 1, 2])).unwrap();
    assert_eq!(ping.transport, Transport::Other);
    assert_eq!((ping.source_port, ping.headers, ping.payload), (0, 20, 4));
}

#[test]
fn ipv4_options_move_the_ports() {
    let mut bytes = v4(TCP, CLIENT, SERVER, &[1, 1, 1, 0]);
    bytes[0] = 0x46;
    bytes.extend(tcp(40000, 80, 0x10, 9));
    let length = u16::try_from(bytes.len()).unwrap();
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    let packet = whole(&bytes).unwrap();
    assert_eq!(
        (packet.source_port, packet.headers, packet.payload),
        (40000, 56, 9)
    );
}

#[test]
fn only_the_first_fragment_has_ports() {
    let mut bytes = v4(TCP, CLIENT, SERVER, &tcp(40000, 80, 0x10, 9));
    bytes[6] = 0x20; // More fragments, offset zero.
    assert!(whole(&bytes).is_ok());
    bytes[7] = 1;
    assert_eq!(whole(&bytes), Err(Skip::Fragment));
    (bytes[6], bytes[7]) = (0x10, 0); // The highest bit of the offset.
    assert_eq!(whole(&bytes), Err(Skip::Fragment));
    bytes[6] = 0x40; // Do not fragment.
    assert!(whole(&bytes).is_ok());

    let fragment = |offset: u8| {
        let mut rest = vec![TCP, 0, 0, offset, 0, 0, 0, 1];
        rest.extend(tcp(40000, 80, 0x10, 9));
        whole(&v6(44, &rest))
    };
    assert!(fragment(0x01).is_ok());
    assert_eq!(fragment(0x08), Err(Skip::Fragment));
}

#[test]
fn ipv6_extension_headers_are_followed() {
    // Hop-by-hop of 8 bytes, destination options of 16, authentication of 12.
    let mut rest = vec![60, 0, 0, 0, 0, 0, 0, 0];
    rest.extend([51, 1]);
    rest.extend([0; 14]);
    rest.extend([TCP, 1]);
    rest.extend([0; 10]);
    rest.extend(tcp(40000, 443, 0x11, 3));
    let packet = whole(&v6(0, &rest)).unwrap();
    assert_eq!((packet.source_port, packet.dest_port), (40000, 443));
    assert_eq!((packet.headers, packet.payload), (40 + 36 + 32, 3));
    assert_eq!(packet.family(), Family::V6);
}

#[test]
fn a_chain_of_extension_headers_ends() {
    let mut rest = Vec::new();
    for _ in 0..20 {
        rest.extend([60, 0, 0, 0, 0, 0, 0, 0]);
    }
    assert_eq!(whole(&v6(60, &rest)), Err(Skip::Truncated));
}

#[test]
fn every_cut_of_the_headers_is_noticed() {
    let bytes = v6(TCP, &tcp(40000, 80, 0x10, 0));
    // The sequence number and flags end 14 bytes into the TCP header.
    for cut in 0..54 {
        assert_eq!(parse(&bytes[..cut], 72), Err(Skip::Truncated), "{cut}");
    }
    assert!(parse(&bytes[..54], 72).is_ok());
}

#[test]
fn contradictions_are_noticed() {
    let good = v4(TCP, CLIENT, SERVER, &tcp(40000, 80, 0x10, 0));
    let with = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        whole(&bytes)
    };
    assert_eq!(with(0, 0x44), Err(Skip::Malformed)); // IPv4 header of 16 bytes.
    assert_eq!(with(0, 0x55), Err(Skip::Malformed)); // Version 5.
    assert_eq!(with(32, 0x40), Err(Skip::Malformed)); // TCP header of 16 bytes.
    assert_eq!(with(32, 0xf0), Err(Skip::Malformed)); // TCP header beyond the packet.
    assert_eq!(with(3, 30), Err(Skip::Malformed)); // Total length within the TCP header.
}

#[test]
fn padding_does_not_count_as_payload() {
    let mut bytes = v4(TCP, CLIENT, SERVER, &tcp(40000, 80, 0x10, 1));
    bytes.extend([0; 6]);
    assert_eq!(whole(&bytes).unwrap().payload, 1);
}

#[test]
fn a_packet_to_be_segmented_has_its_true_length() {
    let mut bytes = v4(TCP, CLIENT, SERVER, &tcp(40000, 80, 0x10, 0));
    bytes[2..4].copy_from_slice(&[0, 0]);
    assert_eq!(parse(&bytes, 180_052).unwrap().payload, 180_000);
}
