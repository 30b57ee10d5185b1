"""One shell command on its way: feeds the launcher, reads what is printed, stops it in time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from smol_chat.errors import ToolError
from smol_chat.tools.sandbox.backends import Job
from smol_chat.tools.sandbox.base import ShellLimits, ShellOutcome
from smol_chat.tools.sandbox.launcher import LENGTH

_log = logging.getLogger(__name__)

_CHUNK = 65_536
_FLOOD = 64 * 1024 * 1024
"""Bytes of output after which a command is stopped: reading on costs more than it can tell."""
_SPEAK_SECONDS = 0.1
_LINE = 200
_END_SECONDS = 5.0


def _launcher(status: int) -> list[str]:
    """Return the command line of the launcher, which tells what came of a job to the descriptor `status`."""
    here = Path(__file__)
    return [
        sys.executable,
        "-I",
        "-S",
        "-X",
        "utf8",
        str(here.with_name("launcher.py")),
        str(here.parents[3]),
        str(status),
    ]


def _message(job: Job, limits: ShellLimits) -> bytes:
    """Return what the launcher reads first."""
    bounds = {
        "seconds": int(limits.seconds) + 2,
        "memory": limits.memory,
        "processes": limits.processes,
        "file_size": limits.file_size,
    }
    content = json.dumps({**job, "limits": bounds}).encode()
    return LENGTH.pack(len(content)) + content


async def run_job(job: Job, limits: ShellLimits, progress: Callable[[str], None] | None = None) -> ShellOutcome:
    """Run one job to its end.

    Raises:
        ToolError: no process could be started, or it could not be isolated (`unavailable`).
    """
    reading, writing = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            *_launcher(writing),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={},
            start_new_session=True,
            pass_fds=(writing,),
        )
    except OSError as error:
        os.close(reading)
        raise ToolError("unavailable", f"No process could be started: {error.strerror}.") from error
    finally:
        os.close(writing)
    try:
        return await _Running(process, limits, progress).outcome(_message(job, limits), reading)
    finally:
        os.close(reading)


class _Running:
    """One command on its way: feeds the launcher, reads both outputs, stops it in time."""

    def __init__(
        self, process: asyncio.subprocess.Process, limits: ShellLimits, progress: Callable[[str], None] | None
    ) -> None:
        self._process = process
        self._limits = limits
        self._progress = progress
        self._spoke = 0.0
        self._printed = 0
        self._flooded = asyncio.Event()
        self._outputs = (_Kept(limits.output), _Kept(limits.output))

    async def outcome(self, job: bytes, status: int) -> ShellOutcome:
        """Run the job; whatever happens, nothing of it is left."""
        streams = (self._process.stdout, self._process.stderr)
        readers = [asyncio.ensure_future(self._read(*pair)) for pair in zip(streams, self._outputs, strict=True)]
        ended = asyncio.ensure_future(self._process.wait())
        flooded = asyncio.ensure_future(self._flooded.wait())
        try:
            await self._order(job)
            first: list[asyncio.Future[Any]] = [ended, flooded]
            await asyncio.wait(first, timeout=self._limits.seconds, return_when=asyncio.FIRST_COMPLETED)
            in_time = ended.done()
        finally:
            flooded.cancel()
            await self._stop(ended, readers)
        return self._told(_status(status), in_time=in_time)

    async def _order(self, job: bytes) -> None:
        stdin = self._process.stdin
        assert stdin is not None  # it is a pipe
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            stdin.write(job)
            await stdin.drain()

    async def _stop(self, ended: asyncio.Future[int], readers: Sequence[asyncio.Future[None]]) -> None:
        """Close the launcher's input, on which it kills everything and ends; then both outputs end too."""
        stdin = self._process.stdin
        assert stdin is not None  # it is a pipe
        stdin.close()
        waited: list[asyncio.Future[Any]] = [ended, *readers]
        await asyncio.wait(waited, timeout=_END_SECONDS)
        if not ended.done():
            _log.error("The launcher of a command does not end; it is killed")
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        for reader in readers:
            reader.cancel()
        await asyncio.gather(ended, *readers, return_exceptions=True)

    async def _read(self, stream: asyncio.StreamReader | None, kept: _Kept) -> None:
        assert stream is not None  # it is a pipe
        while data := await stream.read(_CHUNK):
            kept.add(data)
            self._printed += len(data)
            if self._printed > _FLOOD:
                self._flooded.set()
            self._speak(data)

    def _speak(self, data: bytes) -> None:
        now = asyncio.get_running_loop().time()
        if self._progress is None or now - self._spoke < _SPEAK_SECONDS:
            return
        lines = data.decode("utf-8", "replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        if last:
            self._spoke = now
            self._progress(last[-_LINE:])

    def _told(self, status: dict[str, object], *, in_time: bool) -> ShellOutcome:
        stdout, stderr = (kept.text() for kept in self._outputs)
        if status.get("ended") == "refused":
            raise ToolError("unavailable", f"The command could not be isolated, so it was not run: {status['reason']}.")
        if self._flooded.is_set():
            reason = f"it printed more than {_FLOOD // 1_048_576} MB"
            return ShellOutcome("limit", stdout, stderr, reason=reason)
        if not in_time:
            return ShellOutcome("time", stdout, stderr)
        code = status.get("code")
        if status.get("ended") == "done" and isinstance(code, int):
            return ShellOutcome("done", stdout, stderr, code)
        reason = str(status.get("reason") or "the process that watches it ended")
        return ShellOutcome("limit", stdout, stderr, reason=reason)


def _status(descriptor: int) -> dict[str, object]:
    """Return what the launcher told; it has ended, so nothing blocks."""
    told = os.read(descriptor, _CHUNK)
    with contextlib.suppress(ValueError):
        return dict(json.JSONDecoder().raw_decode(told.decode())[0])
    return {}


class _Kept:
    """The beginning and the end of an output."""

    def __init__(self, limit: int) -> None:
        self._half = max(1, limit // 2)
        self._head = bytearray()
        self._tail = bytearray()
        self._size = 0

    def add(self, data: bytes) -> None:
        """Keep what fits."""
        self._size += len(data)
        room = self._half - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > 2 * self._half:
            del self._tail[: -self._half]

    def text(self) -> str:
        """Return what was kept, saying what was left out."""
        tail = bytes(self._tail[-self._half :])
        dropped = self._size - len(self._head) - len(tail)
        head = bytes(self._head)
        if not dropped:
            return (head + tail).decode("utf-8", "replace")
        return f"{head.decode('utf-8', 'replace')}\n[{dropped:,} bytes left out]\n{tail.decode('utf-8', 'replace')}"
