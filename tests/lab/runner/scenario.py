# SPDX-License-Identifier: GPL-2.0
"""Turns a path, a workload and a variant into the shell script that a user-mode kernel runs.

server (initial namespace, eth0) -- r1 (bottleneck: tbf) -- r2 (delay, loss, jitter: netem) -- clients c0, c1, ...
other server (namespace xs) ------/                                                     \\-- client x of the cross traffic

The way back has the mirror image: its bottleneck is r2's link to r1, its delay and loss are r1's links to the
servers. A workload that is `inbound` has senders and receivers change places: clients send to the server, and the
path is the mirror image as a whole. No queueing discipline sits on an interface that TCP itself sends from, because that would take part in
its pacing. Offloads are off wherever packets are forwarded, and the server's device does not take TSO, so
that every packet on the path is one that could be on a wire.
"""

import dataclasses
import re
import shlex

from path import MTU_FRAME, Path

TRAFFIC = "/lab/build/lab/traffic"
# tbf's bucket: two full frames. Larger buckets let bursts through that a real link would spread out.
TBF_BURST = 3200
# netem must never drop for want of room: more packets than any path of the lab holds in flight.
NETEM_LIMIT = 400000
# Idle time before the first connection, so that the kernel's start-up work is over.
SETTLE_S = 1


@dataclasses.dataclass
class Workload:
    kind: str = "bulk"              # bulk, download, upload or probe
    seconds: float = 10.0           # bulk, upload, probe
    flows: int = 1
    stagger_ms: float = 0.0         # between the starts of flows
    count: int = 1                  # downloads, one after another
    bytes: int = 100000
    gap_ms: float = 0.0             # between downloads
    beside: int = 0                 # downloads only: long flows that run at the same time
    probe_ms: float = 20.0          # interval of round-trip probes; 0: none
    sample_ms: int = 100            # interval of TCP_INFO samples
    verify: bool = False
    inbound: bool = False           # the far ends send, and the server receives; bulk and download only
    sender: str = "cubic"           # their congestion control then

    def check(self) -> None:
        if self.inbound and self.kind not in ("bulk", "download"):
            raise ValueError("only bulk flows and downloads can be inbound")


@dataclasses.dataclass
class Variant:
    name: str = "cubic"
    cc: str = ""                    # net.ipv4.tcp_congestion_control of the server
    module: str = ""                # appex.ko, or any other module
    params: list[str] = dataclasses.field(default_factory=list)     # module parameters
    settings: list[str] = dataclasses.field(default_factory=list)   # FILE=VALUE below /proc/net/appex, cmd:KEY=VALUE for cmd
    iface: str = "eth0"             # what is added to wanIf; empty: nothing
    sysctl: list[str] = dataclasses.field(default_factory=list)     # KEY=VALUE on the server
    qdisc: str = ""                 # root queueing discipline of the server's eth0
    kernel: str = "plain"           # a kernel of the lab, or another user-mode Linux: its file
    rows: list[str] = dataclasses.field(default_factory=list)       # paths of a matrix to measure it on; empty: all


def netem(path: Path, seed: int, one_way_ms: float, loss: float) -> str:
    """netem arguments of the way to one client. `one_way_ms` is what is left of the round trip after the shared way back."""
    args = [f"limit {NETEM_LIMIT}", f"delay {one_way_ms:.3f}ms"]
    if path.jitter:
        args[-1] += f" {path.jitter:.3f}ms distribution normal"
    if path.ge:
        mean, burst = path.ge[0] / 100, path.ge[1]
        r = 1 / burst
        args.append(f"loss gemodel {mean * r / (1 - mean) * 100:.6f}% {r * 100:.6f}%")
    elif loss:
        args.append(f"loss {loss}%")
    if path.jitter and not path.jitter_reorders:
        args.append("rate 400gbit")     # netem keeps the order when it has a rate, whatever its size
    if path.slot:
        args.append(f"slot {path.slot[0]}ms {path.slot[1]}ms")
    return " ".join(args) + f" seed {seed}"


class Net:
    """Addresses of the topology in one family."""

    def __init__(self, v6: bool):
        self.v6 = v6

    def addr(self, net: int, host: int) -> str:
        return f"fd00:{net:x}::{host}" if self.v6 else f"10.0.{net}.{host}"

    def with_len(self, net: int, host: int) -> str:
        return self.addr(net, host) + ("/64 nodad" if self.v6 else "/24")


SRV, MID, XS, CLIENT0 = 0, 1, 2, 10     # networks: server-r1, r1-r2, cross server-r1, r2-client


def link(net: Net, number: int, a: tuple[str, str, int], b: tuple[str, str, int]) -> tuple[list[str], list[str]]:
    """A veth pair: the commands that make it, and those that configure its two ends in their namespaces.

    Neighbours are permanent: address resolution must not meet the path's loss.
    """
    mac = {host: f"02:00:00:00:{number:02x}:{host:02x}" for _, _, host in (a, b)}
    ip = {ns: f"ip -n {ns}" if ns else "ip" for ns, _, _ in (a, b)}
    # The peer is moved on creation, so names may repeat in different namespaces.
    make = [f"{ip[a[0]]} link add {a[1]} address {mac[a[2]]} type veth peer name {b[1]} address {mac[b[2]]} netns {b[0]}"]
    ends = []
    for (ns, dev, host), other in ((a, b[2]), (b, a[2])):
        ends += [f"{ip[ns]} addr add {net.with_len(number, host)} dev {dev}", f"{ip[ns]} link set {dev} up",
                 f"{ip[ns]} neigh replace {net.addr(number, other)} lladdr {mac[other]} dev {dev} nud permanent"]
    return make, ends


BATCHED = re.compile(r"(ip|tc)((?: -n \S+)?) ((?:addr|link|neigh|route|qdisc|filter) .*)")


def batches(commands: list[str]) -> list[str]:
    """Runs neighbouring commands of one tool in one namespace by one process: starting programs is the slow part."""
    out: list[str] = []
    open_batch = ""
    for command in commands:
        m = BATCHED.fullmatch(command)
        head = f"{m[1]}{m[2]} -batch - <<'END'" if m else ""
        if open_batch and head != open_batch:
            out.append("END")
        if m and head != open_batch:
            out.append(head)
        out.append(m[3] if m else command)
        open_batch = head
    return out + (["END"] if open_batch else [])


def by_namespace(commands: list[str]) -> list[str]:
    """Same order within a namespace; namespaces do not depend on each other once their links exist."""
    return sorted(commands, key=lambda c: c.split()[2] if c.startswith(("ip -n", "tc -n")) else "")


def in_ns(ns: str, cmd: str) -> str:
    return f"ip netns exec {ns} {cmd}" if ns else cmd


def clients_of(path: Path) -> list[float]:
    return path.rtts or [path.rtt]


def topology(path: Path, net: Net, seed: int, inbound: bool) -> list[str]:
    rtts = clients_of(path)
    ends = [(f"c{i}", f"c{i}", CLIENT0 + i) for i in range(len(rtts))]
    pairs = [(SRV, ("", "eth0", 1), ("r1", "srv", 2)), (MID, ("r1", "south", 1), ("r2", "north", 2))]
    routes = [f"ip route add default via {net.addr(SRV, 2)}", f"ip -n r1 route add default via {net.addr(MID, 2)}",
              f"ip -n r2 route add default via {net.addr(MID, 1)}"]
    if path.cross:
        pairs.append((XS, ("xs", "eth0", 1), ("r1", "xs", 2)))
        routes.append(f"ip -n xs route add default via {net.addr(XS, 2)}")
        ends.append(("x", "x", CLIENT0 + len(rtts)))
    for ns, dev, number in ends:
        pairs.append((number, ("r2", dev, 1), (ns, "eth0", 2)))
        routes.append(f"ip -n {ns} route add default via {net.addr(number, 1)}")
    spaces = sorted({ns for _, a, b in pairs for ns in (a[0], b[0]) if ns})
    links = [link(net, *pair) for pair in pairs]
    make = [command for commands, _ in links for command in commands]
    configure = ["ip link set lo up"] + [f"ip -n {n} link set lo up" for n in spaces] + [c for _, cs in links for c in cs] + routes
    out = [f"ip netns add {n}" for n in spaces] + batches(make + by_namespace(configure))

    forward = "net/ipv6/conf/all/forwarding" if net.v6 else "net/ipv4/ip_forward"
    devices = {"r1": ["srv", "south"] + (["xs"] if path.cross else []), "r2": ["north"] + [d for _, d, _ in ends]}
    for ns, names in devices.items():
        offloads = "; ".join(f"ethtool -K {d} tso off gso off gro off" for d in names)
        out.append(in_ns(ns, f"sh -c 'echo 1 >/proc/sys/{forward}; {offloads}'"))
    out += ["ethtool -K eth0 tso off"] + ([in_ns("xs", "ethtool -K eth0 tso off")] if path.cross else [])
    return out + batches(by_namespace((inbound_disciplines if inbound else disciplines)(path, seed, rtts)))


def tbf(rate: float, limit: int) -> str:
    return f"tbf rate {rate * 1000:.0f}kbit burst {TBF_BURST} limit {limit}"


def disciplines(path: Path, seed: int, rtts: list[float]) -> list[str]:
    up_rate = path.up_rate or path.rate
    up_limit = path.up_buffer_bytes or max(int(path.queue_bytes(path.rate) * up_rate / path.rate), 10 * MTU_FRAME)
    # The way back is shared by all clients: half of the shortest round trip. Seeds differ by direction.
    back = min(rtts) / 2
    out = [f"tc -n r1 qdisc add dev south root handle 1: {tbf(path.rate, path.queue_bytes(path.rate))}",
           f"tc -n r2 qdisc add dev north root handle 1: {tbf(up_rate, up_limit)}"]
    for i, dev in enumerate(["srv"] + (["xs"] if path.cross else [])):
        out.append(f"tc -n r1 qdisc add dev {dev} root handle 1: netem limit {NETEM_LIMIT} delay {back:.3f}ms"
                   + (f" loss {path.ack_loss}%" if path.ack_loss else "") + f" seed {seed * 1000 + 1 + i}")
    if path.aqm:
        out.append(f"tc -n r1 qdisc add dev south parent 1:1 handle 10: {path.aqm}")
    ends = [(f"c{i}", rtt) for i, rtt in enumerate(rtts)] + ([("x", path.rtt)] if path.cross else [])
    for i, (dev, rtt) in enumerate(ends):
        out.append(f"tc -n r2 qdisc add dev {dev} root handle 1: netem "
                   + netem(path, seed * 1000 + 10 + i, max(rtt - back, 0), path.loss))
        if path.reorder:
            # A "reordered" packet of netem's skips its delay altogether. So the common delay is the outer netem's, and
            # an inner one delays those that are to be late and lets the others skip.
            out.append(f"tc -n r2 qdisc add dev {dev} parent 1:1 handle 2: netem limit {NETEM_LIMIT} delay {path.reorder_late:.3f}ms "
                       f"reorder {100 - path.reorder:.4f}% seed {seed * 1000 + 200 + i}")
    if path.policer:
        rate, burst = path.policer
        out += ["tc -n r2 qdisc add dev north ingress",
                f"tc -n r2 filter add dev north parent ffff: matchall action police rate {rate * 1000:.0f}kbit "
                f"burst {burst:.0f} conform-exceed drop/pass"]
    return out


def inbound_disciplines(path: Path, seed: int, rtts: list[float]) -> list[str]:
    """The mirror image of disciplines(): the bottleneck is r2's, what lies behind it r1's links to the receivers."""
    up_rate = path.up_rate or path.rate
    up_limit = path.up_buffer_bytes or max(int(path.queue_bytes(path.rate) * up_rate / path.rate), 10 * MTU_FRAME)
    forth = min(rtts) / 2
    out = [f"tc -n r2 qdisc add dev north root handle 1: {tbf(path.rate, path.queue_bytes(path.rate))}",
           f"tc -n r1 qdisc add dev south root handle 1: {tbf(up_rate, up_limit)}"]
    if path.aqm:
        out.append(f"tc -n r2 qdisc add dev north parent 1:1 handle 10: {path.aqm}")
    for i, dev in enumerate(["srv"] + (["xs"] if path.cross else [])):
        out.append(f"tc -n r1 qdisc add dev {dev} root handle 1: netem " + netem(path, seed * 1000 + 10 + i, forth, path.loss))
        if path.reorder:
            out.append(f"tc -n r1 qdisc add dev {dev} parent 1:1 handle 2: netem limit {NETEM_LIMIT} delay {path.reorder_late:.3f}ms "
                       f"reorder {100 - path.reorder:.4f}% seed {seed * 1000 + 200 + i}")
    ends = [(f"c{i}", rtt) for i, rtt in enumerate(rtts)] + ([("x", path.rtt)] if path.cross else [])
    for i, (dev, rtt) in enumerate(ends):
        out.append(f"tc -n r2 qdisc add dev {dev} root handle 1: netem limit {NETEM_LIMIT} delay {max(rtt - forth, 0):.3f}ms"
                   + (f" loss {path.ack_loss}%" if path.ack_loss else "") + f" seed {seed * 1000 + 1 + i}")
    if path.policer:
        rate, burst = path.policer
        out += ["tc -n r1 qdisc add dev south ingress",
                f"tc -n r1 filter add dev south parent ffff: matchall action police rate {rate * 1000:.0f}kbit "
                f"burst {burst:.0f} conform-exceed drop/pass"]
    return out


def inbound_steps(path: Path, seed: int) -> list[str]:
    """step_commands() for the mirrored path."""
    out, rate, rtt, loss = [], path.rate, path.rtt, path.loss
    for i, s in enumerate(sorted(path.steps, key=lambda s: s.at)):
        todo = []
        if s.rate is not None:
            rate = s.rate
            todo.append(f"tc -n r2 qdisc change dev north root handle 1: {tbf(rate, path.queue_bytes(path.rate))}")
        if s.rtt is not None or s.loss is not None:
            rtt = rtt if s.rtt is None else s.rtt
            loss = loss if s.loss is None else s.loss
            forth = max(rtt - min(clients_of(path)) / 2, 0)
            todo += [f"tc -n r1 qdisc change dev {dev} root handle 1: netem " + netem(path, seed * 1000 + 100 + i, forth, loss)
                     for dev in ["srv"] + (["xs"] if path.cross else [])]
        out.append(f"( sleep {s.at}; {'; '.join(todo)} ) &")
    return out


def step_commands(path: Path, seed: int) -> list[str]:
    """Background jobs that change the path while the workload runs."""
    out, rate, rtt, loss = [], path.rate, path.rtt, path.loss
    for i, s in enumerate(sorted(path.steps, key=lambda s: s.at)):
        todo = []
        if s.rate is not None:
            rate = s.rate
            todo.append(f"tc -n r1 qdisc change dev south root handle 1: {tbf(rate, path.queue_bytes(path.rate))}")
        if s.rtt is not None or s.loss is not None:
            rtt = rtt if s.rtt is None else s.rtt
            loss = loss if s.loss is None else s.loss
            back = min(clients_of(path)) / 2
            todo += [f"tc -n r2 qdisc change dev {dev} root handle 1: netem "
                     + netem(path, seed * 1000 + 100 + i, max(rtt - back, 0), loss)
                     for dev in ["c0"] + (["x"] if path.cross else [])]
        out.append(f"( sleep {s.at}; {'; '.join(todo)} ) &")
    return out


def variant_commands(v: Variant) -> list[str]:
    q = shlex.quote
    out = []
    if v.module:
        out.append(f"insmod {q(v.module)} {' '.join(q(p) for p in v.params)} || exit 41")
    if v.qdisc:     # perhaps the module's
        out.append(f"tc qdisc add dev eth0 root {v.qdisc} || exit 45")
    if v.cc:
        out.append(f"echo {q(v.cc)} >/proc/sys/net/ipv4/tcp_congestion_control || exit 42")
    for item in v.sysctl:
        key, _, value = item.partition("=")
        out.append(f"echo {q(value)} >/proc/sys/{key.replace('.', '/')} || exit 43")
    if v.module and v.iface:
        out.append(f"[ ! -e /proc/net/appex/wanIf ] || echo {q('+' + v.iface)} >/proc/net/appex/wanIf || exit 44")
    for item in v.settings:
        key, _, value = item.partition("=")
        if key.startswith("cmd:"):
            key, value = "cmd", f"{key[4:]}: {value}"
        out.append(f"echo {q(value)} >/proc/net/appex/{key} || exit 45")
    return out


def server_commands(path: Path, load: Workload, net: Net) -> list[str]:
    """The programs that answer: on the server, or on all clients if these are to send."""
    flag6 = " -6" if net.v6 else ""
    if not load.inbound:
        out = [f"{TRAFFIC} server{flag6} -s {load.sample_ms} -o server.jsonl & servers=$!"]
        cross = ("xs", "cubic")
    else:
        out = [in_ns(f"c{i}", f"{TRAFFIC} server{flag6} -c {load.sender} -s {load.sample_ms} -o server{i or ''}.jsonl")
               + " & servers=\"$servers $!\"" for i in range(len(clients_of(path)))]
        cross = ("x", "cubic")
    if path.cross:
        out.append(in_ns(cross[0], f"{TRAFFIC} server{flag6} -c {cross[1]} -o cross-server.jsonl") + " & servers=\"$servers $!\"")
    return out


def client_commands(path: Path, load: Workload, net: Net) -> list[str]:
    """The workload itself. Every client runs in the background; `wait` for its process ids follows."""
    v = " -v" if load.verify else ""
    rtts = clients_of(path)
    out = []

    def ends(i: int) -> tuple[str, str]:
        """Where a client runs and whom it asks."""
        return ("", net.addr(CLIENT0 + i, 2)) if load.inbound else (f"c{i}", net.addr(SRV, 1))

    def client(i: int, args: str, name: str) -> None:
        ns, server = ends(i)
        out.append(f"{in_ns(ns, TRAFFIC)} client -a {server} -o {name}.jsonl{v} {args} & clients=\"$clients $!\"")

    probe_s = load.seconds
    if load.kind in ("bulk", "upload"):
        share = [load.flows // len(rtts) + (i < load.flows % len(rtts)) for i in range(len(rtts))]
        for i, n in enumerate(share):
            if n:
                client(i, f"-b {20000 + i * 1000} -m {load.kind} -d {load.seconds} -n {n} -g {load.stagger_ms}", f"client{i}")
    elif load.kind == "download":
        client(0, f"-b 20000 -m download -k {load.count} -z {load.bytes} -g {load.gap_ms}", "client0")
        probe_s = 0
        if load.beside:
            # Long flows for as long as a careful bound on the downloads; stopped when those are done.
            ns, server = ends(0)
            out.append(f"{in_ns(ns, TRAFFIC)} client -a {server} -b 60000 -o beside.jsonl -m bulk -d 3600 -n {load.beside} & beside=$!")
    if load.probe_ms and probe_s:
        ns, server = ends(0)
        client_args = f"probe -a {server} -i {load.probe_ms} -d {probe_s} -o probe.jsonl"
        out.append(f"{in_ns(ns, TRAFFIC)} {client_args} & clients=\"$clients $!\"")
    if path.cross:
        ns, server = ("xs", net.addr(CLIENT0 + len(rtts), 2)) if load.inbound else ("x", net.addr(XS, 1))
        out.append(f"{in_ns(ns, TRAFFIC)} client -a {server} -b 50000 -o cross.jsonl -m bulk "
                   f"-d {load.seconds} -n {path.cross} & clients=\"$clients $!\"")
    return out


def script(path: Path, load: Workload, variant: Variant, seed: int, v6: bool) -> str:
    net = Net(v6)
    lines = ["# Written by the lab's runner.", "set -u", "clients= beside= servers="]
    # Whose counters and whose bottleneck a result is about: the sender's.
    sender, router, link = ("c0", "r2", "north") if load.inbound else ("", "r1", "south")
    # 500 Mbit/s at 200 ms is 12 MB in flight; a real server of that kind is tuned like this. Initial sizes stay the kernel's.
    most = 67108864

    def tune(rmem_bytes: int) -> str:
        return f"echo \"4096 131072 {rmem_bytes}\" >/proc/sys/net/ipv4/tcp_rmem; echo \"4096 16384 {most}\" >/proc/sys/net/ipv4/tcp_wmem"

    setup = ["set -eu"] + topology(path, net, seed, load.inbound) + [tune(most)]
    setup += [in_ns(ns, f"sh -c '{tune(path.rmem_bytes or most)}'") for ns in [f"c{i}" for i in range(len(clients_of(path)))] + (["xs", "x"] if path.cross else [])]
    setup += ["echo 65536 131072 196608 >/proc/sys/net/ipv4/tcp_mem"]
    lines += ["cat >setup <<'SETUP'", *setup, "SETUP", "sh setup || exit 40"]
    if path.cross:
        lines.append(in_ns("x" if load.inbound else "xs", "sh -c 'echo cubic >/proc/sys/net/ipv4/tcp_congestion_control'"))
    lines += variant_commands(variant) + server_commands(path, load, net)
    counters = in_ns(sender, "cat /proc/net/netstat /proc/net/snmp")
    lines += [f"sleep {SETTLE_S}", f"{counters} >netstat.before"]
    lines += client_commands(path, load, net) + (inbound_steps if load.inbound else step_commands)(path, seed)
    if load.kind == "download":
        lines.append("( sleep 0.5; ss -tinm >ss.txt ) &")
    else:
        lines.append(f"( sleep {max(load.seconds - 0.1, 0.05):.2f}; ss -tinm >ss.txt ) &")
    lines += ["rc=0", "for pid in $clients; do wait $pid || rc=$?; done",
              "[ -z \"$beside\" ] || kill $beside",
              f"{counters} >netstat.after",
              f"tc -n {router} -s -j qdisc show dev {link} >bottleneck.json",
              "tc -n r1 -s -j qdisc show dev srv >back.json",
              "tc -n r2 -s -j qdisc show >r2.json"]
    if path.policer:
        lines.append(f"tc -n {router} -s -j filter show dev {link} parent ffff: >policer.json")
    lines += ["sleep 1", "kill -TERM $servers", "for pid in $servers; do wait $pid; done"]
    if variant.module:
        lines += ["for d in /proc/net/appex*; do [ ! -r $d/stats ] || cat $d/stats >stats.${d##*/}; done"]
    return "\n".join(lines + ["exit $rc", ""])
