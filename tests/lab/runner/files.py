# SPDX-License-Identifier: GPL-2.0
"""Names of files that the caller gave, as this process and the kernels' hostfs see them."""

import os


def host_file(name: str) -> str:
    """The caller's file system is below /host; LAB_CWD is its working directory. Unset: the caller is in the tree too."""
    cwd = os.environ.get("LAB_CWD")
    full = os.path.normpath(os.path.join(cwd or os.getcwd(), name))
    return full if cwd is None or full.startswith(("/lab/", "/host/")) else "/host" + full
