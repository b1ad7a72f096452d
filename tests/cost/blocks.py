# SPDX-License-Identifier: GPL-2.0
"""What a run in the guest has printed, and what the plugin has counted in its windows."""

import base64
import bisect
import gzip
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

# Addresses below are user space.
KERNEL = 1 << 63


@dataclass
class Symbols:
    """Functions of the running kernel and its modules, by address."""

    addresses: list[int]
    names: list[str]

    @classmethod
    def parse(cls, text: str) -> "Symbols":
        found = []
        for line in text.splitlines():
            address, _, name, *module = line.split()
            found.append((int(address, 16), name + (" " + module[0] if module else "")))
        found.sort()
        return cls([a for a, _ in found], [n for _, n in found])

    def at(self, address: int) -> str:
        """The function at an address; of a module with the module's name behind it."""
        if address < KERNEL:
            return "user space"
        i = bisect.bisect_right(self.addresses, address) - 1
        return self.names[i] if i >= 0 else "?"


@dataclass
class Window:
    """One window: its traffic, and instructions by block."""

    name: str
    us: int
    segments: int
    received: int
    repeated: int
    blocks: Counter = field(default_factory=Counter)
    symbols: Symbols | None = None

    def total(self) -> int:
        return sum(self.blocks.values())

    def functions(self) -> Counter:
        """Instructions by function."""
        sums: Counter = Counter()
        if self.symbols:
            for address, count in self.blocks.items():
                sums[self.symbols.at(address)] += count
        return sums

    def module(self) -> int:
        """Instructions in the module's own code."""
        return sum(n for name, n in self.functions().items() if name.endswith("[appex]"))


@dataclass
class Run:
    """One guest."""

    windows: list[Window]
    memory: dict[str, dict[str, int]]


def read(printed: Path, counted: Path) -> Run:
    windows: list[Window] = []
    memory: dict[str, dict[str, int]] = {}
    nameless = 0
    for line in printed.read_text().splitlines():
        what, *rest = line.split()
        if what == "window":
            windows.append(Window(rest[0], *map(int, rest[1:])))
        elif what == "memory":
            memory.setdefault(rest[0], {})[rest[1]] = int(rest[2])
        elif what == "symbols":
            # Of all windows since the last ones.
            symbols = Symbols.parse(gzip.decompress(base64.b64decode(rest[0])).decode())
            for window in windows[nameless:]:
                window.symbols = symbols
            nameless = len(windows)
    at = -1
    with counted.open() as lines:
        for line in lines:
            if line.startswith("window"):
                at += 1
                continue
            address, count = line.split()
            windows[at].blocks[int(address, 16)] = int(count)
    if at + 1 != len(windows):
        raise SystemExit(f"{len(windows)} windows printed, {at + 1} counted")
    return Run(windows, memory)
