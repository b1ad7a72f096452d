# SPDX-License-Identifier: GPL-2.0
"""Transfers by the less usual kinds of TCP: kinds.py serve|fetch|take|push KIND ADDRESS PORT BYTES

plain     nothing unusual
md5       segments signed (RFC 2385)
ao        the same (RFC 5925)
mptcp     Multipath TCP
ktls      TLS records made and opened by the kernel, AES-GCM with fixed keys
zerocopy  MSG_ZEROCOPY, with its completions counted
splice    from a file through a pipe into the socket
sendfile  from a file into the socket
fastopen  the request travels in the SYN

take and push are the other way round: push sends BYTES of the pattern, take says "ready", checks them on one connection
and prints their number.

The server says "ready", serves connections until it is killed and sends BYTES of a pattern on each after four bytes
of request. The client checks each byte, and prints the number and what the kernel says the connection was.
"""

import os
import socket
import struct
import sys
import tempfile

BLOCK = bytes((i * 7 + (i >> 8) * 13) & 0xFF for i in range(65536))
IPPROTO_MPTCP, TCP_MD5SIG, TCP_ULP, TCP_FASTOPEN, SOL_TLS = 262, 14, 31, 23, 282
TLS_TX, TLS_RX, SO_ZEROCOPY, MSG_ZEROCOPY, MSG_FASTOPEN = 1, 2, 60, 0x4000000, 0x20000000
TCP_AO_ADD_KEY = 38
TCP_INFO_OPTIONS_BYTE, TCPI_OPT_SYN_DATA = 5, 32


def new(kind: str) -> socket.socket:
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP if kind == "mptcp" else socket.IPPROTO_TCP)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return s


def sign(kind: str, s: socket.socket, peer: str) -> None:
    address = struct.pack("=HH4s120x", socket.AF_INET, 0, socket.inet_aton(peer))
    if kind == "md5":
        # struct tcp_md5sig: the peer's address in 128 bytes, flags, prefix, length of the key, interface, key in 80 bytes.
        s.setsockopt(socket.IPPROTO_TCP, TCP_MD5SIG, address + struct.pack("=BBHi80s", 0, 0, 6, 0, b"secret"))
    if kind == "ao":
        # struct tcp_ao_add: the same address, algorithm in 64 bytes, interface, flags, reserved, prefix,
        # both identifiers of the key, lengths of the signature and of the key, flags, key in 80 bytes.
        key = struct.pack("=64siIHBBBBBB80s", b"hmac(sha1)", 0, 0, 0, 32, 7, 7, 12, 0, 6, b"secret")
        s.setsockopt(socket.IPPROTO_TCP, TCP_AO_ADD_KEY, address + key)


def encrypt(s: socket.socket, way: int) -> None:
    """struct tls12_crypto_info_aes_gcm_128: version, cipher, iv, key, salt, sequence number."""
    s.setsockopt(socket.IPPROTO_TCP, TCP_ULP, b"tls")
    s.setsockopt(SOL_TLS, way, struct.pack("=HH8s16s4s8s", 0x0303, 51, b"i" * 8, b"k" * 16, b"s" * 4, b"\0" * 8))


def pattern_file(size: int):
    f = tempfile.TemporaryFile()
    for at in range(0, size, 65536):
        f.write(BLOCK[:min(65536, size - at)])
    f.flush()
    os.lseek(f.fileno(), 0, os.SEEK_SET)
    return f


def give(kind: str, s: socket.socket, size: int) -> None:
    if kind == "sendfile":
        with pattern_file(size) as f:
            s.sendfile(f)
        return
    if kind == "splice":
        with pattern_file(size) as f:
            out, into = os.pipe()
            left = size
            while left:
                held = os.splice(f.fileno(), into, min(left, 65536))
                left -= held
                while held:
                    held -= os.splice(out, s.fileno(), held)
        return
    if kind == "zerocopy":
        s.setsockopt(socket.SOL_SOCKET, SO_ZEROCOPY, 1)
    sent = calls = 0
    while sent < size:
        piece = memoryview(BLOCK)[sent % 65536:][:size - sent]
        sent += s.send(piece, MSG_ZEROCOPY if kind == "zerocopy" else 0)
        calls += 1
        if kind == "zerocopy" and calls % 16 == 0:
            try:
                while True:
                    s.recvmsg(0, 128, socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT)
            except BlockingIOError:
                pass


def serve(kind: str, peer: str, port: int, size: int) -> None:
    listener = new(kind)
    sign(kind, listener, peer)
    if kind == "fastopen":
        listener.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 16)
    listener.bind(("0.0.0.0", port))
    listener.listen(16)
    print("ready", flush=True)
    while True:
        s, _ = listener.accept()
        s.recv(4)
        if kind == "ktls":
            encrypt(s, TLS_TX)
        give(kind, s, size)
        s.shutdown(socket.SHUT_WR)
        s.recv(1)
        s.close()


def checked(s: socket.socket, size: int) -> int:
    """Receives all of it, each byte the pattern's."""
    got = 0
    while got < size:
        data = s.recv(65536)
        if not data:
            sys.exit(f"ended after {got} bytes of {size}")
        if data != (BLOCK[got % 65536:] + BLOCK)[:len(data)]:
            sys.exit(f"content differs in the {len(data)} bytes from {got}")
        got += len(data)
    return got


def take(kind: str, peer: str, port: int, size: int) -> None:
    listener = new(kind)
    sign(kind, listener, peer)
    listener.bind(("0.0.0.0", port))
    listener.listen(1)
    print("ready", flush=True)
    s, _ = listener.accept()
    print(checked(s, size))


def push(kind: str, host: str, port: int, size: int) -> None:
    s = new(kind)
    sign(kind, s, host)
    s.connect((host, port))
    give(kind, s, size)
    s.shutdown(socket.SHUT_WR)
    s.recv(1)


def fetch(kind: str, host: str, port: int, size: int) -> None:
    s = new(kind)
    sign(kind, s, host)
    if kind == "fastopen":
        s.sendto(b"give", MSG_FASTOPEN, (host, port))
    else:
        s.connect((host, port))
        if kind == "ktls":
            encrypt(s, TLS_RX)
        s.send(b"give")
    got = checked(s, size)
    info = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104) if kind != "mptcp" else bytes(104)
    how = "syn-data" if info[TCP_INFO_OPTIONS_BYTE] & TCPI_OPT_SYN_DATA else kind
    print(got, how)


def main() -> None:
    what, kind, address, port, size = sys.argv[1:6]
    {"serve": serve, "fetch": fetch, "take": take, "push": push}[what](kind, address, int(port), int(size))


main()
