#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""judge.py RESULTS.json VARIANT: is VARIANT nowhere behind the others, and nowhere below floors.json?

RESULTS.json is what tests/lab/matrix --out wrote; without others in it only the floors count. Prints one "ok" or
"not ok" line for each row and figure; exit status 1 if any is not ok.
"""

import json
import os
import statistics
import sys

# Simulated runs differ a little with the seed; a row is behind when it is more
# than this behind the best of the others.
SLACK = 0.02


def figure(results, *keys):
    values = []
    for result in results:
        if "failed" in result:
            return None
        for key in keys:
            result = result[key]
        values.append(result)
    return statistics.median(values)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        data = json.load(file)
    ours = sys.argv[2]
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "floors.json"), encoding="utf-8") as file:
        floors = json.load(file)
    by_row = {}
    for result in data["results"]:
        by_row.setdefault(result["path"]["name"], {}).setdefault(variant(result), []).append(result)
    failed = 0

    def say(good, text):
        nonlocal failed
        failed += not good
        print(("ok - " if good else "not ok - ") + text)

    for row in data["rows"]:
        name, table = row["path"]["name"], row["table"]
        variants = by_row[name]
        others = [v for v in variants if v != ours]
        # A policed or shared path is not better for being taken by force: only
        # rows of one flow are compared by goodput.
        if table == "bulk":
            mine = figure(variants[ours], "goodput_mbps")
            if others:
                best = max(figure(variants[v], "goodput_mbps") or 0 for v in others)
                good = mine is not None and mine >= best * (1 - SLACK)
                say(good, f"{name}: goodput {mine} Mbit/s, best of {', '.join(others)}: {best}")
            if name in floors:
                floor = floors[name]["goodput"]
                say(mine is not None and mine >= floor, f"{name}: goodput {mine} Mbit/s, not below {floor}")
        elif table == "short":
            for percentile in ("p50", "p95"):
                mine = figure(variants[ours], "downloads", percentile)
                if others:
                    best = min(figure(variants[v], "downloads", percentile) or 1e9 for v in others)
                    good = mine is not None and mine <= best * (1 + SLACK)
                    say(good, f"{name}: {percentile} of downloads {mine} s, best of {', '.join(others)}: {best}")
                if name in floors:
                    most = floors[name][percentile]
                    say(mine is not None and mine <= most, f"{name}: {percentile} of downloads {mine} s, not above {most}")
    sys.exit(failed > 0)


def variant(result):
    name = result["variant"]
    return name if isinstance(name, str) else name["name"]


main()
