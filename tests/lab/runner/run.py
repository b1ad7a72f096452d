# SPDX-License-Identifier: GPL-2.0
"""Command line of tests/lab/run."""

import argparse
import dataclasses
import json
import os
import sys

import one
import uml
from files import host_file
from path import Path, load_paths, parse_step
from scenario import Variant, Workload

EXAMPLES = """examples:
  tests/lab/run --cc bbr --rate 100 --rtt 100 --loss 1 --bulk 30
  tests/lab/run --module appex.ko --set cmd:initialCwndWan=44 --rate 100 --rtt 200 --loss 2 --download 200x100000
  tests/lab/run --cc cubic --row A4 --bulk 60 --json            a row of paths.json, whole result
  tests/lab/run --path '{"rate":50,"rtt":40,"buffer_bdp":8}' --cc bbr --bulk 30 --flows 4
  tests/lab/run --module appex.ko --rate 50 --rtt 40 --cross 1 --bulk 60      one flow beside one CUBIC flow
  tests/lab/run --cc bbr --rate 100 --rtt 50 --policer 10,100000 --bulk 30
  tests/lab/run --cc bbr --rate 100 --step 10:rate=20 --step 20:rate=100 --bulk 30 --trace trace.jsonl
Without --json a few lines for people are printed; with it one JSON object. Exit status: 0 measured, 1 the run failed or
the kernel complained, 2 wrong arguments."""


def numbers(count: int):
    def parse(text: str) -> list[float]:
        out = [float(x) for x in text.split(",")]
        if count and len(out) != count:
            raise argparse.ArgumentTypeError(f"{count} comma-separated numbers expected")
        return out
    return parse


def add_variant(p: argparse.ArgumentParser) -> None:
    g = p.add_argument_group("what is measured")
    g.add_argument("--cc", default="", help="congestion control of the server (sysctl): cubic, bbr, reno, ...")
    g.add_argument("--module", default="", help="a module to load, e.g. appex.ko built for user-mode Linux")
    g.add_argument("--param", action="append", default=[], help="module parameter NAME=VALUE")
    g.add_argument("--set", action="append", default=[], dest="settings", metavar="FILE=VALUE",
                   help="written to /proc/net/appex/FILE after the interface; cmd:KEY=VALUE writes 'KEY: VALUE' to cmd")
    g.add_argument("--iface", default="eth0", help="what is added to wanIf; empty for none (default eth0)")
    g.add_argument("--sysctl", action="append", default=[], metavar="KEY=VALUE", help="sysctl of the server")
    g.add_argument("--qdisc", default="", help="root queueing discipline of the server's interface, e.g. fq")
    g.add_argument("--kernel", default="plain", metavar="NAME|FILE",
                   help=f"{', '.join(sorted(uml.KERNELS))} of the lab (debug kernels run in real time), or another user-mode Linux")


def make_variant(a: argparse.Namespace, name: str = "") -> Variant:
    module = host_file(a.module) if a.module else ""
    if module and not os.path.exists(module):
        raise ValueError(f"no module {a.module}")
    kernel = a.kernel if a.kernel in uml.KERNELS else host_file(a.kernel)
    if a.kernel not in uml.KERNELS and not (os.path.isfile(kernel) and os.access(kernel, os.X_OK)):
        raise ValueError(f"no kernel {a.kernel}: the lab has {', '.join(sorted(uml.KERNELS))}; others are files that can be run")
    return Variant(name=name or os.path.basename(a.module) or a.cc or "default", cc=a.cc, module=module, params=a.param,
                   settings=a.settings, iface=a.iface, sysctl=a.sysctl, qdisc=a.qdisc, kernel=kernel)


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(prog="tests/lab/run", description="Measure TCP over one emulated path in simulated time.",
                                epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_variant(p)
    g = p.add_argument_group("the path (defaults: 100 Mbit/s, 100 ms, no loss, 1 bandwidth-delay product of buffer)")
    g.add_argument("--row", help="a named path of tests/lab/paths.json; other options change it")
    g.add_argument("--path", help="a path as JSON text, or @FILE")
    for name, kind, text in [("rate", float, "bottleneck, Mbit/s"), ("rtt", float, "base round trip, ms"), ("loss", float, "random loss, %%"),
                             ("buffer-bdp", float, "bottleneck queue in bandwidth-delay products"), ("buffer-bytes", int, "the same in bytes"),
                             ("jitter", float, "ms, normal distribution"), ("reorder", float, "%% of packets that come late"),
                             ("reorder-late", float, "ms by which they do"), ("ack-loss", float, "loss of the way back, %%"),
                             ("up-rate", float, "Mbit/s of the way back"), ("up-buffer-bytes", int, "queue of the way back"),
                             ("rmem-bytes", int, "largest receive buffer of the clients (64 MB; Linux as it comes has 6 MB)"),
                             ("cross", int, "number of CUBIC flows beside"), ("aqm", str, "codel or fq_codel at the bottleneck")]:
        g.add_argument(f"--{name}", type=kind, default=None, help=text)
    g.add_argument("--ge", type=numbers(2), metavar="MEAN%,BURST", help="Gilbert-Elliott loss")
    g.add_argument("--policer", type=numbers(2), metavar="MBIT,BURST_BYTES")
    g.add_argument("--slot", type=numbers(2), metavar="MIN_MS,MAX_MS", help="packets leave in bunches, as on wifi")
    g.add_argument("--rtts", type=numbers(0), metavar="MS,MS,...", help="one client per round trip; flows are dealt out")
    g.add_argument("--no-reorder", action="store_true", help="jitter keeps the order")
    g.add_argument("--step", action="append", default=[], metavar="AT:rate=R,rtt=MS,loss=P", help="change of the path during the run")
    g = p.add_argument_group("the workload")
    g.add_argument("--bulk", type=float, metavar="SECONDS", help="long flows")
    g.add_argument("--upload", type=float, metavar="SECONDS", help="long flows from client to server")
    g.add_argument("--download", metavar="COUNTxBYTES", help="downloads one after another, each on a new connection")
    g.add_argument("--probe", type=float, metavar="SECONDS", help="round trips only")
    g.add_argument("--inbound", action="store_true", help="clients send and the server receives, over the mirror image of the path (bulk, download)")
    g.add_argument("--sender", default="cubic", help="their congestion control then (default cubic)")
    g.add_argument("--flows", type=int, default=1)
    g.add_argument("--stagger", type=float, default=0, help="ms between the starts of flows")
    g.add_argument("--gap", type=float, default=0, help="ms between downloads")
    g.add_argument("--beside", type=int, default=0, help="long flows during the downloads")
    g.add_argument("--probe-ms", type=float, default=20, help="interval of round-trip probes; 0: none")
    g.add_argument("--verify", action="store_true", help="compare every byte received")
    g.add_argument("--ipv6", action="store_true")
    g.add_argument("--seed", type=int, default=1)
    g = p.add_argument_group("the result")
    g.add_argument("--json", action="store_true", help="print the whole result")
    g.add_argument("--out", help="write the whole result to this file")
    g.add_argument("--trace", help="write TCP_INFO and the model's numbers of every connection, each 100 ms, to this file")
    g.add_argument("--trace-ms", type=int, default=100, help="another interval for it; the model's own numbers are in it")
    g.add_argument("--keep", help="copy everything the run left (console, ss, statistics) to this directory")
    g.add_argument("--timeout", type=float, default=120, help="seconds of wall time")
    return p


def make_path(a: argparse.Namespace) -> Path:
    data = {}
    if a.row:
        rows = load_paths(f"{uml.LAB}/paths.json")
        found = [r for r in rows if r["path"]["name"] == a.row]
        if not found:
            raise ValueError(f"no row {a.row}; there are {' '.join(r['path']['name'] for r in rows)}")
        data = dict(found[0]["path"])
    if a.path:
        raw = open(host_file(a.path[1:]), encoding="utf-8").read() if a.path.startswith("@") else a.path
        data |= json.loads(raw)
    for f in dataclasses.fields(Path):
        value = getattr(a, f.name, None)
        if f.name not in ("name", "steps", "jitter_reorders") and value is not None:
            data[f.name] = value
    if a.no_reorder:
        data["jitter_reorders"] = False
    if a.step:
        data["steps"] = [{k: v for k, v in dataclasses.asdict(parse_step(s)).items() if v is not None} for s in a.step]
    return Path.from_json(data)


def make_workload(a: argparse.Namespace) -> Workload:
    chosen = [k for k in ("bulk", "upload", "download", "probe") if getattr(a, k)]
    if len(chosen) != 1:
        raise ValueError("choose one of --bulk, --upload, --download, --probe")
    load = Workload(kind=chosen[0], flows=a.flows, stagger_ms=a.stagger, gap_ms=a.gap, beside=a.beside, probe_ms=a.probe_ms, sample_ms=a.trace_ms,
                    verify=a.verify, inbound=a.inbound, sender=a.sender)
    load.check()
    if a.download:
        count, _, size = a.download.partition("x")
        load.count, load.bytes = int(count), int(size)
    else:
        load.seconds = float(getattr(a, chosen[0]))
    return load


def brief(r: dict) -> str:
    out = [f"{r['variant']} on {json.dumps(r['path'])}, seed {r['seed']}, congestion control {'/'.join(r['congestion_control'])}"]
    if "goodput_mbps" in r:
        out.append(f"goodput        {r['goodput_mbps']:.2f} Mbit/s of {r['limit_mbps']:.2f} possible ({r['efficiency'] * 100:.1f} %)"
                   + (f", fairness {r['jain']}" if len(r["flows"]) > 1 else ""))
    if "cross" in r:
        out.append(f"cross traffic  {r['cross']['goodput_mbps']:.2f} Mbit/s")
    if "downloads" in r:
        d = r["downloads"]
        out.append(f"downloads      {d['n']} of {d['bytes']} bytes, {d['failed']} failed"
                   + (f"; p50 {d['p50']} p95 {d['p95']} p99 {d['p99']} mean {d['mean']} s" if d["n"] else ""))
    for key, label in (("rtt_ms", "round trip"), ("tcp_rtt_ms", "TCP's own")):
        if r.get(key, {}).get("n"):
            out.append(f"{label:14} p50 {r[key]['p50']} p95 {r[key]['p95']} p99 {r[key]['p99']} ms")
    out.append(f"retransmitted  {r['retrans_pct']} % of new bytes; {r['timeouts']} timeouts, {r['segments_sent']} segments, "
               f"{r['bottleneck'].get('drops')} dropped at the bottleneck; {r['wall_s']} s of wall time")
    return "\n".join(out)


def write(name: str, data: str) -> None:
    with open(host_file(name), "w", encoding="utf-8") as f:
        f.write(data)


def main() -> int:
    a = parser().parse_args()
    try:
        path, load, variant = make_path(a), make_workload(a), make_variant(a)
    except (ValueError, TypeError) as e:
        print(f"run: {e}", file=sys.stderr)
        return 2
    keep = host_file(a.keep) if a.keep else ("/tmp/keep" if a.trace else "")
    try:
        r = one.measure(path, load, variant, a.seed, v6=a.ipv6, keep=keep, timeout_s=a.timeout)
    except uml.Failed as e:
        print(f"run: failed: {e}", file=sys.stderr)
        return 1
    if a.trace:
        with open(os.path.join(keep, "server.jsonl"), encoding="ascii") as f:
            write(a.trace, f.read())
    if a.out:
        write(a.out, json.dumps(r, indent=1) + "\n")
    print(json.dumps(r) if a.json else brief(r))
    return 0


if __name__ == "__main__":
    sys.exit(main())
