#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Makes results.json, the few figures that tables and plots need, of what tests/lab/matrix --out wrote.

Runs inside the lab's tree (tests/lab/enter) or anywhere the lab's runner can be imported from.
"""

import argparse
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab", "runner"))

import matrix  # noqa: E402
from files import host_file  # noqa: E402
from path import Path  # noqa: E402
from result import percentile  # noqa: E402

# What is kept of each run, by table: name in results.json, keys in the run's result, digits.
FIGURES: dict[str, list[tuple[str, tuple[str, ...], int]]] = {
    "bulk": [("goodput", ("goodput_mbps",), 3), ("rtt95", ("rtt_ms", "p95"), 1), ("retrans", ("retrans_pct",), 2),
             ("late", ("late_retrans_pct",), 2)],
    "share": [("goodput", ("goodput_mbps",), 3), ("cross", ("cross", "goodput_mbps"), 3), ("jain", ("jain",), 4)],
    "short": [("p50", ("downloads", "p50"), 4), ("p95", ("downloads", "p95"), 4), ("p99", ("downloads", "p99"), 4),
              ("lost", ("downloads", "failed"), 0)],
}


def dig(run: dict, keys: tuple[str, ...]) -> float | None:
    value: object = run
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, (int, float)) else None


def cell(table: str, runs: list[dict]) -> dict:
    """One path and one variant: a list with a number per seed of each figure, in the order of the seeds."""
    good = sorted((r for r in runs if "failed" not in r), key=lambda r: r["seed"])
    bad = sorted((r for r in runs if "failed" in r), key=lambda r: r["seed"])
    out: dict = {}
    for name, keys, digits in FIGURES[table]:
        values = [v for v in (dig(r, keys) for r in good) if v is not None]
        if values:
            out[name] = [round(v, digits) if digits else int(v) for v in values]
    if table == "short":
        # Times of all seeds together: the best, each hundredth, the worst.
        times = [t for r in good for t in r["downloads"].get("samples", [])]
        out["n"] = len(times)
        out["times"] = [round(percentile(times, p) or 0, 3) for p in range(101)] if times else []
    if bad:
        out["failed"] = [f"seed {r['seed']}: {r['failed'].splitlines()[0][:120] if r['failed'] else '?'}" for r in bad]
    return out


def base_rtt(path: Path) -> float:
    """Round trip of the empty path, ms; where it changes, the longest."""
    return max([*(path.rtts or [path.rtt]), *(s.rtt for s in path.steps if s.rtt is not None)])


def row(data: dict, runs: list[dict]) -> dict:
    path = Path.from_json(data["path"])
    out = {"name": path.name, "table": data["table"], "path": matrix.describe(data["path"]), "loss": path.loss,
           "rtt": base_rtt(path), "flows": data["workload"].get("flows", 1), "cross": path.cross}
    if data["workload"]["kind"] == "bulk":
        # Of the runs, which may have been shortened.
        out["limit"] = next((r["limit_mbps"] for r in runs if "limit_mbps" in r), None)
    else:
        out["bytes"] = data["workload"]["bytes"]
    return out


def kernels(runs: list[dict]) -> list[str]:
    found = (re.search(r"Linux version (\S+)", r.get("kernel_log", "")) for r in runs)
    return sorted({m.group(1) for m in found if m})


def without_directories(spec: str) -> str:
    """How a variant was given, without the places of files on one machine."""
    return re.sub(r"((?:^|[:;])(?:module|kernel)=)[^;]*/", r"\1", spec)


def condense(full: dict, specs: list[str], about: dict) -> dict:
    runs = full["results"]
    variants = []
    for spec in specs:
        name = spec.partition(":")[0]
        # A variant that is not for every row.
        some = {"rows": m.group(1).split(",")} if (m := re.search(r"[:;]rows=([^;]*)", spec)) else {}
        mine = [r for r in runs if r["variant"] == name]
        variants.append({"name": name, "given": without_directories(spec), "kernel": kernels(mine),
                         "cc": sorted({c for r in mine for c in r.get("congestion_control", [])})} | some)
    rows, cells = [], {}
    for data in full["rows"]:
        name = data["path"]["name"]
        here = [r for r in runs if r["path"]["name"] == name]
        rows.append(row(data, here))
        per_variant = {v["name"]: [r for r in here if r["variant"] == v["name"]] for v in variants}
        cells[name] = {v: cell(data["table"], mine) for v, mine in per_variant.items() if mine}
    seeds = sorted({r["seed"] for r in runs})
    return {"about": about | {"seeds": seeds, "runs": len(runs)}, "variants": variants, "rows": rows, "cells": cells}


def lines(data: dict) -> str:
    """JSON with a line for each path and each cell, so that a change of it can be read."""
    def short(value: object) -> str:
        return json.dumps(value, separators=(",", ":"))
    out = ["{", f'"about": {short(data["about"])},', '"variants": [', ",\n".join(map(short, data["variants"])), "],",
           '"rows": [', ",\n".join(map(short, data["rows"])), "],", '"cells": {']
    cells = [f"{short(name)}: {{\n" + ",\n".join(f" {short(v)}: {short(c)}" for v, c in of.items()) + "\n}"
             for name, of in data["cells"].items()]
    return "\n".join(out + [",\n".join(cells), "}", "}", ""])


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("full", help="what the matrix wrote")
    p.add_argument("out")
    p.add_argument("--date", required=True)
    p.add_argument("--cpus", type=int, required=True)
    p.add_argument("--module", required=True, help="version of the module")
    p.add_argument("--took", type=int, default=0, help="seconds of wall time")
    p.add_argument("variants", nargs="+", help="as they were given to the matrix")
    a = p.parse_args()
    with open(host_file(a.full), encoding="utf-8") as f:
        full = json.load(f)
    about = {"date": a.date, "cpus": a.cpus, "module": a.module, "took_s": a.took}
    with open(host_file(a.out), "w", encoding="utf-8") as f:
        f.write(lines(condense(full, a.variants, about)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
