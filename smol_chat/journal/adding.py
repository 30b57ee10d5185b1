"""Take whole conversations in at once, as an import brings them: all of them or none."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from smol_chat.errors import JournalError
from smol_chat.events import TurnEvent, TurnStarted
from smol_chat.journal.codec import encode
from smol_chat.journal.recording import title_of
from smol_chat.journal.schema import connect
from smol_chat.journal.store import Journal


@dataclass(frozen=True, slots=True)
class NewConversation:
    """A conversation that is to be stored. `started` is in seconds since 1970."""

    title: str
    named_by: str
    model: str
    started: float
    turns: Sequence[Sequence[TurnEvent]]


def add(journal: Journal, path: Path, conversations: Sequence[NewConversation]) -> list[str]:
    """Store conversations of one branch each and return their new ids.

    Args:
        journal: gives the ids; it has opened the history.
        path: the history.
        conversations: what to store.

    Raises:
        JournalError: the history cannot be written; nothing was stored.
    """
    ids: list[str] = []
    try:
        with closing(connect(path)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            for conversation in conversations:
                ids.append(journal.create(conversation.model))
                _add(connection, ids[-1], conversation)
            connection.execute("COMMIT")
    except (sqlite3.Error, OSError) as error:
        raise JournalError(f"Nothing was imported: the history cannot be written ({error}).") from error
    return ids


def _add(connection: sqlite3.Connection, name: str, conversation: NewConversation) -> None:
    connection.execute(
        "INSERT INTO conversations (id, title, model, started, updated, named_by) VALUES (?, ?, ?, ?, ?, ?)",
        (
            name,
            title_of(conversation.title),
            conversation.model,
            conversation.started,
            conversation.started,
            conversation.named_by,
        ),
    )
    parent: int | None = None
    for events in conversation.turns:
        parent = connection.execute(
            "INSERT INTO turns (conversation, started, parent) VALUES (?, ?, ?)", (name, conversation.started, parent)
        ).lastrowid
        connection.executemany(
            "INSERT INTO events (turn, kind, body) VALUES (?, ?, ?)",
            [(parent, *encode(_belonging(event, name))) for event in events],
        )
    connection.execute("UPDATE conversations SET active = ? WHERE id = ?", (parent, name))


def _belonging(event: TurnEvent, name: str) -> TurnEvent:
    return replace(event, conversation=name) if isinstance(event, TurnStarted) else event
