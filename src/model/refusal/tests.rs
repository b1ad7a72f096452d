// SPDX-License-Identifier: GPL-2.0

use super::*;
use crate::model::classify::parse;
use crate::model::units::Addr;

fn syn(source: Addr, dest: Addr, flags: TcpFlags, payload: u32) -> Packet {
    Packet {
        proto: TCP,
        source,
        dest,
        source_port: 40_000,
        dest_port: 443,
        transport: Transport::Tcp {
            flags,
            seq: u32::MAX,
        },
        headers: 40,
        payload,
    }
}

fn ends() -> [(Addr, Addr); 2] {
    [
        (Addr::v4([192, 0, 2, 9]), Addr::v4([198, 51, 100, 1])),
        (
            Addr::v6([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]),
            Addr::v6([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 1]),
        ),
    ]
}

#[test]
fn the_answer_goes_back_and_acknowledges_the_syn() {
    for (source, dest) in ends() {
        let reset = Reset::of(&syn(source, dest, TcpFlags::SYN, 0)).unwrap();
        let len = u32::try_from(reset.bytes().len()).unwrap();
        let parsed = parse(reset.bytes(), len).unwrap();
        assert_eq!((parsed.source, parsed.dest), (dest, source));
        assert_eq!((parsed.source_port, parsed.dest_port), (443, 40_000));
        assert_eq!(
            parsed.transport,
            Transport::Tcp {
                flags: TcpFlags(TcpFlags::RST.0 | TcpFlags::ACK.0),
                seq: 0
            }
        );
        assert_eq!(parsed.payload, 0);
        // The acknowledgement number is the last but three words of the TCP header; the SYN's number wraps.
        let at = reset.bytes().len() - 12;
        assert_eq!(reset.bytes()[at..at + 4], [0, 0, 0, 0]);
    }
}

#[test]
fn the_checksum_is_what_a_receiver_expects() {
    for (source, dest) in ends() {
        let reset = Reset::of(&syn(source, dest, TcpFlags::SYN, 3)).unwrap();
        let header = match source.family {
            Family::V4 => 12,
            Family::V6 => 8,
        };
        // With the checksum in place the sum over pseudo header and segment is zero.
        assert_eq!(checksum(&reset.bytes()[header..], u32::from(TCP) + 20), 0);
        let at = reset.bytes().len() - 12;
        assert_eq!(reset.bytes()[at..at + 4], [0, 0, 0, 3]);
    }
}

#[test]
fn nothing_but_the_first_packet_of_a_connection_is_answered() {
    let (source, dest) = ends()[0];
    for flags in [
        TcpFlags::ACK,
        TcpFlags(TcpFlags::SYN.0 | TcpFlags::ACK.0),
        TcpFlags::RST,
    ] {
        assert!(Reset::of(&syn(source, dest, flags, 0)).is_none());
    }
}
