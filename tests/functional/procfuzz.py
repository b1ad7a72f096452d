# SPDX-License-Identifier: GPL-2.0
"""Random operations on the files of /proc/net/appex and of the other engines: procfuzz.py RIGHT SEED COUNT

RIGHT  may      this process has CAP_NET_ADMIN: whatever is written is taken whole or refused with EINVAL
       may-not  it has not: whatever is written is refused with EPERM
       drops    it opens every file for writing as root, and then is somebody else: as may-not

Opens in all modes; reads and writes at offsets and of lengths that make sense or not, with bytes that are random or a
value broken in a few places, COUNT operations in all. Ends with an error at the first answer that should not be, naming
what was done. Prints for each file "FILE WRITES-TAKEN WRITES-REFUSED READ" (whole, as it should be) and then "operations N"
and "rejected N", how many refused writes the module has to count.
"""

import ctypes
import errno
import glob
import os
import random
import re
import sys
from collections import Counter

MAX_WRITE = 4096
LAST = (1 << 63) - 1
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.write.restype = LIBC.pwrite.restype = LIBC.pread.restype = ctypes.c_ssize_t
NEVER_TAKEN = {"stats", "version", "engine", "hz", "ioctl", "byteCacheIoFails"}
ROOT_ONLY = {"flows", "rules"}
# What no read may break, from the first byte to the last.
SHAPES = {
    "stats": rb"([A-Za-z0-9]+ = [0-9]+\n)+",
    "cmd": rb"([A-Za-z0-9]+: [ -~]*\n)+",
    "flows": rb"# filter: [ -~]*\n([ -~]+\n)*",
    "rules": rb"([ -~]+ # hits=[0-9]+\n)*",
    "wanIf": rb"[ -~]*\n",
    "lanIf": rb"[ -~]*\n",
    "version": rb"[0-9.]+\n",
    "engine": rb"[01] 2\n",
}
NUMBER = rb"[0-9]+\n"
# Good values besides those that the files have now.
VALUES = {
    "wanIf": [b"wan0", b"+wan0", b"-wan0", b"wan0 lan0", b"+lan0 +none0", b"", b"+eth[0-9]*"],
    "lanIf": [b"", b"+lan0", b"-lan0", b"lan0 far*"],
    "flows": [b"", b"acc", b"10.9.0.0/16 port=5001 noacc", b"fd00:9::/64"],
    "rules": [b"", b"+to=10.9.0.0/16 mode=max", b"-to=10.9.0.0/16 mode=max", b"lport=5001 rate=900000\nto=::/0 off",
              b"+rport=1-65535 cgroup=/a/b acc rate=1", b"+lport=7 off\n-lport=7 off"],
    "cmd": [b"l2wQLimit: 512 4096", b"tcpFlags: 0x4800", b"tcpFlags: 2048", b"lanSegment: C0A80000/16 0", b"udptun: a b c",
            b"lanSegmentV6: fd00:9::/64", b"shortRttBypass: acc 10.9.0.0/16 noacc fd00::/8", b"smMinKbps: ", b"smMinKbps: 9",
            b"initialCwndWan: 44\nmaxCwndWan: 90\nipv6Only: 1\n", b"engine: 5 1", b"bypassOverFlows: 0", b"pcapFilterSplit: tcp"],
}
NUMBERS = [b"0", b"1", b"2", b"65535", b"65536", b"2147483648", b"4294967295", b"4294967296", b"18446744073709551615",
           b"18446744073709551616", b"-1", b"0x10", b"00"]
LENGTHS = [0, 1, 2, 15, 16, 255, 256, 257, 4095, 4096, 4097, 8192, 65535, 65536, 70000]
OFFSETS = [0, 0, 0, 0, 1, 7, 100, 4095, 4096, (1 << 31) - 1, 1 << 31, 1 << 32, LAST - 70000, LAST, -1, -(1 << 63)]
FLAGS = [0, 0, os.O_APPEND, os.O_TRUNC, os.O_NONBLOCK, os.O_SYNC, os.O_DIRECT, os.O_DIRECTORY, os.O_CREAT, os.O_CREAT | os.O_EXCL,
         os.O_PATH, os.O_APPEND | os.O_TRUNC | os.O_NONBLOCK]
# A null page, one beyond the end of user space, one of the kernel.
NOWHERE = [8, (1 << 47) - 4096, (1 << 64) - 4096]


def length(r: random.Random) -> int:
    return r.choice(LENGTHS) if r.random() < 0.4 else r.randrange(r.choice([8, 64, 1024, 5000, 70001]))


def broken(r: random.Random, text: bytes) -> bytes:
    for _ in range(r.randrange(1, 4)):
        at, to = sorted((r.randrange(len(text) + 1), r.randrange(len(text) + 1)))
        kind = r.randrange(7)
        if kind == 0 and text:
            flipped = bytearray(text)
            flipped[at % len(text)] ^= 1 << r.randrange(8)
            text = bytes(flipped)
        elif kind == 1:
            text = text[:at] + text[to:]
        elif kind == 2:
            text = text[:at] + text[at:to] * r.randrange(2, 9) + text[to:]
        elif kind == 3:
            text = text[:at] + r.randbytes(r.randrange(1, 9)) + text[at:]
        elif kind == 4:
            text = re.sub(rb"[0-9]+", lambda found: r.choice(NUMBERS) if r.random() < 0.5 else found[0], text)
        elif kind == 5:
            text = text[:at] + r.choice([b"\n", b"\0", b" ", b"\t", b":", b"/", b"-", b"+", b"\n\n"]) + text[at:]
        elif text:
            text = (text * (length(r) // len(text) + 1))[:length(r)]
    return text


class Fuzz:
    def __init__(self, right: str, seed: int) -> None:
        self.may, self.r = right == "may", random.Random(seed)
        self.files = sorted(file for path in ("/proc/net/appex", "/proc/net/appex1") for file in glob.glob(path + "/*"))
        self.now = {file: open(file, "rb").read() for file in self.files}
        self.open, self.did = {}, ""
        if right == "drops":
            self.open = {file: os.open(file, os.O_RDWR) for file in self.files}
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
        self.taken, self.refused, self.read = Counter(), Counter(), Counter()
        self.counted = self.operations = 0

    def want(self, good: bool, what: str) -> None:
        if not good:
            sys.exit(f"{self.did}: {what}")

    def value(self, file: str) -> bytes:
        r, name = self.r, os.path.basename(file)
        if r.random() < 0.2:
            return r.randbytes(length(r))
        # Lines of cmd one by one, mostly.
        now = self.now[file]
        if name == "cmd" and r.random() < 0.9:
            now = r.choice(now.splitlines())
        good = r.choice([now, *VALUES.get(name, NUMBERS[:3])])
        return good if r.random() < 0.6 else broken(r, good)

    def write(self, file: str, fd: int) -> None:
        data, offset = self.value(file), self.r.choice(OFFSETS)
        bad_memory = self.r.random() < 0.03
        self.did += f", write of {len(data)} at {offset}: {data[:200]!r}{' from nowhere' * bad_memory}"
        where = ctypes.c_void_p(self.r.choice(NOWHERE)) if bad_memory else data
        try:
            os.lseek(fd, offset, os.SEEK_SET)
        except OSError as error:
            self.want(error.errno == errno.EINVAL and offset < 0, str(error))
        offset = os.lseek(fd, 0, os.SEEK_CUR)
        done = LIBC.write(fd, where, ctypes.c_size_t(len(data)))
        error = 0 if done >= 0 else ctypes.get_errno()
        # The kernel sees to these before it asks the module, and to nothing else.
        if bad_memory and error == errno.EFAULT:
            pass
        elif offset + len(data) > LAST:
            self.want(error == errno.EINVAL, f"returned {done}, error {error}")
        elif not self.may:
            self.want(error == errno.EPERM, f"returned {done}, error {error}, without the right to")
        elif len(data) > MAX_WRITE:
            self.want(error == errno.EINVAL, f"returned {done}, error {error}")
        else:
            self.want(done == len(data) or error == errno.EINVAL, f"returned {done}, error {error}")
            self.want(error or os.path.basename(file) not in NEVER_TAKEN, "was taken")
            self.want(error or not bad_memory or not data, "was taken")
            self.counted += error == errno.EINVAL
        self.taken[file] += not error
        self.refused[file] += error != 0

    def look(self, file: str, fd: int) -> None:
        size, offset = length(self.r), self.r.choice(OFFSETS)
        self.did += f", read of {size} at {offset}"
        if self.r.random() < 0.03:
            LIBC.pread(fd, ctypes.c_void_p(self.r.choice(NOWHERE)), ctypes.c_size_t(size), ctypes.c_long(max(offset, 0)))
            return
        try:
            data = os.pread(fd, size, offset)
        except OSError as error:
            self.want(error.errno == errno.EINVAL and (offset < 0 or offset + size > LAST), str(error))
            return
        self.want(len(data) <= size and (offset < 1 << 31 or not data), f"gave {len(data)}")
        self.want(not re.search(rb"[^ -~\n]", data), f"gave {data!r}")
        if offset == 0 and len(data) < size < 70001:
            self.whole(file, data)

    def whole(self, file: str, data: bytes) -> None:
        shape = SHAPES.get(os.path.basename(file), NUMBER)
        self.want(re.fullmatch(shape, data) is not None, f"gave {data!r}")
        self.read[file] += 1

    def other(self, fd: int) -> None:
        """What these files have no use for: any answer, as long as there is one."""
        r = self.r
        kind = r.randrange(6)
        self.did += f", other {kind}"
        try:
            if kind == 0:
                os.lseek(fd, r.choice(OFFSETS), r.randrange(5))
                os.read(fd, length(r))
            elif kind == 1:
                os.readv(fd, [bytearray(length(r)) for _ in range(r.randrange(1, 6))])
            elif kind == 2:
                LIBC.ioctl(fd, ctypes.c_ulong(r.randrange(1 << 32)), ctypes.c_void_p(r.choice(NOWHERE)))
            elif kind == 3:
                os.ftruncate(fd, r.choice(LENGTHS))
            elif kind == 4:
                # Not for files of this kind, so it changes nothing.
                self.want(LIBC.pwrite(fd, b"1", ctypes.c_size_t(1), ctypes.c_long(0)) < 0, "was taken")
            else:
                LIBC.mmap(None, ctypes.c_size_t(4096), r.randrange(8), r.choice([1, 2]), fd, ctypes.c_long(0))
        except OSError:
            pass

    def step(self) -> None:
        r = self.r
        file = r.choice(self.files)
        self.operations += 1
        name, root = os.path.basename(file), os.geteuid() == 0
        mode, extra = r.choice([os.O_RDONLY, os.O_WRONLY, os.O_RDWR]), r.choice(FLAGS)
        self.did = f"{file} mode {mode} flags {extra:#o}"
        fd = self.open.get(file, -1) if r.random() < 0.5 else -1
        kept = fd >= 0
        if kept:
            mode = extra = os.O_RDWR
        else:
            try:
                fd = os.open(file, mode | extra)
            except OSError as error:
                self.want(error.errno in (errno.EINVAL, errno.ENOTDIR, errno.EEXIST) or not root and error.errno == errno.EACCES, str(error))
                return
            private = mode != os.O_RDONLY or extra & os.O_TRUNC or name in ROOT_ONLY
            self.want(root or not private or bool(extra & os.O_PATH), "could be opened by somebody else")
        if kept or not extra & os.O_PATH:
            for _ in range(r.randrange(1, 4)):
                before = self.did
                self.operations += 1
                if r.random() < 0.05:
                    self.other(fd)
                elif mode == os.O_WRONLY or mode == os.O_RDWR and r.random() < 0.7:
                    self.write(file, fd)
                else:
                    self.look(file, fd)
                self.did = before
        if not kept:
            os.close(fd)


def main() -> None:
    right, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    fuzz = Fuzz(right, seed)
    while fuzz.operations < count:
        fuzz.step()
    # Some have never been read whole by chance.
    for file in fuzz.files if right == "may" else []:
        fuzz.did = file
        with open(file, "rb") as opened:
            fuzz.whole(file, opened.read())
    for file in fuzz.files:
        print(file, fuzz.taken[file], fuzz.refused[file], fuzz.read[file])
    print("operations", fuzz.operations)
    print("rejected", fuzz.counted)


main()
