"""Cores and memory are counted as the system tells them, within what a container may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from smol_chat.engine import hardware
from smol_chat.engine.hardware import Cores, Memory, cores, default_threads, jetson_model, memory

GIB = 1024**3


def put(root: Path, **files: str) -> None:
    """Write system files; `__` in a name stands for a slash."""
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def topology(root: Path, *siblings: str) -> frozenset[int]:
    for cpu, text in enumerate(siblings):
        put(root, **{f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list": text})
    return frozenset(range(len(siblings)))


def test_two_threads_of_a_core_count_once(tmp_path: Path) -> None:
    allowed = topology(tmp_path, "0,2", "1,3", "0,2", "1,3")
    assert cores(tmp_path, allowed) == Cores(2, "physical cores")
    assert cores(tmp_path, frozenset({0, 2})) == Cores(1, "physical core")


def test_without_topology_every_processor_counts(tmp_path: Path) -> None:
    assert cores(tmp_path, frozenset(range(3))) == Cores(3, "cores")


def test_efficiency_cores_are_left_out(tmp_path: Path) -> None:
    allowed = topology(tmp_path, "0-1", "0-1", "2-3", "2-3", "4", "5", "6", "7")
    put(tmp_path, sys__devices__cpu_core__cpus="0-3\n")
    assert cores(tmp_path, allowed) == Cores(2, "performance cores")


def test_small_arm_cores_are_left_out(tmp_path: Path) -> None:
    allowed = topology(tmp_path, "0", "1", "2", "3")
    for cpu, capacity in enumerate((430, 430, 1024, 900)):
        put(tmp_path, **{f"sys/devices/system/cpu/cpu{cpu}/cpu_capacity": f"{capacity}\n"})
    assert cores(tmp_path, allowed) == Cores(2, "performance cores")


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("200000 100000", 2), ("50000 100000", 1), ("max 100000", 4), ("800000 100000", 4), ("nonsense", 4)],
)
def test_a_containers_quota_counts(tmp_path: Path, quota: str, expected: int) -> None:
    allowed = topology(tmp_path, "0", "1", "2", "3")
    put(tmp_path, proc__self__cgroup="0::/\n", **{"sys/fs/cgroup/cpu.max": f"{quota}\n"})
    assert cores(tmp_path, allowed).count == expected


def test_available_memory_is_what_the_system_says(tmp_path: Path) -> None:
    put(tmp_path, proc__meminfo="MemTotal:       16777216 kB\nMemFree: 1 kB\nMemAvailable:    8388608 kB\n")
    assert memory(tmp_path) == Memory(16 * GIB, 8 * GIB)


def test_a_containers_limit_counts_less_what_it_uses_but_could_drop(tmp_path: Path) -> None:
    put(tmp_path, proc__meminfo="MemTotal: 16777216 kB\nMemAvailable: 8388608 kB\n", proc__self__cgroup="0::/a/b\n")
    inner, outer = tmp_path / "sys/fs/cgroup/a/b", tmp_path / "sys/fs/cgroup/a"
    inner.mkdir(parents=True)
    (inner / "memory.max").write_text("max\n")
    (inner / "memory.current").write_text("5\n")
    (outer / "memory.max").write_text(f"{4 * GIB}\n")
    (outer / "memory.current").write_text(f"{2 * GIB}\n")
    (outer / "memory.stat").write_text(f"anon 7\ninactive_file {GIB // 2}\nactive_file {GIB // 2}\n")
    assert memory(tmp_path) == Memory(4 * GIB, 3 * GIB, limited=True)


def test_the_older_kind_of_limit_counts(tmp_path: Path) -> None:
    put(tmp_path, proc__meminfo="MemTotal: 16777216 kB\nMemAvailable: 8388608 kB\n")
    folder = tmp_path / "sys/fs/cgroup/memory"
    folder.mkdir(parents=True)
    (folder / "memory.limit_in_bytes").write_text(f"{2 * GIB}\n")
    (folder / "memory.usage_in_bytes").write_text(f"{GIB}\n")
    assert memory(tmp_path).available == GIB
    (folder / "memory.stat").write_text("active_file 9\ntotal_active_file 4096\ntotal_inactive_file 4096\n")
    assert memory(tmp_path).available == GIB + 8192
    (folder / "memory.limit_in_bytes").write_text("9223372036854771712\n")  # no limit
    assert memory(tmp_path).available == 8 * GIB


def test_a_jetson_is_known_by_its_device_tree(tmp_path: Path) -> None:
    assert jetson_model(tmp_path) == ""
    put(tmp_path, **{"proc/device-tree/model": "NVIDIA Jetson Orin Nano Developer Kit\0"})
    assert jetson_model(tmp_path) == "NVIDIA Jetson Orin Nano Developer Kit"
    put(tmp_path, **{"proc/device-tree/model": "Raspberry Pi 5\0"})
    assert jetson_model(tmp_path) == ""


def test_this_machine_has_cores_and_memory() -> None:
    assert default_threads() >= 1
    real = hardware.memory()
    assert 0 < real.available <= real.total
