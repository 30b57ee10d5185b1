"""The sandbox that works everywhere: a process of its own with limits, and the language policy inside it.

It does not ask the kernel to isolate the process beyond its limits; its name says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import logging
import math
import os
import shutil
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smol_chat.errors import ToolError
from smol_chat.tools.sandbox.base import PythonLimits, PythonOutcome
from smol_chat.tools.sandbox.worker import HEADER, OUTPUT, REPORT

_log = logging.getLogger(__name__)

_MAX_FRAME = 1024 * 1024
_KEPT_VARIABLES = ("TZ",)


@dataclass(frozen=True, slots=True)
class _Worker:
    """One started process and its private folder."""

    process: asyncio.subprocess.Process
    folder: str


class ProcessSandbox:
    """Runs each program in a fresh process, started ahead of need and used once."""

    name = "process + limits"
    blocks = (
        "A separate process without files, network, other programs or your environment by Python's rules, "
        "with limits on time and memory; no isolation by the kernel."
    )

    def __init__(self, python: str = sys.executable) -> None:
        self._python = python
        self._next: asyncio.Task[_Worker] | None = None
        self._closed = False

    def prepare(self) -> None:
        """Start the next worker, where none is waiting already."""
        if self._next is None and not self._closed:
            self._next = asyncio.ensure_future(self._start())

    async def run_python(self, code: str, limits: PythonLimits) -> PythonOutcome:
        """Run one program.

        Raises:
            ToolError: `unavailable` where no process can be started.
        """
        worker = await self._take()
        try:
            outcome = await _conversation(worker.process, code, limits)
        finally:
            await _end(worker)
        self.prepare()
        return outcome

    async def close(self) -> None:
        """End the waiting worker."""
        self._closed = True
        waiting, self._next = self._next, None
        if waiting is None:
            return
        with contextlib.suppress(ToolError):
            await _end(await waiting)

    async def _take(self) -> _Worker:
        self.prepare()
        waiting, self._next = self._next, None
        if waiting is None:
            raise ToolError("unavailable", "The sandbox is closed.")
        try:
            worker = await asyncio.shield(waiting)
        except asyncio.CancelledError:
            self._next = waiting  # it serves the next call
            raise
        if worker.process.returncode is None:
            return worker
        await _end(worker)  # it died while it waited
        return await self._start()

    async def _start(self) -> _Worker:
        folder = tempfile.mkdtemp(prefix="smol-chat-")
        try:
            process = await asyncio.create_subprocess_exec(
                *(self._python, "-I", "-S", "-X", "utf8", str(Path(__file__).with_name("worker.py")), *_import_paths()),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                cwd=folder,
                env={name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ},
                start_new_session=True,
            )
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise ToolError("unavailable", f"No process could be started for the code: {error.strerror}.") from error
        return _Worker(process, folder)


def _import_paths() -> list[str]:
    """Return where the worker finds our packages and the one library it needs; it sees no other installation."""
    ours = str(Path(__file__).parents[3])
    paths = [ours]
    for package in ("RestrictedPython", "typing_extensions"):
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            raise ToolError("unavailable", f"Running code needs the Python package {package}; install it.")
        origin = Path(spec.origin)
        paths.append(str(origin.parents[1] if origin.name == "__init__.py" else origin.parent))
    return list(dict.fromkeys(paths))


async def _conversation(process: asyncio.subprocess.Process, code: str, limits: PythonLimits) -> PythonOutcome:
    """Send the program, collect what it tells until it ends or its time is over."""
    # The wall clock ends it first; the limit on processor time is there should this program not be.
    seconds = math.ceil(limits.seconds) + 2
    job = {"code": code, "seconds": seconds, "memory": limits.memory, "output": limits.output}
    output = bytearray()
    try:
        report = await asyncio.wait_for(_exchange(process, json.dumps(job).encode(), output), limits.seconds)
        timed_out = False
    except asyncio.TimeoutError:
        report, timed_out = None, True
    printed = output.decode("utf-8", "replace")
    if report is not None:
        return _outcome(report, printed)
    code_of_end = None if timed_out else await process.wait()
    if timed_out:
        return PythonOutcome("time", printed, error=f"The code was stopped after {limits.seconds:g} seconds.")
    _log.warning("A sandbox worker ended with code %s", code_of_end)
    return PythonOutcome("died", printed, error="The process that ran the code crashed.")


async def _exchange(process: asyncio.subprocess.Process, job: bytes, output: bytearray) -> dict[str, Any] | None:
    """Return the worker's report, None where it ended without one."""
    assert process.stdin is not None and process.stdout is not None  # both are pipes
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(job)
        await process.stdin.drain()
        process.stdin.close()
    try:
        while True:
            kind, length = HEADER.unpack(await process.stdout.readexactly(HEADER.size))
            if length > _MAX_FRAME:
                return None
            content = await process.stdout.readexactly(length)
            if kind == OUTPUT:
                output += content
            elif kind == REPORT:
                return dict(json.loads(content))
    except (asyncio.IncompleteReadError, ValueError):
        return None


def _outcome(report: dict[str, Any], printed: str) -> PythonOutcome:
    ended = report.get("ended")
    value, error = report.get("value"), report.get("error")
    return PythonOutcome(
        ended if ended in ("done", "error", "policy", "memory") else "died",
        printed,
        value=str(value) if value is not None else None,
        error=str(error or ""),
        output_cut=bool(report.get("output_cut")),
    )


async def _end(worker: _Worker) -> None:
    """Kill the whole process group and wait for it; the folder goes with it."""
    process = worker.process
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.stdin is not None:
        process.stdin.close()
    if process.stdout is not None:
        with contextlib.suppress(Exception):
            while await process.stdout.read(65536):
                pass
    await process.wait()
    shutil.rmtree(worker.folder, ignore_errors=True)
