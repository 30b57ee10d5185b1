"""Turns that branch: nothing is deleted, one branch is open, old histories are one branch."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import aclosing, closing
from pathlib import Path

import pytest

from smol_chat.errors import JournalError
from smol_chat.events import ContentDelta, TurnEvent, TurnFinished, TurnStarted
from smol_chat.journal import Journal
from smol_chat.journal.recording import Follows, Turn
from smol_chat.journal.schema import MIGRATIONS, connect, migrate
from smol_chat.journal.tree import Tree
from smol_chat.messages import Timings, Usage

TREE = Tree({1: None, 2: 1, 3: 1, 4: 2, 5: 3, 6: 4, 7: None}, 5)


async def write(journal: Journal, conversation: str, text: str, follows: Follows = "active") -> Turn:
    turn = journal.turn(conversation, follows)

    async def events() -> AsyncGenerator[TurnEvent, None]:
        yield TurnStarted(conversation, text)
        yield ContentDelta(f"to {text}")
        yield TurnFinished("stop", Usage(), Timings())

    async with aclosing(journal.record(conversation, events(), turn)) as passed:
        async for _ in passed:
            pass
    return turn


def asked(journal: Journal, conversation: str, leaf: int | None = None) -> list[str]:
    return [event.text for event in journal.events(conversation, leaf) if isinstance(event, TurnStarted)]


def test_paths_siblings_and_leaves() -> None:
    assert TREE.path(6) == [1, 2, 4, 6]
    assert TREE.path(None) == []
    assert TREE.siblings(3) == [2, 3]
    assert TREE.siblings(1) == [1, 7]
    assert TREE.latest_leaf(2) == 6
    assert TREE.latest_leaf(1) == 6
    assert TREE.latest_leaf(7) == 7
    assert TREE.leaves() == [7, 6, 5]


def test_a_tree_that_lost_rows_or_goes_in_a_circle_is_still_one() -> None:
    tree = Tree({3: 2, 4: 3, 5: 6, 6: 5}, 99)
    assert tree.active == 6
    assert tree.path(4) == [3, 4]
    assert tree.siblings(3) == [3, 5]
    assert tree.path(6) == [5, 6]
    assert Tree({}, None).leaves() == []


async def test_turns_go_on_from_the_branch_that_is_open(tmp_path: Path) -> None:
    with closing(Journal.open(tmp_path / "history.db")) as journal:
        conversation = journal.create("m")
        one = await write(journal, conversation, "one")
        two = await write(journal, conversation, "two")
        other = await write(journal, conversation, "other two", one)
        await write(journal, conversation, "three")
        assert asked(journal, conversation) == ["one", "other two", "three"]
        assert asked(journal, conversation, two.id) == ["one", "two"]
        assert one.id and two.id and other.id
        assert journal.tree(conversation).siblings(other.id) == [two.id, other.id]

        branch = journal.branch(conversation, two.id)
        assert [turn.id for turn in branch.turns] == [one.id, two.id]
        await write(journal, conversation, "four")
        assert asked(journal, conversation) == ["one", "two", "four"]
        await write(journal, conversation, "anew", None)
        assert asked(journal, conversation) == ["anew"]
        assert journal.conversations()[0].turns == 6
        branch = journal.branch(conversation, one.id)
        texts = [event.text for turn in branch.past for event in turn if isinstance(event, TurnStarted)]
        assert texts == ["one", "two", "four"]
        assert [turn.id for turn in branch.turns] == [one.id, two.id, 5]
        assert asked(journal, conversation) == ["one", "two", "four"]
        with pytest.raises(JournalError, match="deleted meanwhile"):
            journal.branch(conversation, 99)


async def test_a_turn_can_follow_one_that_is_not_stored_yet(tmp_path: Path) -> None:
    path = tmp_path / "history.db"

    def impatient(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.execute("PRAGMA busy_timeout = 0")
        return connection

    with closing(Journal.open(path, connect=impatient)) as journal, closing(sqlite3.connect(path)) as other:
        conversation = journal.create("m")
        other.execute("BEGIN IMMEDIATE")
        one = await write(journal, conversation, "one", None)
        two = await write(journal, conversation, "two", one)
        assert two.id is None
        other.execute("ROLLBACK")
        await write(journal, conversation, "three", two)
        assert asked(journal, conversation) == ["one", "two", "three"]


def test_an_old_history_is_one_branch_for_each_conversation(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with closing(connect(path)) as connection:
        migrate(connection, path, MIGRATIONS[:1])
        for name in "ab":
            connection.execute("INSERT INTO conversations VALUES (?, 't', 'm', 1, 2)", (name,))
        for number, name in enumerate("abaab", 1):
            connection.execute("INSERT INTO turns VALUES (?, ?, 1)", (number, name))
            body = f'{{"conversation":"{name}","text":"{number}"}}'
            connection.execute("INSERT INTO events (turn, kind, body) VALUES (?, 'turn_started', ?)", (number, body))
    with closing(Journal.open(path)) as journal:
        assert asked(journal, "a") == ["1", "3", "4"]
        assert asked(journal, "b") == ["2", "5"]
        assert journal.tree("a").leaves() == [4]
