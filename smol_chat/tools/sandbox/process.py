"""Where Python programs run: a process of their own with limits, locked by the kernel, and the language policy in it.

What the kernel here does not know is left out, and the sandbox's name and sentence say so.
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
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smol_chat.errors import ToolError
from smol_chat.tools.sandbox.base import PythonLimits, PythonOutcome
from smol_chat.tools.sandbox.ending import end_group
from smol_chat.tools.sandbox.layers import Layers, available_layers
from smol_chat.tools.sandbox.worker import HEADER, OUTPUT, PROGRAM, REPORT, STARTED, TERMS

_log = logging.getLogger(__name__)

_MAX_FRAME = 1024 * 1024
_START_SECONDS = 30.0
_IDLE_SECONDS = 0.05
_KEPT_SECONDS = 3600
"""Processor time of all programs of a conversation together; each has its own wall clock as well."""
_KEPT_VARIABLES = ("TZ",)
_ONE_THREAD = {name: "1" for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}
"""The locked process can start no thread, and numpy's libraries want several."""
_PACKAGES = ("numpy", "pandas")


@dataclass(frozen=True, slots=True)
class _Worker:
    """One started process and its private folder."""

    process: asyncio.subprocess.Process
    folder: str


@dataclass(frozen=True, slots=True)
class _Kept:
    """A worker that has run programs of one conversation and has their variables."""

    conversation: str
    worker: _Worker
    talk: _Talk


class ProcessSandbox:
    """Runs each program in a fresh process, started ahead and used once, unless a conversation keeps its own."""

    def __init__(self, python: str = sys.executable, layers: Layers | None = None) -> None:
        """Take another interpreter than our own, or fewer layers than there are."""
        self._python = python
        self._layers = available_layers() if layers is None else layers
        self._next: asyncio.Task[_Worker] | None = None
        self._kept: _Kept | None = None
        self._closed = False

    @property
    def name(self) -> str:
        """Name of the isolation."""
        return self._layers.name

    @property
    def blocks(self) -> str:
        """What it keeps code from doing."""
        return self._layers.blocks

    def prepare(self) -> None:
        """Start the next worker, where none is waiting already."""
        if self._next is None and not self._closed:
            self._next = asyncio.ensure_future(self._start())

    def keeps(self, conversation: str) -> bool:
        """Tell whether variables of the conversation's programs are there."""
        return self._kept is not None and self._kept.conversation == conversation

    async def run_python(self, code: str, limits: PythonLimits, *, keep: str = "") -> PythonOutcome:
        """Run one program.

        Raises:
            ToolError: `unavailable` where no process can be started.
        """
        if keep and self.keeps(keep):
            kept, self._kept = self._kept, None  # nobody else runs anything in it meanwhile
            assert kept is not None  # it keeps something
            return await self._run(kept.worker, kept.talk, code, limits, keep)
        for _ in range(2):  # a worker can have died while it waited
            worker = await self._take()
            talk = _Talk(worker.process, self._layers)
            try:
                began = await talk.begin(limits, code, keep=bool(keep))
            except BaseException:
                await _end(worker)
                raise
            if began:
                return await self._run(worker, talk, code, limits, keep)
            await _end(worker)
        raise ToolError("unavailable", "The process that runs code ends before it begins; see the log.")

    async def _run(self, worker: _Worker, talk: _Talk, code: str, limits: PythonLimits, keep: str) -> PythonOutcome:
        """Run one program in a worker, which is kept where a conversation wants that and ended otherwise."""
        going_on = False
        try:
            outcome = await talk.run(code, limits)
            going_on = bool(keep) and outcome.ended in ("done", "error", "policy") and not self._closed
        finally:
            if not going_on:
                await _end(worker)
        if going_on:
            await self.forget()  # another conversation's
            self._kept = _Kept(keep, worker, talk)
        else:
            # A moment later: starting the next one is not to hold up this result.
            asyncio.get_running_loop().call_later(_IDLE_SECONDS, self.prepare)
        return outcome

    async def forget(self) -> None:
        """End the worker that a conversation has kept."""
        kept, self._kept = self._kept, None
        if kept is not None:
            await _end(kept.worker)

    async def close(self) -> None:
        """End the kept and the waiting worker."""
        self._closed = True
        await self.forget()
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
            return await asyncio.shield(waiting)
        except asyncio.CancelledError:
            self._next = waiting  # it serves the next call
            raise

    async def _start(self) -> _Worker:
        folder = tempfile.mkdtemp(prefix="smol-chat-")
        try:
            process = await asyncio.create_subprocess_exec(
                *(self._python, "-I", "-S", "-X", "utf8", str(Path(__file__).with_name("worker.py")), *_import_paths()),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                cwd=folder,
                env={name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ} | _ONE_THREAD,
                start_new_session=True,
            )
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise ToolError("unavailable", f"No process could be started for the code: {error.strerror}.") from error
        return _Worker(process, folder)


def _import_paths() -> list[str]:
    """Return where the worker finds our packages and the one library it needs; it sees no other installation."""
    library = importlib.util.find_spec("RestrictedPython")
    if library is None or library.origin is None:
        raise ToolError("unavailable", "Running code needs the Python package RestrictedPython; install it.")
    return list(dict.fromkeys((str(Path(__file__).parents[3]), str(Path(library.origin).parents[1]))))


def _installed(package: str) -> bool:
    """Tell whether the worker would find a package, which it looks for beside the library it needs."""
    return any((Path(folder) / package).is_dir() for folder in _import_paths())


class _Talk:
    """Sends programs to one worker and collects what it tells of each, until it ends or its time is over."""

    def __init__(self, process: asyncio.subprocess.Process, layers: Layers) -> None:
        self._process = process
        self._layers = layers
        self._output = bytearray()

    async def begin(self, limits: PythonLimits, code: str, *, keep: bool) -> bool:
        """Have the worker lock itself; False where it ended before.

        Raises:
            ToolError: `unavailable` where the kernel's layers do not hold.
        """
        await self._send(TERMS, json.dumps(self._terms(code, limits, keep=keep)).encode())
        held = await self._started()
        if held is None:
            _log.warning("A sandbox worker ended with code %s before it began", await self._process.wait())
            return False
        if held != {"landlock": self._layers.landlock, "seccomp": self._layers.seccomp}:
            raise ToolError("unavailable", f"The isolation {self._layers.name!r} does not hold here; nothing was run.")
        return True

    async def run(self, code: str, limits: PythonLimits) -> PythonOutcome:
        """Run one program in the locked worker."""
        self._output = bytearray()
        await self._send(PROGRAM, code.encode("utf-8", "surrogatepass"))
        try:
            report = await asyncio.wait_for(self._report(limits.output), limits.seconds)
        except asyncio.TimeoutError:
            return PythonOutcome("time", self._printed, error=f"The code was stopped after {limits.seconds:g} seconds.")
        if report is None:
            _log.warning("A sandbox worker ended with code %s", self._process.returncode)
            return PythonOutcome("died", self._printed, error="The process that ran the code crashed.")
        return _outcome(report, self._printed)

    def _terms(self, code: str, limits: PythonLimits, *, keep: bool) -> dict[str, object]:
        """Return what the worker has to know before it locks itself and reads the program."""
        # Real packages open a way around the language policy, so only a process that the kernel locks gets them.
        packages = [name for name in _PACKAGES if (keep or name in code) and _installed(name)]
        return {
            "landlock": self._layers.landlock,
            "seccomp": self._layers.seccomp,
            "zones": keep or "zoneinfo" in code,  # what a later program will ask for, nobody knows
            "packages": packages if self._layers.seccomp else [],
            # The wall clock ends it first; the limit on processor time is there should this program not be.
            "seconds": _KEPT_SECONDS if keep else math.ceil(limits.seconds) + 2,
            "memory": limits.memory,
            "output": limits.output,
        }

    @property
    def _printed(self) -> str:
        return self._output.decode("utf-8", "replace")

    async def _send(self, kind: bytes, content: bytes) -> None:
        stdin = self._process.stdin
        assert stdin is not None  # it is a pipe
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            stdin.write(HEADER.pack(kind, len(content)) + content)
            await stdin.drain()

    async def _started(self) -> dict[str, object] | None:
        """Return which layers hold, None where the worker did not begin."""
        with contextlib.suppress(asyncio.TimeoutError):
            kind, told = await asyncio.wait_for(self._frame(), _START_SECONDS)
            # It has run nothing of a program's yet, so what it tells is true.
            return dict(json.loads(told)) if kind == STARTED else None
        return None

    async def _report(self, limit: int) -> dict[str, Any] | None:
        """Return the worker's report, None where it ended without one or tells more than it may."""
        while True:
            kind, content = await self._frame()
            if kind == OUTPUT and len(self._output) + len(content) <= limit:
                self._output += content
            elif kind == REPORT:
                with contextlib.suppress(ValueError, RecursionError):
                    return dict(json.loads(content))
                return None
            else:
                return None

    async def _frame(self) -> tuple[bytes, bytes]:
        """Return kind and content of the next frame; without a kind where the worker has ended or tells nonsense."""
        stdout = self._process.stdout
        assert stdout is not None  # it is a pipe
        try:
            kind, length = HEADER.unpack(await stdout.readexactly(HEADER.size))
            return (kind, await stdout.readexactly(length)) if length <= _MAX_FRAME else (b"", b"")
        except asyncio.IncompleteReadError:
            return b"", b""


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
    """Kill the process and its group; the folder goes with it."""
    await end_group(worker.process)
    shutil.rmtree(worker.folder, ignore_errors=True)
