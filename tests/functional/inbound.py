#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What inbound tests look at.

edges DEV PORT SECONDS   reads the windows that arrive at DEV for connections from PORT, which begin
                         meanwhile; prints their number and how many ended before an earlier one
"""

import socket
import struct
import sys
import time

ETH_P_ALL = 3


def scale_of(options):
    while options and options[0]:
        if options[0] == 1:
            options = options[1:]
            continue
        if options[0] == 3:
            return options[2]
        options = options[max(options[1], 2):]
    return 0


def edges(device, port, seconds):
    sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sniffer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 20)
    sniffer.bind((device, 0))
    sniffer.settimeout(0.5)
    print("ready", file=sys.stderr, flush=True)
    until = time.monotonic() + seconds
    scales, last, count, back = {}, {}, 0, 0
    while time.monotonic() < until:
        try:
            frame, where = sniffer.recvfrom(65536)
        except socket.timeout:
            continue
        if where[2] == socket.PACKET_OUTGOING or frame[12:14] != b"\x08\x00" or frame[23] != 6:
            continue
        tcp = frame[14 + (frame[14] & 15) * 4:]
        source, dest, _, ack, offset, flags, window = struct.unpack("!HHIIBBH", tcp[:16])
        if dest != port or not flags & 0x12:
            continue
        if flags & 2:
            scales[source] = scale_of(tcp[20:(offset >> 4) * 4])
            continue
        if source not in scales:
            continue
        edge = (ack + (window << scales[source])) & 0xFFFFFFFF
        count += 1
        before = last.get(source, edge)
        ahead = (edge - before) & 0xFFFFFFFF
        if ahead >> 31:
            back += 1
        else:
            last[source] = edge
    print(count, back)


def main():
    what, arguments = sys.argv[1], sys.argv[2:]
    if what == "edges":
        edges(arguments[0], int(arguments[1]), float(arguments[2]))
    else:
        sys.exit(__doc__)


main()
