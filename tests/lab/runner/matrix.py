# SPDX-License-Identifier: GPL-2.0
"""Command line of tests/lab/matrix: rows of paths.json x variants x seeds."""

import argparse
import concurrent.futures
import json
import os
import statistics
import sys
import time

import one
import run
import uml
from files import host_file
from path import Path, load_paths
from scenario import Variant, Workload

EXAMPLES = """A variant is a congestion control's name, or NAME:KEY=VALUE;KEY=VALUE... with the keys cc, module, set, param, sysctl,
qdisc, iface, kernel, rows (set, param and sysctl may repeat; kernel is another user-mode Linux than the lab's; rows=A1,G* leaves
the other rows out). Examples:
  tests/lab/matrix cubic bbr
  tests/lab/matrix --rows A1,A4,S5 --seeds 3 cubic 'ours:module=appex.ko' 'ours-civil:module=appex.ko;set=conservMode=1'
  tests/lab/matrix --group short --out result.json bbr
  tests/lab/matrix --quick cubic bbr            a third of the time and of the downloads, for a first look
Cells: bulk     goodput Mbit/s / p95 round trip ms under load / retransmitted % of new bytes
       share    goodput : cross traffic's, Mbit/s (Jain's index where all flows are ours)
       short    p50 / p95 / p99 seconds
With several seeds every number is the median over them. Exit status 1 when any run failed; the table shows which."""


def parse_variant(text: str) -> Variant:
    name, _, rest = text.partition(":")
    args: list[str] = [] if rest else ["--cc", name]
    rows: list[str] = []
    for item in filter(None, rest.split(";")):
        key, eq, value = item.partition("=")
        if key not in ("cc", "module", "set", "param", "sysctl", "qdisc", "iface", "kernel", "rows") or not eq:
            raise ValueError(f"variant '{text}': '{item}' is not KEY=VALUE of a known key")
        if key == "rows":
            rows = value.split(",")
        else:
            args.append(f"--{key}={value}")
    variant = run.make_variant(run.parser().parse_args(args), name)
    variant.rows = rows
    return variant


def is_one_of(row: dict, wanted: list[str]) -> bool:
    """Whether the row is named, or begins with what a name that ends in a star has before it."""
    name = row["path"]["name"]
    return any(name == w or (w.endswith("*") and name.startswith(w[:-1])) for w in wanted)


def workload(row: dict, quick: bool, sender: str | None) -> Workload:
    load = Workload(**row["workload"])
    if sender:
        load.inbound, load.sender = True, sender
    load.check()
    if quick:
        load.seconds = max(10.0, load.seconds / 3)
        load.count = max(20, load.count // 3)
    return load


def measure(row: dict, variant: Variant, seed: int, quick: bool, sender: str | None, timeout_s: float) -> dict:
    """Never raises: a failed run is a result too."""
    try:
        path = Path.from_json(row["path"])
        return one.measure(path, workload(row, quick, sender), variant, seed, timeout_s=timeout_s)
    except (uml.Failed, ValueError, OSError) as e:
        return {"path": row["path"], "variant": variant.name, "seed": seed, "failed": str(e)}


def median(results: list[dict], *keys: str) -> float | None:
    values = []
    for r in results:
        for k in keys:
            r = r.get(k) if isinstance(r, dict) else None
        if r is not None:
            values.append(r)
    return statistics.median(values) if values else None


def number(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def cell(row: dict, results: list[dict]) -> str:
    if not results:
        return "-"
    good = [r for r in results if "failed" not in r]
    if len(good) < len(results):
        return "FAILED"
    if row["table"] == "short":
        text = " / ".join(number(median(good, "downloads", p), 3) for p in ("p50", "p95", "p99"))
        lost = sum(r["downloads"]["failed"] for r in good)
        return text + (f" ({lost} failed)" if lost else "")
    if row["table"] == "share":
        mine = number(median(good, "goodput_mbps"))
        if "cross" in good[0]:
            return f"{mine} : {number(median(good, 'cross', 'goodput_mbps'))}"
        return f"{mine}, Jain {number(median(good, 'jain'), 2)}"
    return f"{number(median(good, 'goodput_mbps'))} / {number(median(good, 'rtt_ms', 'p95'), 0)} / {number(median(good, 'retrans_pct'))}"


def describe(path: dict) -> str:
    """Short text of a path for the first column."""
    p = Path.from_json(path)
    out = [f"{p.rate:g}M", "/".join(f"{r:g}" for r in p.rtts or [p.rtt]) + "ms"]
    for ok, text in [(p.loss, f"{p.loss:g}%"), (p.ge, f"GE {'/'.join(f'{x:g}' for x in p.ge)}"), (p.buffer_bdp != 1, f"{p.buffer_bdp:g} BDP"),
                     (p.jitter, f"+-{p.jitter:g}ms{'' if p.jitter_reorders else ' in order'}"), (p.reorder, f"{p.reorder:g}% late"),
                     (p.policer, f"policer {'/'.join(f'{x:g}' for x in p.policer)}"), (p.up_rate, f"up {p.up_rate:g}M"),
                     (p.slot, "slots"), (p.cross, f"{p.cross} cubic"), (p.steps, "changes")]:
        if ok:
            out.append(text)
    return " ".join(out)


def table(rows: list[dict], variants: list[Variant], results: dict) -> str:
    cells = [["row", "path", "limit"] + [v.name for v in variants]]
    for row in rows:
        name = row["path"]["name"]
        first = next((r for v in variants for r in results[name, v.name] if "limit_mbps" in r), {})
        cells.append([name, describe(row["path"]), number(first.get("limit_mbps"))]
                     + [cell(row, results[name, v.name]) for v in variants])
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(line, widths)) + " |" for line in cells]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)


def main() -> int:
    p = argparse.ArgumentParser(prog="tests/lab/matrix", description="Measure variants on a list of paths.", epilog=EXAMPLES,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("variants", nargs="+")
    p.add_argument("--paths", help="another list than tests/lab/paths.json")
    p.add_argument("--rows", help="names, comma-separated; a prefix ending in * stands for all that begin with it")
    p.add_argument("--group", choices=["bulk", "share", "short"])
    p.add_argument("--seeds", type=int, default=1, help="number of seeds, from 1")
    p.add_argument("--quick", action="store_true")
    p.add_argument("--inbound", metavar="SENDER", help="clients send with that congestion control, and the variants' machine receives")
    p.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at the same time (default: processors)")
    p.add_argument("--timeout", type=float, default=600, help="seconds of wall time per run")
    p.add_argument("--out", help="all results as JSON")
    a = p.parse_args()
    try:
        rows = load_paths(host_file(a.paths) if a.paths else f"{uml.LAB}/paths.json")
        variants = [parse_variant(v) for v in a.variants]
        if len({v.name for v in variants}) < len(variants):
            raise ValueError("two variants have the same name")
    except (ValueError, OSError) as e:
        print(f"matrix: {e}", file=sys.stderr)
        return 2
    if a.rows:
        rows = [r for r in rows if is_one_of(r, a.rows.split(","))]
    if a.group:
        rows = [r for r in rows if r["table"] == a.group]
    if not rows:
        print("matrix: no such rows", file=sys.stderr)
        return 2
    began, results, failures = time.monotonic(), {(r["path"]["name"], v.name): [] for r in rows for v in variants}, 0
    jobs = [(r, v, s) for r in rows for v in variants if not v.rows or is_one_of(r, v.rows) for s in range(1, a.seeds + 1)]
    with concurrent.futures.ThreadPoolExecutor(max_workers=a.jobs) as pool:
        futures = {pool.submit(measure, r, v, s, a.quick, a.inbound, a.timeout): (r, v, s) for r, v, s in jobs}
        for done, f in enumerate(concurrent.futures.as_completed(futures), 1):
            r, v, s = futures[f]
            out = f.result()
            results[r["path"]["name"], v.name].append(out)
            failures += "failed" in out
            print(f"[{done}/{len(jobs)}] {r['path']['name']} {v.name} seed {s}: " + (out.get("failed") or cell(r, [out])), file=sys.stderr)
    print(table(rows, variants, results))
    print(f"{len(jobs)} runs in {time.monotonic() - began:.0f} s, {failures} failed", file=sys.stderr)
    if a.out:
        run.write(a.out, json.dumps({"rows": rows, "results": [x for xs in results.values() for x in xs]}, indent=1) + "\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
