"""The database file: who may read it, how it is brought up to date, what is refused."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import AsyncGenerator
from contextlib import aclosing, closing
from pathlib import Path

import pytest

from smol_chat.errors import JournalError
from smol_chat.events import ContentDelta, Notice, TurnEvent, TurnStarted
from smol_chat.journal import Journal
from smol_chat.journal.schema import MIGRATIONS, connect, migrate
from smol_chat.journal.store import INTERRUPTED

VERSIONS = Path(__file__).parent / "versions"
"""A dump of a small database for each version of the tables, made by the program of that time."""

NEXT = (("CREATE TABLE later (x)", "INSERT INTO later SELECT count(*) FROM conversations"),)
INSERT = "INSERT INTO conversations (id, title, model, started, updated)"


def version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def old(path: Path, number: int) -> Path:
    """Make a database as that version of the program left it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript((VERSIONS / f"{number}.sql").read_text("utf-8"))
    return path


def tables(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return every row, in the columns that the first version has."""
    wanted = {
        "conversations": "id, title, model, started, updated",
        "turns": "id, conversation, started",
        "events": "id, turn, kind, body",
    }
    with closing(sqlite3.connect(path)) as connection:
        return {
            name: connection.execute(f"SELECT {columns} FROM {name} ORDER BY id").fetchall()
            for name, columns in wanted.items()
        }


def test_there_is_a_database_of_every_earlier_version() -> None:
    assert sorted(file.name for file in VERSIONS.iterdir()) == [f"{n}.sql" for n in range(1, len(MIGRATIONS))]


@pytest.mark.parametrize("number", range(1, len(MIGRATIONS)))
def test_every_older_version_comes_up_to_date_with_its_rows_and_is_kept_as_it_was(tmp_path: Path, number: int) -> None:
    path = old(tmp_path / "history.db", number)
    before = tables(path)
    with closing(Journal.open(path)) as journal:
        assert tables(path) == before
        listed = journal.conversations()
        assert [(entry.title, entry.turns) for entry in listed] == [("Hello", 1), ("Six times seven? Grüße", 2)]
        events = journal.events(listed[1].id)
    assert ContentDelta("It is 42.") in events
    assert events[-1] == INTERRUPTED
    copy = tmp_path / f"history.db.version-{number}"
    with closing(sqlite3.connect(copy)) as connection:
        assert version(connection) == number
    assert tables(copy) == before
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


def test_what_is_deleted_is_not_kept_in_a_copy_of_an_older_version(tmp_path: Path) -> None:
    path = old(tmp_path / "history.db", 1)
    with closing(Journal.open(path)) as journal:
        journal.delete(journal.conversations()[0].id)
    assert [file.name for file in tmp_path.iterdir() if "version" in file.name] == []


def test_without_room_for_a_copy_nothing_is_changed(tmp_path: Path) -> None:
    path = old(tmp_path / "history.db", 1)
    (tmp_path / "history.db.version-1.unfinished").mkdir()  # stands in the way of the copy
    with closing(Journal.open(path)) as journal, pytest.raises(JournalError, match="cannot be used"):
        journal.conversations()
    with closing(sqlite3.connect(path)) as connection:
        assert version(connection) == 1


def test_a_new_database_and_one_that_is_up_to_date_are_not_copied(tmp_path: Path) -> None:
    for _ in range(2):
        Journal.open(tmp_path / "history.db").close()
    assert {file.name for file in tmp_path.iterdir()} == {"history.db", "history.db-programs"}


def test_statements_of_a_later_version_are_carried_out_once(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    for _ in range(2):
        with closing(connect(path)) as connection:
            migrate(connection, path, (*MIGRATIONS, *NEXT))
            assert connection.execute("SELECT x FROM later").fetchall() == [(0,)]


def test_a_migration_that_fails_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with closing(connect(path)) as connection:
        migrate(connection, path)
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, path, (*MIGRATIONS, ("CREATE TABLE half (x)", "NO SQL")))
        assert version(connection) == len(MIGRATIONS)
        assert not connection.execute("SELECT name FROM sqlite_master WHERE name = 'half'").fetchall()


def test_the_database_and_its_log_are_readable_by_their_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with closing(Journal.open(path)):
        files = [file for file in tmp_path.rglob("*") if file.is_file()]
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in files}
    assert set(modes) >= {"history.db", "history.db-wal"}
    assert set(modes.values()) == {0o600}


async def refused(path: Path) -> str:
    """Open what cannot be used; return what reading says, which is what a chat says too, once, and goes on."""
    with closing(Journal.open(path)) as journal:
        with pytest.raises(JournalError) as caught:
            journal.conversations()
        events: list[TurnEvent] = [TurnStarted("c1", "Hi"), ContentDelta("Hello")]

        async def turn() -> AsyncGenerator[TurnEvent, None]:
            for event in events:
                yield event

        async with aclosing(journal.record("c1", turn())) as passed_on:
            shown = [event async for event in passed_on]
    assert shown == [events[0], Notice(f"{caught.value.message} This conversation is not kept."), events[1]]
    return caught.value.message


async def test_a_newer_database_is_left_alone_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with closing(connect(path)) as connection:
        migrate(connection, path, (*MIGRATIONS, *NEXT))
    ours = len(MIGRATIONS)
    assert await refused(path) == (
        f"The history {path} was written by a newer smol-chat (format {ours + 1}, this one reads up to {ours}); "
        "update smol-chat, or choose another --data-dir."
    )
    with closing(connect(path)) as connection:
        assert version(connection) == ours + 1


async def test_a_database_of_another_program_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE places (url)")
    assert "belongs to another program" in await refused(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("places",)]


@pytest.mark.parametrize(
    "content", [b"this is no database, whatever its name says" * 40, b"SQLite format 3\0" + b"\xff" * 4096]
)
async def test_a_damaged_file_is_left_alone_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(content)
    said = await refused(path)
    assert said.startswith(f"The history {path} is damaged (")
    assert said.endswith("smol-chat history repair recovers what can be read of it.")
    assert path.read_bytes() == content


def test_damage_found_while_reading_is_a_sentence_too(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with closing(connect(path)) as connection:
        migrate(connection, path)
        rows = [(f"id{n}", "t" * 200, "m", n, n) for n in range(200)]
        connection.executemany(f"{INSERT} VALUES (?, ?, ?, ?, ?)", rows)
    content = bytearray(path.read_bytes())
    page = int.from_bytes(content[16:18], "big")
    content[page * 3 :] = b"\xff" * (len(content) - page * 3)
    path.write_bytes(content)
    with closing(Journal.open(path)) as journal, pytest.raises(JournalError, match="is damaged"):
        journal.conversations(limit=1000)
