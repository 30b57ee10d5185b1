"""End a process with all the processes of its group."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

_CHUNK = 65_536


async def end_group(process: asyncio.subprocess.Process) -> None:
    """Kill a process started in a session of its own, with its whole group, and wait until it is gone.

    What it still had to say is thrown away: a pipe that nobody reads keeps the process from being collected.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.stdin is not None:
        process.stdin.close()
    if process.stdout is not None:
        with contextlib.suppress(Exception):
            while await process.stdout.read(_CHUNK):
                pass
    await process.wait()
