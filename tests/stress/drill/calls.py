# SPDX-License-Identifier: GPL-2.0
"""System calls as scripts write them, made through the C library: arguments, results, and what the kernel fills in."""

import ctypes
import errno
import fcntl
import os
import select
import socket
import struct
import time
from typing import Any

from language import Call, NotUnderstood, Symbol, Text

LIBC = ctypes.CDLL(None, use_errno=True)
PORT = 8080  # of the kernel's side; scripts may look for it in /proc/net/tcp

# What Python's own modules do not name; of the kernel's headers.
MORE = {
    "NULL": 0, "SOL_IP": 0, "SOL_TCP": 6, "SOL_IPV6": 41, "SHUT_WR": 1, "SIOCINQ": 0x541B, "SIOCOUTQ": 0x5411,
    "IP_FREEBIND": 15, "IP_MTU_DISCOVER": 10, "IP_PMTUDISC_DONT": 0, "IP_PMTUDISC_WANT": 1, "IP_PMTUDISC_DO": 2,
    "IP_RECVERR": 11, "IPV6_RECVERR": 25, "SO_ZEROCOPY": 60, "SO_TIMESTAMPING": 37, "SCM_TIMESTAMPING": 37,
    "SO_MEMINFO": 55, "MSG_ZEROCOPY": 0x4000000, "MSG_FASTOPEN": 0x20000000, "MSG_EOR": 0x80, "MSG_MORE": 0x8000,
    "MSG_ERRQUEUE": 0x2000, "TCP_INQ": 36, "TCP_CM_INQ": 36, "TCP_FASTOPEN": 23, "TCP_FASTOPEN_CONNECT": 30,
    "TCP_FASTOPEN_KEY": 33, "TCP_FASTOPEN_NO_COOKIE": 34, "TCP_USER_TIMEOUT": 18, "TCP_CORK": 3, "TCP_NODELAY": 1,
    "SO_EE_ORIGIN_ZEROCOPY": 5, "SO_EE_ORIGIN_TIMESTAMPING": 4, "SO_EE_CODE_ZEROCOPY_COPIED": 1,
    "SCM_TSTAMP_SND": 0, "SCM_TSTAMP_SCHED": 1, "SCM_TSTAMP_ACK": 2,
    "SOF_TIMESTAMPING_TX_SOFTWARE": 2, "SOF_TIMESTAMPING_SOFTWARE": 16, "SOF_TIMESTAMPING_OPT_ID": 128,
    "SOF_TIMESTAMPING_TX_SCHED": 256, "SOF_TIMESTAMPING_TX_ACK": 512,
    "EPOLL_CTL_ADD": 1, "EPOLL_CTL_DEL": 2, "EPOLL_CTL_MOD": 3,
}
# The structures of linux/errqueue.h (sock_extended_err) and linux/time_types.h (scm_timestamping).
EXTENDED_ERROR = struct.Struct("IBBBBII")
EXTENDED_FIELDS = ("ee_errno", "ee_origin", "ee_type", "ee_code", "pad", "ee_info", "ee_data")
EPOLL_EVENT = struct.Struct("=IQ")


class Mismatch(Exception):
    """A call ended otherwise than the script says."""


class Message(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("name_size", ctypes.c_uint32), ("vectors", ctypes.c_void_p),
                ("vector_count", ctypes.c_size_t), ("control", ctypes.c_void_p), ("control_size", ctypes.c_size_t),
                ("flags", ctypes.c_int)]


class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]


class Calls:
    """The sockets of one script: its numbers of files, and the kernel's."""

    def __init__(self, version: str, local: str, remote: str, symbols: dict):
        self.family = socket.AF_INET if version == "ipv4" else socket.AF_INET6
        mapped = "::ffff:" if version == "ipv4-mapped-ipv6" else ""
        self.local, self.remote = mapped + local, mapped + remote
        self.symbols = symbols
        self.files: dict[int, int] = {}
        self.kept: list = []  # what the kernel may still read (zero copy)
        self.began_real = 0.0  # of the script, on the wall clock
        self.tolerance = 0.0

    def number(self, value: Any) -> int:
        if isinstance(value, int):
            return value
        if isinstance(value, tuple) and value[0] == "|":
            return self.number(value[1]) | self.number(value[2])
        if isinstance(value, Symbol):
            known = self.symbols.get(str(value), value)
            for module in (MORE, vars(socket), vars(errno), vars(os), vars(fcntl), vars(select)):
                if known in module and isinstance(module[known], int):
                    return int(module[known])
        raise NotUnderstood(f"value {value!r}")

    def address(self, text: str, port: int) -> bytes:
        if self.family == socket.AF_INET:
            return struct.pack("=H", self.family) + struct.pack(">H", port) + socket.inet_aton(text) + bytes(8)
        return struct.pack("=H", self.family) + struct.pack(">HI", port, 0) + socket.inet_pton(self.family, text) + bytes(4)

    def file(self, value: Any) -> int:
        number = self.number(value)
        return self.files.get(number, number if number < 0 else 1 << 20)

    def buffer(self, value: Any, size: int) -> Any:
        """NULL, or memory of that size, which stays."""
        if value is not ...:
            if self.number(value) == 0:
                return None
            raise NotUnderstood(f"buffer {value!r}")
        memory = ctypes.create_string_buffer(max(1, size))
        self.kept.append(memory)
        return memory

    def run(self, call: Call, remote_port: int) -> int:
        """Makes the call; raises Mismatch when its result is another."""
        handler = getattr(self, "do_" + call.name, None)
        if handler is None:
            raise NotUnderstood(f"call {call.name}")
        ctypes.set_errno(0)
        check = None
        got = handler(*call.args, port=remote_port) if call.name in ("connect", "sendto") else handler(*call.args)
        if isinstance(got, tuple):
            got, check = got
        error = ctypes.get_errno()
        want = None if call.result is ... else self.number(call.result)
        if call.name in ("socket", "accept", "open", "epoll_create") and got >= 0 and want is not None and want >= 0:
            self.files[want] = got
        elif want is not None and got != want or got < 0 and call.error and errno.errorcode.get(error) != call.error:
            said = f" {errno.errorcode.get(error, error)}" if got < 0 else ""
            raise Mismatch(f"{call.name}() gave {got}{said}, not {want}{' ' + call.error if call.error else ''}")
        if check and got >= 0:
            check()
        return got

    def do_socket(self, domain, kind, protocol):
        if domain is not ...:
            raise NotUnderstood("domain of a socket")
        return LIBC.socket(self.family, self.number(kind), self.number(protocol))

    def do_bind(self, fd, address, _):
        if address is not ...:
            raise NotUnderstood("address")
        raw = self.address(self.local, PORT)
        return LIBC.bind(self.file(fd), raw, len(raw))

    def do_listen(self, fd, backlog):
        return LIBC.listen(self.file(fd), self.number(backlog))

    def do_accept(self, fd, *_):
        return LIBC.accept(self.file(fd), None, None)

    def do_connect(self, fd, address, _, port):
        raw = self.address(self.remote, port) if address is ... else struct.pack("=H14x", self.number(address))
        return LIBC.connect(self.file(fd), raw, len(raw))

    def do_read(self, fd, memory, size):
        return LIBC.read(self.file(fd), self.buffer(memory, size), ctypes.c_size_t(size))

    def do_write(self, fd, memory, size):
        return LIBC.write(self.file(fd), self.buffer(memory, size), ctypes.c_size_t(size))

    def do_send(self, fd, memory, size, flags):
        return LIBC.send(self.file(fd), self.buffer(memory, size), ctypes.c_size_t(size), self.number(flags))

    def do_recv(self, fd, memory, size, flags):
        return LIBC.recv(self.file(fd), self.buffer(memory, size), ctypes.c_size_t(size), self.number(flags))

    def do_recvfrom(self, fd, memory, size, flags, *_):
        return LIBC.recvfrom(self.file(fd), self.buffer(memory, size), ctypes.c_size_t(size), self.number(flags), None, None)

    def do_sendto(self, fd, memory, size, flags, *_, port):
        raw = self.address(self.remote, port)
        size = ctypes.c_size_t(self.number(size))
        return LIBC.sendto(self.file(fd), self.buffer(memory, size.value), size, self.number(flags), raw, len(raw))

    def message(self, said: dict) -> Message:
        vectors = (Vector * max(1, len(said["msg_iov"])))()
        for vector, (memory, size) in zip(vectors, said["msg_iov"]):
            vector.base, vector.size = ctypes.addressof(self.buffer(memory, size)), size
        control = ctypes.create_string_buffer(512)
        self.kept.append((vectors, control))
        return Message(None, 0, ctypes.addressof(vectors), len(said["msg_iov"]), ctypes.addressof(control), len(control), 0)

    def do_sendmsg(self, fd, said, flags):
        message = self.message(said)
        if said.get("msg_control"):
            raise NotUnderstood("control message to send")
        message.control, message.control_size = None, 0
        return LIBC.sendmsg(self.file(fd), ctypes.byref(message), self.number(flags))

    def do_recvmsg(self, fd, said, flags):
        message = self.message(said)

        def check():
            if self.number(said.get("msg_flags", message.flags)) != message.flags:
                raise Mismatch(f"recvmsg() filled in flags {message.flags:#x}")
            self.check_control(said.get("msg_control", []), ctypes.string_at(message.control, message.control_size))

        return LIBC.recvmsg(self.file(fd), ctypes.byref(message), self.number(flags)), check

    def check_control(self, wanted: list, raw: bytes) -> None:
        got = []
        while len(raw) >= 16:
            size, level, kind = struct.unpack_from("Qii", raw)
            got.append((level, kind, raw[16:size]))
            raw = raw[(size + 7) // 8 * 8:]
        names = [(self.number(w["cmsg_level"]), self.number(w["cmsg_type"])) for w in wanted]
        if names != [g[:2] for g in got]:
            raise Mismatch(f"control messages {[g[:2] for g in got]}, not {names}")
        for want, (_, _, data) in zip(wanted, got):
            said = want["cmsg_data"]
            if not isinstance(said, dict):
                if struct.unpack_from("i", data)[0] != self.number(said):
                    raise Mismatch(f"control message of {struct.unpack_from('i', data)[0]}, not {said}")
            elif "scm_sec" in said:
                seconds, nanoseconds = struct.unpack_from("qq", data)
                at = seconds + nanoseconds / 1e9 - self.began_real
                if abs(at - said["scm_sec"] - said["scm_nsec"] / 1e9) > self.tolerance:
                    raise Mismatch(f"time stamp of {at:.6f} s, not {said}")
            else:
                filled = dict(zip(EXTENDED_FIELDS, EXTENDED_ERROR.unpack_from(data)))
                for name, value in said.items():
                    if filled[name] != self.number(value):
                        raise Mismatch(f"{name} is {filled[name]}, not {value}")

    def do_setsockopt(self, fd, level, name, value, size):
        if isinstance(value, Text):
            raw = bytes(value)
        elif isinstance(value, list):
            raw = b"".join(struct.pack("i", self.number(v)) for v in value)
        else:
            raise NotUnderstood(f"value of an option: {value!r}")
        return LIBC.setsockopt(self.file(fd), self.number(level), self.number(name), raw, self.number(size))

    def do_getsockopt(self, fd, level, name, value, size):
        memory, length = ctypes.create_string_buffer(64), ctypes.c_uint32(self.number(size[0]))

        def check():
            got = struct.unpack_from("i", memory)[0]
            if value[0] is not ... and got != self.number(value[0]):
                raise Mismatch(f"getsockopt({name}) gave {got}, not {value[0]}")

        return LIBC.getsockopt(self.file(fd), self.number(level), self.number(name), memory, ctypes.byref(length)), check

    def do_fcntl(self, fd, command, value=0):
        return LIBC.fcntl(self.file(fd), self.number(command), self.number(value))

    def do_ioctl(self, fd, request, value):
        got = ctypes.c_int()

        def check():
            if got.value != self.number(value[0]):
                raise Mismatch(f"ioctl({request}) gave {got.value}, not {value[0]}")

        return LIBC.ioctl(self.file(fd), ctypes.c_ulong(self.number(request)), ctypes.byref(got)), check

    def do_close(self, fd):
        return LIBC.close(self.files.pop(self.number(fd), -1))

    def do_shutdown(self, fd, how):
        return LIBC.shutdown(self.file(fd), self.number(how))

    def do_pipe(self, fds):
        ends = (ctypes.c_int * 2)()
        got = LIBC.pipe(ends)
        self.files.update(zip(fds, ends))
        return got

    def do_open(self, path, flags):
        return LIBC.open(bytes(path), self.number(flags))

    def do_splice(self, source, _, target, __, size, flags):
        return LIBC.splice(self.file(source), None, self.file(target), None, ctypes.c_size_t(size), self.number(flags))

    def do_sendfile(self, target, source, offset, size):
        at = ctypes.c_int64(self.number(offset[0]))
        return LIBC.sendfile(self.file(target), self.file(source), ctypes.byref(at), ctypes.c_size_t(size))

    def do_epoll_create(self, size):
        return LIBC.epoll_create(size)

    def do_epoll_ctl(self, epoll, operation, fd, said):
        event = EPOLL_EVENT.pack(self.number(said["events"]) & 0xFFFFFFFF, self.number(said["fd"]))
        return LIBC.epoll_ctl(self.file(epoll), self.number(operation), self.file(fd), event)

    def do_epoll_wait(self, epoll, said, count, timeout):
        memory = ctypes.create_string_buffer(EPOLL_EVENT.size * self.number(count))
        got = LIBC.epoll_wait(self.file(epoll), memory, self.number(count), self.number(timeout))

        def check():
            if got:
                events, fd = EPOLL_EVENT.unpack_from(memory)
                if (events, fd) != (self.number(said["events"]), self.number(said["fd"])):
                    raise Mismatch(f"epoll_wait() gave {events:#x} of {fd}, not {said}")

        return got, check

    def clock(self) -> None:
        self.began_real = time.time()
