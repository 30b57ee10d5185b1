"""Opening a stored conversation in the real program, from process start to its last line.

500 and 5,000 short turns; 5,000 turns with long results, 200 MB; and the memory each takes beyond an empty program.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, closing
from pathlib import Path

from terminal import Terminal, processes, program, resident_mb

from smol_chat.events import (
    ContentDelta,
    Decided,
    ReasoningDelta,
    RoundStarted,
    Summarised,
    ToolCallProposed,
    ToolFinished,
    ToolStarted,
    TurnEvent,
    TurnFinished,
    TurnStarted,
)
from smol_chat.journal.codec import encode
from smol_chat.journal.schema import connect
from smol_chat.journal.store import Journal
from smol_chat.messages import Origin, Timings, ToolCall, ToolResult, Usage

ANSWER = "A **short** answer with `code`, a list:\n\n- one\n- two\n\n```python\nprint('hello')\n```\n\nand an end. "


async def turn(conversation: str, number: int) -> AsyncGenerator[TurnEvent, None]:
    """Yield the events of one turn."""
    yield TurnStarted(conversation, f"Question number {number}?")
    yield RoundStarted(1)
    yield ContentDelta(f"{ANSWER}Answer number {number}.")
    yield TurnFinished("stop", Usage(10, 0, 40), Timings())


def long_turn(conversation: str, number: int) -> Iterator[TurnEvent]:
    """Yield the events of a turn of 40 kB: a call, its result, which is cut for the model, and an answer."""
    call = ToolCall(f"call_{number + 1}", "get_webpage", {"url": f"https://example.org/{number}"})
    page = f"line of page {number}, with some words in it\n" * 800
    yield TurnStarted(conversation, f"Question number {number}?")
    if number % 40 == 39:  # as a conversation of that length has it
        yield Summarised(number - 5, "What was said so far. " * 40)
    yield RoundStarted(1)
    yield ReasoningDelta("I should look that up. " * 60)
    yield ToolCallProposed(call)
    yield Decided(call.id, "allow", "user", call.arguments, effect="network")
    yield ToolStarted(call.id)
    yield ToolFinished(ToolResult(call.id, call.name, content=page[:4000], origin=Origin.WEB, full_content=page))
    yield RoundStarted(2)
    yield ContentDelta(f"{ANSWER}Answer number {number}.")
    yield TurnFinished("stop", Usage(10, 0, 40), Timings())


def fill_at_once(folder: Path, turns: int) -> float:
    """Write a conversation of so many long turns, all in one transaction; return its size in MB."""
    folder.mkdir()
    path = folder / "history.db"
    with closing(Journal.open(path)) as journal:
        conversation = journal.create("example")
    insert = "INSERT INTO conversations (id, title, model, started, updated, active) VALUES (?, 'Long', '', 1, 2, ?)"
    with closing(connect(path)) as connection:
        connection.execute("BEGIN")
        connection.execute(insert, (conversation, turns))
        for number in range(turns):
            row = (number + 1, conversation, number or None)
            connection.execute("INSERT INTO turns (id, conversation, started, parent) VALUES (?, ?, 1, ?)", row)
            rows = [(number + 1, *encode(event)) for event in long_turn(conversation, number)]
            connection.executemany("INSERT INTO events (turn, kind, body, at) VALUES (?, ?, ?, 1)", rows)
        connection.execute("COMMIT")
    return path.stat().st_size / 1e6


async def fill(folder: Path, turns: int) -> None:
    """Write a conversation of so many turns."""
    folder.mkdir()
    journal = Journal.open(folder / "history.db")
    conversation = journal.create("example")
    for number in range(turns):
        async with aclosing(journal.record(conversation, turn(conversation, number))) as events:
            async for _ in events:
                pass
    journal.close()


def open_seconds(folder: Path, *words: str, shows: str) -> tuple[float, float]:
    """Return seconds from process start until the text is on the screen, and the resident MiB then."""
    # A server that nothing listens on: opening needs none.
    command = program("--data-dir", str(folder), "--workspace", str(folder), "--server", "127.0.0.1:9", *words)
    terminal = Terminal(command)
    try:
        shown = terminal.wait(lambda screen: shows in screen, every=0.005) - terminal.started
        return shown, resident_mb(processes(terminal.pid))
    finally:
        terminal.close()


def main() -> None:
    """Measure and print one JSON object; times in seconds and memory in MiB, both beyond those of an empty start."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        empty = Path(name) / "empty"
        asyncio.run(fill(empty, 0))
        starts = [open_seconds(empty, shows="Write a message") for _ in range(3)]
        base, memory = min(start[0] for start in starts), min(start[1] for start in starts)
        figures["empty_start_s"], figures["empty_memory_mb"] = round(base, 3), round(memory, 1)
        for label, turns in (("turns_500", 500), ("turns_5000", 5000), ("long_5000", 5000)):
            folder = Path(name) / label
            if label.startswith("long"):
                figures["long_5000_file_mb"] = round(fill_at_once(folder, turns), 1)
            else:
                asyncio.run(fill(folder, turns))
            runs = [open_seconds(folder, "--continue", shows=f"Answer number {turns - 1}.") for _ in range(3)]
            figures[f"{label}_s"] = round(min(run[0] for run in runs) - base, 3)
            figures[f"{label}_memory_mb"] = round(min(run[1] for run in runs) - memory, 1)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
