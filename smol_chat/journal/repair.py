"""Save what can be read of a damaged history: row by row into a new one; the old file is kept."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from smol_chat.errors import JournalError
from smol_chat.journal.programs import Programs
from smol_chat.journal.recording import title_of
from smol_chat.journal.schema import connect, migrate

_TABLES = ("conversations", "turns", "events")
"""In the order in which their rows refer to each other. What else there is, is made of these."""

_RECOVERED = "recovered"
"""Conversation of turns that do not tell theirs, and title of those whose first message is lost."""

_MADE_ANEW = ("indexed",)
"""Columns that tell of what is not copied."""

_GONE = 10_000
"""Numbers in a row without a readable row after which a table is taken to be at its end, where nothing says so."""


@dataclass
class Repaired:
    """What came of it."""

    kept: Path | None
    """Where the old file is now; None: it was whole, and nothing was done."""
    rows: dict[str, int] = field(default_factory=dict)
    """Saved, by table."""
    unreadable: int = 0
    """Rows that are there but cannot be read."""
    made_up: int = 0
    """Conversations whose title was lost, and turns whose place was."""


def repair(path: Path) -> Repaired:
    """Make a new history of what can be read of this one.

    Raises:
        JournalError: there is none, another program has it open, it is another program's or a newer version's, or there
            is no room for a new one.
    """
    if not path.exists():
        raise JournalError(f"There is no history {path}, so there is nothing to repair.")
    try:
        with closing(Programs(path)) as programs:
            if programs.others():
                raise JournalError("Another smol-chat has the history open: end it first, then repair.")
            return Repaired(None) if _is_whole(path) else _rebuild(path)
    except (OSError, sqlite3.Error) as error:
        raise JournalError(
            f"The history {path} cannot be repaired here ({error}); see that the disk has room."
        ) from error


def _is_whole(path: Path) -> bool:
    """Tell whether nothing is wrong with the file.

    Raises:
        JournalError: it is another program's or a newer version's.
    """
    try:
        with closing(connect(path)) as connection:
            migrate(connection, path)
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            return bool(found == "ok" and not connection.execute("PRAGMA foreign_key_check").fetchone())
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        return False


def _rebuild(path: Path) -> Repaired:
    new = path.with_name(f"{path.name}.repaired")
    kept = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    _remove(new)
    try:
        for suffix in ("", "-wal"):  # what was written last may still be in the log
            if path.with_name(path.name + suffix).exists():
                shutil.copy2(path.with_name(path.name + suffix), kept.with_name(kept.name + suffix))
        result = Repaired(kept)
        with closing(connect(new)) as target:
            migrate(target, new)
            _save(path, target, result)
            target.execute("PRAGMA journal_mode = DELETE")  # one file, which can be moved
        _remove(path)
        new.replace(path)
    except BaseException:
        _remove(new)
        if path.exists():
            _remove(kept)
        raise
    return result


def _save(path: Path, target: sqlite3.Connection, result: Repaired) -> None:
    """Copy every row that can be read, then see that each has what it refers to."""
    target.execute("PRAGMA foreign_keys = OFF")
    target.execute("BEGIN")
    with suppress(sqlite3.DatabaseError), closing(_reading(path)) as source:
        for table in _TABLES:
            with suppress(sqlite3.DatabaseError):
                _copy(source, target, table, result)
    result.made_up = _complete(target)
    for table in _TABLES:
        result.rows[table] = target.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    target.execute("COMMIT")


def _reading(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(
        "PRAGMA writable_schema = ON"
    )  # nothing is written: SQLite then reads a file that was cut short too
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    return connection


def _copy(source: sqlite3.Connection, target: sqlite3.Connection, table: str, result: Repaired) -> None:
    wanted = [row[1] for row in target.execute(f"PRAGMA table_info({table})")]
    there = {row[1] for row in source.execute(f"PRAGMA table_info({table})")}
    columns = ", ".join(name for name in wanted if name in there and name not in _MADE_ANEW)
    insert = f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({', '.join('?' * (columns.count(',') + 1))})"
    rows = _by_name(source, columns) if table == "conversations" else _by_number(source, table, columns, result)
    for row in rows:
        try:
            target.execute(insert, row)
        except (sqlite3.IntegrityError, sqlite3.InterfaceError):  # a value that damage has made nonsense of
            result.unreadable += 1


def _by_name(source: sqlite3.Connection, columns: str) -> Iterator[tuple[object, ...]]:
    """Yield conversations from both ends to where each end cannot be read on."""
    for order in ("ASC", "DESC"):
        with suppress(sqlite3.DatabaseError):
            yield from source.execute(f"SELECT {columns} FROM conversations ORDER BY id {order}")


def _by_number(source: sqlite3.Connection, table: str, columns: str, result: Repaired) -> Iterator[tuple[object, ...]]:
    """Yield rows in order; where a stretch cannot be read, go on behind it, one number after the other."""
    last = _last_number(source, table)
    number, missed = 0, 0
    while number < last or (last == 0 and missed < _GONE):
        try:
            for row in source.execute(f"SELECT id, {columns} FROM {table} WHERE id > ? ORDER BY id", (number,)):
                number, missed = row[0], 0
                yield row[1:]
            return
        except sqlite3.DatabaseError:
            number += 1
        try:
            row = source.execute(f"SELECT id, {columns} FROM {table} WHERE id = ?", (number,)).fetchone()
        except sqlite3.DatabaseError:
            result.unreadable += 1
            missed += 1
        else:
            if row is not None:
                missed = 0
                yield row[1:]


def _last_number(source: sqlite3.Connection, table: str) -> int:
    """Return the last number that was given; 0 where that cannot be read."""
    for question in (
        f"SELECT seq FROM sqlite_sequence WHERE name = '{table}'",
        f"SELECT max(id) FROM {table}",
    ):
        with suppress(sqlite3.DatabaseError):
            found = source.execute(question).fetchone()
            if found and found[0]:
                return int(found[0])
    return 0


def _complete(target: sqlite3.Connection) -> int:
    """Give rows that lost what they refer to a place: an event its turn, a turn its conversation; return how many."""
    lost = target.execute(
        "SELECT turn, (SELECT body FROM events AS first WHERE first.turn = events.turn AND kind = 'turn_started')"
        " FROM events WHERE turn NOT IN (SELECT id FROM turns) GROUP BY turn"
    ).fetchall()
    for turn, body in lost:
        conversation = _field(body, "conversation") or _RECOVERED
        at = target.execute("SELECT min(at) FROM events WHERE turn = ?", (turn,)).fetchone()[0]
        target.execute(
            "INSERT INTO turns (id, conversation, started, parent) VALUES"
            " (?1, ?2, ?3, (SELECT max(id) FROM turns WHERE conversation = ?2 AND id < ?1))",
            (turn, conversation, at or time.time()),
        )
    nameless = target.execute(
        "SELECT conversation, min(started), max(started), min(id) FROM turns"
        " WHERE conversation NOT IN (SELECT id FROM conversations) GROUP BY conversation"
    ).fetchall()
    for conversation, started, updated, first in nameless:
        body = target.execute("SELECT body FROM events WHERE turn = ? AND kind = 'turn_started'", (first,)).fetchone()
        title = (_field(body[0], "text") if body else "") or _RECOVERED
        target.execute(
            "INSERT INTO conversations (id, title, model, started, updated) VALUES (?, ?, '', ?, ?)",
            (conversation, title_of(title), started, updated),
        )
    return len(lost) + len(nameless)


def _field(body: str | None, name: str) -> str:
    try:
        value = json.loads(body or "{}").get(name)
    except (ValueError, AttributeError):
        return ""
    return value if isinstance(value, str) else ""


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
