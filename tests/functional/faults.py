# SPDX-License-Identifier: GPL-2.0
"""Fails the first allocation of an operation, then the second, and so on, until it needs no more.

faults.py OPERATION [ARGUMENT]...     prints how many allocations were failed, and in how many of these cases the
                                      operation failed as a whole; exits 1 if it never got through

load FILE             loads the module; unloads it if that went well
unload FILE           unloads it, after loading it
write FILE TEXT [UNDO]  writes to a file; then UNDO, without a fault
read FILE             reads a file to its end
qdisc DEVICE          attaches the discipline "appex" as root; takes it off
serve PORT BYTES      takes connections, one after the other, and sends; the faults are in its sending

The kernel's fail-nth counts the allocations of the calling task (Documentation/fault-injection), so nothing else is hit.
"""

import ctypes
import errno
import os
import socket
import struct
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
SYS_DELETE, SYS_FINIT = 176, 313
NTH = f"/proc/self/task/{os.getpid()}/fail-nth"
# More than any operation has: then it does not end.
MOST = 5000


class Faults:
    """The allocations of one operation, failed one after the other."""

    def __init__(self) -> None:
        self.nth = os.open(NTH, os.O_RDWR)
        self.failed = self.refused = 0

    def each(self, operation, undo=lambda: None) -> bool:
        """Runs `operation` with a fault and, if it went well, `undo` without one; True if it got through at last."""
        for number in range(1, MOST):
            os.pwrite(self.nth, b"%d\n" % number, 0)
            try:
                operation()
                refused = False
            except OSError:
                refused = True
            left = int(os.pread(self.nth, 16, 0))
            os.pwrite(self.nth, b"0\n", 0)
            if not refused:
                undo()
            if left:
                # There is no such allocation: nothing was failed.
                return not refused
            self.failed += 1
            self.refused += refused
        return False


def syscall(*arguments) -> None:
    if LIBC.syscall(*arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def load(file: int) -> None:
    syscall(SYS_FINIT, file, ctypes.c_char_p(b""), 0)


def unload() -> None:
    syscall(SYS_DELETE, ctypes.c_char_p(b"appex"), os.O_NONBLOCK)


def qdisc(out: socket.socket, kind: int, index: int) -> None:
    """RTM_NEWQDISC (36) or RTM_DELQDISC (37) for the root of an interface."""
    flags = 0x0005 | (0x0500 if kind == 36 else 0)  # REQUEST, ACK; CREATE, REPLACE
    body = struct.pack("BxxxiIII", 0, index, 0x70000 if kind == 36 else 0, 0xFFFFFFFF, 0)
    if kind == 36:
        body += struct.pack("HH6sxx", 10, 1, b"appex\0")
    out.send(struct.pack("IHHII", 16 + len(body), kind, flags, 1, 0) + body)
    error = struct.unpack_from("i", out.recv(4096), 16)[0]
    if error:
        raise OSError(-error, os.strerror(-error))


def write(path: str, text: str) -> None:
    file = os.open(path, os.O_WRONLY)
    try:
        os.write(file, text.encode() + b"\n")
    finally:
        os.close(file)


def read(path: str) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        while os.read(file, 65536):
            pass
    finally:
        os.close(file)


def serve(faults: Faults, port: int, size: int) -> bool:
    """A connection for each fault, in the part of it in which it is taken over and its flow is noted."""
    listener = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("::", port))
    listener.listen(16)
    print("ready", flush=True)
    period = 65521  # traffic.py's
    block = bytes((i * (i ^ 0x5BD1) * 2654435761 >> 17) & 0xFF for i in range(period))

    def one(connection: socket.socket) -> None:
        sent = 0
        while sent < size:
            try:
                sent += connection.send(block[sent % period:][:size - sent])
            except OSError as error:
                # What the kernel itself could not allocate; a connection that is gone is another matter.
                if error.errno not in (errno.ENOMEM, errno.ENOBUFS):
                    raise

    for _ in range(MOST):
        connection, _peer = listener.accept()
        number = faults.failed + 1
        os.pwrite(faults.nth, b"%d\n" % number, 0)
        one(connection)
        left = int(os.pread(faults.nth, 16, 0))
        os.pwrite(faults.nth, b"0\n", 0)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)
        connection.close()
        if left:
            return True
        faults.failed += 1
    return False


def main() -> None:
    what, *rest = sys.argv[1:] or [""]
    faults = Faults()
    match what, rest:
        case "load", [path]:
            file = os.open(path, os.O_RDONLY)
            through = faults.each(lambda: load(file), unload)
        case "unload", [path]:
            file = os.open(path, os.O_RDONLY)
            load(file)
            through = faults.each(unload, lambda: load(file))
            unload()
        case "write", [path, text, *undo]:
            through = faults.each(lambda: write(path, text), lambda: [write(path, u) for u in undo])
        case "read", [path]:
            through = faults.each(lambda: read(path))
        case "qdisc", [device]:
            out = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
            index = socket.if_nametoindex(device)
            through = faults.each(lambda: qdisc(out, 36, index), lambda: qdisc(out, 37, index))
        case "serve", [port, size]:
            through = serve(faults, int(port), int(size))
        case _:
            sys.exit(__doc__)
    print(faults.failed, faults.refused)
    sys.exit(not through)


main()
