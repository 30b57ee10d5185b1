"""Words are found in every branch, whatever is asked; what was deleted is in the index no longer."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smol_chat.errors import JournalError
from smol_chat.events import (
    ContentDelta,
    Decided,
    MalformedCall,
    ReasoningDelta,
    ToolCallProposed,
    ToolFinished,
    TurnEvent,
    TurnFinished,
    TurnStarted,
)
from smol_chat.journal import Journal
from smol_chat.journal.index import BATCH_CHARACTERS
from smol_chat.journal.recording import Turn
from smol_chat.journal.search import Hit, Search
from smol_chat.journal.words import fold, passage, terms_of
from smol_chat.messages import Timings, ToolCall, ToolResult, Usage

END = TurnFinished("stop", Usage(), Timings())


class Shelf:
    """A journal and the search in it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "history.db"
        self.journal = Journal.open(self.path)
        self.search = Search(self.path)

    async def write(self, name: str, *events: TurnEvent, after: Turn | None = None, end: bool = True) -> Turn:
        turn = self.journal.turn(name, after)

        async def play() -> AsyncGenerator[TurnEvent, None]:
            for event in events:
                yield event
            if end:
                yield END

        async with aclosing(self.journal.record(name, play(), turn)) as passed:
            async for _ in passed:
                pass
        return turn

    async def say(self, name: str, question: str, answer: str = "") -> Turn:
        return await self.write(name, TurnStarted(name, question), ContentDelta(answer))

    def find(self, query: str) -> list[Hit]:
        self.search.update()
        return self.search.find(query)

    def names(self, query: str) -> list[str]:
        return sorted(hit.conversation for hit in self.find(query))

    def words(self) -> set[str]:
        """Return every word the index has, deleted or not."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("CREATE VIRTUAL TABLE temp.words USING fts5vocab(main, search, row)")
            return {row[0] for row in connection.execute("SELECT term FROM words")}


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path)
    yield shelf
    shelf.journal.close()


def marked(hit: Hit) -> str:
    return "".join(f"[{text}]" if found else text for text, found in hit.passage)


async def test_every_part_of_a_turn_is_searched_and_said(shelf: Shelf) -> None:
    full = "cut here " + "x " * 20_000 + "mulberry"
    turn = await shelf.write(
        "c",
        TurnStarted("c", "Where do lemons grow?"),
        ReasoningDelta("I think of orchards."),
        ContentDelta("In **Sicily**"),
        ContentDelta(", mostly."),
        ToolCallProposed(ToolCall("1", "web_search", {"query": "citrus"})),
        Decided("1", "allow", "user", {"query": "bergamot"}),
        ToolFinished(ToolResult("1", "web_search", content="cut here", full_content=full)),
        MalformedCall("<quince", "json", "cut"),
    )
    expected = {
        "lemons": "question",
        "orchards": "reasoning",
        "sicily": "answer",
        "citrus": "tools",
        "bergamot": "tools",
        "mulberry": "tools",
        "quince": "tools",
        "web_search": "tools",
    }
    assert {word: shelf.find(word)[0].field for word in expected} == expected
    (hit,) = shelf.find("sicily lemons")
    assert (hit.conversation, hit.turn, hit.title) == ("c", turn.id, "Where do lemons grow?")
    assert marked(shelf.find("mostly")[0]) == "In **Sicily**, [mostly]."
    assert marked(shelf.find("mulberry")[0]).endswith("x [mulberry] <quince")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("red apple", "ab"),
        ("APPLE", "ab"),
        ('"red apple"', "a"),
        ('"red apple', "a"),
        ("app", "ab"),
        ("app red", ""),
        ("app* red", "ab"),
        ("cafe", "c"),
        ("CAFÉ", "c"),
        ("cafe\N{COMBINING ACUTE ACCENT}", "c"),
        ("snake_case", "d"),
        ("case", "d"),
        ("東京", "e"),
        ("京タ", "e"),
        ("京東", ""),
        ("서울", "f"),
        ("red OR nothing", ""),
        ("question:red", ""),
        ("", ""),
        ("* \" ' ) ( - + ^ : { }", ""),
        ("NEAR(red apple, 1)", ""),
        ("red\0apple", "a"),
        ("\ud800 red", "ab"),
        ("red " * 5000, "ab"),
        ("x" * 100_000, ""),
    ],
)
async def test_what_is_asked_finds_what_is_meant(shelf: Shelf, query: str, found: str) -> None:
    texts = ["a red apple", "an apple is red", "le café", "a snake_case name", "東京タワー", "서울에서"]
    for name, text in zip("abcdef", texts, strict=True):
        await shelf.say(name, text)
    assert "".join(shelf.names(query)) == found


@given(st.text(max_size=60), st.text(max_size=200))
def test_any_text_is_a_query_and_a_passage_is_part_of_its_text(query: str, text: str) -> None:
    assert len(fold(text)) == len(text)
    terms = terms_of(query)
    found = passage([text], terms) if terms else None
    if found is not None:
        assert all(part in " ".join(["", *text.split(), ""]) or part.strip() for part, _ in found[1])
        assert any(is_match for _, is_match in found[1])


async def test_any_text_can_be_asked_for(shelf: Shelf) -> None:
    await shelf.say("c", "hello")
    for query in (
        '"',
        '""',
        '"*',
        "*",
        "a*b",
        'a"b',
        "'",
        "--",
        "\n",
        "%",
        "AND",
        "NOT x",
        "hello NOT",
        "hello)",
        "(hello",
    ):
        shelf.find(query)


async def test_text_that_is_no_unicode_is_stored_and_found(shelf: Shelf) -> None:
    await shelf.say("c", "half \ud83d pair")
    assert shelf.names("pair") == ["c"]
    assert marked(shelf.find("pair")[0]).endswith("[pair]")


async def test_all_branches_are_found(shelf: Shelf) -> None:
    first = await shelf.say("c", "first")
    old = await shelf.say("c", "old words")
    await shelf.write("c", TurnStarted("c", "new words"), after=first)
    assert len(shelf.find("words")) == 2
    assert shelf.find("old")[0].turn == old.id


async def test_a_turn_that_is_being_written_is_found_as_far_as_it_stands_and_later_whole(shelf: Shelf) -> None:
    started = TurnStarted("c", "unfinished question")
    await shelf.write("c", started, ReasoningDelta("thought"), ContentDelta("half an ans"), end=False)
    assert shelf.names("question") == ["c"]
    assert shelf.names("thought") == ["c"]
    assert shelf.names("half") == []
    await shelf.say("c", "next")
    assert shelf.names("half") == ["c"]
    assert len(shelf.find("question")) == 1


async def test_what_is_deleted_is_gone_from_the_index_too(shelf: Shelf) -> None:
    await shelf.say("a", "a zebrafish")
    await shelf.say("b", "an okapi")
    assert shelf.names("zebrafish") == ["a"]
    assert {"zebrafish", "okapi"} <= shelf.words()
    shelf.journal.delete("a")
    assert shelf.words() == {"an", "okapi"}
    assert shelf.names("zebrafish") == []
    assert shelf.names("okapi") == ["b"]
    assert b"zebrafish" not in b"".join(file.read_bytes() for file in shelf.path.parent.iterdir() if file.is_file())


async def test_what_was_written_before_there_was_an_index_is_taken_in_step_by_step(shelf: Shelf) -> None:
    for number in range(4):
        await shelf.say("c", f"number{number} " + "word " * (BATCH_CHARACTERS // 10))
    seen: list[tuple[int, int]] = []
    shelf.search.update(go_on=lambda: not seen, report=lambda done, total: seen.append((done, total)))
    assert seen == [(2, 4)]
    assert [hit.turn for hit in shelf.search.find("number*")] == [4, 3]
    shelf.search.update()
    assert len(shelf.search.find("number*")) == 4


@pytest.mark.parametrize("damage", ["DELETE FROM search_data", "DROP TABLE search"])
async def test_a_damaged_index_is_made_anew(shelf: Shelf, damage: str) -> None:
    await shelf.say("c", "hello")
    assert shelf.names("hello") == ["c"]
    with closing(sqlite3.connect(shelf.path)) as connection, connection:
        connection.execute(damage)
        if damage.startswith("DROP"):
            connection.execute("UPDATE turns SET indexed = 0")
    assert shelf.names("hello") == ["c"]


async def test_deleting_works_with_a_damaged_index(shelf: Shelf) -> None:
    await shelf.say("a", "hello")
    await shelf.say("b", "hello")
    shelf.find("hello")
    with closing(sqlite3.connect(shelf.path)) as connection, connection:
        connection.execute("UPDATE search_data SET block = x'00ff'")
    shelf.journal.delete("a")
    assert shelf.names("hello") == ["b"]


def test_a_history_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be searched"):
        Search(tmp_path).find("x")
