#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Small traffic for functional tests: checksummed transfers and socket games.

serve PORT BYTES [CC]    accepts connections until killed; sends BYTES of a
                         fixed pattern on each, then waits for the peer's close
fetch HOST PORT BYTES    reads to the end; prints bytes and seconds; fails
                         unless the content is the pattern, to the last byte
udp HOST FIRST COUNT     one datagram to each of COUNT ports from FIRST
hold HOST PORT COUNT     COUNT connections, kept open until killed
"""

import os
import socket
import sys
import threading
import time

# While this file exists, a server that is halfway goes on in small pieces only: what is to be seen during
# a transfer can be seen on the slowest machine. The test removes it.
HOLD = "/tmp/hold"
PIECE, EVERY_S, LONGEST_S = 1000, 0.05, 120

# A prime, and no eight bytes within it are found there twice: pieces that change places are seen, by how many bytes ever.
PERIOD = 65521
# Another KEY: a server that sends something else, for the tests' own check that it is noticed.
KEY = int(os.environ.get("KEY", "0x5BD1"), 0)
# In pieces of a megabyte, without copies: system calls and page faults are what user-mode Linux is slow at.
PATTERN = memoryview(bytes((i * (i ^ KEY) * 2654435761 >> 17) & 0xFF for i in range(PERIOD)) * 32)
READ = 16 * PERIOD


def address(host, port):
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]


def serve(port, size, control=None):
    listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if control:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, control.encode())
    listener.bind(("::", port))
    listener.listen(1024)
    print("ready", flush=True)

    def one(connection):
        left = size

        def send(most):
            nonlocal left
            begin = (size - left) % PERIOD
            left -= connection.send(PATTERN[begin:begin + min(left, most, READ)])

        try:
            while left > size // 2:
                send(left - size // 2)
            end = time.monotonic() + LONGEST_S
            while os.path.exists(HOLD) and time.monotonic() < end:
                if left > PIECE:
                    send(PIECE)
                time.sleep(EVERY_S)
            while left > 0:
                send(left)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)
        except OSError:
            pass
        connection.close()

    while True:
        connection, _ = listener.accept()
        threading.Thread(target=one, args=(connection,), daemon=True).start()


def fetch(host, port, size):
    family, kind, _, _, where = address(host, port)
    begin = time.monotonic()
    connection = socket.socket(family, kind)
    connection.connect(where)
    got = 0
    data = bytearray(READ)
    while True:
        count = connection.recv_into(data, READ, socket.MSG_WAITALL)
        if not count:
            break
        expected = PATTERN[got % PERIOD:][:count]
        if (data if count == READ else data[:count]) != expected:
            sys.exit(f"content differs in the {count} bytes from {got}")
        got += count
    if got != size:
        sys.exit(f"got {got} bytes of {size}")
    print(got, round(time.monotonic() - begin, 3))


def udp(host, first, count):
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for port in range(first, first + count):
        out.sendto(b"datagram", (host, port))


def hold(host, port, count):
    held = []
    for _ in range(count):
        family, kind, _, _, where = address(host, port)
        connection = socket.socket(family, kind)
        connection.connect(where)
        held.append(connection)
    print("held", flush=True)
    time.sleep(3600)


def main():
    what, arguments = sys.argv[1], sys.argv[2:]
    if what == "serve":
        serve(int(arguments[0]), int(arguments[1]), *arguments[2:])
    elif what == "fetch":
        fetch(arguments[0], int(arguments[1]), int(arguments[2]))
    elif what == "udp":
        udp(arguments[0], int(arguments[1]), int(arguments[2]))
    elif what == "hold":
        hold(arguments[0], int(arguments[1]), int(arguments[2]))
    else:
        sys.exit(__doc__)


main()
