"""From events to rows: text gathered for a moment, everything else at once; and the thread's side of it."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Literal, Union

from smol_chat.events import ContentDelta, ReasoningDelta, TurnEvent, TurnStarted
from smol_chat.journal.codec import encode

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.15
"""Age at which gathered text is stored. With the commit itself, less than 0.25 s of it is lost to a kill."""

ROW_CHARACTERS = 4096
"""Size at which a growing text goes on in a new row, because each flush writes the open row anew."""

TITLE_CHARACTERS = 80


@dataclass(slots=True, eq=False)
class Turn:
    """One turn's place in the database. `id` is None until something of it is stored; set by the writer."""

    conversation: str
    model: str = ""
    title: str = ""
    started: float = 0.0
    program: str | None = None
    """Which program writes it."""
    id: int | None = None
    follows: Follows = "active"


Follows = Union[Turn, Literal["active"], None]
"""What a turn goes on from: another turn, the last one of the branch that is open, or nothing: it begins anew."""


@dataclass(slots=True, eq=False)
class Row:
    """One row of events. `id` is None until it is stored; set by the writer."""

    turn: Turn
    kind: str
    at: float = field(default_factory=time.time)
    id: int | None = None


class Writer:
    """Write rows to the database; used by the journal's thread alone, but for `take_notice` and `failure`."""

    def __init__(self, connection: sqlite3.Connection | None, *, failure: str = "", busy_ms: int = 0) -> None:
        self.failure = failure
        """Why nothing can be written at the moment; empty while all is well."""
        self._notice = f"{failure} This conversation is not kept." if failure else None
        self._connection = connection
        self._busy_ms = busy_ms
        self._unsaved: dict[Row, str] = {}

    def save(self, row: Row, body: str) -> None:
        """Store a row or its newer state, and whatever could not be stored before."""
        if self._connection is None:
            return
        self._unsaved[row] = body
        self._save_all(self._connection)

    def take_notice(self) -> str | None:
        """Return a sentence the user has not read yet, once."""
        notice, self._notice = self._notice, None
        return notice

    def close(self) -> None:
        """Try once more to store what could not be stored, and close the connection."""
        if self._connection is None:
            return
        if self._unsaved:
            self._save_all(self._connection)
        self._connection.close()

    def _save_all(self, connection: sqlite3.Connection) -> None:
        try:
            self._commit(connection)
        except sqlite3.IntegrityError:
            # The conversation was deleted while it went on; its rows have nothing left to belong to.
            log.warning("a conversation was deleted while it was being recorded")
            self._unsaved.clear()
        except sqlite3.Error as error:
            self._failed(connection, str(error))
        else:
            if self.failure:
                self.failure = ""
                connection.execute(f"PRAGMA busy_timeout = {self._busy_ms}")

    def _commit(self, connection: sqlite3.Connection) -> None:
        turns: dict[Turn, int] = {}
        rows: dict[Row, int] = {}
        connection.execute("BEGIN IMMEDIATE")
        try:
            for row, body in self._unsaved.items():
                if row.id is not None:
                    connection.execute("UPDATE events SET body = ? WHERE id = ?", (body, row.id))
                    continue
                turn = row.turn.id or turns.get(row.turn)
                if turn is None:
                    turn = turns[row.turn] = _insert_turn(connection, row.turn, turns)
                rows[row] = _insert(
                    connection,
                    "INSERT INTO events (turn, kind, body, at) VALUES (?, ?, ?, ?)",
                    (turn, row.kind, body, row.at),
                )
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # a full disk has ended it already
                connection.execute("ROLLBACK")
            raise
        for turn_, number in turns.items():
            turn_.id = number
        for row, number in rows.items():
            row.id = number
        self._unsaved.clear()

    def _failed(self, connection: sqlite3.Connection, reason: str) -> None:
        log.warning("the history cannot be written: %s", reason)
        if not self.failure:
            self.failure = self._notice = (
                f"The history cannot be written now ({reason}): this conversation goes on but may not be kept. "
                "See that the disk has room and the data folder may be written."
            )
            connection.execute("PRAGMA busy_timeout = 0")  # the chat does not wait at every step for what fails


class Recording:
    """One turn on its way to the database; lives on the event loop.

    `submit` runs a function in the writer's thread, one after the other.
    """

    def __init__(self, turn: Turn, submit: Callable[[Row, str], Future[None]]) -> None:
        turn.started = time.time()
        self._turn = turn
        self._submit = submit
        self._last: Future[None] | None = None
        self._delta: type[ReasoningDelta] | type[ContentDelta] = ContentDelta
        self._row: Row | None = None
        self._text: list[str] = []
        self._length = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, event: TurnEvent) -> None:
        """Take the next event: text waits a moment for more of it, everything else is stored at once."""
        if isinstance(event, (ReasoningDelta, ContentDelta)):
            self._add_text(event)
            return
        self._end_text()
        if isinstance(event, TurnStarted):
            self._turn.title = title_of(event.text)
        try:
            kind, body = encode(event)
        except (TypeError, ValueError, RecursionError):  # data of a plug-in that is no JSON
            log.exception("an event could not be stored")
            return
        self._last = self._submit(Row(self._turn, kind), body)

    async def stored(self) -> None:
        """Wait until everything taken so far is stored, or failed to be."""
        self._flush()
        if self._last is not None:
            await asyncio.shield(asyncio.wrap_future(self._last))

    def _add_text(self, event: ReasoningDelta | ContentDelta) -> None:
        if type(event) is not self._delta or self._length >= ROW_CHARACTERS:
            self._end_text()
            self._delta = type(event)
        self._text.append(event.text)
        self._length += len(event.text)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._flush)

    def _end_text(self) -> None:
        self._flush()
        self._row, self._text, self._length = None, [], 0

    def _flush(self) -> None:
        """Send the open text on; its row is written anew with each flush until the text ends."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        kind, body = encode(self._delta("".join(self._text)))
        if self._row is None:
            self._row = Row(self._turn, kind)
        self._last = self._submit(self._row, body)


def title_of(text: str) -> str:
    """Return a line that tells the conversation from others: the first with anything on it, shortened."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    title = " ".join(line.split()).encode("utf-8", "replace").decode()  # half a character is nothing SQLite takes
    return title if len(title) <= TITLE_CHARACTERS else title[: TITLE_CHARACTERS - 1].rstrip() + "…"


def _insert_turn(connection: sqlite3.Connection, turn: Turn, new: Mapping[Turn, int]) -> int:
    """Insert a turn; `new` has the numbers of those that this transaction inserted before."""
    connection.execute(
        "INSERT INTO conversations (id, title, model, started, updated) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET updated = max(updated, excluded.updated)",
        (turn.conversation, turn.title, turn.model, turn.started, turn.started),
    )
    if turn.follows == "active":
        before = connection.execute("SELECT active FROM conversations WHERE id = ?", (turn.conversation,)).fetchone()[0]
    else:
        before = turn.follows and (turn.follows.id or new.get(turn.follows))
    number = _insert(
        connection,
        "INSERT INTO turns (conversation, started, parent, program) VALUES (?, ?, ?, ?)",
        (turn.conversation, turn.started, before, turn.program),
    )
    connection.execute("UPDATE conversations SET active = ? WHERE id = ?", (number, turn.conversation))
    return number


def _insert(connection: sqlite3.Connection, statement: str, values: tuple[object, ...]) -> int:
    number = connection.execute(statement, values).lastrowid
    assert number is not None  # sqlite3 gives None for a statement that inserts nothing
    return number
