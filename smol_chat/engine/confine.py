"""Bounds on time and memory for code of strangers that runs in the worker: its chat template."""

from __future__ import annotations

import contextlib
import resource
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

MEMORY_HEADROOM = 512 * 1024 * 1024
"""Bytes of address space beyond what is in use; a rendered conversation needs a few million."""


@contextlib.contextmanager
def confined(seconds: float) -> Iterator[None]:
    """Run a block with a time limit and a memory limit; main thread only.

    Raises:
        TimeoutError: in the block, when time is up.
        MemoryError: in the block, when it asks for too much (Linux).
    """
    before = signal.signal(signal.SIGALRM, _time_is_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        with _memory_limit():
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _time_is_up(number: int, frame: FrameType | None) -> None:
    raise TimeoutError


@contextlib.contextmanager
def _memory_limit() -> Iterator[None]:
    if not sys.platform.startswith("linux"):  # elsewhere the kernel does not enforce it
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY_HEADROOM
    if soft != resource.RLIM_INFINITY:
        limit = min(limit, soft)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
