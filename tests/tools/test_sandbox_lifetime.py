"""The worker processes: what they are given, when they end."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from smol_chat.errors import ToolError
from smol_chat.tools.sandbox.base import PythonLimits, PythonOutcome
from smol_chat.tools.sandbox.process import ProcessSandbox

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")


async def run(sandbox: ProcessSandbox, code: str) -> PythonOutcome:
    return await sandbox.run_python(code, PythonLimits(seconds=20))


def children() -> set[int]:
    """Return this process's child processes that still run."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return {int(pid) for pid in listed}


@linux
async def test_the_worker_is_given_nothing_and_can_gain_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMOL_CHAT_CANARY", "secret")
    before = children()
    sandbox = ProcessSandbox()
    sandbox.prepare()
    try:
        while not children() - before:
            await asyncio.sleep(0.01)
        (pid,) = children() - before
        worker = Path(f"/proc/{pid}")
        while "NoNewPrivs:\t1" not in (worker / "status").read_text():  # set first thing when it runs
            await asyncio.sleep(0.01)
        assert b"secret" not in (worker / "environ").read_bytes()
        assert all(str((worker / "fd" / number).readlink()).startswith("pipe:") for number in "01")
        assert os.getsid(pid) == pid
    finally:
        await sandbox.close()


@linux
async def test_cancelling_kills_the_process_and_takes_its_folder() -> None:
    sandbox = ProcessSandbox()
    before = children()
    call = asyncio.create_task(run(sandbox, "while True: pass"))
    while not children() - before:
        await asyncio.sleep(0.01)
    (pid,) = children() - before
    folder = Path(f"/proc/{pid}/cwd").readlink()
    assert folder.name.startswith("smol-chat-")
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await sandbox.close()
    assert children() == before
    assert not folder.exists()


@linux
async def test_a_worker_killed_while_it_waits_is_replaced() -> None:
    sandbox = ProcessSandbox()
    before = children()
    try:
        assert (await run(sandbox, "1")).value == "1"
        while not children() - before:
            await asyncio.sleep(0.01)
        for pid in children() - before:
            os.kill(pid, 9)
        assert (await run(sandbox, "2")).value == "2"
    finally:
        await sandbox.close()


@linux
async def test_closing_ends_every_process() -> None:
    before = children()
    sandbox = ProcessSandbox()
    await run(sandbox, "1")
    await sandbox.close()
    assert children() == before
    with pytest.raises(ToolError) as caught:
        await run(sandbox, "1")
    assert caught.value.kind == "unavailable"


async def test_without_a_python_it_says_so() -> None:
    sandbox = ProcessSandbox(python="/no/such/python")
    with pytest.raises(ToolError) as caught:
        await run(sandbox, "1")
    assert caught.value.kind == "unavailable"
    assert caught.value.message == "No process could be started for the code: No such file or directory."
    await sandbox.close()
