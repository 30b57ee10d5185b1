"""The worker process as the program sees it: started, talked to, and explained when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
from pathlib import Path

import smol_chat
from smol_chat.engine import wire
from smol_chat.errors import EngineCrashedError
from smol_chat.messages import JsonObject

MAX_LOG = 1024 * 1024
"""Bytes after which the log is set aside; one older log is kept."""

EXIT_SECONDS = 2.0


class WorkerProcess:
    """One running worker. After any failure it is of no more use: close it and start another."""

    def __init__(self, process: asyncio.subprocess.Process, log_file: Path, log_start: int) -> None:
        self._process = process
        self._log_file = log_file
        self._log_start = log_start
        self._was_silent = False

    @classmethod
    async def start(cls, log_file: Path) -> WorkerProcess:
        """Start a worker that writes its log to `log_file`."""
        descriptor = _open_log(log_file)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "smol_chat.engine.worker",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=descriptor,
                # `-m` looks for modules in the working directory first: it must be ours, not the user's
                cwd=Path(smol_chat.__file__).parent.parent,
                # the debugger llama.cpp would start to print a trace can hang
                env={**os.environ, "GGML_NO_BACKTRACE": "1"},
                start_new_session=True,  # ctrl+c in the terminal is not for the worker
            )
            return cls(process, log_file, os.fstat(descriptor).st_size)
        finally:
            os.close(descriptor)

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._process.pid

    async def send(self, frame: JsonObject) -> None:
        """Send one frame; a worker that is gone is noticed when reading."""
        assert self._process.stdin is not None
        self.post(frame)
        with contextlib.suppress(ConnectionError):
            await self._process.stdin.drain()

    def post(self, frame: JsonObject) -> None:
        """Send one small frame without waiting."""
        assert self._process.stdin is not None
        if not self._process.stdin.is_closing():
            self._process.stdin.write(wire.pack(frame))

    async def receive(self, timeout: float | None = None) -> JsonObject:
        """Return the next frame.

        Raises:
            EngineCrashedError: the worker ended, or was silent for `timeout` seconds.
            FrameError: it sent garbage.
        """
        assert self._process.stdout is not None
        # `wait_for` would cost a task for every frame, and a silent worker is ended anyway
        timer = asyncio.get_running_loop().call_later(timeout, self._end_silent) if timeout is not None else None
        try:
            return await wire.receive(self._process.stdout)
        except asyncio.IncompleteReadError as error:
            await self.close()
            if self._was_silent:
                raise EngineCrashedError(f"The engine said nothing for {timeout:.0f} seconds and was ended.") from error
            raise EngineCrashedError(f"The engine stopped unexpectedly ({self._reason()}).") from error
        finally:
            if timer:
                timer.cancel()

    def _end_silent(self) -> None:
        self._was_silent = True
        self.kill()

    def kill(self) -> None:
        """End the worker at once."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def close(self) -> None:
        """End the worker: politely, then not. Nothing happens when it has ended already."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), EXIT_SECONDS)
        except asyncio.TimeoutError:
            self.kill()
            await self._process.wait()
        while await self._process.stdout.read(65536):  # what nobody read would keep the pipe open
            pass
        with contextlib.suppress(ConnectionError):
            await self._process.stdin.wait_closed()

    def _reason(self) -> str:
        """Return how the process ended and the last thing it said about that."""
        code = self._process.returncode
        how = f"exit code {code}"
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                how = signal.Signals(-code).name
        said = self._last_words()
        return f"{how}: {said}" if said else how

    def _last_words(self) -> str:
        try:
            with self._log_file.open("rb") as log:
                log.seek(max(self._log_start, log.seek(0, os.SEEK_END) - 4096))
                lines = log.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        said = [line.strip() for line in lines if line.strip()]
        telling = [line for line in said if "ASSERT" in line or "rror" in line]
        line = re.sub(r"^\S*/", "", (telling or said or [""])[-1])  # where llama.cpp was built is of no interest
        return "".join(character for character in line if character.isprintable())[:200]


def _open_log(log_file: Path) -> int:
    log_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        if log_file.stat().st_size > MAX_LOG:
            log_file.replace(log_file.with_name(log_file.name + ".1"))
    return os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
