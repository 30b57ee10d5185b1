"""The index of all words in the history, kept up when somebody searches: writing a conversation costs nothing for it.

The index has no text of its own, only where words are; each turn is one entry. What an entry was made of can be told
exactly at any time: events are only ever added, and `turns.indexed` is the last one that went in.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence

from smol_chat.events import (
    ContentDelta,
    Decided,
    MalformedCall,
    ReasoningDelta,
    ToolCallProposed,
    ToolFinished,
    TurnEvent,
    TurnStarted,
)
from smol_chat.journal.codec import coalesced, decode
from smol_chat.journal.words import for_index

log = logging.getLogger(__name__)

BATCH_CHARACTERS = 400_000
"""Text that is indexed in one transaction: a turn that is being written waits for no more."""
SETTLED_AFTER_S = 3600.0
"""Seconds after which a turn that never ended is taken for one whose program was killed."""

FIELDS = ("question", "answer", "reasoning", "tools")

_TABLE = f"""
    CREATE VIRTUAL TABLE IF NOT EXISTS search
    USING fts5({", ".join(FIELDS)}, content = '', tokenize = 'unicode61 remove_diacritics 2')"""
_STALE = """
    SELECT id, started < :settled OR id < (SELECT max(id) FROM turns AS t WHERE t.conversation = turns.conversation)
    FROM turns WHERE indexed < (SELECT max(id) FROM events WHERE turn = turns.id) ORDER BY id DESC"""
_ENDINGS = ("turn_finished", "turn_failed")

Row = tuple[int, str, str]


def prepare(connection: sqlite3.Connection) -> None:
    """Make the index where there is none yet.

    Raises:
        sqlite3.Error: it cannot be made, or this SQLite has no full-text search.
    """
    connection.execute(_TABLE)


def update(
    connection: sqlite3.Connection,
    go_on: Callable[[], bool] = lambda: True,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Take in what has been written since the last time, the latest first.

    Args:
        connection: of this thread.
        go_on: asked before each batch.
        report: told how many turns are done, and how many there were to do.

    Raises:
        sqlite3.Error: the index cannot be read or written.
    """
    stale = connection.execute(_STALE, {"settled": time.time() - SETTLED_AFTER_S}).fetchall()
    done = 0
    while done < len(stale) and go_on():
        connection.execute("BEGIN IMMEDIATE")
        try:
            size = 0
            while done < len(stale) and size < BATCH_CHARACTERS:
                size += _take_in(connection, *stale[done])
                done += 1
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        report(done, len(stale))


def delete(connection: sqlite3.Connection, conversations: Sequence[str]) -> None:
    """Delete conversations and take their words out of the index; a broken index keeps nobody from deleting.

    Raises:
        sqlite3.Error: the history cannot be written.
    """
    try:
        _delete(connection, conversations)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        drop(connection)
        _delete(connection, conversations)


def drop(connection: sqlite3.Connection) -> None:
    """Remove the index, broken as it may be; the next search makes it anew."""
    log.warning("the search index is made anew")
    try:
        connection.execute("DROP TABLE IF EXISTS search")
    except sqlite3.DatabaseError:  # its own code cannot open it: then it goes table by table
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("DELETE FROM sqlite_master WHERE name = 'search'")
        connection.execute("PRAGMA writable_schema = RESET")
        for part in ("data", "idx", "docsize", "config"):
            connection.execute(f"DROP TABLE IF EXISTS search_{part}")
    connection.execute("UPDATE turns SET indexed = 0 WHERE indexed > 0")


def texts_of(rows: Iterable[Row]) -> list[str]:
    """Return what is searched of a turn, a text for each of `FIELDS`."""
    question, answer, reasoning, tools = list[str](), list[str](), list[str](), list[str]()
    events = (event for _, kind, body in rows if (event := decode(kind, body)) is not None)
    for event in coalesced(events):
        match event:
            case TurnStarted(text=text):
                question.append(text)
            case ContentDelta(text=text):
                answer.append(text)
            case ReasoningDelta(text=text):
                reasoning.append(text)
            case _:
                tools += _of_call(event)
    return ["\n".join(part) for part in (question, answer, reasoning, tools)]


def rows_of(connection: sqlite3.Connection, turn: int, last: int | None = None) -> list[Row]:
    """Return the stored events of a turn, up to one of them."""
    return connection.execute(
        "SELECT id, kind, body FROM events WHERE turn = ? AND (? IS NULL OR id <= ?) ORDER BY id", (turn, last, last)
    ).fetchall()


def _delete(connection: sqlite3.Connection, conversations: Sequence[str]) -> None:
    statement = "SELECT id, indexed FROM turns WHERE conversation = ? AND indexed > 0"
    connection.execute("BEGIN IMMEDIATE")
    try:
        indexed = [row for name in conversations for row in connection.execute(statement, (name,)).fetchall()]
        for turn, last in indexed:
            _write(connection, turn, rows_of(connection, turn, last), delete=True)
        if indexed:  # a deletion is only noted in the index; merging all its parts takes the words out of the file
            connection.execute("INSERT INTO search (search) VALUES ('optimize')")
        for name in conversations:
            connection.execute("DELETE FROM conversations WHERE id = ?", (name,))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _of_call(event: TurnEvent) -> list[str]:
    match event:
        case ToolCallProposed(call=call):
            return [call.name, json.dumps(call.arguments, ensure_ascii=False)]
        case Decided():
            return [json.dumps(event.arguments, ensure_ascii=False), event.reason]
        case ToolFinished(result=result):
            return [result.content if result.full_content is None else result.full_content]
        case MalformedCall():
            return [event.raw]
        case _:
            return []


def _take_in(connection: sqlite3.Connection, turn: int, is_old: int) -> int:
    """Index one turn as far as it will not change any more; return how many characters that were."""
    found = connection.execute("SELECT indexed FROM turns WHERE id = ?", (turn,)).fetchone()
    if found is None:
        return 0
    rows = rows_of(connection, turn)
    if not is_old and rows and rows[-1][1] not in _ENDINGS:
        rows.pop()  # a text that may still grow
    before = found[0]
    if not rows or rows[-1][0] <= before:
        return 0
    if before:
        _write(connection, turn, [row for row in rows if row[0] <= before], delete=True)
    _write(connection, turn, rows, delete=False)
    connection.execute("UPDATE turns SET indexed = ? WHERE id = ?", (rows[-1][0], turn))
    return sum(len(body) for _, _, body in rows)


def _write(connection: sqlite3.Connection, turn: int, rows: list[Row], *, delete: bool) -> None:
    texts = [for_index(text).encode("utf-8", "replace").decode() for text in texts_of(rows)]
    if delete:
        statement = f"INSERT INTO search (search, rowid, {', '.join(FIELDS)}) VALUES ('delete', ?, ?, ?, ?, ?)"
    else:
        statement = f"INSERT INTO search (rowid, {', '.join(FIELDS)}) VALUES (?, ?, ?, ?, ?)"
    connection.execute(statement, (turn, *texts))
