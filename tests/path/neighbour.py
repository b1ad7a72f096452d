#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""neighbour.py RESULTS.json CIVIL OTHER: do the CUBIC flows beside CIVIL keep clearly more than beside OTHER?

RESULTS.json is what tests/lab/matrix --out wrote. Prints one "ok" or "not ok"
line for each row; exit status 1 if any is not ok.
"""

import json
import statistics
import sys

# A seed makes some percent of difference; a tenth more is an effect.
CLEARLY = 1.1


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        data = json.load(file)
    civil, other = sys.argv[2:]
    failed = 0
    for row in data["rows"]:
        name = row["path"]["name"]

        def kept(variant):
            runs = [r for r in data["results"] if r["path"]["name"] == name and r["variant"] == variant]
            return statistics.median(r["cross"]["goodput_mbps"] for r in runs)

        beside_civil, beside_other = kept(civil), kept(other)
        good = beside_civil >= beside_other * CLEARLY
        failed += not good
        print(f"{'ok' if good else 'not ok'} - {name}: {beside_civil:.1f} Mbit/s beside {civil}, {beside_other:.1f} beside {other}")
    sys.exit(failed > 0)


main()
