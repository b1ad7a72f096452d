#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Draws the tables and plots of a benchmark: draw.py DIRECTORY, which has a results.json. See tests/bench/draw."""

import json
import os
import sys

import plots
import tables
from figures import Results


def draw(directory: str) -> list[str]:
    """Returns the names of the plots. One that there is nothing to draw for is removed."""
    with open(os.path.join(directory, "results.json"), encoding="utf-8") as f:
        results = Results(json.load(f))
    drawn = []
    for name in tables.PLOTS:
        file = os.path.join(directory, name)
        if plots.draw(results, name, file):
            drawn.append(name)
        elif os.path.exists(file):
            os.remove(file)
    with open(os.path.join(directory, "results.md"), "w", encoding="utf-8") as f:
        f.write(tables.page(results, drawn))
    return drawn


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(f"bench: drawn: results.md {' '.join(draw(sys.argv[1]))}", file=sys.stderr)
