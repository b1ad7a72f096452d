# SPDX-License-Identifier: GPL-2.0
"""BPF programs of the type SOCK_OPS, which set options of TCP sockets from inside TCP:

sockops.py attach CGROUP PROGRAM   loads one of PROGRAMS and attaches it to all sockets of processes in that control group
sockops.py counts CGROUP           what came of each option that it has set: one a line, times it was taken and refused
sockops.py detach CGROUP

CGROUP is a directory of cgroup2. A file system of type bpf has to be mounted on /sys/fs/bpf, where the program's counters are kept
under the group's name. Programs are put together here, instruction by instruction, for want of a compiler in the machine.
"""

import ctypes
import os
import platform
import struct
import sys

# linux/bpf.h: commands of bpf(2), a type of maps, of programs and of attachment.
MAP_CREATE, MAP_LOOKUP_ELEM, PROG_LOAD, OBJ_PIN, OBJ_GET, PROG_ATTACH, PROG_DETACH = 0, 1, 5, 6, 7, 8, 9
MAP_TYPE_ARRAY, PROG_TYPE_SOCK_OPS, CGROUP_SOCK_OPS = 2, 13, 3
# Functions of the kernel that a program may call.
MAP_LOOKUP, PRANDOM, SETSOCKOPT = 1, 7, 49
SYS_BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]

# enum in linux/bpf.h: when TCP calls a program. With a reply: of TIMEOUT_INIT ticks, of RWND_INIT segments, of NEEDS_ECN 1, -1 for "as you like".
TIMEOUT_INIT, RWND_INIT, CONNECT, ACTIVE, PASSIVE, NEEDS_ECN = 1, 2, 3, 4, 5, 6
RTO, RETRANS, STATE, RTT, HEADER_LENGTH = 8, 9, 10, 12, 14
# Bits of what a socket calls it for beyond its beginning: RTO 1, RETRANS 2, STATE 4, RTT 8, the length of headers 64.
CALLS = 1 + 2 + 4 + 8 + 64

SOL_TCP = 6
CONGESTION, IW, SNDCWND_CLAMP, DELACK_MAX, RTO_MIN, CB_FLAGS = 13, 1001, 1002, 1003, 1004, 1008


def choice(name: str) -> list:
    """Chooses a congestion control once, when a connection is there."""
    return [((ACTIVE, PASSIVE), "set", CONGESTION, name)]


# What is done when: (calls, "set", option, number or name), (calls, "any", option, names) for one of them at random,
# (calls, "reply", number).
PROGRAMS = {
    "cubic": choice("cubic"),
    "reno": choice("reno"),
    "bbr": choice("bbr"),
    # Without ECN it were Reno under another name.
    "dctcp": [((NEEDS_ECN,), "reply", 1), *choice("dctcp")],
    "zeta": choice("zeta"),
    # As early as can be: before the SYN, when TCP has neither a route's metrics nor a round trip.
    "early": [((CONNECT,), "set", CONGESTION, "zeta")],
    "bounds": [
        ((TIMEOUT_INIT,), "reply", 500),
        ((RWND_INIT,), "reply", 20),
        ((ACTIVE, PASSIVE), "set", IW, 30),
        ((ACTIVE, PASSIVE), "set", SNDCWND_CLAMP, 40),
        ((ACTIVE, PASSIVE), "set", RTO_MIN, 8000),  # microseconds
        ((ACTIVE, PASSIVE), "set", DELACK_MAX, 8000),
    ],
    # Another congestion control with nearly each acknowledgement, repetition, timeout and change of state, and while a segment
    # is being put together.
    "restless": [
        ((ACTIVE, PASSIVE), "set", CB_FLAGS, CALLS),
        ((RTT, RTO, RETRANS, STATE), "any", CONGESTION, ["cubic", "zeta", "reno", "bbr"]),
        ((HEADER_LENGTH,), "any", CONGESTION, ["zeta", "bbr", "zeta", "cubic"]),
    ],
    # Now and then, as a program would that judges a path.
    "fickle": [
        ((ACTIVE, PASSIVE), "set", CB_FLAGS, 8),
        ((RTT,), "any", CONGESTION, ["zeta", "cubic", "bbr", "reno"] + [None] * 252),
    ],
}


def command(number: int, attributes: bytes) -> int:
    buffer = ctypes.create_string_buffer(attributes.ljust(144, b"\0"), 144)
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(SYS_BPF, number, buffer, 144)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


# Instructions. Registers 1 to 5 are arguments of a call and lost by it, 0 is its result, 6 to 9 stay, 10 is the stack's end.
def instruction(code: int, to: int = 0, by: int = 0, offset: int = 0, value: int = 0) -> bytes:
    return struct.pack("=BBhi", code, by << 4 | to, offset, value)


def number_in(to: int, value: int) -> bytes:
    return instruction(0xB7, to, value=value)


def copy(to: int, by: int) -> bytes:
    return instruction(0xBF, to, by)


def add(to: int, value: int) -> bytes:
    return instruction(0x07, to, value=value)


def load32(to: int, by: int, offset: int) -> bytes:
    return instruction(0x61, to, by, offset)


def store32(to: int, offset: int, by: int) -> bytes:
    return instruction(0x63, to, by, offset)


def store64(to: int, offset: int, by: int) -> bytes:
    return instruction(0x7B, to, by, offset)


def long_in(to: int, value: int, kind: int = 0) -> bytes:
    """64 bits, in two slots; of kind 1 it is a file descriptor that the kernel replaces by its map."""
    return instruction(0x18, to, kind, value=struct.unpack("=i", struct.pack("=I", value & 0xFFFFFFFF))[0]) + instruction(
        0, value=struct.unpack("=i", struct.pack("=I", value >> 32))[0])


def unless(register: int, value: int, then: bytes) -> bytes:
    """Skipped if the register has that value."""
    return instruction(0x15, register, offset=len(then) // 8, value=value) + then


def when(register: int, value: int, then: bytes) -> bytes:
    """Skipped if the register has not."""
    return instruction(0x55, register, offset=len(then) // 8, value=value) + then


def call(function: int) -> bytes:
    return instruction(0x85, value=function)


CONTEXT, EVENT, SLOT, PICK = 6, 7, 8, 9
# On the stack: the option's value in 16 bytes, below it the key of a counter.
VALUE, KEY = -16, -24


class Counters:
    """Two numbers for each option that a program may set: taken and refused."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def slot(self, name: str) -> int:
        if name not in self.names:
            self.names.append(name)
        return self.names.index(name) * 2


NAMES = {CONGESTION: "congestion", IW: "iw", SNDCWND_CLAMP: "clamp", DELACK_MAX: "delack", RTO_MIN: "rto", CB_FLAGS: "calls"}


def setting(counters: Counters, fd: int, option: int, value) -> bytes:
    """bpf_setsockopt(), and its result counted."""
    if isinstance(value, str):
        low, high = struct.unpack("=QQ", value.encode().ljust(16, b"\0"))
        code = long_in(1, low) + store64(10, VALUE, 1) + long_in(1, high) + store64(10, VALUE + 8, 1)
        size, name = 16, value
    else:
        code, size, name = number_in(1, value) + store32(10, VALUE, 1), 4, NAMES[option]
    code += copy(1, CONTEXT) + number_in(2, SOL_TCP) + number_in(3, option) + copy(4, 10) + add(4, VALUE)
    code += number_in(5, size) + call(SETSOCKOPT)
    code += number_in(SLOT, counters.slot(name)) + unless(0, 0, add(SLOT, 1))
    code += store32(10, KEY, SLOT) + long_in(1, fd, 1) + copy(2, 10) + add(2, KEY) + call(MAP_LOOKUP)
    # An atomic addition of 64 bits; there is nothing at address 0.
    return code + unless(0, 0, number_in(1, 1) + instruction(0xDB, 0, 1))


def assembled(steps: list, counters: Counters, fd: int) -> bytes:
    code = copy(CONTEXT, 1) + load32(EVENT, CONTEXT, 0)
    # What is answered if nobody asks.
    code += number_in(1, -1) + store32(CONTEXT, 4, 1)
    for events, what, *how in steps:
        if what == "reply":
            body = number_in(1, how[0]) + store32(CONTEXT, 4, 1)
        elif what == "set":
            body = setting(counters, fd, *how)
        else:
            option, values = how
            # The upper bits are never asked for: as many names as a power of two.
            body = call(PRANDOM) + copy(PICK, 0) + instruction(0x57, PICK, value=len(values) - 1)
            for number, value in enumerate(values):
                if value is not None:
                    body += when(PICK, number, setting(counters, fd, option, value))
        for event in events:
            code += when(EVENT, event, body)
    return code + number_in(0, 1) + instruction(0x95)


def pin(group: str) -> str:
    return "/sys/fs/bpf/" + os.path.basename(group)


def attach(group: str, name: str) -> None:
    counters = Counters()
    steps = PROGRAMS[name]
    # type, size of key and value, entries
    fd = command(MAP_CREATE, struct.pack("=IIII", MAP_TYPE_ARRAY, 4, 8, 64))
    code = ctypes.create_string_buffer(assembled(steps, counters, fd))
    licence = ctypes.create_string_buffer(b"GPL")
    log = ctypes.create_string_buffer(1 << 20)
    # type, number of instructions, they, licence, how much the verifier says, room, where to
    attributes = struct.pack("=IIQQIIQ", PROG_TYPE_SOCK_OPS, (len(code) - 1) // 8, ctypes.addressof(code),
                             ctypes.addressof(licence), 1, len(log), ctypes.addressof(log))
    try:
        program = command(PROG_LOAD, attributes)
    except OSError as error:
        sys.exit(f"{error}: {log.value.decode()[-2000:]}")
    directory = os.open(group, os.O_RDONLY | os.O_DIRECTORY)
    path = ctypes.create_string_buffer(pin(group).encode())
    command(OBJ_PIN, struct.pack("=QI", ctypes.addressof(path), fd))
    with open("/run/sockops." + os.path.basename(group), "w", encoding="ascii") as f:
        f.write("\n".join(counters.names))
    # where, what, type, flags
    command(PROG_ATTACH, struct.pack("=IIII", directory, program, CGROUP_SOCK_OPS, 0))


def counts(group: str) -> None:
    path = ctypes.create_string_buffer(pin(group).encode())
    fd = command(OBJ_GET, struct.pack("=QI", ctypes.addressof(path), 0))
    with open("/run/sockops." + os.path.basename(group), encoding="ascii") as f:
        names = f.read().split()
    for number, name in enumerate(names):
        seen = []
        for slot in (2 * number, 2 * number + 1):
            key, value = ctypes.c_uint32(slot), ctypes.c_uint64()
            command(MAP_LOOKUP_ELEM, struct.pack("=I4xQQQ", fd, ctypes.addressof(key), ctypes.addressof(value), 0))
            seen.append(value.value)
        print(name, *seen)


def detach(group: str) -> None:
    directory = os.open(group, os.O_RDONLY | os.O_DIRECTORY)
    command(PROG_DETACH, struct.pack("=IIII", directory, 0, CGROUP_SOCK_OPS, 0))
    os.unlink(pin(group))


def main() -> None:
    what, group, *rest = sys.argv[1:]
    {"attach": attach, "counts": counts, "detach": detach}[what](group, *rest)


if __name__ == "__main__":
    main()
