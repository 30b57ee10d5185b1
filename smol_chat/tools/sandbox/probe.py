"""Which isolation really works: each is tried with a command that must fail to get out of it."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from smol_chat.errors import ToolError
from smol_chat.tools.sandbox.backends import Backend, Limited
from smol_chat.tools.sandbox.base import ShellLimits
from smol_chat.tools.sandbox.command import run_job

_log = logging.getLogger(__name__)

_LIMITS = ShellLimits(seconds=10)
_CANARY = "canary-of-the-probe"

# A trial ends with 0 only where everything that must fail failed and everything that must work worked.
_TRIAL = """
cat '{outside}/canary' && exit 11
echo changed > '{outside}/canary' && exit 12
ls '{outside}' && exit 13
cat /proc/{parent}/environ && exit 14
echo written > written && test "$(cat written)" = written || exit 15
exit 0
"""


def choose(backends: Sequence[Backend]) -> Backend:
    """Return the first that works. Runs an event loop of its own: call it where none runs, as in a thread."""
    for backend in backends:
        problem = _problem(backend)
        if not problem:
            return backend
        _log.warning("Commands are not isolated by %s: %s", backend.isolation.name, problem)
    return Limited()


def _problem(backend: Backend) -> str:
    """Say why a way cannot be used, empty where it can."""
    with tempfile.TemporaryDirectory(prefix="smol-chat-") as folder:
        outside, workspace, private = (Path(folder, name) for name in ("outside", "workspace", "private"))
        for each in (outside, workspace, private):
            each.mkdir()
        canary = outside / "canary"
        canary.write_text(_CANARY)
        command = _TRIAL.format(outside=outside, parent=os.getpid()) if backend.isolation.contained else "exit 0"
        try:
            done = asyncio.run(run_job(backend.job(command, workspace, private), _LIMITS))
        except ToolError as error:
            return error.message
        if _CANARY in done.stdout or canary.read_text() != _CANARY:
            return "a file outside was reached"
        if done.code != 0:
            return f"the trial ended with {done.code or done.reason or done.ended}: {done.stderr.strip()[-300:]}"
        if backend.isolation.contained and not (workspace / "written").is_file():
            return "the workspace was not written"
    return ""
