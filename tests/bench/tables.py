# SPDX-License-Identifier: GPL-2.0
"""results.md: the tables of a benchmark."""

from collections.abc import Callable

from figures import Results

# What each plot shows, in the order of the page.
PLOTS: dict[str, str] = {
    "loss.svg": "Goodput as a share of the limit, by random loss",
    "delay.svg": "Goodput as a share of the limit, by the queue it takes",
    "downloads.svg": "Completion times of short downloads",
    "fairness.svg": "Sharing a path",
}


def failures(cell: dict) -> str:
    failed = cell.get("failed", [])
    return f"{len(failed)} FAILED" if failed else ""


def bulk(r: Results, row: dict, variant: str) -> list[str]:
    goodput, share = r.get(row, variant, "goodput"), r.efficiency(row, variant)
    rtt, again = r.get(row, variant, "rtt95"), r.get(row, variant, "retrans")
    late = r.get(row, variant, "late") if "policer" in row["path"] else None
    return [f"{goodput.text(1)}, {share.mid * 100:.0f} %" if goodput and share else "-",
            f"{rtt.text(0)} ms" if rtt else "-", f"{again.text(1)} %" if again else "-",
            *([f"later {late.text(1)} %"] if late else [])]


def share(r: Results, row: dict, variant: str) -> list[str]:
    goodput, cross, jain = (r.get(row, variant, k) for k in ("goodput", "cross", "jain"))
    if not goodput:
        return ["-"]
    if cross:
        return [f"{goodput.text(1)} : {cross.text(1)}"]
    return [goodput.text(1), f"Jain {jain.text(2)}" if jain else "-"]


def short(r: Results, row: dict, variant: str) -> list[str]:
    out = []
    for p in ("p50", "p95", "p99"):
        value = r.get(row, variant, p)
        out.append(f"{value.text(3)}" if value else "-")
    lost = sum(r.cell(row, variant).get("lost", []))
    return out + ([f"{lost} downloads failed"] if lost else [])


CELLS: dict[str, Callable[[Results, dict, str], list[str]]] = {"bulk": bulk, "share": share, "short": short}


def table(r: Results, rows: list[dict], names: list[str], bound: str) -> list[str]:
    """Rows of all kinds, a column for each name; `bound` heads the column of the limits or sizes."""
    if not rows:
        return []
    head = ["row", "path", bound] + names
    body = []
    for row in rows:
        most = f"{row['bytes'] / 1000:g}" if row["table"] == "short" else f"{row['limit']:.1f}" if row.get("limit") else "-"
        line = [row["name"], row["path"], most]
        for v in names:
            c = r.cell(row, v)
            texts = CELLS[row["table"]](r, row, v) if set(c) - {"failed"} else []
            line.append("<br>".join(texts + list(filter(None, [failures(c)]))) or "-")
        body.append(line)
    return ["| " + " | ".join(x) + " |" for x in [head, ["---"] * len(head), *body]] + [""]


def header(r: Results) -> list[str]:
    a = r.about
    kernels = sorted({k for v in r.variants for k in v["kernel"]})
    seeds = f"{len(a['seeds'])} seeds ({a['seeds'][0]} to {a['seeds'][-1]})" if len(a["seeds"]) > 1 else f"one seed ({a['seeds'][0]})"
    out = ["<!-- SPDX-License-Identifier: GPL-2.0 -->", "<!-- Written by `make bench`: changes made here are lost. -->", "",
           "# Benchmark", "",
           f"Linux {', '.join(kernels) or 'of an unknown version'} in user mode, simulated time; {seeds}; {a['date']}; "
           f"module {a['module']}; {a['runs']} runs in {a['took_s'] / 60:.0f} minutes on a machine with {a['cpus']} CPUs "
           "(which do not count in simulated time).", "",
           "A cell has the median over the seeds and in brackets the least and the greatest value, unless they are the same. "
           "How it is measured, what it cannot show, and how to add others: [README.md](README.md).", "",
           "| variant | given as | congestion control | kernel |", "| --- | --- | --- | --- |"]
    for v in r.variants:
        out.append(f"| {v['name']} | `{v['given']}` | {', '.join(v['cc']) or '-'} | {', '.join(v['kernel']) or '-'} |")
    return out + [""]


def page(r: Results, plots: list[str]) -> str:
    out = header(r)
    for name in plots:
        out += [f"![{PLOTS[name]}]({name})", ""]
    for rows, names, bound, title, text in [
            (r.table("bulk"), r.names, "limit", "Long flows", "Goodput in Mbit/s and as a share of the limit, which is what a perfect sender gets; 95th percentile of "
             "the round trip under load; bytes retransmitted per 100 bytes sent for the first time. Start-up is included; behind a policer the last line is without "
             "the first ten seconds."),
            (r.table("share"), r.names, "limit", "Sharing a path", "Goodput : that of the CUBIC flows beside, Mbit/s; or the sum and Jain's index of equal flows."),
            (r.table("short"), r.names, "size, kB", "Short downloads",
             "Seconds from `connect()` to the last byte: 50th, 95th and 99th percentile."),
            (r.mode_rows(), r.modes, "limit or kB", "What the modes change", "Some of the rows above with other settings; cells as there.")]:
        lines = table(r, rows, names, bound)
        if lines:
            out += [f"## {title}", "", text, ""] + lines
    bad = [f"- {row['name']} {v}: {text}" for row in r.rows for v in (x["name"] for x in r.variants) for text in r.cell(row, v).get("failed", [])]
    if bad:
        out += ["## Failed runs", ""] + [b.replace("<", "&lt;") for b in bad] + [""]
    return "\n".join(out)
