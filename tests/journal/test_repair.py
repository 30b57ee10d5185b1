"""What can be read of a damaged history comes into a new one, and the old file is kept."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing, closing
from pathlib import Path

import pytest

from smol_chat.errors import JournalError
from smol_chat.events import ContentDelta, TurnEvent, TurnFinished, TurnStarted
from smol_chat.journal import Journal
from smol_chat.journal.repair import repair
from smol_chat.messages import Timings, Usage

CONVERSATIONS, TURNS = 12, 15
PAGE = 4096


async def play(events: Iterable[TurnEvent]) -> AsyncGenerator[TurnEvent, None]:
    for event in events:
        yield event


def said(conversation: str, number: int) -> str:
    return f"{conversation} {number} " + "word " * 150


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """Return a history of some conversations."""
    path = tmp_path / "history.db"
    with closing(Journal.open(path)) as journal:
        for conversation in (f"c{number:02}" for number in range(CONVERSATIONS)):
            for number in range(TURNS):
                turn: list[TurnEvent] = [
                    TurnStarted(conversation, f"Question {number} of {conversation}"),
                    ContentDelta(said(conversation, number)),
                    TurnFinished("stop", Usage(), Timings()),
                ]
                async with aclosing(journal.record(conversation, play(turn))) as events:
                    assert len([event async for event in events]) == 3
    return path


def answers(path: Path) -> set[str]:
    """Return every answer of every branch."""
    with closing(Journal.open(path)) as journal:
        return {
            event.text
            for entry in journal.conversations(1000)
            for turn in journal.turns(entry.id)
            for event in turn.events
            if isinstance(event, ContentDelta)
        }


EVERY = {said(f"c{number:02}", turn) for number in range(CONVERSATIONS) for turn in range(TURNS)}


def overwrite(path: Path, pages: Iterable[int]) -> None:
    with path.open("r+b") as file:
        for page in pages:
            file.seek(page * PAGE)
            file.write(b"\xa5" * PAGE)


def test_a_whole_history_is_left_as_it_is(path: Path) -> None:
    before = path.read_bytes()
    assert repair(path).kept is None
    assert path.read_bytes() == before


@pytest.mark.parametrize("seed", range(12))
def test_whatever_pages_are_damaged_the_rest_is_there_again(path: Path, seed: int) -> None:
    pages = path.stat().st_size // PAGE
    chance = random.Random(seed)
    hit = chance.sample(range(1, pages), 1 + seed % 4)
    overwrite(path, hit)
    damaged = path.read_bytes()
    result = repair(path)
    if result.kept is None:  # the page held nothing but an index that could be read, or was free
        assert answers(path) == EVERY
        return
    assert result.kept.read_bytes() == damaged
    found = answers(path)
    assert found <= EVERY
    # A page holds four answers at most; one of the tree's inner pages may hide what hangs from it.
    assert len(found) >= len(EVERY) * 3 // 4 or 1 in hit
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert result.rows["events"] >= len(found)
    assert repair(path).kept is None


def test_a_history_that_was_cut_short_gives_what_is_left(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2 // PAGE * PAGE])
    result = repair(path)
    assert result.kept is not None
    found = answers(path)
    assert len(EVERY) // 4 < len(found) < len(EVERY)


def test_conversations_and_turns_that_were_lost_are_made_of_what_their_events_say(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("DELETE FROM conversations WHERE id = 'c03'")
        connection.execute("DELETE FROM turns WHERE id % 7 = 0")
        connection.commit()
    result = repair(path)
    assert result.kept is not None
    assert answers(path) == EVERY
    assert result.made_up == 1 + CONVERSATIONS * TURNS // 7
    with closing(Journal.open(path)) as journal:
        (found,) = (entry for entry in journal.conversations(1000) if entry.id == "c03")
        assert found.title == "Question 0 of c03"
        assert len([event for event in journal.events("c03") if isinstance(event, ContentDelta)]) == TURNS


def test_of_a_file_that_is_no_database_nothing_is_saved_and_it_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(b"garbage" * 1000)
    result = repair(path)
    assert result.rows == {"conversations": 0, "turns": 0, "events": 0}
    assert result.kept is not None
    assert result.kept.read_bytes() == b"garbage" * 1000
    assert answers(path) == set()


def test_a_history_that_a_program_has_open_is_not_touched(path: Path) -> None:
    overwrite(path, [path.stat().st_size // PAGE - 1])
    before = path.read_bytes()
    with closing(Journal.open(path)), pytest.raises(JournalError, match="end it first"):
        repair(path)
    assert path.read_bytes() == before


def test_no_history_and_one_of_another_program_are_said_so(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="There is no history"):
        repair(tmp_path / "history.db")
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE places (url)")
    with pytest.raises(JournalError, match="belongs to another program"):
        repair(tmp_path / "other.db")
