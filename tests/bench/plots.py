# SPDX-License-Identifier: GPL-2.0
"""The plots of a benchmark, as SVG. The same figures give the same files with one version of matplotlib."""

import io
import re

import matplotlib

matplotlib.use("svg")
# Names inside the file are hashed with this instead of chance.
matplotlib.rcParams.update({"svg.hashsalt": "appex", "font.size": 9, "axes.grid": True, "grid.color": "#dddddd", "axes.axisbelow": True,
                            "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False, "figure.facecolor": "white"})

from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.patches import PathPatch  # noqa: E402
from matplotlib.path import Path as Outline  # noqa: E402
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator  # noqa: E402

from figures import Results, Spread  # noqa: E402

# Colours that stay apart for most colour-blind readers; the markers and dashes are for the others.
COLOURS = ["#777777", "#e69f00", "#0072b2", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#000000"]
MARKERS = "sD^ovPX*"
DASHES = ["-", "--", "-", "-.", ":", "--", "-.", ":"]
# Below this share of the limit, or above this queue, a point of the scatter plot is named.
NAMED_SHARE, NAMED_QUEUE_MS = 0.6, 120
SMALLEST_QUEUE_MS = 0.3


def style(i: int) -> dict:
    return {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)], "markersize": 4.5}


def plain(value: float, _: object = None) -> str:
    return f"{value:g}"


def errors(values: list[Spread]) -> list[list[float]]:
    return [[v.mid - v.low for v in values], [v.high - v.mid for v in values]]


def loss(r: Results) -> Figure | None:
    """Rows A*: one path with growing random loss. Loss free has its place left of the logarithmic part."""
    rows = sorted((x for x in r.table("bulk") if x["name"].startswith("A")), key=lambda x: x["loss"])
    if not rows:
        return None
    figure = Figure(figsize=(7.5, 4), layout="constrained")
    ax = figure.subplots()
    for i, v in enumerate(r.names):
        points = [(x["loss"], e) for x in rows if (e := r.efficiency(x, v))]
        if points:
            ax.errorbar([p[0] for p in points], [p[1].mid for p in points], yerr=errors([p[1] for p in points]), capsize=2,
                        linestyle=DASHES[i % len(DASHES)], linewidth=1.4, label=v, **style(i))
    ax.set_xscale("symlog", linthresh=0.01, linscale=0.5)
    ax.xaxis.set_major_locator(FixedLocator(sorted({x["loss"] for x in rows})))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(plain))
    ax.tick_params(axis="x", labelsize=8)
    ax.set_xlim(left=-0.002)
    ax.set_ylim(0, 1.05)
    ax.set(xlabel="random loss, %", ylabel="goodput / limit", title="Long flows by random loss: " + rows[0]["path"])
    ax.legend()
    return figure


def delay(r: Results) -> Figure | None:
    """A panel for each variant, with the points of all the others in grey behind."""
    rows = r.table("bulk")
    points: dict[str, list[tuple[str, float, float]]] = {}
    for v in r.names:
        for x in rows:
            share, rtt = r.efficiency(x, v), r.get(x, v, "rtt95")
            if share and rtt:
                points.setdefault(v, []).append((x["name"], max(rtt.mid - x["rtt"], SMALLEST_QUEUE_MS), share.mid))
    if not points:
        return None
    columns = min(3, len(points))
    lines = -(-len(points) // columns)
    figure = Figure(figsize=(3.1 * columns + 0.6, 2.7 * lines + 0.5), layout="constrained")
    axes = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).flatten()
    for ax, v in zip(axes, points):
        i = r.names.index(v)
        rest = [p for other, ps in points.items() if other != v for p in ps]
        ax.add_patch(dots([(p[1], p[2]) for p in rest]))
        ax.scatter([p[1] for p in points[v]], [p[2] for p in points[v]], s=20, color=style(i)["color"], marker=style(i)["marker"])
        for x, y, text in labels(points[v]):
            ax.annotate(text, (x, y), xytext=(4, 2), textcoords="offset points", fontsize=6)
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(FuncFormatter(plain))
        ax.set_ylim(0, 1.1)
        ax.set_title(v, color=style(i)["color"])
    hide(axes, len(points), columns)
    figure.supxlabel(f"delay under load (p95) beyond the empty path's, ms, {SMALLEST_QUEUE_MS:g} or less at the left edge; left and up is better",
                     fontsize=9)
    figure.supylabel("goodput / limit", fontsize=9)
    return figure


def hide(axes: list[Axes], used: int, columns: int) -> None:
    """No empty panels; the axis of the one above is then the lowest in its column."""
    for n in range(used, len(axes)):
        axes[n].set_visible(False)
        axes[n - columns].tick_params(axis="x", labelbottom=True)


def labels(points: list[tuple[str, float, float]]) -> list[tuple[float, float, str]]:
    """Names of the points worth naming, one text for those that lie together."""
    groups: list[tuple[float, float, list[str]]] = []
    for name, x, y in points:
        if y >= NAMED_SHARE and x <= NAMED_QUEUE_MS:
            continue
        near = next((g for g in groups if abs(g[1] - y) < 0.07 and 0.5 < g[0] / x < 2), None)
        if near:
            near[2].append(name)
        else:
            groups.append((x, y, [name]))
    return [(x, y, " ".join(names)) for x, y, names in groups]


def dots(points: list[tuple[float, float]]) -> PathPatch:
    """Grey dots as one path, which makes a smaller file than a symbol for each."""
    twice = [p for point in points for p in (point, point)]
    path = Outline(twice or [(1, 0)], [Outline.MOVETO, Outline.LINETO] * len(points) or [Outline.MOVETO])
    path.should_simplify = False
    return PathPatch(path, edgecolor="#cccccc", fill=False, linewidth=2.5, capstyle="round", zorder=1)


def downloads(r: Results) -> Figure | None:
    rows = [x for x in r.table("short") if any(r.cell(x, v).get("times") for v in r.names)]
    if not rows:
        return None
    columns = min(3, len(rows))
    lines = -(-len(rows) // columns)
    figure = Figure(figsize=(3.1 * columns + 0.4, 2.5 * lines + 0.6), layout="constrained")
    axes = figure.subplots(lines, columns, sharey=True, squeeze=False).flatten()
    handles: dict[str, object] = {}
    for ax, x in zip(axes, rows):
        for i, v in enumerate(r.names):
            cell = r.cell(x, v)
            times = cell.get("times", [])
            if not times:
                continue
            # A download that failed is never complete.
            whole = cell["n"] / (cell["n"] + sum(cell.get("lost", [])))
            # Of hundredths with the same time only the ends are needed.
            kept = [p for p, t in enumerate(times) if t not in times[p - 1:p] or t not in times[p + 1:p + 2]]
            handles[v], = ax.plot([times[p] for p in kept], [whole * p / 100 for p in kept], color=COLOURS[i % len(COLOURS)],
                                  linestyle=DASHES[i % len(DASHES)], linewidth=1.4)
        ax.set_xscale("log")
        decimal_ticks(ax)
        ax.set_ylim(0, 1.02)
        ax.set_title(f"{x['name']}: {x['bytes'] / 1000:g} kB, {x['path']}", fontsize=8)
    hide(axes, len(rows), columns)
    figure.supxlabel("seconds from connect() to the last byte", fontsize=9)
    figure.supylabel("share of downloads complete", fontsize=9)
    figure.legend(list(handles.values()), list(handles), loc="outside upper center", ncols=min(len(handles), 1 + 2 * columns))
    return figure


def decimal_ticks(ax: Axes) -> None:
    """A few round numbers on a logarithmic axis, however short it is."""
    low, high = ax.get_xlim()
    steps = [1, 2, 5] if high / low < 30 else [1]
    if high / low < 4:
        steps = [1, 1.5, 2, 3, 4, 5, 6, 8]
    if high / low < 1.5:
        middle = (low + high) / 2
        ax.set_xlim(low := middle / 1.3, high := middle * 1.3)
        steps = [1, 1.2, 1.5, 1.8, 2, 2.3, 2.6, 3, 3.5, 4, 5, 6, 7, 8, 9]
    ticks = [s * 10.0 ** e for e in range(-4, 5) for s in steps]
    ax.xaxis.set_major_locator(FixedLocator([t for t in ticks if low <= t <= high]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(plain))


def bars(ax: Axes, r: Results, rows: list[dict], value) -> None:
    width = 0.8 / len(r.names)
    for i, v in enumerate(r.names):
        found = [(n, s) for n, x in enumerate(rows) if (s := value(x, v))]
        if found:
            ax.bar([n + (i - (len(r.names) - 1) / 2) * width for n, _ in found], [s.mid for _, s in found], width * 0.9,
                   yerr=errors([s for _, s in found]), color=COLOURS[i % len(COLOURS)], label=v, error_kw={"linewidth": 0.8, "capsize": 1.5})
    ax.set_xticks(range(len(rows)), [f"{x['name']}\n{x['path']}" for x in rows], fontsize=7)
    ax.grid(axis="x", visible=False)


def fairness(r: Results) -> Figure | None:
    beside = [x for x in r.table("share") if x["cross"]]
    among = [x for x in r.table("share") if not x["cross"]]
    panels = [p for p in (beside, among) if p]
    if not panels:
        return None
    figure = Figure(figsize=(7.5, 3.4), layout="constrained")
    axes = iter(figure.subplots(1, len(panels), squeeze=False, width_ratios=[len(p) + 0.6 for p in panels]).flatten())
    first = None
    if beside:
        ax = first = next(axes)
        bars(ax, r, beside, r.fair_shares)
        ax.axhline(1, color="black", linewidth=0.8, linestyle=":")
        ax.set(ylabel="our flow's goodput / an equal share", title="beside CUBIC flows (1 is equal)")
    if among:
        ax = next(axes)
        first = first or ax
        bars(ax, r, among, lambda x, v: r.get(x, v, "jain"))
        ax.set_ylim(0, 1)
        ax.set(ylabel="Jain's index", title="among themselves")
    handles, labels = first.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return figure


def compact(svg: str) -> str:
    """Coordinates to a tenth of a point; factors below one keep their digits. No blanks at the ends of lines."""
    svg = re.sub(r"(\d+)\.(\d{3,})", lambda m: m.group(0) if m.group(1) == "0" else f"{float(m.group(0)):.1f}", svg)
    return re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE)


def draw(r: Results, name: str, file: str) -> bool:
    """False when the figures have nothing for this plot."""
    make = {"loss.svg": loss, "delay.svg": delay, "downloads.svg": downloads, "fairness.svg": fairness}
    figure = make[name](r)
    if figure is None:
        return False
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    with open(file, "w", encoding="utf-8") as f:
        f.write(compact(text.getvalue()))
    return True
