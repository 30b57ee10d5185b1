"""How many cores the model may use."""

from __future__ import annotations

import os
from pathlib import Path


def default_threads() -> int:
    """Return physical cores minus one, at least one.

    A compute thread on every core makes each wait for the slowest, so that one other busy program costs two thirds of
    the speed; a second thread on one core brings nothing.
    """
    return max(1, _physical_cores() - 1)


def _physical_cores() -> int:
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    allowed = os.sched_getaffinity(0)
    siblings = set()
    for cpu in allowed:
        try:
            siblings.add(Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text())
        except OSError:  # a container may hide it
            return len(allowed)
    return len(siblings)
