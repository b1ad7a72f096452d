#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""metrics.py METRICS [DASHBOARD MANUAL]: whether a file in Prometheus' text format (version 0.0.4) is what its
readers want, and the dashboard and the manual name what is in it, and all that is in it. Strict: what promtool
only warns of is an error. Prints what is wrong; exit status 1 then.
"""
import json
import re
import sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)")
# Base units, with which a gauge's name has to end, and words for what is merely counted or on and off.
UNITS = ("seconds", "bytes", "ratio", "bits_per_second", "flows", "enabled", "up", "info", "by_reason")


def parse(text):
    """Names with their types; raises ValueError at what is wrong."""
    if not text.endswith("\n"):
        raise ValueError("the last line has no end")
    types, helps, seen, samples, current = {}, set(), set(), set(), None
    for number, line in enumerate(text[:-1].split("\n"), 1):
        at = f"line {number}: {line!r}: "
        if match := re.fullmatch(rf"# HELP ({NAME}) (.+)", line):
            if match[1] in helps:
                raise ValueError(at + "a second HELP")
            if not match[2].endswith("."):
                raise ValueError(at + "no sentence")
            helps.add(match[1])
            current = match[1]
        elif match := re.fullmatch(rf"# TYPE ({NAME}) (counter|gauge)", line):
            if match[1] != current or match[1] in types:
                raise ValueError(at + "TYPE not right behind its HELP")
            types[match[1]] = match[2]
        elif match := SAMPLE.fullmatch(line):
            if match[1] != current or match[1] not in types:
                raise ValueError(at + "a sample outside of its metric")
            if (match[1], match[2]) in samples:
                raise ValueError(at + "twice the same series")
            if types[match[1]] == "counter" and not re.fullmatch("[0-9]+", match[3]):
                raise ValueError(at + "a counter that is no whole number")
            samples.add((match[1], match[2]))
            seen.add(match[1])
        else:
            raise ValueError(at + "neither HELP, TYPE nor sample")
    for name, kind in types.items():
        if not name.startswith("appex_"):
            raise ValueError(name + ": not ours")
        if (kind == "counter") != name.endswith("_total"):
            raise ValueError(name + ": _total is for counters, and all of them")
        stem = name.removesuffix("_total")
        if kind == "gauge" and not stem.endswith(UNITS):
            raise ValueError(name + ": no unit")
        if kind == "counter" and not stem.endswith(("bytes", "packets", "connections", "adopted", "handed_back", "hits", "writes")):
            raise ValueError(name + ": does not say what it counts")
        if name not in seen:
            raise ValueError(name + ": no sample")
    return types, samples


def dashboard_names(text):
    """The metrics that a dashboard asks for, with the labels it uses of each."""
    board = json.loads(text)
    names, ids, labels = set(), set(), {}
    for panel in board["panels"]:
        if panel["id"] in ids:
            raise ValueError(f"two panels {panel['id']}")
        ids.add(panel["id"])
        place = panel["gridPos"]
        if place["x"] + place["w"] > 24 or not panel["description"] or not panel["fieldConfig"]["defaults"]["unit"]:
            raise ValueError(f"panel {panel['title']}: place, description or unit")
        for target in panel["targets"]:
            found = re.findall(r"\bappex_[a-z_]+", target["expr"])
            if not found or target["datasource"]["uid"] != "${datasource}":
                raise ValueError(f"panel {panel['title']}: {target['expr']}")
            if target["expr"].count("(") != target["expr"].count(")"):
                raise ValueError(f"panel {panel['title']}: brackets of {target['expr']}")
            for name in found:
                if not name.endswith("_total") and re.search(rf"(rate|increase)\({name}", target["expr"]):
                    raise ValueError(f"panel {panel['title']}: a rate of the gauge {name}")
                if name.endswith("_total") and not re.search(rf"(rate|increase)\({name}", target["expr"]):
                    raise ValueError(f"panel {panel['title']}: {name} without a rate")
                labels.setdefault(name, set()).update(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            names.update(found)
    variables = {v["name"] for v in board["templating"]["list"]}
    if variables != {"datasource", "instance"}:
        raise ValueError(f"variables {variables}")
    return names, labels


def main():
    with open(sys.argv[1]) as f:
        types, samples = parse(f.read())
    if len(sys.argv) == 2:
        return
    names, labels = dashboard_names(open(sys.argv[2]).read())
    if names != set(types):
        raise ValueError(f"only on the dashboard: {sorted(names - set(types))}, not on it: {sorted(set(types) - names)}")
    for name, used in labels.items():
        for label in used - {"instance"}:
            if not any(n == name and f'{label}="' in (l or "") for n, l in samples):
                raise ValueError(f"the dashboard names {label} of {name}, which has no such label")
    manual = open(sys.argv[3]).read()
    known = set(re.findall(r"``(appex_[a-z_]+)", manual)) - {"appex_its_name_total"}
    if known != set(types):
        raise ValueError(f"only in the manual: {sorted(known - set(types))}, not in it: {sorted(set(types) - known)}")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, KeyError) as error:
        sys.exit(f"metrics: {error}")
