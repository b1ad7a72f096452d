# SPDX-License-Identifier: GPL-2.0
"""Boots a user-mode kernel on a job directory and says how it went."""

import os
import signal
import subprocess

KERNELS = {"plain": "/lab/build/uml/linux", "kasan": "/lab/build/uml-kasan/linux", "lockdep": "/lab/build/uml-lockdep/linux"}
DEBUG = ("kasan", "lockdep")    # too slow for simulated time, and built without it
LAB = "/lab/work/tests/lab"
JOB_MOUNT = "/run/lab-job"
FIXED_RANDOM = "/lab/build/lab/fixed_random.so"


class Failed(Exception):
    """A run whose result must not be used; the text says why."""


class Complained(Failed):
    """The kernel's log has a line that no healthy kernel prints."""


def tail(job: str, count: int = 15) -> str:
    """The last lines of the console."""
    try:
        with open(os.path.join(job, "console"), encoding="utf-8", errors="replace") as f:
            return "".join(f.readlines()[-count:])
    except OSError:
        return ""


def boot(job: str, kernel: str = "plain", simulated: bool = True, seed: int = 1, memory_mb: int = 1024,
         timeout_s: float = 600, extra: list[str] | None = None) -> int:
    """Runs `job`/script in a user-mode kernel, one of KERNELS or a file, and returns the script's exit status.

    Simulated time makes a run independent of the machine's speed; debug kernels are too slow in wall
    time to gain from it and have no support for it, so they run in real time.
    Raises Failed when the kernel did not reach the end of the script, or complained in its log.
    """
    binary = KERNELS.get(kernel, kernel)
    if not os.path.exists(binary):
        if kernel not in KERNELS:
            raise Failed(f"no kernel {kernel}")
        raise Failed(f"the {kernel} user-mode kernel is not built: run tests/lab/setup {'uml' if kernel == 'plain' else 'debug'}")
    cmd = [binary, f"mem={memory_mb}M", "rootfstype=hostfs", "rootflags=/", "ro", f"init={LAB}/init.sh", f"labdir={JOB_MOUNT}",
           f"uml_dir={JOB_MOUNT}/uml/", "umid=lab", "con=null", "con0=null,fd:1", "ignore_loglevel", "panic=-1", *(extra or [])]
    env = dict(os.environ, TMPDIR="/dev/shm")
    preload = []
    if simulated:
        # A fixed wall clock and fixed randomness: what is left to chance is only the seed's.
        cmd += ["time-travel=inf-cpu", "time-travel-start=1700000000000000000", "initcall_blacklist=rng_init"]
        preload = ["env", f"LD_PRELOAD={FIXED_RANDOM}", f"LAB_SEED={seed}"]
    # Everything the kernel hashes into its random pool must be equal in equal runs, its command line too: so each
    # job directory appears under one name, in a mount namespace of its own.
    os.makedirs(JOB_MOUNT, exist_ok=True)
    cmd = ["unshare", "--mount", "--propagation", "unchanged", "sh", "-c",
           'mount --bind "$0" ' + JOB_MOUNT + ' && exec "$@"', job, *preload, *cmd]
    console = os.path.join(job, "console")
    with open(console, "wb") as log:
        child = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=env,
                                 cwd=job, start_new_session=True)
        try:
            child.wait(timeout=timeout_s)
        except BaseException as e:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            if isinstance(e, subprocess.TimeoutExpired):
                raise Failed(f"no end after {timeout_s:.0f} s of wall time; the end of its console:\n{tail(job)}") from e
            raise
    wire = subprocess.run([f"{LAB}/tripwire", console], capture_output=True, text=True, check=False)
    if wire.returncode:
        raise Complained(wire.stderr.strip())
    try:
        with open(os.path.join(job, "status"), encoding="ascii") as f:
            return int(f.read())
    except (OSError, ValueError) as e:
        raise Failed(f"the kernel ended before the script did; the end of its console:\n{tail(job)}") from e
