"""The database file: who may read it, how it is brought up to date, what is refused."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from smol_chat.errors import JournalError
from smol_chat.journal import Journal
from smol_chat.journal.schema import MIGRATIONS, connect, migrate

NEXT = (("CREATE TABLE later (x)", "INSERT INTO later SELECT count(*) FROM conversations"),)
INSERT = "INSERT INTO conversations (id, title, model, started, updated)"


def version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


@pytest.mark.parametrize("start", range(len(MIGRATIONS) + 1))
def test_every_older_version_comes_up_to_date_with_its_rows(tmp_path: Path, start: int) -> None:
    path = tmp_path / "history.db"
    with closing(connect(path)) as connection:
        migrate(connection, path, MIGRATIONS[:start])
        if start:
            connection.execute(
                "INSERT INTO conversations (id, title, model, started, updated) VALUES ('a', 'Title', 'm', 1, 2)"
            )
    with closing(connect(path)) as connection:
        migrate(connection, path)
        assert version(connection) == len(MIGRATIONS)
    with closing(Journal.open(path)) as journal:
        assert [summary.title for summary in journal.conversations()] == ["Title"] * bool(start)
    with closing(connect(path)) as connection:
        migrate(connection, path, (*MIGRATIONS, *NEXT))
        assert connection.execute("SELECT x FROM later").fetchone() == (bool(start),)


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
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert set(modes) >= {"history.db", "history.db-wal"}
    assert set(modes.values()) == {0o600}


def test_a_newer_database_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with closing(connect(path)) as connection:
        migrate(connection, path, (*MIGRATIONS, *NEXT))
    with pytest.raises(JournalError) as caught:
        Journal.open(path)
    ours = len(MIGRATIONS)
    assert caught.value.message == (
        f"The history {path} was written by a newer smol-chat (format {ours + 1}, this one reads up to {ours}); "
        "update smol-chat, or choose another --data-dir."
    )


def test_a_database_of_another_program_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE places (url)")
    with pytest.raises(JournalError, match="belongs to another program"):
        Journal.open(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("places",)]


@pytest.mark.parametrize(
    "content", [b"this is no database, whatever its name says" * 40, b"SQLite format 3\0" + b"\xff" * 4096]
)
def test_a_damaged_file_is_refused_with_where_to_move_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(content)
    with pytest.raises(JournalError) as caught:
        Journal.open(path)
    assert caught.value.message.startswith(f"The history {path} is damaged (")
    assert caught.value.message.endswith("move it away, for example to history.db.damaged, to start anew.")
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
