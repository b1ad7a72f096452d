# SPDX-License-Identifier: GPL-2.0
"""Instructions per segment of queueing disciplines, from a run of "guest.sh queues"."""

import sys
from pathlib import Path

import blocks
from report import per_segment


def main() -> None:
    run = blocks.read(Path(sys.argv[1]), Path(sys.argv[2]))
    idle = run.windows[0]
    for window in run.windows[1:]:
        discipline, limit = window.name.rsplit("-", 1)
        print(f"{discipline:14} {limit:5} {per_segment(window, idle):8.0f} a segment, {window.module() / window.segments:6.0f} in the module, "
              f"{window.segments} segments, {window.repeated} repeated")


main()
