# SPDX-License-Identifier: GPL-2.0
"""Runs scripts for packetdrill: drill.py DIRECTORY VERSION [NAME...], as root on a machine of its own

VERSION is ipv4, ipv6 or ipv4-mapped-ipv6. Prints, for each script, its name, "green", "red" or "unknown" (it uses what
this runner does not know), and why. SKIP_COPIES passes over what the kernel sends a second time and the script does not have. Each runs in a process of its own on a device tun0 that is made anew, with net.ipv4
and net.core set back afterwards. TOLERANCE_US is by how much a packet may be early or late, FIRST_PORT the first of the
3,000 ports of the scripts' side that a run takes: it needs some that no run before has had.
"""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from calls import Calls
from language import NotUnderstood, parse
from packet import Link
from script import Failed, run

# Addresses as the kernel's own starter of these scripts has them (ksft_runner.sh): cookies of TCP Fast Open depend on them.
NETWORKS = {
    "ipv4": ("192.168.0.1", 16, "192.0.2.1", 1500),
    "ipv6": ("fd3d:0a0b:17d6::1", 48, "fd3d:fa7b:d17d::1", 1520),
}
NETWORKS["ipv4-mapped-ipv6"] = NETWORKS["ipv4"]
# No script takes as long.
LIMIT_S = 120
SETTINGS = ("/proc/sys/net/ipv4", "/proc/sys/net/core")
# A connection has its port of the script's side for itself: earlier ones may still speak.
PORTS_EACH = 8
# Settings of the machine as the scripts' own commands write them: see there.
SYSCTL = Path(__file__).parent.resolve() / "sysctl.sh"


def settings() -> dict[str, bytes]:
    """What can be read and written back."""
    got = {}
    for directory in SETTINGS:
        for path in Path(directory).iterdir():
            if path.is_file() and path.stat().st_mode & 0o222 and path.stat().st_mode & 0o444:
                try:
                    got[str(path)] = path.read_bytes()
                except OSError:
                    pass
    return got


def set_back(before: dict[str, bytes]) -> None:
    for path, value in settings().items():
        if path in before and before[path] != value:
            try:
                Path(path).write_bytes(before[path])
            except OSError:
                pass


def definitions(starter: Path, version: str) -> dict[str, str]:
    """The names that the kernel's starter gives the scripts for this version (-D NAME=VALUE)."""
    part = re.search(rf"\[{version}\]=\"(.*?)\"", starter.read_text(), re.S)
    return dict(re.findall(r"-D (\w+)=(\w+)", part[1])) if part else {}


def configure(version: str) -> None:
    local, bits, _, mtu = NETWORKS[version]
    six = ["-6"] if ":" in local else []
    no_duplicates = ["nodad"] if six else []
    for command in (["ip", "link", "set", "tun0", "mtu", str(mtu), "up"],
                    ["ip", *six, "addr", "add", f"{local}/{bits}", "dev", "tun0", *no_duplicates],
                    ["ip", *six, "route", "add", "default", "dev", "tun0"]):
        subprocess.run(command, check=True)


def one(path: Path, version: str, defines: dict, first_port: int) -> str:
    """In a process of its own, which this function does not leave."""
    try:
        script = parse(path.read_text())
        if script.options.get("ip_version", version) != version:
            return "other"
        unknown = set(script.options) - {"ip_version", "mss", "tolerance_usecs", "tcp_ts_tick_usecs", "send_omit_free"}
        if unknown:
            raise NotUnderstood(f"option {' '.join(unknown)}")
        local, _, remote, _ = NETWORKS[version]
        link = Link(local, remote, int(script.options.get("mss", 0)))
        configure(version)
        calls = Calls(version, local, remote, defines)
        copies = run(script, link, calls, first_port, int(os.environ.get("TOLERANCE_US", "4000")) / 1e6, defines)
    except NotUnderstood as e:
        return f"unknown {e}"
    except Failed as e:
        return f"red {e.kind}: {e}"
    except Exception as e:  # an error of this program must not look like one of the kernel's
        return f"unknown {type(e).__name__}: {e}"
    return f"green, {copies} copies" if copies else "green"


def in_process(path: Path, version: str, defines: dict, first_port: int) -> str:
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        os.close(ours)
        signal.alarm(LIMIT_S)
        os.write(theirs, one(path, version, defines, first_port).encode()[:4000])
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as f:
        said = f.read().decode()
    os.waitpid(child, 0)
    return said or "red time: it did not end"


def main() -> None:
    directory, version, *names = sys.argv[1:]
    os.environ["BASH_ENV"] = str(SYSCTL)
    os.chdir(directory)
    Path("/proc/self/timerslack_ns").write_text("1")
    defines = definitions(Path("ksft_runner.sh"), version)
    port = int(os.environ.get("FIRST_PORT", "1024"))
    for path in sorted(Path(".").glob("*.pkt")):
        if names and path.stem not in names:
            continue
        before = settings()
        for _ in range(2):
            said = in_process(path, version, defines, port)
            set_back(before)
            port += PORTS_EACH
            # Time is the machine's, too: a second chance.
            if not said.startswith("red time"):
                break
        if said != "other":
            print(path.stem, " ".join(said.split()), flush=True)


if __name__ == "__main__":
    main()
