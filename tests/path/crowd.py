#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""tests/path/crowd.py MODULE: many flows of ours on one bottleneck must not send most of it for nothing.

Each took the others' overflow for the path's own loss once, and one of them ran away: what was sent was four to
twenty times what arrived. Which seeds do that depends on chance, so there are several; CUBIC repeats 3 to 9 %, BBR
20 to 23 % of what it sends on these paths. Prints TAP lines.
"""
import json
import subprocess
import sys
import tempfile

# Flows, Mbit/s, ms, bandwidth-delay products of buffer, seeds.
CROWDS = [(12, 12, 17, 1, (1, 2, 3)), (30, 100, 20, 0.3, (1, 2)), (12, 100, 8, 0.3, (1,))]
# Share of what is sent that may be repetitions, and of the link that must be used.
REPEATED_PCT, USED = 30, 0.9


def measure(module: str, flows: int, rate: float, rtt: float, buffer: float, seed: int) -> dict:
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        subprocess.run(["tests/lab/run", "--module", module, "--flows", str(flows), "--rate", str(rate), "--rtt", str(rtt),
                        "--buffer-bdp", str(buffer), "--bulk", "20", "--seed", str(seed), "--json", "--out", out.name],
                       check=True, stdout=subprocess.DEVNULL)
        return json.load(open(out.name, encoding="utf-8"))


def main() -> int:
    failed = 0
    for *path, seeds in CROWDS:
        for seed in seeds:
            result = measure(sys.argv[1], *path, seed)
            repeated, used = result["retrans_of_sent_pct"], result["goodput_mbps"] / path[1]
            good = repeated <= REPEATED_PCT and used >= USED
            failed += not good
            print(f"{'ok' if good else 'not ok'} - {path[0]} flows on {path[1]} Mbit/s, {path[2]} ms, seed {seed}: "
                  f"{repeated:.0f} % repeated, {used:.2f} of the link")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
