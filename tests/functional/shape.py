#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""UDP traffic for tests of the shaper.

flood HOSTS FLOWS BYTES [TOS]   keeps FLOWS sockets full until killed; HOSTS, separated
                                by commas, take turns; port 6000 + number of the flow;
                                BYTES may be LOW-HIGH, spread over the flows
train HOST COUNT BYTES [TOS]    COUNT datagrams at once, to port 5999
sink SECONDS FLOWS ADDRESS...   counts what arrives from now on; prints "ADDRESS BYTES"
                                and, for each flow that got any, "PORT BYTES"
probes HOST COUNT MS            a small datagram each MS milliseconds, to port 5998
delays COUNT                    takes those; prints p50 and p95 of their delays in microseconds
"""

import select
import socket
import struct
import sys
import threading
import time

# Python does not name these.
SO_SNDBUFFORCE = 32
SO_RCVBUFFORCE = 33

FIRST = 6000
TRAIN = 5999
PROBE = 5998


def sender(host, port, tos=0):
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    out.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
    out.connect((host, port))
    return out


def receiver(address, port):
    into = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    into.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
    into.bind((address, port))
    return into


def flood(hosts, flows, size, tos=0):
    names = hosts.split(",")
    low, _, high = str(size).partition("-")

    def one(number):
        mine = int(low) + (int(high or low) - int(low)) * number // max(flows - 1, 1)
        out = sender(names[number % len(names)], FIRST + number, tos)
        # So little that no queue is ever full: a send that is dropped at once would be tried again at once,
        # and simulated time stand still.
        out.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32768)
        while True:
            try:
                out.send(bytes(mine))
            except OSError:
                time.sleep(0.01)

    for number in range(flows):
        threading.Thread(target=one, args=(number,), daemon=True).start()
    time.sleep(1e6)


def train(host, count, size, tos=0):
    out = sender(host, TRAIN, tos)
    out.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 1 << 30)
    for _ in range(count):
        try:
            out.send(bytes(size))
        except OSError:
            pass


def sink(seconds, flows, *addresses):
    ports = [FIRST + number for number in range(flows)] if flows else [TRAIN]
    of = {}
    for address in addresses:
        for port in ports:
            into = receiver(address, port)
            into.setblocking(False)
            of[into] = (address, port)
    counts = {}
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        for into in select.select(list(of), [], [], left)[0]:
            try:
                while True:
                    got = len(into.recv(65536))
                    for key in of[into]:
                        counts[key] = counts.get(key, 0) + got
            except BlockingIOError:
                pass
    for key in [*addresses, *ports]:
        if key in counts:
            print(key, counts[key])


def probes(host, count, milliseconds):
    out = sender(host, PROBE)
    for _ in range(count):
        out.send(struct.pack("q", time.monotonic_ns()))
        time.sleep(milliseconds / 1000)


def delays(count):
    into = receiver("0.0.0.0", PROBE)
    into.settimeout(30)
    print("ready", file=sys.stderr, flush=True)
    found = []
    try:
        for _ in range(count):
            sent = struct.unpack("q", into.recv(100))[0]
            found.append((time.monotonic_ns() - sent) // 1000)
    except TimeoutError:
        sys.exit(f"{len(found)} of {count} arrived")
    found.sort()
    print(found[len(found) // 2], found[len(found) * 95 // 100])


def main():
    what, arguments = sys.argv[1], sys.argv[2:]
    numbers = [int(word) if word.isdigit() else word for word in arguments]
    known = {"flood": flood, "train": train, "sink": sink, "probes": probes, "delays": delays}
    if what not in known:
        sys.exit(__doc__)
    known[what](*numbers)


main()
