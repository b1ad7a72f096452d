# SPDX-License-Identifier: GPL-2.0
"""Runs one script: its events in their time, packets compared with what the kernel sends."""

import copy
import dataclasses
import os
import select
import subprocess
import textwrap
import threading
import time
from collections import deque
from dataclasses import dataclass, field

import info
from calls import MORE, PORT, Calls, Mismatch
from language import Call, Event, Icmp, NotUnderstood, Script, Segment
from packet import ACK, ECN, FLAGS, RST, SYN, Link, Tcp, flag_bits, flag_text

# A packet that does not come is waited for as long as this, to tell one that is late from none.
PATIENCE_S = 2.0
# What a timer may be late for what it runs: the kernel's wheel rounds up by an eighth (kernel/time/timer.c).
DRIFT = 1 / 8
MASK = 0xFFFFFFFF
# Types and codes of ICMP and ICMPv6 that say why somebody could not be reached.
UNREACHABLE = {None: (0, 0), "net_unreachable": (0, 0), "host_unreachable": (1, 3), "frag_needed": (4, None)}


class Failed(Exception):
    """The kernel did something else. `kind`: time, packet, missing, call, assert, command."""

    def __init__(self, kind: str, line: int, text: str):
        super().__init__(f"line {line}: {text}")
        self.kind = kind


@dataclass
class Connection:
    """What the script's numbers mean on the wire."""

    remote_port: int
    local_port: int | None = None
    remote_start: int = 0
    local_start: int | None = None
    local_script: int = 0  # of the kernel's first number, in the script
    stamps: dict[int, int] = field(default_factory=dict)  # script's time stamp of the kernel's: the real one
    first_stamp: tuple[int, int] | None = None

    def stamp(self, said: int) -> int:
        """The kernel's time stamp that the script means."""
        if said in self.stamps or self.first_stamp is None:
            return self.stamps.get(said, said)
        return self.first_stamp[1] + said - self.first_stamp[0] & MASK


class Runner:
    def __init__(self, script: Script, link: Link, calls: Calls, first_port: int, tolerance_s: float, defines: dict):
        self.script, self.link, self.calls = script, link, calls
        self.next_port, self.defines = first_port, defines
        self.tolerance = max(tolerance_s, float(script.options.get("tolerance_usecs", 0)) / 1e6)
        calls.tolerance = self.tolerance
        self.tick = float(script.options.get("tcp_ts_tick_usecs", 0)) / 1e6
        self.arrived: deque[tuple[float, Tcp]] = deque()
        self.current: Connection | None = None
        self.known: dict[int, Connection] = {}
        self.connecting: int | None = None  # port that the kernel was told to connect to
        self.tested: int | None = None  # number of the socket that Python looks at
        self.blocking: threading.Thread | None = None
        self.blocked: Exception | None = None
        self.began = self.last_time = 0.0
        self.skip_copies = "SKIP_COPIES" in os.environ
        self.seen: set[tuple[int, int, int, int]] = set()
        self.copies = 0

    def now(self) -> float:
        return time.monotonic() - self.began

    def new_port(self) -> int:
        self.next_port += 1
        return self.next_port

    # Packets that the kernel sends are taken as they come, to know when.
    def wait(self, until: float, packets: bool = False) -> None:
        """Until that time of the script; with `packets`, until one is there."""
        while True:
            left = 0 if packets and self.arrived else until - self.now()
            # Microseconds are cut off there: what is left would be polled for, which stops a simulated clock.
            ready = select.select([self.link.fd], [], [], left + 2e-6 if left > 0 else 0)[0]
            if ready:
                try:
                    segment = self.link.receive()
                except BlockingIOError:
                    segment = None
                if segment and self.is_ours(segment):
                    self.arrived.append((self.now(), segment))
            elif left <= 0:
                return
            if packets and self.arrived:
                return

    def is_ours(self, s: Tcp) -> bool:
        # Connections that earlier scripts have left speak, too.
        return s.target in self.known or s.target == self.connecting

    def run(self) -> None:
        for command in self.script.first:
            self.shell(0, command)
        self.began = time.monotonic()
        self.calls.clock()
        for event in self.script.events:
            self.step(event)
        if self.blocking:
            self.finish_call(self.script.events[-1].line)
        for command in self.script.last:
            self.shell(0, command)

    def step(self, event: Event) -> None:
        when = event.when
        base = self.last_time if when.relative else 0.0
        start, end = base + when.start, base + when.end
        actual = None
        match event.what, event.body:
            case "expect", segment:
                if when.kind == "any":
                    start, end = self.now(), float("inf")
                actual = self.expect(event.line, segment, start, end)
            case _:
                if when.kind == "any":
                    start = end = self.now()
                self.wait(start)
                self.act(event, end)
        # What follows a packet that was late in bounds can only be as late.
        self.last_time = start if actual is None else actual if when.kind in ("range", "any") else max(start, actual)

    def act(self, event: Event, end: float) -> None:
        match event.what, event.body:
            case "inject", Segment() as segment:
                self.inject(segment)
            case "inject", Icmp() as icmp:
                self.inject_icmp(icmp)
            case "call", call:
                self.call(event, call, end)
            case "command", command:
                self.shell(event.line, command)
            case "python", source:
                self.python(event.line, source)

    # Calls.

    def call(self, event: Event, call: Call, end: float) -> None:
        if self.blocking:
            self.finish_call(event.line)
        match call.name:
            case "listen":
                self.current = None
            case "connect" | "sendto" if self.begins(call):
                self.current, self.connecting = None, self.new_port()
                self.tested = self.calls.number(call.args[0])
        if event.when.kind != "blocking":
            self.make(event.line, call)
            return

        def body():
            try:
                self.make(event.line, call)
                late = self.now() - end
                if abs(late) > self.allowed(end - event.when.start):
                    raise Failed("time", event.line, f"{call.name}() returned {late * 1000:+.1f} ms from its time")
            except Exception as e:  # shown by the one who waits for it
                self.blocked = e

        self.blocking = threading.Thread(target=body, daemon=True)
        self.blocking.start()

    def begins(self, call: Call) -> bool:
        if call.name == "connect":
            return call.args[1] is ...
        return bool(self.calls.number(call.args[3]) & MORE["MSG_FASTOPEN"])

    def make(self, line: int, call: Call) -> None:
        try:
            got = self.calls.run(call, self.connecting or self.next_port)
        except Mismatch as e:
            raise Failed("call", line, str(e)) from e
        if call.name == "accept" and got >= 0:
            self.tested = self.calls.number(call.result)

    def finish_call(self, line: int) -> None:
        """The call that blocks has to return before the next one."""
        deadline = self.now() + PATIENCE_S
        while self.blocking.is_alive() and self.now() < deadline:
            self.wait(self.now() + 0.001)
        if self.blocking.is_alive():
            raise Failed("call", line, "the call before does not return")
        self.blocking = None
        if self.blocked:
            raise self.blocked

    def shell(self, line: int, command: str) -> None:
        if subprocess.run(["bash", "-c", command], check=False, stdin=subprocess.DEVNULL, capture_output=True).returncode:
            raise Failed("command", line, f"command failed: {' '.join(command.split())[:60]}")

    def python(self, line: int, source: str) -> None:
        if self.tested is None or self.tested not in self.calls.files:
            raise Failed("assert", line, "no socket to look at")
        try:
            # pylint: disable=exec-used # what these blocks are for
            exec(textwrap.dedent(source).strip().removesuffix("\\"), info.names(self.calls.files[self.tested]))
        except AssertionError as e:
            raise Failed("assert", line, f"{' '.join(source.split())[:90]}: {e}") from e

    # Packets.

    def allowed(self, since: float) -> float:
        return self.tolerance + DRIFT * max(0.0, since)

    def options(self, options: list, outbound: bool) -> list:
        """The script's options with the bytes that its names stand for."""
        got = []
        for option in copy.deepcopy(options):
            if option[0] in ("FO", "FOEXP", "md5"):
                option = option[0], bytes.fromhex(self.defines.get(option[1], option[1]))
            c = self.current
            if option[0] == "sack" and not outbound and c and c.local_start is not None:
                option = "sack", [(left + c.local_start & MASK, right + c.local_start & MASK) for left, right in option[1]]
            elif option[0] == "sack" and c:
                option = "sack", [(left + c.remote_start & MASK, right + c.remote_start & MASK) for left, right in option[1]]
            elif option[0] == "TS" and not outbound and c:
                option = "TS", option[1], c.stamp(option[2])
            got.append(option)
        return got

    def inject(self, s: Segment) -> None:
        flags = flag_bits(s.flags)
        syn, ack = bool(flags & SYN), bool(flags & ACK)
        if syn and not ack and self.current is None:
            self.current = Connection(self.new_port(), PORT, s.seq)
            self.known[self.current.remote_port] = self.current
        c = self.current
        if c is None:
            raise NotUnderstood("a packet without a connection")
        if syn:
            c.remote_start = s.seq
        number = 0
        if ack and c.local_start is not None:
            number = c.local_start + (s.ack or 0) - (c.local_script if syn else 0)
        self.link.send(Tcp(c.remote_port, c.local_port or PORT, s.seq if syn else c.remote_start + s.seq & MASK, number & MASK,
                           flags, s.window or 0, s.urgent, ECN[s.ecn or "noecn"], s.length,
                           self.options(s.options or [], False)))

    def inject_icmp(self, icmp: Icmp) -> None:
        c = self.current
        if c is None or c.local_start is None:
            raise NotUnderstood("a complaint without a connection")
        if icmp.kind == "packet_too_big":
            kind, code = 2, 0
        elif icmp.kind == "unreachable" and icmp.code in UNREACHABLE:
            kind, code = (1 if self.link.v6 else 3), UNREACHABLE[icmp.code][self.link.v6]
        else:
            raise NotUnderstood(f"icmp {icmp.kind} {icmp.code}")
        self.link.send_icmp(kind, code, icmp.mtu, c.local_port or PORT, c.remote_port, c.local_start + icmp.seq & MASK, 0)

    def expect(self, line: int, s: Segment, start: float, end: float) -> float:
        """The next packet of the kernel is to be this one, between these times. When it came."""
        allowed = self.allowed(start - self.last_time)
        last = min(end, start + 60) + allowed
        self.wait(last + PATIENCE_S, packets=True)
        while self.arrived and self.current and self.arrived[0][1].target != self.current.remote_port:
            # Of a connection that the script has left.
            self.arrived.popleft()
            self.wait(last + PATIENCE_S, packets=True)
        if not self.arrived:
            raise Failed("missing", line, f"no packet came; {s.flags} {s.seq}+{s.length} was expected")
        at, got = self.arrived.popleft()
        while self.is_copy(s, got, at < start - allowed):
            self.copies += 1
            self.wait(last + PATIENCE_S, packets=True)
            if not self.arrived:
                raise Failed("missing", line, f"no packet came but copies; {s.flags} {s.seq}+{s.length} was expected")
            at, got = self.arrived.popleft()
        self.seen.add((got.target, got.seq, got.length, got.flags))
        while 0 < got.length < s.length:
            self.wait(self.now() + allowed, packets=True)
            if not self.continues(got):
                break
            at, more = self.arrived.popleft()
            self.seen.add((more.target, more.seq, more.length, more.flags))
            got = dataclasses.replace(more, seq=got.seq, length=got.length + more.length, urgent=got.urgent,
                                      damaged=got.damaged or more.damaged)
        self.compare(line, s, got, at)
        if not start - allowed <= at <= end + allowed and end != float("inf"):
            away = at - (start if at < start else end)
            raise Failed("time", line, f"{flag_text(got.flags)} {s.seq}+{got.length} came {away * 1000:+.1f} ms from its time")
        return at

    def is_copy(self, s: Segment, got: Tcp, early: bool) -> bool:
        """Whether this is what the kernel has sent before, and not what the script has now: with SKIP_COPIES it is passed over."""
        c = self.known.get(got.target)
        if not self.skip_copies or c is None or c.local_start is None:
            return False
        expected = c.local_start if flag_bits(s.flags) & SYN else c.local_start + s.seq & MASK
        takes_room = got.length > 0 or got.flags & (SYN | FLAGS["F"])
        known = (got.target, got.seq, got.length, got.flags) in self.seen
        return bool(takes_room and known and (got.seq != expected or early))

    def continues(self, got: Tcp) -> bool:
        """Whether what came next goes on where this ends: a large segment may come in pieces, as the kernel cut it."""
        if not self.arrived:
            return False
        more = self.arrived[0][1]
        ends = FLAGS["P"] | FLAGS["F"]
        return (more.target == got.target and more.seq == got.seq + got.length & MASK and more.length > 0
                and more.flags & ~ends == got.flags & ~ends and not got.flags & FLAGS["F"])

    def compare(self, line: int, s: Segment, got: Tcp, at: float) -> None:
        flags = flag_bits(s.flags)
        c = self.known.get(got.target)
        if c is None:
            if not flags & SYN:
                raise Failed("packet", line, f"{got} came, of no connection")
            c = self.known[got.target] = self.current = Connection(got.target)
        c.local_port = got.source
        if flags & SYN and got.flags & SYN:
            c.local_start, c.local_script = got.seq, s.seq
        local = c.local_start or 0
        want_seq = local + s.seq - (c.local_script if flags & SYN else 0)
        want_ack = None
        if flags & ACK:
            want_ack = c.remote_start + (s.ack or 0) - (c.remote_start if flags & SYN else 0)
        pairs = [("flags", flag_text(flags), flag_text(got.flags)), ("length", s.length, got.length),
                 ("seq", want_seq & MASK, got.seq), ("urgent", s.urgent, got.urgent),
                 ("checksum", "right", "wrong" if got.damaged else "right")]
        if want_ack is not None:
            pairs.append(("ack", want_ack & MASK, got.ack))
        if s.window is not None:
            pairs.append(("window", s.window, got.window))
        if s.ecn is not None and s.ecn != "ect01":
            pairs.append(("ecn", ECN[s.ecn], got.ecn))
        wrong = [f"{name} {have}, not {want}" for name, want, have in pairs if want != have]
        if s.options is not None and not (flags & RST and not s.options):
            wrong += self.compare_options(c, self.options(s.options, True), got, at)
        if wrong:
            relative = got.seq - local & MASK
            raise Failed("packet", line, f"{flag_text(got.flags)} {relative}+{got.length} came at {at:.3f}: {'; '.join(wrong)}")

    def compare_options(self, c: Connection, wanted: list, got: Tcp, at: float) -> list[str]:
        """What is wrong; learns what the script's time stamps mean."""
        if [o[0] for o in wanted] != [o[0] for o in got.options]:
            return [f"options {got.options}, not {wanted}"]
        for want, have in zip(wanted, got.options):
            if want[0] != "TS":
                if want != have:
                    return [f"option {have}, not {want}"]
                continue
            said, real = want[1], have[1]
            if want[2] != have[2]:
                return [f"time stamp echoed {have[2]}, not {want[2]}"]
            if c.first_stamp is None:
                c.first_stamp = said, real
            away = (real - c.first_stamp[1]) - (said - c.first_stamp[0])
            if self.tick and abs(away) * self.tick > self.tolerance + self.tick:
                return [f"time stamp {away:+} ticks from {said}"]
            c.stamps[said] = real
        return []


def run(script: Script, link: Link, calls: Calls, first_port: int, tolerance_s: float, defines: dict) -> int:
    """How many copies were passed over. Raises Failed, or NotUnderstood."""
    os.environ["PACKETDRILL_PID"] = str(os.getpid())
    runner = Runner(script, link, calls, first_port, tolerance_s, defines)
    runner.run()
    return runner.copies
