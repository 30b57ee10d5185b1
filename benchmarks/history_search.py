"""Searching a history of 5,000 turns and 200 MB: taking it in once, then each kind of question, and memory."""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import time
from contextlib import closing
from pathlib import Path

from smol_chat.events import (
    ContentDelta,
    ReasoningDelta,
    RoundStarted,
    ToolFinished,
    TurnEvent,
    TurnFinished,
    TurnStarted,
)
from smol_chat.journal.codec import encode
from smol_chat.journal.schema import connect, migrate
from smol_chat.journal.search import Search
from smol_chat.journal.store import Journal
from smol_chat.messages import Timings, ToolResult, Usage

TURN_BYTES = 40_000
"""With 5,000 turns: 200 MB."""
ROW_CHARACTERS = 4096
WORDS = 60_000
"""Different words; how often each is used falls as in a language."""
CONVERSATIONS = 250


def vocabulary(source: random.Random) -> list[str]:
    """Return made-up words."""
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    return ["".join(source.choices(letters, range(26, 0, -1), k=source.randint(2, 11))) for _ in range(WORDS)]


def fill(path: Path, turns: int) -> None:
    """Write the history row by row, past the recording: what is measured here is reading."""
    source = random.Random(1)
    words = vocabulary(source)
    weights = [1 / (rank + 3) for rank in range(WORDS)]

    def text(size: int) -> str:
        return " ".join(source.choices(words, weights, k=size // 6))

    with closing(connect(path)) as connection:
        migrate(connection, path)
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        for number in range(turns):
            name = f"c{number % CONVERSATIONS:04}"
            connection.execute(
                "INSERT OR IGNORE INTO conversations (id, title, model, started, updated) VALUES (?, ?, 'm', ?, ?)",
                (name, text(40), number, number),
            )
            turn = connection.execute(
                "INSERT INTO turns (conversation, started) VALUES (?, ?)", (name, number)
            ).lastrowid
            body = text(TURN_BYTES // 2)
            events: list[TurnEvent] = [
                TurnStarted(name, f"{text(200)} needle{number}"),
                RoundStarted(1),
                ReasoningDelta(text(2000)),
                ToolFinished(ToolResult("call_1", "get_webpage", content=text(TURN_BYTES // 2 - 2500))),
                *(ContentDelta(body[at : at + ROW_CHARACTERS]) for at in range(0, len(body), ROW_CHARACTERS)),
                TurnFinished("stop", Usage(), Timings()),
            ]
            connection.executemany(
                "INSERT INTO events (turn, kind, body) VALUES (?, ?, ?)", [(turn, *encode(event)) for event in events]
            )
        connection.execute("COMMIT")


def questions() -> dict[str, str]:
    """Return a query of each kind."""
    words = vocabulary(random.Random(1))
    common, usual, rare = words[0], words[200], words[WORDS - 5]
    return {
        "one_turn": "needle1234",
        "common_word": f"{common} ",
        "usual_word": f"{usual} ",
        "rare_word": f"{rare} ",
        "three_words": f"{common} {usual} {words[900]} ",
        "phrase": f'"{words[0]} {words[1]}"',
        "beginning": usual[:3],
        "one_letter": "e",
        "two_letters": "ta",
        "nothing": "thisisnowhere ",
    }


def main() -> None:
    """Measure and print one JSON object; times in seconds, sizes in MB, memory in MiB."""
    options = argparse.ArgumentParser()
    options.add_argument("--turns", type=int, default=5000)
    turns = options.parse_args().turns
    figures: dict[str, float] = {"turns": turns}
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "history.db"
        fill(path, turns)
        figures["history_mb"] = round(path.stat().st_size / 1e6, 1)
        begun = time.perf_counter()
        with closing(Journal.open(path)) as journal:
            figures["journal_open_s"] = round(time.perf_counter() - begun, 4)
            search = Search(path)
            begun = time.perf_counter()
            search.update()
            figures["first_index_s"] = round(time.perf_counter() - begun, 1)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            figures["with_index_mb"] = round(sum(file.stat().st_size for file in Path(name).iterdir()) / 1e6, 1)
            begun = time.perf_counter()
            search.update()
            figures["nothing_new_s"] = round(time.perf_counter() - begun, 4)
            for kind, query in questions().items():
                times = []
                for _ in range(5):
                    begun = time.perf_counter()
                    hits = search.find(query, limit=30)
                    times.append(time.perf_counter() - begun)
                figures[f"{kind}_s"] = round(sorted(times)[2], 4)
                figures[f"{kind}_hits"] = len(hits)
            figures["memory_mb"] = round(before / 1024, 1)
            figures["memory_after_searches_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
            begun = time.perf_counter()
            journal.delete("c0000")
            figures["delete_s"] = round(time.perf_counter() - begun, 2)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
