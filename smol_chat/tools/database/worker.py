"""The process that runs one statement.

Started as a script, `python -I -S worker.py PATH…`, with the folders it imports from. It reads one job from standard
input, limits itself, runs the job and writes one JSON object to standard output. The files it works on are inherited
as descriptors that were opened beneath the workspace.
"""

from __future__ import annotations

import json
import os
import sys
import types
from typing import Any

_PACKAGE = "smol_chat.tools"


def main() -> None:
    """Run the one job of this process."""
    _import_from(sys.argv[1:])
    from smol_chat.tools.database.refused import Refused

    job = json.loads(sys.stdin.buffer.read())
    _limit(int(job["memory"]), int(job["seconds"]) + 2)
    try:
        answer = run_job(job)
    except Refused as refused:
        answer = {"error": {"kind": refused.kind, "message": refused.message}}
    except MemoryError:
        answer = {"error": {"kind": "limit", "message": "The statement needs more memory than it may take."}}
    sys.stdout.buffer.write(json.dumps(answer).encode("utf-8", "backslashreplace"))
    sys.stdout.buffer.flush()
    os._exit(0)  # every connection is closed; nothing else is worth waiting for


def run_job(job: dict[str, Any]) -> dict[str, Any]:
    """Run one job by its task.

    Raises:
        Refused: it was not run or did not succeed.
    """
    if job["task"] == "files":
        from smol_chat.tools.database.data_files import query_files  # late: a library that not everybody has

        return query_files(job)
    if job["task"] == "connected":
        from smol_chat.tools.database.connected import query_connected  # late: as above

        return query_connected(job)
    from smol_chat.tools.database import sqlite

    tasks = {"query": sqlite.query, "preview": sqlite.preview, "write": sqlite.write}
    return tasks[job["task"]](job)


def _import_from(paths: list[str]) -> None:
    """Make this package importable without those around it, which import what only the program itself needs."""
    sys.path[:0] = paths
    package = types.ModuleType(_PACKAGE)
    package.__path__ = [os.path.join(paths[0], *_PACKAGE.split("."))]  # noqa: PTH118  # pathlib costs 10 ms
    sys.modules[_PACKAGE] = package


def _limit(memory: int, seconds: int) -> None:
    """Bound memory and processor time, and die with the program (the latter on Linux only)."""
    import resource

    limits = [(resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0)]
    if sys.platform.startswith("linux"):  # elsewhere the kernel does not enforce it
        import ctypes

        death_signal, no_new_privileges, kill = 1, 38, 9
        prctl = ctypes.CDLL(None).prctl
        prctl(death_signal, kill, 0, 0, 0)
        prctl(no_new_privileges, 1, 0, 0, 0)
        limits.append((resource.RLIMIT_AS, memory))
    for kind, value in limits:
        resource.setrlimit(kind, (value, value))


if __name__ == "__main__":
    main()
