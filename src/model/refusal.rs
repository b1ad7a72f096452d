// SPDX-License-Identifier: GPL-2.0

//! The answer to a connection that is refused: a TCP reset, as RFC 9293 (3.10.7.1) asks of a host that has no such connection.

use super::classify::{Packet, TcpFlags, Transport, TCP};
use super::units::Family;

/// Longest answer: an IPv6 and a TCP header.
pub const RESET_MAX: usize = 60;

/// What most systems start with; far more than any path has hops.
const HOPS: u8 = 64;

/// An answer.
#[derive(Clone, Copy, Debug)]
pub struct Reset {
    bytes: [u8; RESET_MAX],
    len: usize,
}

impl Reset {
    /// Refuses the connection that `packet` opens; `None` if it opens none. The checksum of the IPv4 header is left to who sends it.
    pub fn of(packet: &Packet) -> Option<Self> {
        let Transport::Tcp { flags, seq } = packet.transport else {
            return None;
        };
        if !flags.opens() {
            return None;
        }
        // A SYN takes a sequence number, as each byte of data does.
        let ack = seq.wrapping_add(packet.payload).wrapping_add(1);
        let mut reset = Self {
            bytes: [0; RESET_MAX],
            len: 0,
        };
        match packet.family() {
            Family::V4 => {
                // Version and length of the header, type of service, length, identification 0, "don't fragment", checksum.
                reset.push(&[0x45, 0, 0, 40, 0, 0, 0x40, 0, HOPS, TCP, 0, 0]);
                reset.push(address(&packet.dest.bits.to_be_bytes(), 4));
                reset.push(address(&packet.source.bits.to_be_bytes(), 4));
            }
            Family::V6 => {
                // Version, class and label, length of the payload.
                reset.push(&[0x60, 0, 0, 0, 0, 20, TCP, HOPS]);
                reset.push(&packet.dest.bits.to_be_bytes());
                reset.push(&packet.source.bits.to_be_bytes());
            }
        }
        let addresses = match packet.family() {
            Family::V4 => 12,
            Family::V6 => 8,
        };
        let transport = reset.len;
        reset.push(&packet.dest_port.to_be_bytes());
        reset.push(&packet.source_port.to_be_bytes());
        reset.push(&[0; 4]);
        reset.push(&ack.to_be_bytes());
        // Five words of header, the flags, no window, checksum and urgent pointer 0.
        reset.push(&[0x50, TcpFlags::RST.0 | TcpFlags::ACK.0, 0, 0, 0, 0, 0, 0]);
        // The pseudo header is addresses, protocol and length.
        let covered = reset.bytes.get(addresses..).unwrap_or(&[]);
        let sum = checksum(covered, u32::from(TCP).saturating_add(20));
        if let Some(field) = reset
            .bytes
            .get_mut(transport.saturating_add(16)..)
            .and_then(|rest| rest.first_chunk_mut())
        {
            *field = sum.to_be_bytes();
        }
        Some(reset)
    }

    /// The packet from its network header on.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }

    fn push(&mut self, bytes: &[u8]) {
        let room = self.bytes.get_mut(self.len..).unwrap_or(&mut []);
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.len = self.len.saturating_add(bytes.len()).min(RESET_MAX);
    }
}

fn address(bytes: &[u8; 16], len: usize) -> &[u8] {
    bytes.get(..len).unwrap_or(bytes)
}

/// The Internet checksum (RFC 1071) of `bytes` and a 32-bit number.
fn checksum(bytes: &[u8], more: u32) -> u16 {
    let mut sum = more;
    for pair in bytes.chunks(2) {
        let high = pair.first().copied().unwrap_or(0);
        let low = pair.get(1).copied().unwrap_or(0);
        sum = sum.saturating_add(u32::from(u16::from_be_bytes([high, low])));
    }
    // At most 30 words: two folds take all carries in.
    sum = (sum >> 16).saturating_add(sum & 0xffff);
    sum = (sum >> 16).saturating_add(sum & 0xffff);
    // CAST: at most 16 bits are left.
    !(sum as u16)
}

#[cfg(test)]
mod tests;
