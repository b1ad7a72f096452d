# SPDX-License-Identifier: GPL-2.0
"""Reads what a run left in its job directory and makes the one JSON object that describes it."""

import json
import os

from path import Path
from scenario import Variant, Workload

# Counters worth seeing beside a result; all of them are differences over the run, of the server's namespace.
COUNTERS = ["RetransSegs", "OutSegs", "TCPTimeouts", "TCPSlowStartRetrans", "TCPFastRetrans", "TCPLostRetransmit", "TCPLossProbes",
            "TCPLossProbeRecovery", "TCPSpuriousRTOs", "TCPSynRetrans", "TCPDSACKRecv", "TCPDSACKUndo", "TCPFullUndo", "TCPPartialUndo",
            "TCPLossUndo", "TCPSACKReorder", "TCPAbortOnTimeout", "TCPRetransFail", "TCPLossFailures", "TCPSackRecovery"]

# Seconds after which losses of the start no longer count.
LATE_S = 10


def percentile(values: list[float], p: float) -> float | None:
    """Nearest-rank percentile: always a value that was measured."""
    if not values:
        return None
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * p // 100))
    return ordered[int(rank) - 1]


def summary(values: list[float], digits: int = 3) -> dict:
    if not values:
        return {"n": 0}
    out = {f"p{p}": round(percentile(values, p), digits) for p in (50, 95, 99)}
    return {"n": len(values), **out, "mean": round(sum(values) / len(values), digits),
            "min": round(min(values), digits), "max": round(max(values), digits)}


def lines(job: str, name: str) -> list[dict]:
    try:
        with open(os.path.join(job, name), encoding="ascii") as f:
            return [json.loads(line) for line in f]
    except FileNotFoundError:
        return []


def text(job: str, name: str) -> str:
    try:
        with open(os.path.join(job, name), encoding="utf-8", errors="replace") as f:
            return f.read()
    except FileNotFoundError:
        return ""


def counters(job: str, name: str) -> dict:
    """/proc/net/netstat and /proc/net/snmp: pairs of lines, names above values."""
    out, rows = {}, text(job, name).splitlines()
    for head, values in zip(rows[::2], rows[1::2]):
        out.update(zip(head.split()[1:], map(int, values.split()[1:])))
    return out


def drops(job: str, name: str) -> dict:
    raw = text(job, name)
    for q in json.loads(raw) if raw else []:
        if q.get("kind") in ("tbf", "netem"):
            return {k: q[k] for k in ("kind", "bytes", "packets", "drops") if k in q}
    return {}


def series(flows: list[dict], seconds: float) -> list[float]:
    """Mbit/s of each whole second, summed over flows."""
    out = []
    for s in range(int(seconds)):
        per = [sum(f["bins"][i] for i in range(s * 10, s * 10 + 10) if i < len(f["bins"])) for f in flows]
        out.append(round(sum(per) * 8 / 1e6, 3))
    return out


def aligned(received: dict, start_us: int, bins: int) -> list[int]:
    """Bins counted in absolute time, as bins since the client's start."""
    offset = received["first"] - start_us // received["bin_us"]
    out = [0] * bins
    for i, value in enumerate(received["bins"]):
        if 0 <= i + offset < bins:
            out[i + offset] += value
    return out


# Time that flows have to come to equal shares; shorter runs are judged as a whole.
SETTLED_SECONDS = 20


def jain(values: list[float]) -> float | None:
    """Jain's index: 1 if all are equal, 1/n if one has everything."""
    squares = sum(v * v for v in values)
    return round(sum(values) ** 2 / (len(values) * squares), 4) if squares else None


def rates(flows: list[dict], seconds: float) -> dict:
    each = [{"port": f["port"], "goodput_mbps": round(sum(f["bins"]) * 8 / 1e6 / seconds, 3), "series_mbps": series([f], seconds)}
            for f in flows]
    settled = SETTLED_SECONDS if seconds >= 2 * SETTLED_SECONDS else 0
    return {"goodput_mbps": round(sum(f["goodput_mbps"] for f in each), 3), "series_mbps": series(flows, seconds), "flows": each,
            "jain": jain([sum(f["series_mbps"][settled:]) for f in each])}


def module_stats(job: str) -> dict:
    out = {}
    for name in sorted(os.listdir(job)):
        if name.startswith("stats."):
            for line in text(job, name).splitlines():
                key, eq, value = line.partition("=")
                if eq and value.strip().lstrip("-").isdigit():
                    out.setdefault(name[6:], {})[key.strip()] = int(value)
    return out


def sender_totals(events: list[dict]) -> dict:
    """What the senders did, from the last state of every connection."""
    closes = [e for e in events if e["ev"] == "close"]
    sent = sum(e["data_segs_out"] for e in closes)
    again = sum(e["total_retrans"] for e in closes)
    total, twice = sum(e["bytes_sent"] for e in closes), sum(e["bytes_retrans"] for e in closes)
    return {"connections": len(closes), "congestion_control": sorted({e["cc"] for e in closes}), "segments_sent": sent,
            "segments_retransmitted": again, "bytes_sent": total, "bytes_retransmitted": twice,
            # Per byte sent for the first time, so that it can be compared with p / (1 - p).
            "retrans_pct": round(100 * twice / (total - twice), 3) if total > twice else None,
            "retrans_of_sent_pct": round(100 * twice / total, 3) if total else None,
            "busy_s": round(sum(e["busy_us"] for e in closes) / 1e6, 3),
            "rwnd_limited_s": round(sum(e["rwnd_limited_us"] for e in closes) / 1e6, 3)}


def late_retrans_pct(events: list[dict], start_us: int) -> float | None:
    """Bytes sent again per 100 new ones after the first LATE_S seconds, when a policer's bucket has been emptied for good."""
    new = again = 0
    for end in (e for e in events if e["ev"] == "close"):
        early = [e for e in events if e["ev"] == "sample" and e["port"] == end["port"] and e["t_us"] <= start_us + LATE_S * 1e6]
        if early:
            twice = end["bytes_retrans"] - early[-1]["bytes_retrans"]
            again += twice
            new += end["bytes_sent"] - early[-1]["bytes_sent"] - twice
    return round(100 * again / new, 3) if new > 0 else None


def collect(job: str, path: Path, load: Workload, variant: Variant, seed: int) -> dict:
    out: dict = {"path": path.to_json(), "variant": variant.name, "workload": load.__dict__, "seed": seed}
    # One each of several clients if these send.
    server = [e for name in sorted(os.listdir(job)) if name.startswith("server") for e in lines(job, name)]
    clients = [e for name in sorted(os.listdir(job)) if name.startswith("client") for e in lines(job, name)]
    start = min((e["t_us"] for e in clients if e["ev"] == "start"), default=0)

    def long_flows(events: list[dict], kind: str) -> list[dict]:
        return [{"port": e["port"], "bins": aligned(e, start, int(load.seconds * 10))} for e in events if e["ev"] == kind]

    flows = long_flows(server, "received") if load.kind == "upload" else long_flows(clients, "flow")
    if load.kind in ("bulk", "upload"):
        out |= rates(flows, load.seconds)
        out["limit_mbps"] = round(path.limit_mbps(load.seconds), 2)
        out["efficiency"] = round(out["goodput_mbps"] / out["limit_mbps"], 4)
    for e in clients:
        if e["ev"] == "downloads":
            out["downloads"] = {"bytes": e["bytes"], "failed": e["failed"], **summary(e["seconds"], 4),
                                "first_byte": summary(e["first_byte"], 4), "samples": e["seconds"]}
    for e in lines(job, "probe.jsonl"):
        out["rtt_ms"] = {**summary([r / 1000 for r in e["rtt_us"]]), "sent": e["sent"], "lost": e["lost"]}
    out["tcp_rtt_ms"] = summary([e["rtt_us"] / 1000 for e in server if e["ev"] == "sample" and e["rtt_us"]])
    out |= sender_totals(server)
    out["late_retrans_pct"] = late_retrans_pct(server, start)
    cross = long_flows(lines(job, "cross.jsonl"), "flow")
    if cross:
        out["cross"] = rates(cross, load.seconds) | {"sender": sender_totals(lines(job, "cross-server.jsonl"))}
    before, after = counters(job, "netstat.before"), counters(job, "netstat.after")
    out["netstat"] = {k: after.get(k, 0) - before.get(k, 0) for k in COUNTERS}
    out["timeouts"] = out["netstat"]["TCPTimeouts"]
    out["bottleneck"] = drops(job, "bottleneck.json")
    if path.policer:
        raw = text(job, "policer.json")
        out["policer"] = [a.get("stats", {}) for f in json.loads(raw or "[]") for a in f.get("options", {}).get("actions", [])]
    out["module"] = module_stats(job)
    out["ss"] = text(job, "ss.txt")
    out["kernel_log"] = text(job, "dmesg")
    return out
