"""Opening a stored conversation in the real program: 500 and 5,000 turns, from process start to its last line."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from terminal import Terminal, processes, program, resident_mb

from smol_chat.events import ContentDelta, RoundStarted, TurnEvent, TurnFinished, TurnStarted
from smol_chat.journal.store import Journal
from smol_chat.messages import Timings, Usage

ANSWER = "A **short** answer with `code`, a list:\n\n- one\n- two\n\n```python\nprint('hello')\n```\n\nand an end. "


async def turn(conversation: str, number: int) -> AsyncGenerator[TurnEvent, None]:
    """Yield the events of one turn."""
    yield TurnStarted(conversation, f"Question number {number}?")
    yield RoundStarted(1)
    yield ContentDelta(f"{ANSWER}Answer number {number}.")
    yield TurnFinished("stop", Usage(10, 0, 40), Timings())


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
    """Measure and print one JSON object; times in seconds beyond an empty start, memory in MiB."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        empty = Path(name) / "empty"
        asyncio.run(fill(empty, 0))
        base = min(open_seconds(empty, shows="Write a message")[0] for _ in range(3))
        figures["empty_start_s"] = round(base, 3)
        for turns in (500, 5000):
            folder = Path(name) / str(turns)
            asyncio.run(fill(folder, turns))
            runs = [open_seconds(folder, "--continue", shows=f"Answer number {turns - 1}.") for _ in range(3)]
            figures[f"turns_{turns}_s"] = round(min(run[0] for run in runs) - base, 3)
            figures[f"turns_{turns}_memory_mb"] = round(max(run[1] for run in runs), 1)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
