"""Conversations leave the history as files and come back, from the command line."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import aclosing, closing

import pytest

from smol_chat.events import (
    ContentDelta,
    Decided,
    RoundStarted,
    ToolCallProposed,
    ToolFinished,
    TurnEvent,
    TurnFinished,
    TurnStarted,
)
from smol_chat.journal import Journal
from smol_chat.messages import JsonObject, Timings, ToolCall, ToolResult, Usage
from support.program import Program


async def _turn(name: str, text: str) -> AsyncGenerator[TurnEvent, None]:
    arguments: JsonObject = {"expression": "2+2"}
    yield TurnStarted(name, text)
    yield RoundStarted(1)
    yield ToolCallProposed(ToolCall("call_1", "calculate", arguments))
    yield Decided("call_1", "allow", "user", arguments)
    yield ToolFinished(ToolResult("call_1", "calculate", content="4"))
    yield RoundStarted(2)
    yield ContentDelta("It is 4.")
    yield TurnFinished("stop", Usage(), Timings())


@pytest.fixture
async def stored(program: Program) -> Program:
    """A program with two conversations, the first of two branches."""
    program.data_dir.mkdir()
    with closing(Journal.open(program.data_dir / "history.db")) as journal:
        for name, text in (("a", "first"), ("a", "first, better"), ("b", "Mail ann@mail.example.org")):
            async with aclosing(journal.record(name, _turn(name, text), journal.turn(name, None))) as events:
                async for _ in events:
                    pass
    return program


def test_a_file_is_written_whole_and_never_over_another(stored: Program) -> None:
    target = stored.workspace / "talk.html"
    run = stored("history", "export", "a", "--format", "html", "-o", str(target))
    assert (run.returncode, run.stdout, run.stderr) == (0, "", f"Wrote 1 conversation to {target}.\n")
    text = target.read_text()
    assert "first, better" in text and text.endswith("</html>\n")
    assert target.stat().st_mode & 0o777 == 0o600
    again = stored("history", "export", "b", "--format", "html", "-o", str(target))
    assert again.returncode == 2 and "--force" in again.stderr and target.read_text() == text
    assert stored("history", "export", "b", "--format", "html", "-o", str(target), "--force").returncode == 0
    assert "ann@mail" in target.read_text()
    nowhere = stored("history", "export", "a", "-o", str(stored.workspace / "no" / "where.md"))
    assert nowhere.returncode == 2 and "cannot be written" in nowhere.stderr and nowhere.stderr.count("\n") == 1
    assert [file.name for file in stored.workspace.iterdir()] == ["talk.html"]


def test_what_is_exported_as_messages_comes_back_in_another_history(stored: Program) -> None:
    line = stored("history", "export", "a", "--format", "jsonl").stdout
    assert "first, better" in line and line.count("\n") == 1
    every = stored("history", "export", "--format", "jsonl", "--all").stdout
    assert every.count("\n") == 3
    file = stored.workspace / "all.jsonl"
    file.write_text(every)
    stored("history", "rm", "a", "b")
    run = stored("history", "import", str(file))
    assert [entry.split("  ")[1] for entry in run.stdout.splitlines()] == [
        "Mail ann@mail.example.org",
        "first",
        "first",
    ]
    back = stored("history", "export", "--format", "jsonl").stdout.splitlines()
    assert sorted(json.dumps(json.loads(one)["messages"]) for one in back) == sorted(
        json.dumps(json.loads(one)["messages"]) for one in every.splitlines()
    )
    assert stored("history", "search", "better").returncode == 0


def test_a_bad_line_imports_nothing(stored: Program) -> None:
    good = stored("history", "export", "a", "--format", "jsonl").stdout
    file = stored.workspace / "bad.jsonl"
    file.write_bytes(good.encode() + b"{\n" + good.encode())
    run = stored("history", "import", str(file))
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == "smol-chat: Nothing was imported: line 2 is no JSON.\n"
    file.write_bytes(good.encode() + b"\xff\n")
    assert "line 2 is no UTF-8" in stored("history", "import", str(file)).stderr
    assert "cannot be read" in stored("history", "import", "nowhere.jsonl").stderr
    with closing(sqlite3.connect(stored.data_dir / "history.db")) as connection:
        assert connection.execute("SELECT count(*) FROM conversations").fetchone() == (2,)


def test_training_data_says_what_it_holds_and_masks(stored: Program) -> None:
    run = stored("history", "export", "--format", "trl")
    examples = [json.loads(line) for line in run.stdout.splitlines()]
    assert [set(example) for example in examples] == [{"prompt", "completion", "tools"}] * 3
    assert "ann@" not in run.stdout
    first, last = run.stderr.splitlines()
    assert first == "Wrote 3 completions and 0 preference pairs."
    assert last == "Masked: 1 mail address."
    unmasked = stored("history", "export", "b", "--format", "trl", "--no-mask")
    assert "ann@mail.example.org" in unmasked.stdout and "Masked" not in unmasked.stderr


def test_a_title_and_a_pin_are_kept(stored: Program) -> None:
    assert stored("history", "rename", "b", "About", "mail").returncode == 0
    assert stored("history", "pin", "a").returncode == 0
    first, second = json.loads(stored("history", "list", "--json").stdout)
    assert (first["id"], first["pinned"], first["named_by"]) == ("a", True, "text")
    assert (second["title"], second["pinned"], second["named_by"]) == ("About mail", False, "user")
    assert stored("history", "search", "about").stdout.startswith("b  ")
    stored("history", "pin", "a", "--off")
    assert json.loads(stored("history", "list", "--json").stdout)[0]["id"] == "b"
    assert stored("history", "rename", "b", " ").returncode == 2
