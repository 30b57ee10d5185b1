"""What this machine has for a model: cores, memory, whether it is a Jetson. `root` is where the system's files lie."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")

_UNLIMITED = 1 << 60
"""A cgroup's number above this means that there is no limit."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Cores this process may compute on, and in words how that was counted."""

    count: int
    counted: str


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of memory: of the machine (or of the container), and what a new program could use without swapping."""

    total: int
    available: int
    limited: bool = False
    """A container's limit is what counts, not the machine's memory."""


def default_threads() -> int:
    """Return physical cores minus one, at least one.

    A compute thread on every core makes each wait for the slowest, so that one other busy program costs two thirds of
    the speed; a second thread on one core brings nothing.
    """
    return max(1, cores().count - 1)


def cores(root: Path = ROOT, allowed: frozenset[int] | None = None) -> Cores:
    """Count physical cores: those this process may use, the fast ones where there are two kinds, within its quota."""
    if allowed is None:
        allowed = _usable_processors()
    fast = _fast_processors(root, allowed)
    kind = "performance cores" if fast != allowed else "physical cores"
    siblings = {_text(root / f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") for cpu in fast}
    if "" in siblings:  # a container may hide it
        count, kind = len(fast), "cores"
    else:
        count = len(siblings)
    quota = _quota(root)
    if quota is not None and quota < count:
        return Cores(max(1, quota), "cores of the container's quota")
    return Cores(max(1, count), kind if count != 1 else kind.removesuffix("s"))


def memory(root: Path = ROOT) -> Memory:
    """Return the machine's memory, or what a container's limit leaves of it."""
    found = dict(re.findall(r"^(\w+):\s+(\d+) kB", _text(root / "proc/meminfo"), re.MULTILINE))
    total = int(found["MemTotal"]) * 1024 if "MemTotal" in found else _sysconf_memory()
    available = int(found["MemAvailable"]) * 1024 if "MemAvailable" in found else total
    limited = False
    for limit, used in _cgroup_limits(root):
        limited = limited or limit - used < available
        total, available = min(total, limit), min(available, max(0, limit - used))
    return Memory(total, available, limited)


def jetson_model(root: Path = ROOT) -> str:
    """Return the name of the NVIDIA Jetson this is; empty on other machines."""
    model = _text(root / "proc/device-tree/model").rstrip("\0")
    return model if "jetson" in model.lower() or "orin" in model.lower() else ""


def processor_name(root: Path = ROOT) -> str:
    """Return what the processor calls itself; empty where it does not."""
    found = re.search(r"^(?:model name|Model|Hardware)\s*:\s*(.+)$", _text(root / "proc/cpuinfo"), re.MULTILINE)
    return found[1] if found else ""


def _usable_processors() -> frozenset[int]:
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def _fast_processors(root: Path, allowed: frozenset[int]) -> frozenset[int]:
    """Leave out efficiency cores: one slow thread makes all others wait for it."""
    fast = _cpu_list(_text(root / "sys/devices/cpu_core/cpus")) & allowed  # Intel
    if fast:
        return fast
    capacity = {cpu: _text(root / f"sys/devices/system/cpu/cpu{cpu}/cpu_capacity").strip() for cpu in allowed}  # ARM
    known = {cpu: int(text) for cpu, text in capacity.items() if text.isdigit()}
    if len(known) < len(allowed):
        return allowed
    return frozenset(cpu for cpu, value in known.items() if value * 4 >= max(known.values()) * 3)


def _cpu_list(text: str) -> frozenset[int]:
    """Read a list such as `0-3,8`."""
    ranges = (part.partition("-") for part in text.strip().split(",") if part)
    try:
        return frozenset(cpu for first, _, last in ranges for cpu in range(int(first), int(last or first) + 1))
    except ValueError:
        return frozenset()


def _quota(root: Path) -> int | None:
    """Return how many cores' time the container may use, rounded down."""
    for folder in _cgroups(root):
        limit, _, period = _text(folder / "cpu.max").strip().partition(" ")
        if limit.isdigit() and period.isdigit() and int(period):
            return int(limit) // int(period)
    return None


def _cgroup_limits(root: Path) -> list[tuple[int, int]]:
    """Return (limit, what is used and cannot be let go) of the cgroups this process is in."""
    limits = []
    for folder in _cgroups(root):
        limit, used = _number(folder / "memory.max"), _number(folder / "memory.current")
        if limit is not None and used is not None:
            limits.append((limit, used - _cached(folder / "memory.stat", "")))
    first = root / "sys/fs/cgroup/memory"  # the older kind
    limit, used = _number(first / "memory.limit_in_bytes"), _number(first / "memory.usage_in_bytes")
    if limit is not None and used is not None and limit < _UNLIMITED:
        limits.append((limit, used - _cached(first / "memory.stat", "total_")))
    return limits


def _cgroups(root: Path) -> list[Path]:
    """Return the folders of this process's cgroup and of those it lies in."""
    found = re.search(r"^0::/(.*)$", _text(root / "proc/self/cgroup"), re.MULTILINE)
    top = root / "sys/fs/cgroup"
    own = top / found[1] if found and ".." not in found[1] else top
    return [own, *(parent for parent in own.parents if parent.is_relative_to(top))]


def _cached(stat: Path, prefix: str) -> int:
    """Return the bytes of files in memory, which the kernel can drop: a model that was loaded before is among them."""
    found = re.findall(rf"^{prefix}(?:in)?active_file (\d+)$", _text(stat), re.MULTILINE)
    return sum(map(int, found))


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _sysconf_memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
