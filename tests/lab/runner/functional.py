# SPDX-License-Identifier: GPL-2.0
"""Command line of tests/lab/uml: one script in one user-mode kernel, with the tripwire."""

import argparse
import os
import shlex
import shutil
import sys
import tempfile

import uml
from files import host_file

NOT_FINISHED, COMPLAINED = 70, 71


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(prog="tests/lab/uml", description="Run a script as root in a user-mode kernel.")
    p.add_argument("--kernel", default="plain", choices=sorted(uml.KERNELS))
    p.add_argument("--simulated", action="store_true", help="simulated time (kernel plain only)")
    p.add_argument("--realtime", action="store_true", help="real time; this is the default")
    p.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    p.add_argument("--module", help="sets APPEX_KO for the script")
    p.add_argument("--memory", type=int, default=1024, help="MB")
    p.add_argument("--timeout", type=float, default=600, help="seconds of wall time")
    p.add_argument("--seed", type=int, default=1, help="of the fixed randomness under simulated time")
    p.add_argument("--param", action="append", default=[], help="kernel parameter")
    p.add_argument("--log", help="keep the kernel's console there")
    p.add_argument("--keep", help="keep everything of the run in this directory")
    p.add_argument("--script", required=True)
    p.add_argument("args", nargs=argparse.REMAINDER)
    return p


def script_of(a: argparse.Namespace) -> str:
    env = [item.split("=", 1) for item in a.env]
    if a.module:
        env.append(["APPEX_KO", host_file(a.module)])
    lines = [f"export {name}={shlex.quote(value)}" for name, value in env]
    command = [host_file(a.script), *a.args]
    # A script that names its interpreter gets it; others are read by sh.
    with open(command[0], "rb") as f:
        if not (f.read(2) == b"#!" and os.access(command[0], os.X_OK)):
            command.insert(0, "sh")
    return "\n".join([*lines, f"export LAB_KERNEL={a.kernel}", "cd /lab/work", "exec " + shlex.join(command), ""])


def show(job: str) -> None:
    for name, stream in (("stdout", sys.stdout), ("stderr", sys.stderr)):
        try:
            with open(os.path.join(job, name), encoding="utf-8", errors="replace") as f:
                shutil.copyfileobj(f, stream)
        except FileNotFoundError:
            pass
        stream.flush()


def main() -> int:
    a = parser().parse_args()
    if a.simulated and a.kernel != "plain":
        print("uml: only the plain kernel has simulated time", file=sys.stderr)
        return 2
    job = tempfile.mkdtemp(prefix="uml.")
    try:
        with open(os.path.join(job, "script"), "w", encoding="utf-8") as f:
            f.write(script_of(a))
        try:
            status = uml.boot(job, kernel=a.kernel, simulated=a.simulated, seed=a.seed, memory_mb=a.memory,
                              timeout_s=a.timeout, extra=a.param)
        except uml.Complained as e:
            show(job)
            print(f"uml: {e}", file=sys.stderr)
            return COMPLAINED
        except uml.Failed as e:
            show(job)
            print(f"uml: {e}", file=sys.stderr)
            return NOT_FINISHED
        show(job)
        return status
    except OSError as e:
        print(f"uml: {e}", file=sys.stderr)
        return 2
    finally:
        if a.log and os.path.exists(os.path.join(job, "console")):
            shutil.copy(os.path.join(job, "console"), host_file(a.log))
        if a.keep:
            shutil.copytree(job, host_file(a.keep), dirs_exist_ok=True)
        shutil.rmtree(job, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
