"""A stored conversation as text."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing, closing

from smol_chat.commands.history import paragraphs
from smol_chat.events import (
    ContentDelta,
    Decided,
    MalformedCall,
    ReasoningDelta,
    RoundStarted,
    ToolCallProposed,
    ToolFinished,
    ToolStarted,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnStarted,
)
from smol_chat.journal import Journal
from smol_chat.messages import Timings, ToolCall, ToolFailure, ToolResult, Usage
from smol_chat.tools.egress import Caller, Egress, Ledger
from support.program import Program

EVENTS: list[TurnEvent] = [
    TurnStarted("c", "two\nlines"),
    RoundStarted(1),
    ReasoningDelta("\nhm\n"),
    ContentDelta("\nLet me see.\n"),
    ToolCallProposed(ToolCall("1", "calculate", {"expression": "2+2"})),
    Decided("1", "allow", "user", {}),
    ToolStarted("1"),
    ToolFinished(ToolResult("1", "calculate", content="4", duration_ms=100)),
    ToolCallProposed(ToolCall("2", "send_email", {"to": "é"})),
    Decided("2", "deny", "user", {}, reason="not now"),
    ToolFinished(ToolResult("2", "send_email", ok=False, content="x", error=ToolFailure("denied", "Denied: not now"))),
    MalformedCall("<raw>", "json", "It is cut."),
    TurnFinished("length", Usage(), Timings(), "The answer was cut."),
    TurnFailed("interrupted", "It ended."),
]


def test_everything_said_and_done_is_a_paragraph() -> None:
    assert paragraphs(EVENTS, show_reasoning=False) == [
        "> two\n> lines",
        "Let me see.",
        '[call] calculate {"expression": "2+2"}',
        "[result] calculate done in 0.1 s\n4",
        '[call] send_email {"to": "é"}',
        "[denied] not now",
        "[result] send_email: Denied: not now",
        "[unreadable call] It is cut.\n<raw>",
        "[notice] The answer was cut.",
        "[notice] It ended.",
    ]
    assert "(thought) hm" in paragraphs(EVENTS, show_reasoning=True)


def test_an_empty_history_is_said_beside_the_empty_list(program: Program) -> None:
    run = program("history", "list")
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "There is no conversation yet.\n")
    assert program("history", "list", "--json").stdout == "[]\n"


def test_a_damaged_history_is_one_sentence_that_says_what_to_do(program: Program) -> None:
    program.data_dir.mkdir()
    (program.data_dir / "history.db").write_bytes(b"garbage" * 1000)
    run = program("history", "list")
    assert (run.returncode, run.stdout) == (1, "")
    assert "is damaged" in run.stderr and "smol-chat history repair recovers" in run.stderr
    assert run.stderr.count("\n") == 1


def test_removing_one_that_is_not_there_removes_none(program: Program) -> None:
    run = program("history", "rm", "x")
    assert run.returncode == 2
    assert "There is no conversation 'x'" in run.stderr


def test_a_reader_that_leaves_is_no_error(program: Program) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "smol_chat", "tools", "list", "--data-dir", str(program.data_dir)]
    run = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (run.returncode, run.stderr) == (0, "")


def test_what_has_left_is_listed_with_its_call(program: Program) -> None:
    assert program("history", "egress").stderr == "No tool has connected to anything yet.\n"
    assert program("history", "egress", "--json").stdout == "[]\n"
    ledger = Ledger(program.data_dir / "egress.db")
    egress = Egress(ledger)
    passage = egress.open(Caller("get_webpage", "call_3", "0123456789"), "page.test", 443, "93.184.216.34")
    passage.connected, passage.sent, passage.received = True, 1200, 34_000
    passage.close()
    egress.open(Caller("web_search"), "search.test\x1b[31m", 443, "93.184.216.34")
    ledger.close()
    first, second = program("history", "egress").stdout.splitlines()
    assert "search.test" in first and "unfinished" in first and "\x1b" not in first
    assert second.endswith("page.test:443 (93.184.216.34)  1,200 B out, 34,000 B in  get_webpage call_3 01234567")
    listed = json.loads(program("history", "egress", "--json", "--limit", "5").stdout)
    assert [made["state"] for made in listed] == ["unfinished", "closed"]
    assert listed[1] | {"time": ""} == {
        "time": "", "host": "page.test", "port": 443, "address": "93.184.216.34", "state": "closed", "sent": 1200,
        "received": 34_000, "exact": True, "tool": "get_webpage", "call": "call_3", "conversation": "0123456789",
    }  # fmt: skip


def test_a_call_that_connects_is_on_record(program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    (program.data_dir).mkdir()
    (program.data_dir / "config.toml").write_text('[network]\nallow = ["127.0.0.1"]\n')
    run = program("tools", "run", "http_request", json.dumps({"method": "GET", "url": f"http://127.0.0.1:{port}/"}))
    assert run.returncode == 1
    [made] = json.loads(program("history", "egress", "--json").stdout)
    assert (made["tool"], made["port"], made["state"]) == ("http_request", port, "refused")


def test_the_setting_offline_refuses_every_tool_of_the_network(program: Program) -> None:
    program.data_dir.mkdir()
    (program.data_dir / "config.toml").write_text("[network]\noffline = true\n")
    calls: dict[str, dict[str, str]] = {
        "http_request": {"method": "POST", "url": "http://93.184.216.34/"},
        "get_webpage": {"url": "http://93.184.216.34/"},
        "web_search": {"query": "x"},
        "get_weather": {"location": "Oslo"},
    }
    for name, arguments in calls.items():
        run = program("tools", "run", name, json.dumps(arguments), "--json")
        assert json.loads(run.stdout)["error"]["kind"] == "blocked", name
    assert program("history", "egress", "--json").stdout == "[]\n"


def test_a_write_is_taken_back_by_another_start_of_the_program(program: Program) -> None:
    file = program.workspace / "a.txt"
    file.write_text("old")
    program("tools", "run", "write_file", '{"path": "a.txt", "content": "new"}')
    assert file.read_text() == "new"
    run = program("history", "undo")
    assert (run.returncode, run.stdout) == (0, "a.txt is again what it was before.\n")
    assert file.read_text() == "old"
    again = program("history", "undo")
    assert (again.returncode, again.stdout) == (1, "")
    assert "There is no write in" in again.stderr


def test_a_write_that_was_changed_since_is_not_taken_back(program: Program) -> None:
    file = program.workspace / "a.txt"
    program("tools", "run", "write_file", '{"path": "a.txt", "content": "new"}')
    file.write_text("mine")
    run = program("history", "undo")
    assert (run.returncode, file.read_text()) == (1, "mine")
    assert "has changed since it was written" in run.stderr


def test_all_branches_are_shown_with_where_they_stand(program: Program) -> None:
    program.data_dir.mkdir()
    with closing(Journal.open(program.data_dir / "history.db")) as journal:
        asyncio.run(_branched(journal))
    shown = program("history", "show", "c").stdout
    assert "> first, better" in shown and "> second" not in shown
    every = program("history", "show", "c", "--all").stdout
    assert [line for line in every.split("\n") if line.startswith(("---", ">"))] == [
        "--- turn 1, begins the conversation, version 1 of 2",
        "> first",
        "--- turn 2, follows 1",
        "> second",
        "--- turn 3, begins the conversation, version 2 of 2, open",
        "> first, better",
    ]
    lines = [json.loads(line) for line in program("history", "show", "c", "--all", "--json").stdout.splitlines()]
    assert [line for line in lines if line["type"] == "turn"] == [
        {"type": "turn", "turn": 1, "parent": None, "open": False, "version": 1, "versions": 2},
        {"type": "turn", "turn": 2, "parent": 1, "open": False, "version": 1, "versions": 1},
        {"type": "turn", "turn": 3, "parent": None, "open": True, "version": 2, "versions": 2},
    ]
    assert [line["text"] for line in lines if line["type"] == "turn_started"] == ["first", "second", "first, better"]


async def _branched(journal: Journal) -> None:
    first = journal.turn("c", None)
    for text, turn in (
        ("first", first),
        ("second", journal.turn("c", first)),
        ("first, better", journal.turn("c", None)),
    ):
        async with aclosing(journal.record("c", _turn(text), turn)) as events:
            async for _ in events:
                pass


async def _turn(text: str) -> AsyncGenerator[TurnEvent, None]:
    yield TurnStarted("c", text)
    yield TurnFinished("stop", Usage(), Timings())


def test_words_are_found_in_all_conversations(program: Program) -> None:
    program.data_dir.mkdir()
    with closing(Journal.open(program.data_dir / "history.db")) as journal:
        asyncio.run(_branched(journal))
    run = program("history", "search", "bett")
    assert run.returncode == 0
    head, passage = run.stdout.splitlines()
    assert head.startswith("c  ") and head.endswith("  first")
    assert passage == "    question: first, better"
    (hit,) = json.loads(program("history", "search", "first", "better", "--json").stdout)
    assert {key: hit[key] for key in ("conversation", "turn", "field", "passage", "matches")} == {
        "conversation": "c", "turn": 3, "field": "question", "passage": "first, better", "matches": [[0, 5], [7, 13]],
    }  # fmt: skip
    nothing = program("history", "search", '") OR NEAR(')
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (1, "", "Nothing in the history fits.\n")


# --- the audit, and repair --------------------------------------------------------------------------

CALLS: list[TurnEvent] = [
    TurnStarted("c", "Do it"),
    ToolCallProposed(ToolCall("1", "calculate", {"expression": "2+2"})),
    Decided("1", "allow", "policy", {"expression": "2+2"}, reason="approval.allow", effect="pure"),
    ToolStarted("1"),
    ToolFinished(ToolResult("1", "calculate", content="4", duration_ms=100)),
    ToolCallProposed(ToolCall("2", "shell_command", {"command": "ls"})),
    Decided("2", "allow", "user", {"command": "ls -l\x1b[2J"}, effect="execute"),
    ToolStarted("2"),
    ToolFinished(ToolResult("2", "shell_command", content="x", duration_ms=7, sandbox="bubblewrap")),
    ToolCallProposed(ToolCall("3", "send_email", {"to": "é"})),
    Decided("3", "deny", "user", {"to": "é"}, reason="not now", effect="send"),
    ToolFinished(ToolResult("3", "send_email", ok=False, content="x", error=ToolFailure("denied", "Denied: not now"))),
    ToolCallProposed(ToolCall("4", "write_file", {"path": "a"})),
    Decided("4", "allow", "flag", {"path": "a"}, effect="write"),
    ToolStarted("4"),
    ToolCallProposed(ToolCall("5", "write_file", {"path": "b"})),
    ToolCallProposed(ToolCall("6", "calculate", {})),
    ToolFinished(ToolResult("6", "calculate", ok=False, error=ToolFailure("invalid_arguments", "It lacks one."))),
]


def store(program: Program, conversation: str, turn: list[TurnEvent]) -> None:
    program.data_dir.mkdir()

    async def play() -> AsyncGenerator[TurnEvent, None]:
        for event in turn:
            yield event

    async def record() -> None:
        with closing(Journal.open(program.data_dir / "history.db")) as journal:
            async with aclosing(journal.record(conversation, play())) as events:
                assert [event async for event in events] == turn

    asyncio.run(record())


def test_every_call_is_listed_with_who_decided_and_what_came_of_it(program: Program) -> None:
    store(program, "c", CALLS)
    listed = json.loads(program("history", "calls", "--json").stdout)
    shown = {
        call["id"]: (call["tool"], call["decision"], call["by"], call["reason"], call["effect"], call["outcome"])
        for call in listed
    }
    assert shown == {
        "1": ("calculate", "allow", "policy", "approval.allow", "pure", "ok"),
        "2": ("shell_command", "allow", "user", "", "execute", "ok"),
        "3": ("send_email", "deny", "user", "not now", "send", "denied"),
        "4": ("write_file", "allow", "flag", "", "write", "unknown"),
        "5": ("write_file", None, None, "", None, "waiting"),
        "6": ("calculate", None, None, "", None, "invalid_arguments"),
    }
    assert [call["id"] for call in listed] == ["6", "5", "4", "3", "2", "1"]
    shell = next(call for call in listed if call["id"] == "2")
    assert (shell["proposed"], shell["executed"], shell["edited"]) == (
        {"command": "ls"},
        {"command": "ls -l\x1b[2J"},
        True,
    )
    assert (shell["isolation"], shell["duration_ms"], shell["conversation"]) == ("bubblewrap", 7, "c")
    assert next(call for call in listed if call["id"] == "3")["executed"] is None


def test_calls_are_listed_of_one_tool_or_conversation_and_read_by_people(program: Program) -> None:
    store(program, "c", CALLS)
    ids = [call["id"] for call in json.loads(program("history", "calls", "--tool", "write_file", "--json").stdout)]
    assert ids == ["5", "4"]
    assert program("history", "calls", "--conversation", "x").returncode == 2
    text = program("history", "calls", "--conversation", "c", "--limit", "5").stdout
    assert "\x1b" not in text
    assert "c  shell_command  allowed by you, ok, edited, execute, in bubblewrap\n" in text
    assert "c  write_file  allowed by --allow, unknown, write\n" in text
    assert "c  send_email  denied by you (not now), denied, send\n" in text
    assert "calculate  not decided, invalid_arguments\n" in text
    assert "approval.allow" not in text


def test_repair_says_what_it_saved_and_where_the_old_file_is(program: Program) -> None:
    store(program, "c", CALLS)
    assert program("history", "repair").stdout == "The history is whole; nothing had to be repaired.\n"
    file = program.data_dir / "history.db"
    file.write_bytes(file.read_bytes()[: -2 * 4096])
    run = program("history", "repair")
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("Saved ")
    (kept,) = program.data_dir.glob("history.db.damaged-*")
    assert str(kept) in run.stdout
    assert program("history", "list").returncode == 0
