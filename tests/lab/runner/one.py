# SPDX-License-Identifier: GPL-2.0
"""One measurement from start to end: job directory, kernel, result."""

import os
import shutil
import tempfile
import time

import result
import scenario
import uml
from path import Path

SETUP_ERRORS = {40: "setting up the path failed", 41: "insmod failed", 42: "no such congestion control", 43: "a sysctl was refused",
                44: "the module refused the interface", 45: "the module refused a setting"}


def measure(path: Path, load: scenario.Workload, variant: scenario.Variant, seed: int, v6: bool = False,
            keep: str = "", timeout_s: float = 600) -> dict:
    """Runs one case and returns its result. Raises uml.Failed when there is none to be trusted."""
    began = time.monotonic()
    job = tempfile.mkdtemp(prefix="lab.")
    try:
        with open(os.path.join(job, "script"), "w", encoding="ascii") as f:
            f.write(scenario.script(path, load, variant, seed, v6))
        status = uml.boot(job, kernel=variant.kernel, simulated=variant.kernel not in uml.DEBUG, seed=seed, timeout_s=timeout_s)
        if status:
            why = SETUP_ERRORS.get(status, f"the workload ended with status {status}")
            raise uml.Failed(f"{why}: {result.text(job, 'stderr').strip()[-800:]}")
        out = result.collect(job, path, load, variant, seed)
        out["wall_s"] = round(time.monotonic() - began, 2)
        return out
    finally:
        if keep:
            shutil.copytree(job, keep, dirs_exist_ok=True)
        shutil.rmtree(job, ignore_errors=True)
