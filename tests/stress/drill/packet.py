# SPDX-License-Identifier: GPL-2.0
"""TCP over IPv4 and IPv6 as bytes, and a device of the kernel (TUN) that takes and gives them."""

import fcntl
import os
import socket
import struct
from dataclasses import dataclass, field

from language import NotUnderstood

# Of linux/if_tun.h and linux/virtio_net.h.
TUNSETIFF, TUNSETOFFLOAD, TUNSETVNETHDRSZ = 0x400454CA, 0x400454D0, 0x400454D8
IFF_TUN, IFF_NO_PI, IFF_VNET_HDR = 0x0001, 0x1000, 0x4000
TUN_F_CSUM, TUN_F_TSO4, TUN_F_TSO6, TUN_F_TSO_ECN = 1, 2, 4, 8
VNET = struct.Struct("<BBHHHH")  # flags, gso_type, hdr_len, gso_size, csum_start, csum_offset
NEEDS_CSUM, GSO_TCPV4, GSO_TCPV6 = 1, 1, 4

FLAGS = {"F": 0x001, "S": 0x002, "R": 0x004, "P": 0x008, ".": 0x010, "U": 0x020, "E": 0x040, "W": 0x080, "A": 0x100}
ECN = {"noecn": 0, "ect1": 1, "ect0": 2, "ce": 3}
ACK, SYN, RST = FLAGS["."], FLAGS["S"], FLAGS["R"]

# Kinds of options (RFC 9293, 2018, 7323, 2385, 7413, 6994, 9768).
MSS, WSCALE, SACK_OK, SACK, TS, MD5, FO, EXPERIMENT = 2, 3, 4, 5, 8, 19, 34, 254
FO_MAGIC = 0xF989
# The order in which the counters of Accurate ECN stand in each of its two options.
ACCURATE_ECN = {172: ["e0b", "ceb", "e1b"], 174: ["e1b", "ceb", "e0b"]}


def flag_bits(text: str) -> int:
    """Flags as written: letters, and a digit for the three bits of Accurate ECN."""
    bits = 0
    for letter in text.replace("-", ""):
        bits |= int(letter) << 6 if letter.isdigit() else FLAGS[letter]
    return bits


def flag_text(bits: int) -> str:
    return "".join(letter for letter, bit in FLAGS.items() if bits & bit) or "-"


@dataclass
class Tcp:
    """A segment with its numbers as on the wire."""

    source: int
    target: int
    seq: int
    ack: int
    flags: int
    window: int
    urgent: int
    ecn: int
    length: int
    options: list = field(default_factory=list)
    damaged: bool = False  # a full checksum that is wrong

    def __str__(self) -> str:
        said = " ".join(str(option) for option in self.options)
        return f"{flag_text(self.flags)} {self.seq}+{self.length} ack {self.ack} win {self.window} urg {self.urgent} ecn {self.ecn} <{said}>"


def checksum(data: bytes, start: int = 0) -> int:
    """The Internet checksum, not inverted."""
    if len(data) % 2:
        data += b"\0"
    # 2^16 is 1 modulo 2^16 - 1, so the whole is its sum of words there; a sum that is not 0 stands as 0xffff.
    total = int.from_bytes(data, "big") + start
    return (total - 1) % 0xFFFF + 1 if total else 0


def option_bytes(options: list) -> bytes:
    out = b""
    for option in options:
        match option:
            case ("nop",):
                out += b"\1"
            case ("eol",):
                out += b"\0"
            case ("mss", size):
                out += struct.pack(">BBH", MSS, 4, size)
            case ("wscale", shift):
                out += struct.pack("BBB", WSCALE, 3, shift)
            case ("sackOK",):
                out += struct.pack("BB", SACK_OK, 2)
            case ("sack", blocks):
                out += struct.pack("BB", SACK, 2 + 8 * len(blocks))
                out += b"".join(struct.pack(">II", *block) for block in blocks)
            case ("TS", value, echo):
                out += struct.pack(">BBII", TS, 10, value, echo)
            case ("FO", cookie):
                out += struct.pack("BB", FO, 2 + len(cookie)) + cookie
            case ("FOEXP", cookie):
                out += struct.pack(">BBH", EXPERIMENT, 4 + len(cookie), FO_MAGIC) + cookie
            case ("md5", digest):
                out += struct.pack("BB", MD5, 18) + digest
            case ("ECN", names, counts):
                kind = next((k for k, order in ACCURATE_ECN.items() if order[:len(names)] == names), None)
                if kind is None:
                    raise NotUnderstood(f"order of counters {names}")
                out += struct.pack("BB", kind, 2 + 3 * len(counts)) + b"".join(n.to_bytes(3, "big") for n in counts)
    return out + b"\0" * (-len(out) % 4)


def options_of(data: bytes) -> list:
    options: list = []
    while data:
        kind = data[0]
        if kind == 1:
            options.append(("nop",))
            data = data[1:]
            continue
        if kind == 0:
            break
        size = max(2, data[1]) if len(data) > 1 else 2
        value, data = data[2:size], data[size:]
        match kind:
            case _ if kind == MSS:
                options.append(("mss", int.from_bytes(value, "big")))
            case _ if kind == WSCALE:
                options.append(("wscale", value[0]))
            case _ if kind == SACK_OK:
                options.append(("sackOK",))
            case _ if kind == SACK:
                options.append(("sack", [struct.unpack_from(">II", value, at) for at in range(0, len(value) - 7, 8)]))
            case _ if kind == TS:
                options.append(("TS", *struct.unpack(">II", value)))
            case _ if kind == FO:
                options.append(("FO", value))
            case _ if kind == EXPERIMENT and value[:2] == FO_MAGIC.to_bytes(2, "big"):
                options.append(("FOEXP", value[2:]))
            case _ if kind == MD5:
                options.append(("md5", value))
            case _ if kind in ACCURATE_ECN:
                counts = [int.from_bytes(value[at:at + 3], "big") for at in range(0, len(value), 3)]
                options.append(("ECN", ACCURATE_ECN[kind][:len(counts)], counts))
            case _:
                options.append((f"kind {kind}", value))
    return options


class Link:
    """The device tun0, with the script's side of the network: `local` is the kernel's address, `remote` the script's."""

    def __init__(self, local: str, remote: str, mss: int):
        self.v6 = ":" in local
        family = socket.AF_INET6 if self.v6 else socket.AF_INET
        self.local, self.remote = socket.inet_pton(family, local), socket.inet_pton(family, remote)
        self.mss = mss
        self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH22x", b"tun0", IFF_TUN | IFF_NO_PI | IFF_VNET_HDR))
        fcntl.ioctl(self.fd, TUNSETVNETHDRSZ, struct.pack("I", VNET.size))
        # Large segments come whole, as scripts expect them.
        fcntl.ioctl(self.fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN)

    def pseudo(self, source: bytes, target: bytes, protocol: int, length: int) -> int:
        return checksum(source + target + struct.pack(">II", length, protocol))

    def ip(self, protocol: int, ecn: int, payload: bytes) -> bytes:
        if self.v6:
            return struct.pack(">IHBB", 6 << 28 | ecn << 20, len(payload), protocol, 64) + self.remote + self.local + payload
        header = struct.pack(">BBHHHBBH", 0x45, ecn, 20 + len(payload), 0, 0x4000, 64, protocol, 0) + self.remote + self.local
        return header[:10] + struct.pack(">H", 0xFFFF - checksum(header)) + header[12:] + payload

    def send(self, s: Tcp) -> None:
        options = option_bytes(s.options)
        head = 20 + len(options)
        if head > 60:
            raise NotUnderstood("more options than a header holds")
        tcp = struct.pack(">HHIIHHHH", s.source, s.target, s.seq, s.ack, head // 4 << 12 | s.flags, s.window, 0, s.urgent)
        pseudo = self.pseudo(self.remote, self.local, 6, head + s.length)
        ip_size = 40 if self.v6 else 20
        if self.mss and s.length > self.mss:
            # As a card that joins segments would give it: the kernel knows the size of each. All of it is to be in one
            # piece of memory (hdr_len), as the windows in scripts depend on what a segment costs.
            gso = GSO_TCPV6 if self.v6 else GSO_TCPV4
            vnet = VNET.pack(NEEDS_CSUM, gso, ip_size + head + s.length, self.mss, ip_size, 16)
            total = pseudo
        else:
            # The payload is zeros.
            vnet, total = bytes(VNET.size), 0xFFFF - checksum(tcp + options, pseudo)
        tcp = tcp[:16] + struct.pack(">H", total) + tcp[18:]
        os.write(self.fd, vnet + self.ip(6, s.ecn, tcp + options + bytes(s.length)))

    def send_icmp(self, kind: int, code: int, mtu: int, source: int, target: int, seq: int, length: int) -> None:
        """Complains of a segment of the kernel's from port `source` to `target`."""
        tcp = struct.pack(">HHI", source, target, seq)
        if self.v6:
            quoted = struct.pack(">IHBB", 6 << 28, 20 + length, 6, 64) + self.local + self.remote + tcp + bytes(12)
            icmp = struct.pack(">BBHI", kind, code, 0, mtu) + quoted
            start = self.pseudo(self.remote, self.local, 58, len(icmp))
        else:
            quoted = struct.pack(">BBHHHBBH", 0x45, 0, 40 + length, 0, 0x4000, 64, 6, 0) + self.local + self.remote
            quoted = quoted[:10] + struct.pack(">H", 0xFFFF - checksum(quoted)) + quoted[12:] + tcp
            icmp, start = struct.pack(">BBHI", kind, code, 0, mtu) + quoted, 0
        icmp = icmp[:2] + struct.pack(">H", 0xFFFF - checksum(icmp, start)) + icmp[4:]
        os.write(self.fd, bytes(VNET.size) + self.ip(58 if self.v6 else 1, 0, icmp))

    def receive(self) -> Tcp | None:
        """The next TCP segment that the kernel sent to the script's side; raises BlockingIOError when there is none."""
        data = os.read(self.fd, 1 << 17)
        vnet, ip = data[:VNET.size], data[VNET.size:]
        if self.v6:
            if ip[0] >> 4 != 6 or ip[6] != 6 or ip[24:40] != self.remote:
                return None
            ecn, tcp, length, ends = ip[1] >> 4 & 3, ip[40:], int.from_bytes(ip[4:6], "big"), (ip[8:24], ip[24:40])
        else:
            if ip[0] >> 4 != 4 or ip[9] != 6 or ip[16:20] != self.remote:
                return None
            size = (ip[0] & 15) * 4
            ecn, tcp, ends = ip[1] & 3, ip[size:], (ip[12:16], ip[16:20])
            length = int.from_bytes(ip[2:4], "big") - size
        source, target, seq, ack, flags, window, _, urgent = struct.unpack_from(">HHIIHHHH", tcp)
        head = (flags >> 12) * 4
        whole = checksum(tcp, self.pseudo(*ends, 6, length)) if not vnet[0] & NEEDS_CSUM else 0xFFFF
        return Tcp(source, target, seq, ack, flags & 0x1FF, window, urgent, ecn, length - head, options_of(tcp[20:head]),
                   whole != 0xFFFF)
