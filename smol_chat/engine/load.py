"""What this program takes of the machine: processor time and memory, its own and that of what it started."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")


@dataclass(frozen=True, slots=True)
class Load:
    """Seconds of processor time and bytes of memory so far; `others` are the processes this one started: the model."""

    at: float
    """Monotonic seconds."""
    own_s: float
    others_s: float
    own_bytes: int
    others_bytes: int
    busy_s: float
    """Of the whole machine, all cores together; 0 where it does not tell."""


def read_load(root: Path = ROOT, pid: int | None = None) -> Load:
    """Read how things stand; two of them tell what happened in between. Takes a few milliseconds."""
    own = os.getpid() if pid is None else pid
    processes = _processes(root)
    tree = _descendants(own, {number: parent for number, (parent, _, _) in processes.items()})
    _, seconds, size = processes.get(own, (0, time.process_time(), 0))
    return Load(
        time.monotonic(),
        seconds,
        sum(processes[number][1] for number in tree),
        size,
        sum(processes[number][2] for number in tree),
        _busy(root),
    )


def _processes(root: Path) -> dict[int, tuple[int, float, int]]:
    """Return parent, processor time and memory of every process that can be seen."""
    found: dict[int, tuple[int, float, int]] = {}
    tick, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    for folder in (root / "proc").glob("[0-9]*"):
        try:
            # The name, in brackets, may hold anything; what counts stands behind it.
            fields = (folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            parent, user, system, pages = (int(fields[place]) for place in (1, 11, 12, 21))
            found[int(folder.name)] = (parent, (user + system) / tick, pages * page)
        except (OSError, ValueError, IndexError):
            continue  # it has just ended
    return found


def _descendants(own: int, parents: dict[int, int]) -> list[int]:
    children: dict[int, list[int]] = {}
    for number, parent in parents.items():
        children.setdefault(parent, []).append(number)
    found: list[int] = []
    waiting = [own]
    while waiting:
        started = children.get(waiting.pop(), [])
        found += started
        waiting += started
    return found


def _busy(root: Path) -> float:
    try:
        first = (root / "proc/stat").read_text("utf-8", "replace").split("\n", 1)[0].split()
        user, nice, system, _, _, irq, soft = map(int, first[1:8])
    except (OSError, ValueError):
        return 0.0
    return (user + nice + system + irq + soft) / os.sysconf("SC_CLK_TCK")
