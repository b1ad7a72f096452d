# SPDX-License-Identifier: GPL-2.0
"""Compares what drill.py said of runs with the module and without: compare.py DIRECTORY LIST LEAST BEFORE

DIRECTORY has the runs "without", "attached" and "by-name", a line for each script. What is green without the module has to
be green with it, or to stand in LIST for that run with a reason, and may then differ in nothing else than what such a reason
explains: when and how much is sent, which a write may show, too, and what a script says of windows. Options, acknowledgements,
windows that are offered, resets, checksums and results of other calls are never excused. LEAST scripts have to be green without it. Prints five
TAP lines, after BEFORE others.
"""

import re
import sys
from pathlib import Path

# What a congestion control decides, in the words of script.py. A packet may be longer or shorter, another part of the same
# stream, and so with or without PSH; or come at another time; or not come, or be one that the script has later.
SENDING = re.compile(
    r"red (time: .* (came|write\(\) returned) [-+]"
    r"|call: line \d+: write\(\) gave \d+, not \d+$"
    r"|missing: "
    r"|assert: .*\btcpi_(snd_cwnd|snd_ssthresh|ca_state|lost|unacked|sacked|reordering|sndbuf_limited|rwnd_limited|busy_time|rtt)\b"
    r"|packet: line \d+: \S+ \d+\+\d+ came at [\d.]+: (?:(?:length \d+, not \d+|seq \d+, not \d+|flags P?\.?, not P?\.?)(?:; |$))+$)")
# How much of a connection's data may be on its way, or when it is sent.
REASONS = {"window", "pacing"}


def read(path: Path) -> dict[str, str]:
    """What was said of each version and script."""
    return {" ".join(words[:2]): words[2] for words in (line.split(" ", 2) for line in path.read_text().splitlines())}


def listed(path: Path) -> dict[tuple[str, str], str]:
    """Run and script to the reason."""
    got = {}
    for line in path.read_text().splitlines():
        words = line.split("#")[0].split()
        if words:
            run, script, reason = words
            if reason not in REASONS:
                raise SystemExit(f"{path}: {reason} is no reason")
            got[run, script] = reason
    return got


class Tap:
    def __init__(self, before: int):
        self.count, self.failed = before, 0

    def check(self, name: str, wrong: list[str]) -> None:
        self.count += 1
        self.failed += bool(wrong)
        print(f"{'not ok' if wrong else 'ok'} {self.count} - {name}")
        for line in wrong:
            print(f"#   {line}")


def differing(without: dict[str, str], run: dict[str, str], name: str, excused: dict) -> tuple[list[str], list[str]]:
    """What is red with the module only: not excused, and excused."""
    wrong, fine = [], []
    for key, said in without.items():
        have = run.get(key, "nothing")
        if said != "green" or have.startswith("green"):
            continue
        script = key.split()[1]
        reason = excused.get((name, script))
        if reason and SENDING.match(have):
            fine.append(f"{key} ({reason}): {have}")
        else:
            wrong.append(f"{key}: {have}")
    return wrong, fine


def main() -> None:
    directory, excuses, least = Path(sys.argv[1]), listed(Path(sys.argv[2])), int(sys.argv[3])
    tap = Tap(int(sys.argv[4]))
    without = read(directory / "without")
    green = [key for key, said in without.items() if said == "green"]
    unknown = [f"{key}: {said}" for key, said in without.items() if said.startswith("unknown")]
    red = [f"{key}: {said}" for key, said in without.items() if said.startswith("red")]
    print(f"# {len(without)} without the module: {len(green)} green, {len(red)} red, {len(unknown)} not understood")
    for line in red + unknown:
        print(f"#   {line}")
    tap.check(f"at least {least} scripts are green without the module", [] if len(green) >= least else [f"{len(green)}"])
    for name in ("attached", "by-name"):
        run = read(directory / name)
        wrong, fine = differing(without, run, name, excuses)
        print(f"# {name}: {sum(said.startswith('green') for said in run.values())} green, {len(fine)} differ for a listed reason")
        for line in fine:
            print(f"#   {line}")
        tap.check(f"{name}: what is green without the module is so with it, or differs in when and how much is sent", wrong)
        # That the comparison can be red: one of its green results spoilt.
        spoilt = run | {green[0]: "red packet: line 1: R. 0+0 came at 0.0: flags R., not ."} if green else run
        tap.check(f"{name}: a script that gets a reset instead would be noticed",
                  [] if len(differing(without, spoilt, name, excuses)[0]) > len(wrong) else ["it was not"])
    sys.exit(tap.failed > 0)


if __name__ == "__main__":
    main()
