"""Append what happens, read it back. One thread writes; the event loop never waits for the disk without need."""

from __future__ import annotations

import asyncio
import logging
import secrets
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from smol_chat.errors import JournalError, UsageError
from smol_chat.events import (
    CUT,
    ContentDelta,
    Decided,
    Notice,
    Pinned,
    Summarised,
    ToolCallProposed,
    ToolFinished,
    ToolStarted,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnResumed,
    TurnStarted,
)
from smol_chat.journal import index
from smol_chat.journal.audit import CallRecord, read_calls
from smol_chat.journal.codec import NOT_STORED, coalesced, decode, encode
from smol_chat.journal.past import Branch, PastTurn
from smol_chat.journal.programs import Programs
from smol_chat.journal.recording import Follows, Recording, Row, Turn, Writer, title_of
from smol_chat.journal.schema import BUSY_MS, KEPT, connect, connect_read_only, migrate
from smol_chat.journal.tree import Tree

log = logging.getLogger(__name__)

T = TypeVar("T")

INTERRUPTED = TurnFailed(CUT, "The program ended before this answer did; what was kept of it is shown.")
ELSEWHERE = TurnFailed("elsewhere", "Another smol-chat is at this turn; what it has written so far is shown.")
_AWAITED = (
    TurnStarted,
    TurnResumed,
    ToolCallProposed,
    Decided,
    ToolStarted,
    ToolFinished,
    TurnFinished,
    TurnFailed,
)
"""Stored before they are passed on: a question before it is asked, the intent before its effect, and what came of it
before anybody acts on it."""

_BRANCH = """
    WITH RECURSIVE branch (id, parent) AS (
        SELECT id, parent FROM turns WHERE id = ?
        UNION SELECT turns.id, turns.parent FROM turns JOIN branch ON turns.id = branch.parent
    )
    SELECT turn, kind, body FROM branch JOIN events ON turn = branch.id ORDER BY turn, events.id"""
"""All events of a branch, given its last turn."""

_SUMMARY = """
    SELECT id, title, model, started, updated,
        (SELECT count(*) FROM turns WHERE conversation = conversations.id), pinned, named_by
    FROM conversations"""

_TURN = "SELECT turn, kind, body FROM events WHERE turn = ? ORDER BY id"

_CALLS = """
    SELECT count(*) FROM events WHERE kind IN ('tool_call', 'summarised', 'pinned') AND kind = 'tool_call'
    AND turn IN (SELECT id FROM turns WHERE conversation = ?)"""
_MARKS = """
    SELECT turn, kind, body FROM events
    WHERE kind IN ('tool_call', 'summarised', 'pinned') AND kind IN ('summarised', 'pinned')
    AND turn IN (SELECT id FROM turns WHERE conversation = ?) ORDER BY id"""
"""Written so that SQLite takes the index that was made for them."""

_ROWS = """
    SELECT turn, count(*) FROM events WHERE turn IN (SELECT id FROM turns WHERE conversation = ?) GROUP BY turn"""

_ENDS = """
    SELECT started,
        (SELECT body FROM events WHERE turn = turns.id AND kind = 'turn_started' ORDER BY events.id LIMIT 1),
        (SELECT body FROM events WHERE turn = turns.id AND kind = 'content' ORDER BY events.id LIMIT 1)
    FROM turns WHERE id = ?"""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


@dataclass(frozen=True, slots=True)
class ConversationSummary:
    """One conversation in a list. Times are seconds since 1970."""

    id: str
    title: str
    model: str
    started: float
    updated: float
    turns: int
    """All that were run, those of other branches too."""
    pinned: int = 0
    """1: it is listed before all others."""
    named_by: str = "text"
    """Who gave it its title: `text` (its first line), `model` or `user`."""


@dataclass(frozen=True, slots=True)
class BranchEnd:
    """The last turn of a branch. `started` is in seconds since 1970; `length` counts the branch's turns."""

    turn: int
    started: float
    length: int
    question: str
    answer: str
    """How the answer begins; empty where there is none."""
    is_open: bool


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """One turn. `parent` is the one it follows; `started` is in seconds since 1970."""

    id: int
    parent: int | None
    started: float
    events: list[TurnEvent]


class Journal:
    """The conversations of one user. Several programs may use the same file at once."""

    def __init__(
        self, path: Path, reader: sqlite3.Connection | None, writer: Writer, programs: Programs | None = None
    ) -> None:
        self._path = path
        self._programs = programs
        self._reader = reader
        self._reading = threading.Lock()
        self._writer = writer
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._models: dict[str, str] = {}
        self._last_number = 0

    @classmethod
    def open(cls, path: Path, *, connect: Callable[[Path], sqlite3.Connection] = connect) -> Journal:
        """Open the history, made where there is none.

        Where the disk is full or read-only, or the file damaged, of a newer version, of another program or held by one,
        the journal opens all the same: reading says why, and a chat goes on with one notice.
        """
        opened: list[sqlite3.Connection] = []
        try:
            opened.append(connect(path))
            migrate(opened[0], path)
            opened.append(connect(path))
        except (sqlite3.Error, OSError, JournalError) as error:
            for connection in opened:
                connection.close()
            return cls(path, connect_read_only(path), Writer(None, failure=_unusable(path, error)))
        try:
            programs = Programs(path)
        except OSError as error:  # such as a disk that cannot be written, where no turn will be stored either
            log.warning("other programs cannot see that this one runs: %s", error)
            programs = None
        return cls(path, opened[0], Writer(opened[1], busy_ms=BUSY_MS), programs)

    @property
    def failure(self) -> str:
        """Why nothing can be stored at the moment; empty while all is kept."""
        return self._writer.failure

    def create(self, model: str) -> str:
        """Return the id of a new conversation. Nothing is stored before its first turn."""
        # Milliseconds, so that ids sort by time; then chance, so that two programs do not meet.
        number = time.time_ns() // 1_000_000 * 32**3 + secrets.randbelow(32**3)
        number = self._last_number = max(number, self._last_number + 1)
        conversation = ""
        while number:
            number, digit = divmod(number, 32)
            conversation = _ALPHABET[digit] + conversation
        self._models[conversation] = model
        return conversation

    def turn(self, conversation: str, follows: Follows = "active") -> Turn:
        """Return the place of a turn that is to be recorded."""
        return Turn(conversation, self._models.get(conversation, ""), program=self._own, follows=follows)

    async def record(
        self, conversation: str, events: AsyncGenerator[TurnEvent, None], turn: Turn | None = None
    ) -> AsyncGenerator[TurnEvent, None]:
        """Pass a turn's events through and store each; consume inside `aclosing`.

        Where storing fails, the turn goes on with one `Notice`, and what could not be stored is tried again later.

        Args:
            conversation: its id.
            events: what happens.
            turn: where it belongs; None: behind the last turn of the branch that is open.
        """
        recording = Recording(turn or self.turn(conversation), self._submit)
        async with aclosing(events):
            try:
                async for event in events:
                    if not isinstance(event, NOT_STORED):
                        recording.add(event)
                    if isinstance(event, _AWAITED):
                        await recording.stored()
                    notice = self._writer.take_notice()
                    if notice is None:
                        yield event
                    elif isinstance(event, TurnStarted):  # always the first of a turn
                        yield event
                        yield Notice(notice)
                    else:
                        yield Notice(notice)
                        yield event
            finally:
                await recording.stored()

    async def note(self, turn: Turn, event: TurnEvent) -> None:
        """Store an event with a turn that has ended."""
        kind, body = encode(event)
        await asyncio.wrap_future(self._submit(Row(turn, kind), body))

    def events(self, conversation: str, leaf: int | None = None) -> list[TurnEvent]:
        """Return the events of a branch with deltas joined. A turn that was cut ends in `TurnFailed`.

        Args:
            conversation: its id.
            leaf: the last turn of the branch; None: of the one that is open.

        Raises:
            JournalError: the history cannot be read.
        """
        if leaf is None:
            leaf = self.tree(conversation).active
        with self._read() as reader:
            rows = reader.execute(_BRANCH, (leaf,)).fetchall()
        return list(coalesced(self._ended_turns(rows)))

    def claim(self, turn: Turn) -> None:
        """Make a turn that was cut this program's own, so that no other goes on with it too.

        Raises:
            JournalError: another program is at it, or the history cannot be written.
        """
        with self._read() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                is_free = self._cut_by(connection, turn.id) is INTERRUPTED
                if is_free:
                    connection.execute("UPDATE turns SET program = ? WHERE id = ?", (self._own, turn.id))
            finally:
                connection.execute("COMMIT")
        if not is_free:
            raise JournalError("Another smol-chat has gone on with this turn; it can be answered there.")

    @property
    def _own(self) -> str | None:
        return self._programs.own if self._programs else None

    def _cut_by(self, connection: sqlite3.Connection, turn: int | None) -> TurnFailed:
        """Return what stands at the end of a turn that has none: its program ended, or another one is at it."""
        found = connection.execute("SELECT program FROM turns WHERE id = ?", (turn,)).fetchone()
        program = found[0] if found else None
        if self._programs is None or program in (None, self._own) or not self._programs.running(program):
            return INTERRUPTED
        return ELSEWHERE

    def _ended_turns(self, rows: list[tuple[int, str, str]]) -> Iterator[TurnEvent]:
        """Decode the rows and end each turn that has no end."""
        open_turn: int | None = None
        for turn, kind, body in rows:
            if open_turn is not None and turn != open_turn:
                yield self._end_of(open_turn)
            event = decode(kind, body)
            if event is None:
                continue
            if not isinstance(event, Pinned):  # comes after the end, or after where the turn was cut
                open_turn = None if isinstance(event, (TurnFinished, TurnFailed)) else turn
            yield event
        if open_turn is not None:
            yield self._end_of(open_turn)

    def _end_of(self, turn: int) -> TurnFailed:
        with self._read() as reader:
            return self._cut_by(reader, turn)

    def turns(self, conversation: str) -> Iterator[StoredTurn]:
        """Return all turns of a conversation one by one, in the order they were begun, those of every branch.

        Raises:
            JournalError: the history cannot be read.
        """
        tree = self.tree(conversation)
        for turn in tree:
            with self._read() as reader:
                started = reader.execute("SELECT started FROM turns WHERE id = ?", (turn,)).fetchone()
            if started is None:  # deleted meanwhile
                return
            yield StoredTurn(turn, tree.parent(turn), started[0], self._turn_events(turn))

    def tree(self, conversation: str) -> Tree:
        """Return which turn of a conversation follows which.

        Raises:
            JournalError: the history cannot be read.
        """
        with self._read() as reader:
            parents = reader.execute("SELECT id, parent FROM turns WHERE conversation = ?", (conversation,)).fetchall()
            active = reader.execute("SELECT active FROM conversations WHERE id = ?", (conversation,)).fetchone()
        return Tree(dict(parents), active[0] if active else None)

    def branch(self, conversation: str, turn: int | None = None) -> Branch:
        """Return the branch that is open; with a turn, open the latest branch through it before.

        Raises:
            JournalError: the history cannot be read, or there is no such turn in the conversation.
        """
        tree = self.tree(conversation)
        leaf = tree.active
        if turn is not None:
            if turn not in tree:
                raise JournalError("That part of the conversation is gone: it was deleted meanwhile.")
            leaf = tree.latest_leaf(turn)
        path = tree.path(leaf)
        marks: dict[int, list[Summarised | Pinned]] = defaultdict(list)
        with self._read() as connection:
            if leaf != tree.active:
                connection.execute("UPDATE conversations SET active = ? WHERE id = ?", (leaf, conversation))
            (calls_made,) = connection.execute(_CALLS, (conversation,)).fetchone()
            rows = dict(connection.execute(_ROWS, (conversation,)))
            for number, kind, body in connection.execute(_MARKS, (conversation,)):
                mark = decode(kind, body)
                if isinstance(mark, (Summarised, Pinned)):
                    marks[number].append(mark)
        return Branch(
            [Turn(conversation, id=number) for number in path],
            [PastTurn(partial(self._turn_events, number), rows.get(number, 0), marks[number]) for number in path],
            calls_made,
        )

    def _turn_events(self, turn: int) -> list[TurnEvent]:
        with self._read() as reader:
            rows = reader.execute(_TURN, (turn,)).fetchall()
        return list(coalesced(self._ended_turns(rows)))

    def branch_ends(self, conversation: str, limit: int = 500) -> list[BranchEnd]:
        """Return the last turns of all branches, the latest first.

        Raises:
            JournalError: the history cannot be read.
        """
        tree = self.tree(conversation)
        with self._read() as reader:
            rows = [(leaf, *reader.execute(_ENDS, (leaf,)).fetchone()) for leaf in tree.leaves()[:limit]]
        return [
            BranchEnd(leaf, started, len(tree.path(leaf)), _text(question), _text(answer), leaf == tree.active)
            for leaf, started, question, answer in rows
        ]

    def calls(self, *, conversation: str | None = None, tool: str | None = None, limit: int = 50) -> list[CallRecord]:
        """Return calls of tools, the latest first; of one conversation or one tool where that is given.

        Raises:
            JournalError: the history cannot be read.
        """
        with self._read() as reader:
            return read_calls(reader, conversation=conversation, tool=tool, limit=limit)

    def conversations(self, limit: int = 100) -> list[ConversationSummary]:
        """Return the conversations used last, the latest first, those that are pinned before all others.

        Raises:
            JournalError: the history cannot be read.
        """
        with self._read() as reader:
            order = "ORDER BY pinned DESC, updated DESC, id DESC LIMIT ?"
            rows = reader.execute(f"{_SUMMARY} {order}", (limit,)).fetchall()
        return [ConversationSummary(*row) for row in rows]

    def summary(self, conversation: str) -> ConversationSummary | None:
        """Return what a list says of one conversation; None where it is not stored.

        Raises:
            JournalError: the history cannot be read.
        """
        with self._read() as reader:
            row = reader.execute(f"{_SUMMARY} WHERE id = ?", (conversation,)).fetchone()
        return ConversationSummary(*row) if row else None

    def rename(self, conversation: str, title: str, by: Literal["user", "model"] = "user") -> None:
        """Give a conversation a title; the model's never replaces a person's.

        Raises:
            JournalError: the history cannot be written.
        """
        with self._read() as connection:
            connection.execute(
                "UPDATE conversations SET title = ?, named_by = ? WHERE id = ? AND (named_by != 'user' OR ? = 'user')",
                (title_of(title), by, conversation, by),
            )

    def pin(self, conversation: str, on: bool) -> None:
        """List a conversation before all others, or no longer.

        Raises:
            JournalError: the history cannot be written.
        """
        with self._read() as connection:
            connection.execute("UPDATE conversations SET pinned = ? WHERE id = ?", (int(on), conversation))

    def latest(self) -> str | None:
        """Return the id of the conversation used last; None when there is none.

        Raises:
            JournalError: the history cannot be read.
        """
        with self._read() as reader:
            found = reader.execute("SELECT id FROM conversations ORDER BY updated DESC, id DESC LIMIT 1").fetchone()
        return str(found[0]) if found else None

    def find(self, prefix: str) -> str:
        """Return the id of the one conversation that begins so.

        Raises:
            UsageError: there is none, or more than one.
            JournalError: the history cannot be read.
        """
        with self._read() as reader:
            rows = reader.execute(
                "SELECT id FROM conversations WHERE substr(id, 1, ?) = ? ORDER BY id DESC LIMIT 4",
                (len(prefix), prefix.lower()),
            ).fetchall()
        if len(rows) == 1:
            return str(rows[0][0])
        if not rows:
            raise UsageError(f"There is no conversation {prefix!r}; smol-chat history list shows those there are.")
        some = ", ".join(row[0] for row in rows[:3])
        raise UsageError(f"Several conversations begin with {prefix!r} ({some}, …); give more of the id.")

    def delete(self, *conversations: str) -> None:
        """Remove conversations for good.

        Raises:
            JournalError: the history cannot be written.
        """
        with self._read() as connection:
            index.delete(connection, conversations)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the log, too, held its text
        for copy in self._path.parent.glob(f"{self._path.name}{KEPT}*"):  # and so did copies of older versions
            copy.unlink(missing_ok=True)

    def close(self) -> None:
        """Store what is still on its way and close the file."""
        self._thread.shutdown(wait=True)
        self._writer.close()
        with self._reading:
            if self._reader is not None:
                self._reader.close()
        if self._programs is not None:
            self._programs.close()

    def _submit(self, row: Row, body: str) -> Future[None]:
        return self._thread.submit(self._writer.save, row, body)

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        if self._reader is None:
            raise JournalError(self._writer.failure)
        with self._reading:
            try:
                yield self._reader
            except sqlite3.Error as error:
                raise JournalError(_unusable(self._path, error)) from error


def _text(body: str | None) -> str:
    """Return the text of a stored message."""
    event = decode("content", body) if body is not None else None
    return event.text if isinstance(event, ContentDelta) else ""


def _unusable(path: Path, error: Exception) -> str:
    """Say in one sentence why the history cannot be used and what to do about it."""
    if isinstance(error, JournalError):
        return error.message
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        return f"The history {path} is damaged ({error}); smol-chat history repair recovers what can be read of it."
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return f"The history {path} cannot be used ({reason}); see that the disk has room and the folder may be written."
