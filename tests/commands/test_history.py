"""A stored conversation as text."""

from __future__ import annotations

import os
import subprocess
import sys

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
from smol_chat.messages import Timings, ToolCall, ToolFailure, ToolResult, Usage
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


def test_a_damaged_history_is_one_sentence_that_says_where_to_move_it(program: Program) -> None:
    program.data_dir.mkdir()
    (program.data_dir / "history.db").write_bytes(b"garbage" * 1000)
    run = program("history", "list")
    assert (run.returncode, run.stdout) == (1, "")
    assert "is damaged" in run.stderr and "history.db.damaged" in run.stderr
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
