# SPDX-License-Identifier: GPL-2.0
"""Connections that are begun and never ended: flood.py DEVICE MAC COUNT TARGET[:PORT]...

SYNs from addresses and ports of which no two are alike, to each target in turn, by a raw socket. Prints how many the
kernel took.
"""

import socket
import struct
import sys

MSS_OPTION = b"\2\4\5\xb4"
# 198.18.0.0/15, which is for such tests (RFC 2544), has room for 131,072 addresses; ports do the rest.
SOURCES, FIRST_SOURCE, FIRST_PORT = 1 << 17, 0xC6120000, 1024


def fold(total: int) -> int:
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def halves(data: bytes) -> int:
    return sum(struct.unpack(f"!{len(data) // 2}H", data))


def main() -> None:
    device, mac, count = sys.argv[1], bytes.fromhex(sys.argv[2].replace(":", "")), int(sys.argv[3])
    ether = mac + b"\2\0\0\0\0\1\x08\x00"
    targets = []
    for target in sys.argv[4:]:
        host, _, port = target.partition(":")
        address = socket.inet_aton(host)
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 44, 0, 0x4000, 64, 6, 0)
        tcp = struct.pack("!HHIIBBHHH", 0, int(port or 80), 0, 0, 6 << 4, 2, 65535, 0, 0) + MSS_OPTION
        # All of both checksums but the source.
        targets.append((ip[:10], halves(ip) + halves(address), address, tcp, halves(tcp) + halves(address) + 6 + len(tcp)))
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    out.bind((device, 0))
    taken = 0
    for i in range(count):
        head, ip_sum, address, tcp, tcp_sum = targets[i % len(targets)]
        source, port = FIRST_SOURCE + i % SOURCES, FIRST_PORT + i // SOURCES
        high, low = source >> 16, source & 0xFFFF
        packet = (ether + head + struct.pack("!HI", fold(ip_sum + high + low), source) + address + struct.pack("!H", port)
                  + tcp[2:16] + struct.pack("!H", fold(tcp_sum + high + low + port)) + tcp[18:])
        try:
            out.send(packet)
            taken += 1
        except OSError:
            pass  # No memory for one more: as on a wire that is full.
    print(taken)


main()
