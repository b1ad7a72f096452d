# SPDX-License-Identifier: GPL-2.0
"""cost.json and cost.md from what guests have printed and the plugin has counted."""

import argparse
import json
from pathlib import Path

import blocks
from blocks import Run, Window

MODES = {
    "single": "every segment a packet of its own",
    "off": "TSO, GSO, GRO off: segments are cut before the driver",
    "on": "TSO, GSO, GRO on",
}
VARIANTS = {
    "cubic": "CUBIC, no module",
    "bbr": "BBR, no module",
    "control": "zeta, no hooks",
    "hooks": "BBR, hooks count",
    "zeta": "zeta and hooks: accelerated",
}
# Where the kernel says what it has taken.
TAKEN = ("Slab", "VmallocUsed", "Percpu")


def per_segment(window: Window, idle: Window) -> float:
    """Instructions per segment, less what the idle machine executes in the same time."""
    rest = idle.total() * window.us / idle.us
    return (window.total() - rest) / window.segments


def streams(run: Run) -> list[dict]:
    found, idle = [], run.windows[0]
    for window in run.windows:
        if window.name.startswith("idle"):
            idle = window
            continue
        variant, mode = window.name.split("-")
        found.append({
            "mode": mode, "variant": variant, "segments": window.segments, "acks": window.received, "repeated": window.repeated,
            "instructions": per_segment(window, idle),
            "module": window.module() / window.segments,
        })
    return found


def crowd(run: Run) -> dict:
    windows = {w.name.rsplit("-", 1)[0]: w for w in run.windows}
    flows = int(run.windows[0].name.rsplit("-", 1)[1])
    kernel_idle, zeta_idle = windows["kernel-idle"], windows["zeta-idle"]

    def taken(when: str) -> int:
        return sum(run.memory[f"{when}-{flows}"][key] for key in TAKEN)

    return {
        "flows": flows,
        "kernel": per_segment(windows["kernel"], kernel_idle),
        "zeta": per_segment(windows["zeta"], zeta_idle),
        "module": windows["zeta"].module() / windows["zeta"].segments,
        "bytes": (taken("zeta") - taken("loaded")) / flows,
        "idle_per_s": (zeta_idle.total() - kernel_idle.total()) * 1e6 / zeta_idle.us,
        "tracked": run.memory[f"stats-{flows}"]["NumOfFlows"],
        "accelerated": run.memory[f"stats-{flows}"]["NumOfAccFlows"],
    }


def spread(runs: list[list[dict]], mode: str, variant: str, key: str) -> tuple[float, float]:
    """The least of the runs, since what comes in between (writing back files) only adds; and how far the others are above, percent."""
    values = [row[key] for run in runs for row in run if (row["mode"], row["variant"]) == (mode, variant)]
    least = min(values)
    return least, (max(values) / least - 1) * 100 if least else 0.0


def page(data: dict) -> str:
    about, runs, crowds = data["about"], data["streams"], data["flows"]
    lines = [
        "<!-- SPDX-License-Identifier: GPL-2.0 -->",
        "<!-- Made by tests/cost/cost; not to be edited. -->",
        "",
        "# Cost",
        "",
        f"Made on {about['date']} by `make bench-cost` in {about['took'] // 60} minutes: module {about['module']}, Linux "
        f"{about['kernel']} in QEMU (TCG, instruction counting, two processors). What is counted and how:",
        "[README.md](README.md#cost). All figures: [cost.json](cost.json).",
        "",
        "## Instructions per segment",
        "",
        f"One flow at a fixed pace of {about['rate'] * 8 / 1e6:g} Mbit/s over 20 ms, {about['window']} ms of it. All the machine "
        "executes for it, server and client together, in kernel and applications, less what it executes without traffic. "
        f"The least of {len(runs)} runs; + is how far the other is above it.",
    ]
    for mode, words in MODES.items():
        if not any(row["mode"] == mode for row in runs[0]):
            continue
        bbr, _ = spread(runs, mode, "bbr", "instructions")
        cubic, _ = spread(runs, mode, "cubic", "instructions")
        lines += ["", f"**{words[0].upper()}{words[1:]}**", "",
                  "| variant | instructions per segment | of cubic | of bbr | more than bbr | in the module's own code | segments per ACK |",
                  "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
        for variant, name in VARIANTS.items():
            least, above = spread(runs, mode, variant, "instructions")
            module, _ = spread(runs, mode, variant, "module")
            segments, _ = spread(runs, mode, variant, "segments")
            acks, _ = spread(runs, mode, variant, "acks")
            lines.append(f"| {name} | {least:,.0f} + {above:.1f} % | {least / cubic:.3f} | {least / bbr:.3f} | {least - bbr:,.0f} | {module:,.0f} | "
                         f"{segments / acks:.1f} |")
    if crowds:
        lines += [
            "", "## Many flows", "",
            "So many connections are open; rounds of one segment on each, 10,000 segments or more, with CUBIC before the module "
            "is loaded, then accelerated. Every segment is a packet of its own. Memory is what slab, vmalloc "
            "and per-CPU areas grow by while all connections are taken over and noted in the flow table; a hundred flows still find room in slabs "
            "that are there. Here every packet is the end of what its application has given and begins a round trip of its "
            "own, which costs the module more than a packet of a long transfer.", "",
            "| flows | tracked | accelerated | instructions per segment before | accelerated | of which the module's own | "
            "memory per flow, bytes | idle, further instructions per second |",
            "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
        lines += [f"| {c['flows']:,} | {c['tracked']:,} | {c['accelerated']:,} | {c['kernel']:,.0f} | {c['zeta']:,.0f} | "
                  f"{c['module']:,.0f} | {c['bytes']:,.0f} | {c['idle_per_s']:,.0f} |" for c in crowds]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("out", type=Path)
    for name in ("--module", "--kernel", "--date"):
        parser.add_argument(name, required=True)
    for name in ("--rate", "--window", "--took"):
        parser.add_argument(name, required=True, type=int)
    args = parser.parse_args()

    def runs(kind: str) -> list[Run]:
        return [blocks.read(path, path.with_suffix(".blocks")) for path in sorted(args.work.glob(f"{kind}-*.out"))]

    data = {
        "about": {key: value for key, value in vars(args).items() if key not in ("work", "out")},
        "streams": [streams(run) for run in runs("stream")],
        "flows": sorted((crowd(run) for run in runs("many")), key=lambda c: c["flows"]),
    }
    (args.out / "cost.json").write_text(json.dumps(data, indent=1) + "\n")
    (args.out / "cost.md").write_text(page(data))


if __name__ == "__main__":
    main()
