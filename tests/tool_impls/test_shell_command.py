from __future__ import annotations

from pathlib import Path

import pytest

from smol_chat.messages import Origin
from smol_chat.tools import ANY_HOST, Effect, ToolWorkbench, preview_call, run_tool
from smol_chat.tools.egress import OFFLINE, Egress, Ledger
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
    assert shown.isolation == f"{isolation.name}: {isolation.sentences()}"
    assert shown.hosts == ()


async def test_the_card_warns_where_the_workspace_is_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    async with workbench(tmp_path) as bench:
        shown = await preview_call(the_tool("shell_command"), {"command": "ls"}, bench)
    assert "That is your home folder" in shown.summary


# --- with the network ---------------------------------------------------------------------------


def test_a_command_with_the_network_counts_as_sending_so_no_rule_covers_it() -> None:
    tool = the_tool("shell_command")
    assert (tool.effect, tool.effect_of({"command": "ls", "network": False})) == (Effect.EXECUTE, Effect.EXECUTE)
    assert tool.effect_of({"command": "ls", "network": True}) is Effect.SEND


async def test_the_card_says_in_words_that_the_network_is_open(tmp_path: Path) -> None:
    async with workbench(tmp_path) as bench:
        shown = await preview_call(the_tool("shell_command"), {"command": "ls", "network": True}, bench)
    assert "with the network: it can connect to any host" in shown.summary
    assert "The isolation does not block that." in shown.summary
    assert shown.hosts == (ANY_HOST,)
    assert shown.isolation.endswith("The NETWORK IS OPEN to it.")


async def test_a_command_with_the_network_is_on_record_and_one_without_is_not(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "egress.db")
    (tmp_path / "workspace").mkdir()
    async with workbench(tmp_path / "workspace", egress=Egress(ledger)) as bench:
        await call(bench, "shell_command", command="true")
        assert ledger.read(10) == []
        result = await call(bench, "shell_command", command="true", network=True)
        (made,) = ledger.read(10)
    assert result.ok
    assert (made.host, made.port, made.address, made.state, made.exact) == (ANY_HOST, 0, "", "closed", False)
    assert (made.caller.tool, made.caller.call_id) == ("shell_command", "call-1")


async def test_offline_no_command_gets_the_network_and_the_others_run(tmp_path: Path) -> None:
    async with workbench(tmp_path, egress=Egress(offline=True)) as bench:
        refused = await call(bench, "shell_command", command="touch ran", network=True)
        shown = await preview_call(the_tool("shell_command"), {"command": "ls", "network": True}, bench)
        assert (await call(bench, "shell_command", command="true")).ok
    assert failure(refused) == ("blocked", OFFLINE)
    assert shown.summary == f"This call would fail: {OFFLINE}"
    assert list(tmp_path.iterdir()) == []


async def test_where_nothing_blocks_the_network_offline_means_no_command_at_all(tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    ledger = Ledger(tmp_path / "egress.db")
    egress = Egress(ledger)
    shell = IsolatedShell(tmp_path / "workspace", allow_unisolated=True, backends=[Limited()])
    bench = ToolWorkbench(tmp_path / "workspace", shell=shell, egress=egress)
    try:
        assert (await run_tool(the_tool("shell_command"), {"command": "true"}, bench)).ok
        assert [made.host for made in ledger.read(10)] == [ANY_HOST]
        egress.offline = True
        assert failure(await run_tool(the_tool("shell_command"), {"command": "touch ran"}, bench))[0] == "blocked"
    finally:
        await bench.close()
    assert not (tmp_path / "workspace" / "ran").exists()


async def test_a_command_that_was_not_run_stands_in_the_record_as_refused(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "egress.db")
    bench = ToolWorkbench(tmp_path, shell=IsolatedShell(tmp_path, backends=[Limited()]), egress=Egress(ledger))
    try:
        await run_tool(the_tool("shell_command"), {"command": "true", "network": True}, bench)
        assert [made.state for made in ledger.read(10)] == ["refused"]
    finally:
        await bench.close()
