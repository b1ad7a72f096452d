# SPDX-License-Identifier: GPL-2.0
"""The language of packetdrill's scripts: text to events.

A script is options (--name=value), commands in backticks that are run first, and events. An event has a time and is a
packet that is sent to the kernel (<) or expected of it (>), a system call with its result, a command, or Python that is
run with the fields of tcp_info (%{ }%). What is not known here raises NotUnderstood: nobody is to take it for passed.
"""

import re
from dataclasses import dataclass, field
from typing import Any


class NotUnderstood(Exception):
    """The script uses what this runner does not know."""


@dataclass
class When:
    """Seconds. `end` is of a range (~) or of a call that blocks (...); `relative` counts from the event before."""

    start: float
    end: float
    relative: bool
    kind: str  # "at", "range", "blocking", "any"


@dataclass
class Segment:
    """A TCP segment as written, its numbers the script's own."""

    flags: str
    seq: int
    length: int
    ack: int | None
    window: int | None
    urgent: int
    ecn: str | None
    options: list | None  # None: any


@dataclass
class Icmp:
    kind: str
    code: str | None
    mtu: int
    seq: int


@dataclass
class Call:
    name: str
    args: list
    result: Any
    error: str | None


@dataclass
class Event:
    line: int
    when: When
    what: str  # "inject", "expect", "call", "command", "python"
    body: Any


@dataclass
class Script:
    options: dict = field(default_factory=dict)
    first: list = field(default_factory=list)
    events: list = field(default_factory=list)
    last: list = field(default_factory=list)


class Symbol(str):
    """A name whose value is looked up when the script runs."""


class Text(bytes):
    """A string of the script."""


NUMBER = r"(?:\d+(?:\.\d+)?|\.\d+)"
WHEN = re.compile(rf"(?:(\*)|(\+?)({NUMBER})(?:\s*(~|\.\.\.)\s*\+?({NUMBER}))?)(?=[\s%`<>])")
SEGMENT = re.compile(r"(?:\[(\w+)\]\s*)?([SFPRUEWA.\d]+|-)\s+(\d+):(\d+)\((\d+)\)"
                     r"(?:\s+ack\s+(\d+))?(?:\s+win\s+(\d+))?(?:\s+urg\s+(\d+))?[ \t]*(?:<(.*?)>)?(?=\s)", re.S)
ICMP = re.compile(r"icmp\s+(\w+)(?:\s+([a-z_]+))?(?:\s+mtu\s+(\d+))?\s+\[(\d+):(\d+)\((\d+)\)\]")
TOKEN = re.compile(r'\s*(\.\.\.|-?0x[0-9a-fA-F]+|-?\d+|\w+|"(?:[^"\\]|\\.)*"|[][(){}=,|])')


class Reader:
    """A place in the script's text."""

    def __init__(self, text: str):
        self.text, self.at = text + "\n", 0

    def line(self) -> int:
        return self.text.count("\n", 0, self.at) + 1

    def unknown(self, what: str) -> NotUnderstood:
        rest = self.text[self.at:].split("\n", 1)[0]
        return NotUnderstood(f"line {self.line()}: {what}: {rest.strip()[:60]}")

    def skip(self) -> None:
        while self.match(r"\s+|//.*|/\*(?s:.*?)\*/"):
            pass

    def match(self, pattern: str | re.Pattern) -> re.Match | None:
        m = re.compile(pattern).match(self.text, self.at)
        if m:
            self.at = m.end()
        return m

    def until(self, end: str) -> str:
        to = self.text.find(end, self.at)
        if to < 0:
            raise self.unknown(f"no {end}")
        got, self.at = self.text[self.at:to], to + len(end)
        return got

    # Arguments and results of calls.

    def token(self) -> str:
        self.spaces()
        if m := self.match(TOKEN):
            return m.group(1)
        raise self.unknown("expression")

    def spaces(self) -> None:
        while self.match(r"\s+|//.*"):
            pass

    def next_is(self, text: str) -> bool:
        before = self.at
        self.spaces()
        if self.text.startswith(text, self.at):
            self.at += len(text)
            return True
        self.at = before
        return False

    def expect(self, text: str) -> None:
        if not self.next_is(text):
            raise self.unknown(f"expected {text}")

    def several(self, end: str) -> list:
        values = []
        while not self.next_is(end):
            values.append(self.value())
            if not self.next_is(","):
                self.expect(end)
                break
        return values

    def value(self) -> Any:
        """A number, Symbol, Text, Ellipsis, list, dict, a pair (name, value) or ("|", alternatives)."""
        token = self.token()
        if token == "...":
            return ...
        if token == "[":
            return self.several("]")
        if token == "{":
            fields = self.several("}")
            if fields and all(isinstance(f, tuple) and f[0] != "|" for f in fields):
                return dict(fields)
            return fields
        if token[0] == '"':
            return Text(token[1:-1].encode().decode("unicode_escape").encode("latin-1"))
        if re.match(r"-?\d", token):
            got: Any = int(token, 0)
        elif re.match(r"\w", token):
            if self.match(r"\((\.\.\.|\d+)\)"):
                pass  # a length, as in msg_iov(1): what follows has it, too
            if self.match(r"\s*="):
                return token, self.value()
            got = Symbol(token)
        else:
            raise self.unknown("expression")
        if self.next_is("|"):
            return "|", got, self.value()
        return got


def parse(text: str) -> Script:
    script, r = Script(), Reader(text)
    while True:
        r.skip()
        if r.at >= len(r.text):
            return script
        line = r.line()
        if m := r.match(r"--(\w+)(?:=(\S+))?"):
            script.options[m.group(1)] = m.group(2) or ""
        elif r.match("`"):
            (script.last if script.events else script.first).append(r.until("`"))
        elif m := r.match(WHEN):
            any_time, plus, start, between, end = m.groups()
            kind = "any" if any_time else {"~": "range", "...": "blocking", None: "at"}[between]
            when = When(float(start or 0), float(end or start or 0), bool(plus), kind)
            r.skip()
            script.events.append(Event(line, when, *body(r)))
        else:
            raise r.unknown("event")


def body(r: Reader) -> tuple[str, Any]:
    if m := r.match(r"[<>]"):
        what = "inject" if m.group() == "<" else "expect"
        r.match(r"\s+")
        if what == "inject" and (m := r.match(ICMP)):
            return what, Icmp(m[1], m[2], int(m[3] or 0), int(m[4]))
        if not (m := r.match(SEGMENT)):
            raise r.unknown("packet")
        return what, segment(m)
    if r.match("`"):
        return "command", r.until("`")
    if r.match(r"%\{"):
        return "python", r.until("}%")
    if m := r.match(r"(\w+)\s*\("):
        args = r.several(")")
        r.expect("=")
        result = r.value()
        error = r.match(r"[ \t]+(E[A-Z0-9]+)")
        r.match(r"[ \t]*\(.*?\)")
        return "call", Call(m[1], args, result, error[1] if error else None)
    raise r.unknown("event")


def segment(m: re.Match) -> Segment:
    ecn, flags, seq, end, length, ack, window, urgent, options = m.groups()
    if int(end) - int(seq) != int(length):
        raise NotUnderstood(f"a segment of {length} bytes from {seq} to {end}")
    parsed: list | None = []
    if options is not None:
        parsed = None if options.strip() == "..." else [option(o.split()) for o in options.split(",")]
    return Segment(flags, int(seq), int(length), None if ack is None else int(ack), None if window is None else int(window),
                   int(urgent or 0), ecn, parsed)


def option(words: list[str]) -> tuple:
    """Name first: ("mss", 1460), ("TS", 100, 0), ("sack", [(1, 2)]), ("ECN", ["e1b", ...], [1, ...]), ("FO", text)."""
    match words:
        case ["nop"] | ["eol"] | ["sackOK"] as plain:
            return (plain[0],)
        case ["mss" | "wscale" as name, number]:
            return name, int(number)
        case ["TS", "val", value, "ecr", echo]:
            return "TS", int(value), int(echo)
        case ["sack", *blocks]:
            return "sack", [tuple(int(edge) for edge in block.split(":")) for block in blocks]
        case ["ECN", *fields]:
            return "ECN", fields[::2], [int(n) for n in fields[1::2]]
        case ["FO" | "FOEXP" as name, *cookie]:
            return name, cookie[0] if cookie else ""
        case ["md5", digest]:
            return "md5", digest
    raise NotUnderstood(f"option {' '.join(words)}")
