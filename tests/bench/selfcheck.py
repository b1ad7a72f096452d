#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Self-check of the benchmark's tools with made-up measurements: python3 tests/bench/selfcheck.py

Needs no lab. Plots are drawn where matplotlib is there.
"""

import importlib.util
import json
import os
import sys
import tempfile
import unittest
import xml.dom.minidom

sys.dont_write_bytecode = True
import condense  # noqa: E402  (also finds the lab's runner)
import matrix  # noqa: E402
import tables  # noqa: E402
import uml  # noqa: E402
from figures import Results, spread  # noqa: E402
from result import late_retrans_pct  # noqa: E402

ROWS = [
    {"path": {"name": "A1"}, "table": "bulk", "workload": {"kind": "bulk", "seconds": 60, "flows": 1}},
    {"path": {"name": "A4", "loss": 1}, "table": "bulk", "workload": {"kind": "bulk", "seconds": 60, "flows": 1}},
    {"path": {"name": "E6", "rtt": 50, "steps": [{"at": 3, "rtt": 80}]}, "table": "bulk", "workload": {"kind": "bulk", "seconds": 60}},
    {"path": {"name": "G1", "rate": 50, "cross": 1}, "table": "share", "workload": {"kind": "bulk", "seconds": 60, "flows": 1}},
    {"path": {"name": "G3", "rtts": [20, 200]}, "table": "share", "workload": {"kind": "bulk", "seconds": 60, "flows": 16}},
    {"path": {"name": "S1", "loss": 5}, "table": "short", "workload": {"kind": "download", "count": 4, "bytes": 14000}},
]
SPECS = ["cubic", "zeta:module=/some/where/appex.ko;set=conservMode=1", "other:kernel=/home/me/linux;cc=x"]
ABOUT = {"date": "2026-01-01", "cpus": 2, "module": "abc", "took_s": 60}


def run(row: dict, variant: str, seed: int) -> dict:
    out = {"path": row["path"], "variant": variant, "seed": seed, "congestion_control": [variant], "ss": "x" * 1000,
           "kernel_log": "[    0.000000] Linux version 9.9.9 (a@b)\n"}
    if row["table"] == "short":
        out["downloads"] = {"p50": 0.2, "p95": 0.3 + seed, "p99": 2.0, "failed": seed - 1, "samples": [0.2] * 9 + [0.3 + seed]}
        return out
    out |= {"goodput_mbps": 40.0 + seed, "limit_mbps": 50.0, "rtt_ms": {"p95": 120.0 + seed}, "retrans_pct": 1.0, "jain": 0.5}
    if row["path"].get("cross"):
        out["cross"] = {"goodput_mbps": 9.0}
    return out


def full() -> dict:
    # The seeds in the order in which they happened to end.
    runs = [run(row, v.partition(":")[0], seed) for row in ROWS for v in SPECS for seed in (2, 1, 3)]
    broken = next(r for r in runs if (r["path"]["name"], r["variant"], r["seed"]) == ("A4", "zeta", 1))
    runs[runs.index(broken)] = {"path": broken["path"], "variant": "zeta", "seed": 1, "failed": "insmod failed\nand more"}
    runs = [r if r["variant"] != "other" or r["path"]["name"] != "A1" else {**{k: r[k] for k in ("path", "variant", "seed")}, "failed": ""}
            for r in runs]
    return {"rows": ROWS, "results": runs}


class Late(unittest.TestCase):
    def test_only_what_comes_after_ten_seconds_counts(self) -> None:
        def state(ev: str, second: float, sent: int, again: int) -> dict:
            return {"ev": ev, "port": 1, "t_us": second * 1e6, "bytes_sent": sent, "bytes_retrans": again}
        events = [state("sample", 5, 1_000, 500), state("sample", 9.9, 2_000, 600), state("sample", 10.1, 2_300, 610),
                  state("close", 60, 12_200, 800)]
        self.assertEqual(late_retrans_pct(events, 0), 2.0)
        self.assertEqual(late_retrans_pct(events, 95_000), 2.0)
        self.assertIsNone(late_retrans_pct(events[:-1], 0))
        self.assertIsNone(late_retrans_pct(events[-1:], 0))


class Condensed(unittest.TestCase):
    def setUp(self) -> None:
        self.data = condense.condense(full(), SPECS, ABOUT)

    def test_numbers_are_in_the_order_of_the_seeds(self) -> None:
        self.assertEqual(self.data["cells"]["A1"]["cubic"], {"goodput": [41.0, 42.0, 43.0], "rtt95": [121.0, 122.0, 123.0], "retrans": [1.0] * 3})
        self.assertEqual(self.data["about"]["seeds"], [1, 2, 3])

    def test_times_are_those_of_all_seeds(self) -> None:
        cell = self.data["cells"]["S1"]["zeta"]
        self.assertEqual((cell["n"], len(cell["times"]), cell["times"][0], cell["times"][90], cell["times"][100]), (30, 101, 0.2, 0.2, 3.3))
        self.assertEqual(cell["lost"], [0, 1, 2])

    def test_failed_runs_are_told_and_not_counted(self) -> None:
        cell = self.data["cells"]["A4"]["zeta"]
        self.assertEqual(cell["failed"], ["seed 1: insmod failed"])
        self.assertEqual(cell["goodput"], [42.0, 43.0])
        self.assertEqual(len(self.data["cells"]["A1"]["other"]["failed"]), 3)

    def test_no_place_of_a_file_and_no_log_is_kept(self) -> None:
        text = condense.lines(self.data)
        self.assertEqual(json.loads(text), self.data)
        for word in ("/some", "/home", "xxx", "Linux version"):
            self.assertNotIn(word, text)
        self.assertEqual([v["given"] for v in self.data["variants"]],
                         ["cubic", "zeta:module=appex.ko;set=conservMode=1", "other:kernel=linux;cc=x"])
        self.assertEqual(self.data["variants"][0]["kernel"], ["9.9.9"])

    def test_the_longest_round_trip_of_the_empty_path(self) -> None:
        self.assertEqual({r["name"]: r["rtt"] for r in self.data["rows"]}, {"A1": 100, "A4": 100, "E6": 80, "G1": 100, "G3": 200, "S1": 100})


class Page(unittest.TestCase):
    def setUp(self) -> None:
        self.results = Results(condense.condense(full(), SPECS, ABOUT))
        self.text = tables.page(self.results, ["loss.svg"])

    def test_spread(self) -> None:
        self.assertEqual(spread([3.0, 1.0, 2.0, 9.0]).text(1), "2.5 [1.0-9.0]")
        self.assertEqual(spread([1.01, 1.04]).text(1), "1.0")
        self.assertIsNone(spread([]))

    def test_cells(self) -> None:
        for text in ("42.0 [41.0-43.0], 84 %<br>122 [121-123] ms<br>1.0 %", "42.0 [41.0-43.0] : 9.0", "42.0 [41.0-43.0]<br>Jain 0.50",
                     "0.200<br>2.300 [1.300-3.300]<br>2.000<br>3 downloads failed", "1 FAILED", "| 3 FAILED |", "![Goodput"):
            self.assertIn(text, self.text)

    def test_tables_are_rectangular(self) -> None:
        for block in self.text.split("\n\n"):
            rows = [line for line in block.splitlines() if line.startswith("|")]
            self.assertLessEqual(len({line.count("|") for line in rows}), 1, block)

    def test_header(self) -> None:
        for text in ("Linux 9.9.9", "3 seeds (1 to 3)", "2026-01-01", "module abc", "2 CPUs"):
            self.assertIn(text, self.text)

    def test_fair_shares(self) -> None:
        row = next(r for r in self.results.rows if r["name"] == "G1")
        self.assertAlmostEqual(self.results.fair_shares(row, "cubic").mid, 2 * 42 / 50)


class Modes(unittest.TestCase):
    """A variant that was measured on some rows only."""

    def setUp(self) -> None:
        data = full()
        data["results"] += [run(row, "zeta-x", seed) for row in ROWS if row["path"]["name"] in ("A4", "G1", "G3") for seed in (1, 2)]
        self.data = condense.condense(data, [*SPECS, "zeta-x:module=/some/appex.ko;rows=A4,G*;set=maxTxEnable=1"], ABOUT)
        self.results = Results(self.data)
        self.sections = {part.partition("\n")[0]: part for part in tables.page(self.results, []).split("\n## ")}

    def test_rows_are_told(self) -> None:
        self.assertEqual(self.data["variants"][-1]["rows"], ["A4", "G*"])
        self.assertNotIn("rows", self.data["variants"][1])
        self.assertNotIn("zeta-x", self.data["cells"]["S1"])

    def test_it_has_a_table_of_its_own(self) -> None:
        self.assertEqual((self.results.names, self.results.modes), (["cubic", "zeta", "other"], ["zeta", "zeta-x"]))
        lines = [line for line in self.sections["What the modes change"].splitlines() if line.startswith("|")]
        self.assertEqual(lines[0], "| row | path | limit or kB | zeta | zeta-x |")
        self.assertEqual([line.split()[1] for line in lines[2:]], ["A4", "G1", "G3"])
        self.assertIn("41.5 [41.0-42.0] : 9.0", lines[3])
        for title in ("Long flows", "Sharing a path", "Short downloads"):
            self.assertNotIn("zeta-x", self.sections[title])

    def test_without_one_there_is_no_table(self) -> None:
        self.assertNotIn("What the modes change", tables.page(Results(condense.condense(full(), SPECS, ABOUT)), []))

    def test_the_matrix_leaves_the_other_rows_out(self) -> None:
        variant = matrix.parse_variant("bbr2:cc=bbr;rows=A1,G*")
        self.assertEqual([r["path"]["name"] for r in ROWS if matrix.is_one_of(r, variant.rows)], ["A1", "G1", "G3"])
        self.assertEqual((variant.cc, matrix.parse_variant("bbr").rows), ("bbr", []))
        self.assertEqual(matrix.cell(ROWS[0], []), "-")


class Variants(unittest.TestCase):
    def test_kernel_of_a_variant(self) -> None:
        self.assertEqual(matrix.parse_variant("bbr").kernel, "plain")
        with tempfile.NamedTemporaryFile() as f:
            os.chmod(f.name, 0o755)
            cwd = os.environ.pop("LAB_CWD", None)
            try:
                self.assertEqual(matrix.parse_variant(f"v3:kernel={f.name};cc=bbr").kernel, f.name)
            finally:
                if cwd is not None:
                    os.environ["LAB_CWD"] = cwd
        self.assertNotIn("plain", uml.DEBUG)

    def test_wrong_ones_are_refused(self) -> None:
        for text in ("v3:kernel=/no/such/file", "v3:kernel=/", "v3:kernel", "v3:nonsense=1"):
            with self.assertRaises(ValueError, msg=text):
                matrix.parse_variant(text)


@unittest.skipUnless(importlib.util.find_spec("matplotlib"), "no matplotlib here")
class Drawn(unittest.TestCase):
    def files(self, directory: str, data: dict) -> dict[str, str]:
        import draw
        with open(os.path.join(directory, "results.json"), "w", encoding="utf-8") as f:
            f.write(condense.lines(data))
        draw.draw(directory)
        out = {}
        for name in sorted(os.listdir(directory)):
            with open(os.path.join(directory, name), encoding="utf-8") as f:
                out[name] = f.read()
        return out

    def test_equal_figures_give_equal_files(self) -> None:
        data = condense.condense(full(), SPECS, ABOUT)
        with tempfile.TemporaryDirectory() as a, tempfile.TemporaryDirectory() as b:
            first = self.files(a, data)
            self.assertEqual(first, self.files(b, data))
        self.assertEqual(set(first), {"results.json", "results.md", *tables.PLOTS})
        for name in tables.PLOTS:
            xml.dom.minidom.parseString(first[name])
            self.assertLess(len(first[name]), 150_000)
            self.assertNotRegex(first[name], r"(?m)[ \t]$")

    def test_what_there_is_nothing_for_is_removed(self) -> None:
        with tempfile.TemporaryDirectory() as d:
            self.files(d, condense.condense(full(), SPECS, ABOUT))
            few = {"rows": ROWS[:1], "results": [r for r in full()["results"] if r["path"]["name"] == "A1"]}
            self.assertEqual(set(self.files(d, condense.condense(few, SPECS, ABOUT))), {"results.json", "results.md", "loss.svg", "delay.svg"})


def main() -> int:
    tests = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(tests)
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
