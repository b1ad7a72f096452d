# SPDX-License-Identifier: GPL-2.0
"""Packets as no stack sends them, into an interface: hostile.py DEVICE MAC COUNT SEED

They begin as packets that mean something (SYN, data, RST, fragments, extension headers, UDP, ICMP, segments
to be cut by the kernel) and are then broken in a few places. Most get a right checksum and length of the IP header
afterwards, or they would not get as far as a hook. Prints how many the kernel took.
"""

import random
import socket
import struct
import sys

from receiver import ones_sum

V4 = [socket.inet_aton(a) for a in ("10.9.0.2", "10.9.0.1", "10.8.0.2", "198.51.100.7", "224.0.0.1", "255.255.255.255")]
V6 = [socket.inet_pton(socket.AF_INET6, a) for a in ("fd00:9::2", "fd00:9::1", "2001:db8::7", "ff02::1", "::ffff:10.9.0.1")]
PORTS = [5001, 5002, 22, 0, 65535]
VNET = struct.Struct("<BBHHHH")  # flags, gso_type, hdr_len, gso_size, csum_start, csum_offset
PACKET_VNET_HDR = 15


def tcp(r: random.Random) -> bytes:
    options = r.choice([b"", b"\1\1\1\1", b"\2\4\5\xb4", b"\x13\x12" + r.randbytes(16) + b"\1\1", b"\x1d\x10" + r.randbytes(14),
                        b"\x08\x0a" + r.randbytes(8) + b"\1\1", b"\3\3\x0e\0", r.randbytes(4 * r.randrange(11))])
    flags = r.choice([2, 2, 16, 24, 4, 20, 17, 18, 0, 255, r.randrange(256)])
    offset = (20 + len(options)) // 4 if r.random() < 0.9 else r.randrange(16)
    head = struct.pack("!HHIIBBHHH", r.choice(PORTS), r.choice(PORTS), r.randrange(1 << 32), r.randrange(1 << 32),
                       offset << 4, flags, r.choice([0, 1, 65535, r.randrange(65536)]), r.randrange(65536), r.randrange(65536))
    return head + options + r.randbytes(r.choice([0, 0, 1, 100, 1400]))


def transport(r: random.Random) -> tuple[int, bytes]:
    kind = r.random()
    if kind < 0.75:
        return 6, tcp(r)
    if kind < 0.85:
        return 17, struct.pack("!HHHH", r.choice(PORTS), r.choice(PORTS), r.randrange(65536), 0) + r.randbytes(r.randrange(64))
    return r.choice([1, 58, 4, 41, 47, 50, 51, 132, r.randrange(256)]), r.randbytes(r.randrange(200))


def v4(r: random.Random) -> bytes:
    proto, rest = transport(r)
    options = r.randbytes(4 * r.randrange(11)) if r.random() < 0.15 else b""
    fragment = 0 if r.random() < 0.85 else r.choice([0x2000, 0x2001, 1, 0x1FFF, 0x4000, 0x8000])
    head = bytearray(struct.pack("!BBHHHBBH", 0x40 | (20 + len(options)) // 4, 0, 20 + len(options) + len(rest),
                                 r.randrange(65536), fragment, r.choice([64, 1, 255]), proto, 0)
                     + r.choice(V4) + r.choice(V4) + options)
    if r.random() < 0.2:
        head[r.randrange(len(head))] = r.randrange(256)
    if r.random() < 0.9:
        head[10:12] = b"\0\0"
        head[10:12] = struct.pack("!H", ones_sum(bytes(head)))
    return bytes(head) + rest


def v6(r: random.Random) -> bytes:
    proto, rest = transport(r)
    for _ in range(r.choice([0, 0, 0, 1, 2, 9])):
        kind = r.choice([0, 43, 44, 51, 60, 135])
        body = r.randbytes(6) if kind != 44 else struct.pack("!HI", r.choice([0, 1, 8, 0xFFF8]), r.randrange(1 << 32))
        rest = bytes([proto, 0 if r.random() < 0.9 else r.randrange(256)]) + body + rest
        proto = kind
    length = len(rest) if r.random() < 0.95 else r.randrange(65536)
    return struct.pack("!IHBB", 6 << 28, length, proto, 64) + r.choice(V6) + r.choice(V6) + rest


def frame(r: random.Random, mac: bytes) -> bytes:
    """With the header for the kernel that says how it is to be cut."""
    six = r.random() < 0.4
    packet = bytearray(v6(r) if six else v4(r))
    if r.random() < 0.1:
        del packet[r.randrange(1, len(packet)):]
    if r.random() < 0.1:
        packet[r.randrange(len(packet))] ^= 1 << r.randrange(8)
    ether = mac + b"\2\0\0\0\0\1" + (b"\x86\xdd" if six else b"\x08\x00")
    header = 14 + (40 if six else 20)
    if r.random() < 0.1 and len(packet) > 60:
        gso = VNET.pack(1, r.choice([4, 1, 3, 0x81, 5]), r.choice([header + 20, header, 0]), r.choice([1, 100, 536, 1448, 65535]),
                        header, r.choice([16, 6]))
        return gso + ether + bytes(packet) + r.randbytes(r.choice([0, 3000, 20000]))
    return VNET.pack(0, 0, 0, 0, 0, 0) + ether + bytes(packet)


def main() -> None:
    device, mac, count, seed = sys.argv[1:5]
    r = random.Random(int(seed))
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    out.bind((device, 0))
    out.setsockopt(263, PACKET_VNET_HDR, 1)  # SOL_PACKET
    target = bytes.fromhex(mac.replace(":", ""))
    taken = 0
    for _ in range(int(count)):
        try:
            out.send(frame(r, target))
            taken += 1
        except OSError:
            pass  # Not even the kernel that sends it likes it.
    print(taken)


main()
