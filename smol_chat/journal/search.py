"""Search the whole history: every branch of every conversation, what was thought, called and returned as well."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar, cast

from smol_chat.errors import JournalError
from smol_chat.journal import index
from smol_chat.journal.schema import connect
from smol_chat.journal.words import Span, Term, fold, passage, terms_of

T = TypeVar("T")

Field = Literal["title", "question", "answer", "reasoning", "tools"]

_WEIGHTS = "4.0, 2.0, 0.5, 1.0"
"""What a word counts in each of the index's fields, in their order."""
_FIND = f"SELECT rowid FROM search WHERE search MATCH ? ORDER BY bm25(search, {_WEIGHTS}), rowid DESC LIMIT ?"
_TURN = """
    SELECT conversation, title, turns.started FROM turns JOIN conversations ON conversations.id = conversation
    WHERE turns.id = ?"""
_ORDER = ("question", "answer", "tools", "reasoning")


@dataclass(frozen=True, slots=True)
class Hit:
    """One turn, or a conversation by its title. `time` is in seconds since 1970."""

    conversation: str
    title: str
    turn: int | None
    """None: the title is what was found."""
    time: float
    field: Field
    """Where in the turn the passage stands."""
    passage: list[Span]


class Search:
    """Finds turns of one history by their words. Each call may come from another thread, one at a time."""

    def __init__(self, path: Path) -> None:
        """Remember where the history is; it has been opened, so its tables are up to date."""
        self._path = path

    def update(
        self,
        go_on: Callable[[], bool] = lambda: True,
        report: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        """Take in what was written since the last time. Takes long once, with an old history; `go_on` can end it.

        Raises:
            JournalError: the history cannot be read or the index not be written.
        """
        self._with_index(lambda connection: index.update(connection, go_on, report))

    def find(self, query: str, limit: int = 50) -> list[Hit]:
        """Return what fits a query best, conversations by their title first. Any text is a query.

        Raises:
            JournalError: the history cannot be read.
        """
        terms = terms_of(query)
        if not terms:
            return []
        return self._with_index(lambda connection: _find(connection, terms, limit))

    def _with_index(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do something with the index; a broken one is made anew."""
        try:
            with closing(connect(self._path)) as connection:
                connection.text_factory = lambda data: data.decode("utf-8", "replace")
                try:
                    index.prepare(connection)
                    return work(connection)
                except sqlite3.DatabaseError as error:
                    if isinstance(error, sqlite3.OperationalError):
                        raise  # such as a full disk, or no full-text search in this SQLite
                    index.drop(connection)
                    index.prepare(connection)
                    index.update(connection)
                    return work(connection)
        except (sqlite3.Error, OSError) as error:
            raise JournalError(
                f"The history cannot be searched ({error}); see that the disk has room and the data folder may be "
                "written."
            ) from error


def _find(connection: sqlite3.Connection, terms: list[Term], limit: int) -> list[Hit]:
    hits = _titles(connection, terms, limit)
    expression = " AND ".join(term.expression for term in terms)
    for (turn,) in connection.execute(_FIND, (expression, limit - len(hits))).fetchall():
        found = connection.execute(_TURN, (turn,)).fetchone()
        if found is not None:
            hits.append(_hit(connection, turn, found, terms))
    return hits


def _hit(connection: sqlite3.Connection, turn: int, found: tuple[str, str, float], terms: list[Term]) -> Hit:
    conversation, title, started = found
    texts = dict(zip(index.FIELDS, index.texts_of(index.rows_of(connection, turn)), strict=True))
    where = passage([texts[field] for field in _ORDER], terms)
    if where is None:  # the tokenizer saw a word that the pattern does not: then how the turn begins is shown
        where = 0, [(" ".join(texts["question"][:160].split()), False)]
    return Hit(conversation, title, turn, started, cast("Field", _ORDER[where[0]]), where[1])


def _titles(connection: sqlite3.Connection, terms: list[Term], limit: int) -> list[Hit]:
    """Return the conversations whose titles have all the words; there are few enough to look at each."""
    hits: list[Hit] = []
    for conversation, title, updated in connection.execute(
        "SELECT id, title, updated FROM conversations WHERE named_by != 'text' ORDER BY updated DESC"
    ):
        where = passage([title], terms)
        if where is not None and all(term.find(fold(title)) for term in terms):
            hits.append(Hit(conversation, title, None, updated, "title", where[1]))
    return hits[:limit]
