# SPDX-License-Identifier: GPL-2.0
"""One of those who race in 35-races.sh: racer.py KIND INTERFACE, until /run/enough exists.

read      every file of every engine, whole and in pieces of any size
settings  random values to cmd and to switches, rules that come and go
reload    every setting read and written back, as a reload of the control script does
handback  acceleration switched off and on
attach    the interface taken out of wanIf and put back
sockets   connections over loopback that ask for zeta by name, some of them when they are established, and end

The module is loaded and unloaded meanwhile, so that files vanish, and so may the right to anything: errors of the
system are part of the race. Prints how many steps succeeded and how many did not.
"""

import glob
import os
import random
import select
import socket
import sys

SWITCHES = ("conservMode", "maxTxEnable", "subnetAccEnable", "trackRandomLoss", "advAccEnable", "shaperEnable", "hostFairEnable")
RULES = ("lport=7003 off", "to=10.9.0.0/24 mode=max rate=50000", "to=10.9.0.0/24 lport=7002 mode=strong")
done = refused = 0


def step(action, *arguments):
    global done, refused
    try:
        result = action(*arguments)
        done += 1
        return result
    except OSError:
        refused += 1
        return None


def put(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def whole(path: str, piece: int = 65536) -> bytes:
    fd = os.open(path, os.O_RDONLY)
    try:
        parts = []
        while part := os.read(fd, piece):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(fd)


def engines() -> list[str]:
    return glob.glob("/proc/net/appex*")


def read(_: str) -> None:
    for engine in engines():
        for name in ("stats", "flows", "cmd", "rules", "wanIf", "version", "engine"):
            step(whole, f"{engine}/{name}", random.choice((1, 7, 100, 4095, 65536)) if name != "cmd" else 65536)


def settings(_: str) -> None:
    for engine in engines():
        step(put, f"{engine}/cmd", f"initialCwndWan: {random.randint(4, 100)}")
        step(put, f"{engine}/cmd", f"maxAccFlowTxKbps: {random.choice((0, 5000, 100000))}")
        step(put, f"{engine}/cmd", f"flowShortTimeout: {random.choice((100, 1000, 60000))}")
        step(put, f"{engine}/{random.choice(SWITCHES)}", random.choice("01"))
        step(put, f"{engine}/rules", f"+{random.choice(RULES)}")
        step(put, f"{engine}/rules", f"-{random.choice(RULES)}")


def reload(_: str) -> None:
    for engine in engines():
        for line in (step(whole, f"{engine}/cmd") or b"").decode().splitlines():
            step(put, f"{engine}/cmd", line)
        for name in (*SWITCHES, "wanKbps", "wanInKbps", "logLevel"):
            if (value := step(whole, f"{engine}/{name}")) is not None:
                step(put, f"{engine}/{name}", value.decode().strip())


def handback(_: str) -> None:
    for value in "01":
        for engine in engines():
            step(put, f"{engine}/tcpAccEnable", value)
        # Long enough, now and then, for the next packets to be taken over.
        select.select([], [], [], random.choice((0, 0.01, 0.2)))


def attach(interface: str) -> None:
    for sign in "-+":
        for engine in engines():
            step(put, f"{engine}/wanIf", sign + interface)
        select.select([], [], [], random.choice((0, 0.01, 0.2)))


def ask_for(s: socket.socket, name: bytes) -> None:
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name)


def sockets(_: str) -> None:
    with socket.socket() as listener, socket.socket() as client:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        early = random.random() < 0.5
        if early:
            step(ask_for, listener, b"zeta")
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        with server:
            if not early:
                step(ask_for, server, b"zeta")
            server.settimeout(10)
            client.settimeout(10)
            sent = os.urandom(20000)
            server.sendall(sent)
            if random.random() < 0.5:
                step(ask_for, server, b"cubic")
            got = b""
            while len(got) < len(sent):
                got += client.recv(65536)
            if got != sent:
                sys.exit("sockets: content differs")
    # Each holds the module while it lives: unloading has its turn, too.
    select.select([], [], [], 0.05)


def main() -> None:
    kind, interface = sys.argv[1:3]
    race = {"read": read, "settings": settings, "reload": reload, "handback": handback, "attach": attach, "sockets": sockets}[kind]
    while not os.path.exists("/run/enough"):
        race(interface)
        if not engines():
            select.select([], [], [], 0.02)
    print(done, "done,", refused, "refused")


main()
