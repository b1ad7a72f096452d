# SPDX-License-Identifier: GPL-2.0
"""A small TCP of its own on raw packets, which receives: what peer.py bends."""

import heapq
import os
import random
import select
import socket
import struct
import sys
import time

RTT_S = 0.1
WINDOW = 1 << 20
WINDOW_SHIFT = 7
SERVER, HERE = socket.inet_aton("10.7.0.1"), socket.inet_aton("10.7.1.2")
FIN, SYN, RST, PSH, ACK, ECE, CWR = 1, 2, 4, 8, 16, 64, 128
PERIOD = 65521  # traffic.py's
BLOCK = bytes((i * (i ^ 0x5BD1) * 2654435761 >> 17) & 0xFF for i in range(PERIOD)) * 2


def ones_sum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def raw(namespace: str, device: str) -> tuple[socket.socket, bytes]:
    """A raw socket on a device of a namespace, and the device's address."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    os.setns(there, os.CLONE_NEWNET)
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
    s.bind((device, 0x0800))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
    s.setblocking(False)
    # Of this device's namespace, whatever /sys shows.
    address = s.getsockname()[4]
    os.setns(home, os.CLONE_NEWNET)
    os.close(home)
    os.close(there)
    return s, address


class Segment:
    """A data segment of the server, with positions counted from the first byte of data."""

    def __init__(self, peer: "Peer", packet: bytes):
        ihl = (packet[14] & 15) * 4
        self.size = struct.unpack("!H", packet[16:18])[0]
        self.ce = packet[15] & 3 == 3
        tcp = packet[14 + ihl:14 + self.size]
        self.seq, self.ack = struct.unpack("!II", tcp[4:12])
        offset = (tcp[12] >> 4) * 4
        self.flags = tcp[13]
        self.length = self.size - ihl - offset
        self.data = tcp[offset:]
        self.ts = 0
        options = tcp[20:offset]
        while options and options[0] != 0:
            if options[0] == 1:
                options = options[1:]
                continue
            if options[0] == 8:
                self.ts = struct.unpack("!I", options[2:6])[0]
            options = options[max(options[1], 2):]
        self.begin = (self.seq - peer.irs - 1) & 0xFFFFFFFF
        self.end = self.begin + self.length


class Peer:
    """An honest receiver that acknowledges each segment one round trip after it came, and what others change of it."""

    mss: int | None = 1460
    sack = True
    timestamps = True
    ecn = False
    says_goodbye = True

    def __init__(self, port: int, seconds: float, limit: int):
        self.random = random.Random(port)
        self.port, self.limit = port, limit
        self.own_port = 20000 + os.getpid() % 40000  # not that of the peer before
        self.wire, own = raw("peer", "peer0")
        self.tap, _ = raw("mid", "mid0")
        self.ether = bytes.fromhex(os.environ["NEXT_HOP"].replace(":", "")) + own + b"\x08\x00"
        self.begun = time.monotonic()
        self.stop_at = self.begun + seconds
        self.iss, self.irs = 1000, 0
        self.queue: list[tuple[float, int, bytes]] = []
        self.number = 0
        self.sent = self.delivered = 0
        self.next = 0  # first byte that is missing
        self.beyond: list[tuple[int, int]] = []  # what came behind it, sorted
        self.highest = 0  # what the server has sent
        self.ts = 0
        self.window = WINDOW
        self.ended = ""

    # What goes out.

    def send(self, flags: int, ack: int, delay: float = 0.0, blocks: list[tuple[int, int]] | None = None,
             ts: int | None = None, window: int | None = None) -> None:
        options = b""
        shift = 0 if flags & SYN else WINDOW_SHIFT
        if flags & SYN:
            options += b"" if self.mss is None else struct.pack("!BBH", 2, 4, self.mss)
            options += b"\1\1\4\2" if self.sack else b""
            options += struct.pack("!BBBB", 1, 3, 3, WINDOW_SHIFT)
        if self.timestamps:
            value = int(time.monotonic() * 1000) + 1
            options += struct.pack("!BBBBII", 1, 1, 8, 10, value & 0xFFFFFFFF, (self.ts if ts is None else ts) & 0xFFFFFFFF)
        if blocks and self.sack:
            some = blocks[:3]
            options += struct.pack("!BBBB", 1, 1, 5, 2 + 8 * len(some))
            for begin, end in some:
                options += struct.pack("!II", (self.irs + 1 + begin) & 0xFFFFFFFF, (self.irs + 1 + end) & 0xFFFFFFFF)
        offered = self.window if window is None else window
        offered = min(65535, offered >> shift)
        number = 0 if flags & SYN else (self.irs + 1 + ack) & 0xFFFFFFFF
        seq = self.iss if flags & SYN else self.iss + 1
        tcp = struct.pack("!HHIIBBHHH", self.own_port, self.port, seq, number, (20 + len(options)) << 2, flags, offered, 0, 0) + options
        pseudo = HERE + SERVER + struct.pack("!BBH", 0, 6, len(tcp))
        tcp = tcp[:16] + struct.pack("!H", ones_sum(pseudo + tcp)) + tcp[18:]
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0) + HERE + SERVER
        head = head[:10] + struct.pack("!H", ones_sum(head)) + head[12:]
        self.number += 1
        heapq.heappush(self.queue, (time.monotonic() + delay, self.number, self.ether + head + tcp))

    # What comes in.

    def take(self, s: Segment) -> None:
        begin, end = max(s.begin, self.next), s.end
        if begin >= end:
            return
        if BLOCK[s.begin % PERIOD:][:s.length] != s.data:
            sys.exit(f"content differs in the {s.length} bytes from {s.begin}")
        merged = []
        for a, b in self.beyond:
            if b < begin or a > end:
                merged.append((a, b))
            else:
                begin, end = min(a, begin), max(b, end)
        if begin <= self.next:
            self.next = end
        else:
            merged.append((begin, end))
        self.beyond = sorted(merged)

    def on_data(self, s: Segment) -> None:
        self.take(s)
        self.send(ACK, self.next, RTT_S, self.beyond)

    def on_sent(self, s: Segment) -> None:
        """A segment passes before the bottleneck."""

    def on_probe(self, s: Segment) -> None:
        """A segment without data."""

    def on_time(self, now: float) -> None:
        """After each event, and each ten milliseconds."""

    # The connection.

    def received(self, packet: bytes) -> None:
        s = Segment(self, packet)
        if s.flags & RST:
            self.ended = "reset"
        elif s.flags & SYN:
            self.irs, self.ts = s.seq, s.ts
            self.send(ACK, 0, RTT_S)
        else:
            self.ts = s.ts or self.ts
            if s.length:
                self.delivered += s.size
                self.on_data(s)
            else:
                self.on_probe(s)

    def passed(self, packet: bytes) -> None:
        s = Segment(self, packet)
        if s.length:
            self.sent += s.size
            self.highest = max(self.highest, s.end)
            self.on_sent(s)

    def drain(self, wire: socket.socket, handle) -> None:
        for _ in range(64):
            try:
                packet, where = wire.recvfrom(2048)
            except BlockingIOError:
                return
            if where[2] != socket.PACKET_OUTGOING and packet[30:34] == HERE and packet[36:38] == struct.pack("!H", self.own_port):
                handle(packet)

    def run(self) -> str:
        self.send(SYN | (ECE | CWR if self.ecn else 0), 0)
        while not self.ended:
            now = time.monotonic()
            if now >= self.stop_at:
                self.ended = "time"
            elif self.limit and self.next >= self.limit:
                self.ended = "whole"
            while self.queue and self.queue[0][0] <= now:
                self.wire.send(heapq.heappop(self.queue)[2])
            wait = min(0.01, max(0.0, self.queue[0][0] - now)) if self.queue else 0.01
            ready, _, _ = select.select([self.wire, self.tap], [], [], wait)
            if self.tap in ready:
                self.drain(self.tap, self.passed)
            if self.wire in ready:
                self.drain(self.wire, self.received)
            self.on_time(time.monotonic())
        seconds = time.monotonic() - self.begun
        self.queue.clear()
        if self.says_goodbye and self.ended != "reset":
            self.send(RST | ACK, self.next)
            self.wire.send(self.queue[0][2])
        return f"{self.sent} {self.delivered} {self.next} {self.ended} {seconds:.1f}"
