# SPDX-License-Identifier: GPL-2.0
"""Root of a user namespace at random calls: rootless.py SEED COUNT

Requests to the queueing layer about loopback, well-formed and not, most of them about the discipline "appex"; sockets over
loopback that ask for zeta and for others, read TCP_INFO and TCP_CC_INFO of any length, send, and are disconnected. Every byte
is compared. Prints how many calls there were, how often the discipline and zeta were given, and how much was received.
"""

import ctypes
import errno
import random
import socket
import struct
import subprocess
import sys
from collections import Counter

NEW, CHANGES = 36, [36, 36, 36, 37, 38, 40, 41, 42, 44]  # RTM_NEWQDISC, ..DELQDISC, ..GETQDISC, classes, filters
TCP_CC_INFO = 26
CONTROLS = [b"zeta", b"zeta", b"zeta\0", b"cubic", b"reno", b"zet", b"zeta" * 4, b""]
PATTERN = bytes((i * 7 + (i >> 8) * 13) & 0xFF for i in range(65536)) * 2


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def request(r: random.Random, number: int) -> tuple[int, bool, bytes]:
    """A message, its type, and whether it asks for the discipline."""
    if r.random() < 0.3:
        # As tc asks.
        body = struct.pack("BxxxiIII", 0, 1, 0, 0xFFFFFFFF, 0) + attribute(1, b"appex\0")
        return NEW, True, struct.pack("IHHII", 16 + len(body), NEW, 1 | 4 | 0x600, number, 0) + body
    kind = r.choice([b"appex\0", b"appex\0", b"appex\0", b"appex", b"prio\0", b"pfifo\0"])
    body = struct.pack("BxxxiIII", 0, r.choice([1, 1, 1, 0, 77]), r.choice([0, 0x10000, 0x20000, r.randrange(1 << 32)]),
                       r.choice([0xFFFFFFFF, 0xFFFFFFFF, 0x10001, 0x20001, 0xFFFFFFF1, 0, r.randrange(1 << 32)]), 0)
    body += attribute(1, kind)
    for _ in range(r.choice([0, 0, 1, 2])):
        body += attribute(r.choice([2, 8, 13, 0x8002, r.randrange(20)]), r.randbytes(r.choice([0, 3, 4, 20, 200])))
    cut = r.random() < 0.1
    if cut:
        body = body[:r.randrange(len(body))]
    what = r.choice(CHANGES)
    # For requests to show something the others mean: all of it.
    flags = 1 | 4 | (0 if what in (38, 42) else r.choice([0, 0x400, 0x600, 0x100, 0x500]))
    return what, kind.startswith(b"appex") and not cut, struct.pack("IHHII", 16 + len(body), what, flags, number, 0) + body


def disconnect(connection: socket.socket) -> None:
    ctypes.CDLL(None).connect(connection.fileno(), bytes(16), 16)


class Calls:
    def __init__(self, seed: int) -> None:
        self.r, self.did = random.Random(seed), Counter()
        self.route = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self.route.settimeout(10)
        self.server = socket.create_server(("127.0.0.1", 0))
        self.pairs = [self.pair() for _ in range(4)]

    def pair(self) -> list:
        """Both ends, how much was sent, and how much has come."""
        out = socket.create_connection(self.server.getsockname())
        back, _ = self.server.accept()
        out.setblocking(False)
        return [out, back, 0, 0]

    def queueing(self) -> None:
        what, ours, message = request(self.r, self.did["calls"])
        self.route.send(message)
        while True:
            answer = self.route.recv(65536)
            _, kind, _, number, _ = struct.unpack_from("IHHII", answer)
            if number == self.did["calls"] and kind == 2:
                break
        error = struct.unpack_from("i", answer, 16)[0]
        if ours and what == NEW:
            self.did["shapers refused" if error == -errno.EPERM else "shapers given" if not error else "shapers not understood"] += 1

    def sockets(self) -> None:
        r = self.r
        pair = r.choice(self.pairs)
        out, back, sent, come = pair
        kind = r.randrange(8)
        try:
            if kind <= 1:
                name = r.choice(CONTROLS)
                r.choice([out, back]).setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name)
                self.did["zeta given"] += name.startswith(b"zeta")
            elif kind <= 3:
                option = r.choice([socket.TCP_INFO, TCP_CC_INFO, socket.TCP_CONGESTION])
                r.choice([out, back]).getsockopt(socket.IPPROTO_TCP, option, r.choice([0, 1, 4, 20, 256, 1024]))
            elif kind <= 6:
                at = sent % 65536
                pair[2] += out.send(PATTERN[at:at + r.randrange(1, 65536)])
                data = back.recv(1 << 16) if pair[2] > come else b""
                if data and data != (PATTERN * 2)[come % 65536:][:len(data)]:
                    sys.exit(f"other bytes than were sent, in the {len(data)} from {come}")
                pair[3] += len(data)
                self.did["bytes"] += len(data)
            elif r.random() < 0.2:
                # connect(AF_UNSPEC) ends it with a reset.
                if r.random() < 0.5:
                    out.setblocking(True)
                    disconnect(out)
                out.close()
                back.close()
                self.pairs[self.pairs.index(pair)] = self.pair()
        except BlockingIOError:
            pass
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EINVAL, errno.ENOPROTOOPT, errno.ENOMEM):
                raise

    def step(self) -> None:
        self.did["calls"] += 1
        if self.r.random() < 0.5:
            self.queueing()
        else:
            self.sockets()


def main() -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    calls = Calls(int(sys.argv[1]))
    while calls.did["calls"] < int(sys.argv[2]):
        calls.step()
    print(", ".join(f"{number} {what}" for what, number in sorted(calls.did.items())))


main()
