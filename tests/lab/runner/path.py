# SPDX-License-Identifier: GPL-2.0
"""What a path is: one plain record, checked once, the same from the command line and from JSON."""

import dataclasses
import json

MTU_FRAME = 1514  # Ethernet frame of a full segment; tbf counts it
MSS = 1448        # payload of that frame with TCP timestamps


@dataclasses.dataclass
class Step:
    """A change at `at` seconds: any of rate (Mbit/s), rtt (ms), loss (%)."""
    at: float
    rate: float | None = None
    rtt: float | None = None
    loss: float | None = None


@dataclasses.dataclass
class Path:
    """A path from the server to its clients. Loss, jitter and reordering lie behind the bottleneck."""
    name: str = "path"
    rate: float = 100.0             # bottleneck, Mbit/s of Ethernet frames
    rtt: float = 100.0              # base round trip, ms, half of it each way
    rtts: list[float] = dataclasses.field(default_factory=list)  # one client for each of these instead
    loss: float = 0.0               # random loss, % of data packets
    ge: list[float] = dataclasses.field(default_factory=list)    # Gilbert-Elliott: [mean loss %, mean burst packets]
    buffer_bdp: float = 1.0         # bottleneck queue in bandwidth-delay products
    buffer_bytes: int = 0           # the same in bytes; wins when set
    jitter: float = 0.0             # ms, normal distribution
    jitter_reorders: bool = True    # False: late packets also hold back those behind them
    reorder: float = 0.0            # % of packets that are late by reorder_late ms
    reorder_late: float = 10.0
    slot: list[float] = dataclasses.field(default_factory=list)  # [min ms, max ms]: packets leave in bunches, as on wifi
    policer: list[float] = dataclasses.field(default_factory=list)  # [Mbit/s, burst bytes], behind the bottleneck
    ack_loss: float = 0.0           # random loss of the way back, %
    up_rate: float = 0.0            # Mbit/s of the way back; 0: as `rate`
    up_buffer_bytes: int = 0        # its queue; 0: buffer_bdp of its own rate
    rmem_bytes: int = 0             # largest receive buffer of the clients; 0: 64 MB
    aqm: str = ""                   # "codel", "fq_codel" or "cake"-like child of the bottleneck instead of a tail-drop queue
    cross: int = 0                  # long CUBIC flows from another server through the same bottleneck
    steps: list[Step] = dataclasses.field(default_factory=list)

    def check(self) -> None:
        def need(ok: bool, what: str) -> None:
            if not ok:
                raise ValueError(f"path {self.name}: {what}")
        need(0.01 <= self.rate <= 10000, "rate must be 0.01 to 10000 Mbit/s")
        need(all(0 <= r <= 5000 for r in [self.rtt, *self.rtts]), "rtt must be 0 to 5000 ms")
        need(len(self.rtts) <= 16, "at most 16 different rtts")
        need(0 <= self.loss < 100 and 0 <= self.ack_loss < 100, "loss must be 0 to 100 %")
        need(len(self.ge) in (0, 2), "ge is [mean %, burst packets]")
        need(not (self.ge and self.loss), "give loss or ge, not both")
        need(not self.ge or (0 < self.ge[0] < 50 and self.ge[1] >= 1), "ge mean must be below 50 %, burst at least 1")
        need(self.buffer_bdp > 0 or self.buffer_bytes > 0, "the bottleneck needs a buffer")
        need(len(self.policer) in (0, 2) and len(self.slot) in (0, 2), "policer and slot take two numbers")
        need(0 <= self.reorder <= 100, "reorder is a share in %")
        need(self.aqm in ("", "codel", "fq_codel"), "aqm is codel or fq_codel")
        need(0 <= self.cross <= 256, "cross traffic is 0 to 256 flows")

    def queue_bytes(self, rate: float) -> int:
        """Bottleneck buffer. Two frames at least: with less, tbf forwards nothing but small packets."""
        if self.buffer_bytes:
            return max(int(self.buffer_bytes), 2 * MTU_FRAME)
        base = max(self.rtts) if self.rtts else self.rtt
        return max(int(self.buffer_bdp * self.rate * 1e6 / 8 * base / 1e3), 2 * MTU_FRAME)

    def limit_mbps(self, seconds: float) -> float:
        """What a perfect sender's receiver gets: rate over time, less headers, less loss behind the bottleneck."""
        edges = [(0.0, self.rate, self.loss)]
        for s in sorted(self.steps, key=lambda s: s.at):
            edges.append((s.at, s.rate or edges[-1][1], edges[-1][2] if s.loss is None else s.loss))
        total = 0.0
        for i, (at, rate, loss) in enumerate(edges):
            end = edges[i + 1][0] if i + 1 < len(edges) else seconds
            span = max(0.0, min(end, seconds) - at)
            share = self.ge[0] if self.ge else loss
            if self.policer:
                rate = min(rate, self.policer[0])
            total += span * rate * (1 - share / 100)
        return total / seconds * MSS / MTU_FRAME

    def to_json(self) -> dict:
        """Only what differs from the defaults: this is also how a path is written in paths.json."""
        default, out = Path(), {}
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            if value != getattr(default, f.name):
                out[f.name] = [{k: v for k, v in dataclasses.asdict(s).items() if v is not None} for s in value] \
                    if f.name == "steps" else value
        return out

    @staticmethod
    def from_json(data: dict) -> "Path":
        known = {f.name for f in dataclasses.fields(Path)}
        unknown = set(data) - known
        if unknown:
            raise ValueError(f"unknown path field {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
        path = Path(**{**data, "steps": [Step(**s) for s in data.get("steps", [])]})
        path.check()
        return path


def parse_step(text: str) -> Step:
    """`10:rate=20,rtt=80` is a change at 10 seconds."""
    at, _, rest = text.partition(":")
    fields = dict(item.split("=", 1) for item in rest.split(",") if item)
    if not fields or set(fields) - {"rate", "rtt", "loss"}:
        raise ValueError(f"step '{text}' is not AT:rate=..,rtt=..,loss=..")
    return Step(at=float(at), **{k: float(v) for k, v in fields.items()})


def load_paths(file: str) -> list[dict]:
    with open(file, encoding="utf-8") as f:
        return json.load(f)["rows"]
