#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""A file system that answers like /proc/net/appex, for tests of lotServer.sh on
machines that cannot load the module.

engine.py MOUNTPOINT STATE COUNT: mounts directories appex, appex1, ... with the
files and cmd keys that the interface document lists. STATE is a directory:

  faults    read at every access; one fault a line:
              refuse NAME   writing NAME (a file, or a key of cmd) fails
              forget NAME   writing NAME succeeds and changes nothing
  writes    every accepted write is appended: "ENGINE NAME VALUE"
  flows     if there, what the file flows gives
  stats     if there, what the file stats gives (else all counters are 0)

It knows the interface's rules (wanIf takes +name, -name or a whole list, cmd
takes known keys only) and no ranges: those are the module's own, tested with it.
"""
import errno
import stat
import sys

import fusepy as fuse

FILES = {
    "wanIf": "", "lanIf": "", "tcpAccEnable": "1", "trackRandomLoss": "1",
    "advAccEnable": "0", "conservMode": "0", "subnetAccEnable": "0",
    "maxTxEnable": "0", "shaperEnable": "1", "wanKbps": "0",
    "wanInKbps": "0", "pcapEnable": "0", "byteCacheEnable": "0",
    "dataCompEnable": "0", "httpCompEnable": "0", "hostFairEnable": "0",
    "voipAccEnable": "0", "engSysEnable": "0", "version": "9.8.7",
}
CMD = {
    "initialCwndWan": "22", "maxCwndWan": "0", "initialCwndLan": "1024",
    "maxAdvWinWan": "0", "maxAdvWinLan": "60", "maxTxEffectiveMS": "0",
    "maxTxMinSsThresh": "1048575", "maxAccFlowTxKbps": "0",
    "bypassOverFlows": "1", "l2wQLimit": "256 2048", "w2lQLimit": "256 2048",
    "retranWaitListMS": "32", "halfCwndMinSRtt": "500",
    "halfCwndLossRateShift": "3", "halfCwndLowLimit": "0", "tcpOnly": "1",
    "smBurstMS": "16", "smBurstMin": "16000", "smBurstTolerance": "32768",
    "ultraBoostWin": "0", "minSsThresh": "8 24", "dbcRttThreshMS": "",
    "smMinKbps": "", "rsc": "1", "gso": "1", "txCongestObey": "1",
    "tcpFlags": "0x0", "taskSchedDelay": "100 100",
    "flowShortTimeout": "30000", "shrinkPacket": "0", "ipv4Only": "0",
    "ipv6Only": "0", "shortRttMS": "0", "synRetranMS": "0",
    "mpoolMaxCache": "245600000", "lttMaxDelayMS": "0",
    "engine": "1000 900", "lanSegment": "", "lanSegmentV6": "", "udptun": "",
    "shortRttBypass": "",
}
COUNTERS = [
    p + n for p in ("", "V4", "V6")
    for n in ("NumOfFlows", "NumOfTcpFlows", "NumOfAccFlows", "NumOfActFlows",
              "WanInBytes", "WanOutBytes", "LanInBytes", "LanOutBytes")
]


def edited(current, change):
    """The interface list after a write."""
    words = change.split()
    if not any(w[0] in "+-" for w in words):
        return " ".join(dict.fromkeys(words))
    names = current.split()
    for word in words:
        if word[0] == "+" and word[1:] not in names:
            names.append(word[1:])
        elif word[0] == "-" and word[1:] in names:
            names.remove(word[1:])
    return " ".join(names)


class Engines(fuse.Operations):
    def __init__(self, state, count):
        self.state = state
        self.rules = []
        self.engines = {
            "appex" + (str(i) if i else ""): (dict(FILES), dict(CMD))
            for i in range(count)
        }

    def faults(self, what, name):
        try:
            with open(self.state + "/faults") as f:
                return what + " " + name in f.read().splitlines()
        except FileNotFoundError:
            return False

    def find(self, path):
        parts = path.strip("/").split("/")
        if parts == [""]:
            return None, None
        if parts[0] not in self.engines or len(parts) > 2:
            raise fuse.FuseOSError(errno.ENOENT)
        return parts[0], parts[1] if len(parts) == 2 else None

    def getattr(self, path, fh=None):
        engine, name = self.find(path)
        if name is None:
            return dict(st_mode=stat.S_IFDIR | 0o555, st_nlink=2)
        if name not in FILES and name not in SPECIAL:
            raise fuse.FuseOSError(errno.ENOENT)
        return dict(st_mode=stat.S_IFREG | 0o644, st_nlink=1, st_size=0)

    def readdir(self, path, fh):
        engine, _ = self.find(path)
        names = list(self.engines) if engine is None else [*FILES, *SPECIAL]
        return [".", "..", *names]

    def text(self, engine, name):
        files, cmd = self.engines[engine]
        if name == "cmd":
            return "".join(f"{k}: {v}\n" for k, v in cmd.items())
        if name == "rules":
            return "".join(f"{rule} # hits={i}\n" for i, rule in enumerate(self.rules))
        if name == "flows":
            try:
                with open(self.state + "/flows") as f:
                    return f.read()
            except FileNotFoundError:
                return "# filter: \n"
        if name == "stats":
            try:
                with open(self.state + "/stats") as f:
                    return f.read()
            except FileNotFoundError:
                return "".join(f"{c} = 0\n" for c in COUNTERS)
        return files[name] + "\n"

    def read(self, path, size, offset, fh):
        return self.text(*self.find(path)).encode()[offset:offset + size]

    def truncate(self, path, length, fh=None):
        pass

    def write(self, path, data, offset, fh):
        engine, name = self.find(path)
        files, cmd = self.engines[engine]
        value = data.decode().rstrip("\n")
        table = files
        if name == "rules":
            return self.write_rules(data.decode())
        if name == "cmd":
            table = cmd
            name, _, value = value.partition(":")
            value = value.strip()
        if name not in table or name == "version" or self.faults("refuse", name):
            raise fuse.FuseOSError(errno.EINVAL)
        if not self.faults("forget", name):
            if name in ("wanIf", "lanIf"):
                value = edited(table[name], value)
            table[name] = value
        with open(self.state + "/writes", "a") as f:
            f.write(f"{engine} {name} {value}\n")
        return len(data)

    def write_rules(self, text):
        lines = [line.split("#")[0].strip() for line in text.split("\n")]
        lines = [line for line in lines if line]
        if len(text) > 4096 or any("bad" in line for line in lines):
            raise fuse.FuseOSError(errno.EINVAL)
        if not any(line[0] in "+-" for line in lines):
            self.rules = lines
        for line in lines:
            if line[0] == "+" and line[1:] not in self.rules:
                self.rules.append(line[1:])
            elif line[0] == "-" and line[1:] in self.rules:
                self.rules.remove(line[1:])
        with open(self.state + "/writes", "a") as f:
            f.write(f"rules {len(lines)}\n")
        return len(text.encode())


SPECIAL = ("cmd", "stats", "flows", "rules")


if __name__ == "__main__":
    fuse.FUSE(Engines(sys.argv[2], int(sys.argv[3])), sys.argv[1],
              foreground=False, nothreads=True, direct_io=True)
