from __future__ import annotations

from pathlib import Path

import pytest

from smol_chat.messages import Origin
from smol_chat.tools import ToolWorkbench, preview_call, run_tool
from smol_chat.tools.sandbox.backends import Limited
from smol_chat.tools.sandbox.shell import REFUSED, IsolatedShell
from support.tool_context import call, failure, the_tool, workbench
from tool_impls.shell_command import ShellCommandSettings


@pytest.mark.parametrize(
    ("command", "content"),
    [
        ("echo out", "exit code 0\n--- stdout\nout"),
        ("echo err >&2; exit 2", "exit code 2\n--- stderr\nerr"),
        ("echo out; echo err >&2", "exit code 0\n--- stdout\nout\n--- stderr\nerr"),
        ("true", "exit code 0"),
    ],
)
async def test_exit_code_and_both_outputs_come_back(command: str, content: str, tmp_path: Path) -> None:
    async with workbench(tmp_path) as bench:
        result = await call(bench, "shell_command", command=command)
        assert result.sandbox == bench.shell.isolation().name
    assert (result.content, result.origin) == (content, Origin.PROGRAM)


@pytest.mark.parametrize(
    ("command", "kind", "message"),
    [
        ("echo a; sleep 1000", "timeout", "--- stdout\na\nThe command was stopped after 1 seconds."),
        ("  ", "invalid_arguments", "The command is empty; write what /bin/sh is to run."),
        ("echo\0", "invalid_arguments", "The command has a NUL character; no shell takes one."),
        ("#" * 100_001, "limit", "The command has 100,001 characters; at most 100,000 can be run."),
    ],
)
async def test_each_way_to_fail_has_its_kind(command: str, kind: str, message: str, tmp_path: Path) -> None:
    async with workbench(tmp_path, settings={ShellCommandSettings: ShellCommandSettings(seconds=1)}) as bench:
        assert failure(await call(bench, "shell_command", command=command)) == (kind, message)


async def test_without_isolation_it_is_refused_and_says_what_to_do(tmp_path: Path) -> None:
    bench = ToolWorkbench(tmp_path, shell=IsolatedShell(tmp_path, backends=[Limited()]))
    result = await run_tool(the_tool("shell_command"), {"command": "touch ran"}, bench)
    await bench.close()
    assert failure(result) == ("unavailable", REFUSED)
    assert list(tmp_path.iterdir()) == []


async def test_the_preview_shows_command_folder_and_isolation(tmp_path: Path) -> None:
    async with workbench(tmp_path) as bench:
        shown = await preview_call(the_tool("shell_command"), {"command": "ls | wc"}, bench)
        isolation = bench.shell.isolation()
    assert (shown.summary, shown.body, shown.language) == (f"Run a shell command in {tmp_path}.", "ls | wc", "bash")
    assert shown.isolation == f"{isolation.name}: {isolation.blocks}"


async def test_the_card_warns_where_the_workspace_is_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    async with workbench(tmp_path) as bench:
        shown = await preview_call(the_tool("shell_command"), {"command": "ls"}, bench)
    assert "That is your home folder" in shown.summary
