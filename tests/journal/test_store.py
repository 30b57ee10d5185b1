"""What happens is stored as it happens, survives a kill, and a failing disk costs a notice."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing, closing
from pathlib import Path

import pytest

from smol_chat.errors import JournalError, UsageError
from smol_chat.events import (
    ContentDelta,
    Decided,
    GenerationProgress,
    Notice,
    PromptProgress,
    ReasoningDelta,
    ReasoningFinished,
    RoundStarted,
    ToolCallProposed,
    ToolFinished,
    ToolStarted,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnResumed,
    TurnStarted,
)
from smol_chat.journal import Journal, schema
from smol_chat.journal.recording import ROW_CHARACTERS, title_of
from smol_chat.journal.store import INTERRUPTED
from smol_chat.messages import Timings, ToolCall, ToolResult, Usage

END = TurnFinished("stop", Usage(3, 0, 4), Timings(10, 1.0, 2.0))


def a_turn(conversation: str, text: str = "Hello") -> list[TurnEvent]:
    """Return every kind of event that is stored, and the two that are not."""
    return [
        TurnStarted(conversation, text),
        RoundStarted(1),
        PromptProgress(1, 2, 0),
        ReasoningDelta("hm"),
        GenerationProgress(1, 1.0, 10, 100, False),
        ReasoningDelta(", yes"),
        ReasoningFinished(10, 2),
        ContentDelta("Let me "),
        ContentDelta("see."),
        ToolCallProposed(ToolCall("1", "calculate", {"expression": "2+2"})),
        Decided("1", "allow", "user", {"expression": "2+2"}),
        ToolStarted("1"),
        ToolFinished(ToolResult("1", "calculate", content="4")),
        RoundStarted(2),
        ContentDelta("4"),
        END,
    ]


def stored_form(conversation: str, text: str = "Hello") -> list[TurnEvent]:
    kept = [
        event for event in a_turn(conversation, text) if not isinstance(event, (PromptProgress, GenerationProgress))
    ]
    reasoning, content = ReasoningDelta("hm, yes"), ContentDelta("Let me see.")
    return [*kept[:2], reasoning, kept[4], content, *kept[7:]]


async def play(events: Iterable[TurnEvent]) -> AsyncGenerator[TurnEvent, None]:
    for event in events:
        yield event


async def recorded(journal: Journal, conversation: str, events: Iterable[TurnEvent]) -> list[TurnEvent]:
    async with aclosing(journal.record(conversation, play(events))) as passed_on:
        return [event async for event in passed_on]


def rows(path: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as other_program:
        return other_program.execute("SELECT kind, body FROM events ORDER BY id").fetchall()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


async def test_a_turn_passes_through_unchanged_and_comes_back_with_joined_text(path: Path) -> None:
    with closing(Journal.open(path)) as journal:
        conversation = journal.create("small")
        assert await recorded(journal, conversation, a_turn(conversation)) == a_turn(conversation)
        assert journal.events(conversation) == stored_form(conversation)
    with closing(Journal.open(path)) as journal:
        assert journal.events(conversation) == stored_form(conversation)


async def test_intent_is_stored_before_it_is_passed_on(path: Path) -> None:
    with closing(Journal.open(path)) as journal:
        conversation = journal.create("small")
        seen = []
        async with aclosing(journal.record(conversation, play(a_turn(conversation)))) as events:
            async for event in events:
                kinds = [kind for kind, _ in rows(path)]
                if isinstance(event, TurnStarted):
                    assert kinds == ["turn_started"]
                if isinstance(event, (Decided, ToolStarted)):
                    seen.append(kinds[-1])
        assert seen == ["decided", "tool_started"]


async def test_text_is_stored_while_no_event_arrives(path: Path) -> None:
    with closing(Journal.open(path)) as journal:
        conversation = journal.create("small")
        polls = 0

        async def silent_after_some_text() -> AsyncGenerator[TurnEvent, None]:
            nonlocal polls
            yield TurnStarted(conversation, "Hello")
            yield ContentDelta("some ")
            yield ContentDelta("text")
            while ("content", '{"text":"some text"}') not in rows(path):
                polls += 1
                await asyncio.sleep(0)
            yield END

        async with aclosing(journal.record(conversation, silent_after_some_text())) as events:
            assert len([event async for event in events]) == 4
        assert polls  # it was gathered for a moment first


async def test_text_that_grows_stays_in_one_row_until_the_row_is_full(path: Path) -> None:
    with closing(Journal.open(path)) as journal:
        conversation = journal.create("small")
        text = [ContentDelta("x" * 100) for _ in range(3 * ROW_CHARACTERS // 100)]
        await recorded(journal, conversation, [TurnStarted(conversation, "Hi"), *text, END])
        bodies = [body for kind, body in rows(path) if kind == "content"]
        assert 3 <= len(bodies) <= 4
        assert journal.events(conversation)[1] == ContentDelta("x" * 100 * len(text))


async def test_a_conversation_without_a_turn_leaves_nothing(path: Path) -> None:
    with closing(Journal.open(path)) as journal:
        journal.create("small")
        assert journal.conversations() == []
        assert journal.latest() is None


async def test_leaving_early_stores_what_was_said_and_reads_as_cut(path: Path) -> None:
    with closing(Journal.open(path)) as journal:
        conversation = journal.create("small")
        async with aclosing(journal.record(conversation, play(a_turn(conversation)))) as events:
            async for event in events:
                if isinstance(event, ContentDelta):
                    break
        kept = journal.events(conversation)
        assert kept[-2:] == [ContentDelta("Let me "), kept[-1]]
        assert isinstance(kept[-1], TurnFailed)
        assert kept[-1].kind == "interrupted"


async def test_each_turn_that_was_cut_has_its_own_end(path: Path) -> None:
    with closing(Journal.open(path)) as journal:
        conversation = journal.create("small")
        turns: list[list[TurnEvent]] = [[TurnStarted(conversation, text)] for text in "abc"]
        turns[1].append(END)
        for events in turns:
            await recorded(journal, conversation, events)
        kinds = [type(event).__name__ for event in journal.events(conversation)]
    assert kinds == ["TurnStarted", "TurnFailed", "TurnStarted", "TurnFinished", "TurnStarted", "TurnFailed"]


async def test_an_event_of_a_newer_version_is_kept_and_skipped(path: Path) -> None:
    with closing(Journal.open(path)) as journal:
        conversation = journal.create("small")
        await recorded(journal, conversation, a_turn(conversation))
        with closing(sqlite3.connect(path)) as newer:
            newer.execute("UPDATE events SET kind = 'telepathy' WHERE kind = 'round_started'")
            newer.commit()
        assert journal.events(conversation) == [
            event for event in stored_form(conversation) if not isinstance(event, RoundStarted)
        ]
    assert "telepathy" in [kind for kind, _ in rows(path)]


async def test_conversations_are_listed_latest_first_with_title_and_count(path: Path) -> None:
    with closing(Journal.open(path)) as journal:
        first, second = journal.create("small"), journal.create("big")
        await recorded(journal, first, a_turn(first, "\n  What is\t2+2?\nPlease"))
        await recorded(journal, second, a_turn(second, "Another"))
        await recorded(journal, first, a_turn(first, "More"))
        listed = journal.conversations()
        assert [(entry.id, entry.title, entry.model, entry.turns) for entry in listed] == [
            (first, "What is 2+2?", "small", 2),
            (second, "Another", "big", 1),
        ]
        assert journal.conversations(limit=1) == listed[:1]
        assert journal.latest() == first
        assert listed[0].started < listed[0].updated


def test_ids_are_short_unique_and_sort_by_time(path: Path) -> None:
    with closing(Journal.open(path)) as journal:
        ids = [journal.create("m") for _ in range(200)]
    assert len(set(ids)) == 200
    assert {len(conversation) for conversation in ids} == {12}
    assert ids == sorted(ids)


async def test_a_conversation_is_found_by_the_beginning_of_its_id(path: Path) -> None:
    with closing(Journal.open(path)) as journal:
        for conversation in ("abc1", "abd2", "xyz3"):
            await recorded(journal, conversation, [TurnStarted(conversation, "Hi"), END])
        assert journal.find("x") == "xyz3"
        assert journal.find("ABC") == "abc1"
        with pytest.raises(UsageError, match=r"There is no conversation 'q'; smol-chat history list shows"):
            journal.find("q")
        with pytest.raises(UsageError, match=r"begin with 'ab' \(abd2, abc1, …\)"):
            journal.find("ab")
        with pytest.raises(UsageError, match="There is no conversation '%'"):
            journal.find("%")


async def test_what_is_deleted_is_gone_from_the_files(path: Path) -> None:
    with closing(Journal.open(path)) as journal:
        conversation, other = journal.create("m"), journal.create("m")
        await recorded(journal, conversation, a_turn(conversation, "a very secret thing"))
        await recorded(journal, other, a_turn(other, "an open thing"))
        journal.delete(conversation)
        assert [entry.title for entry in journal.conversations()] == ["an open thing"]
        assert journal.events(conversation) == []
        content = b"".join(file.read_bytes() for file in path.parent.iterdir() if file.is_file())
    assert b"open thing" in content
    assert b"secret" not in content


async def test_deleting_a_conversation_while_it_goes_on_disturbs_nobody(path: Path) -> None:
    with closing(Journal.open(path)) as journal:
        conversation = journal.create("m")

        async def deleted_midway() -> AsyncGenerator[TurnEvent, None]:
            for event in a_turn(conversation):
                if isinstance(event, ToolStarted):
                    journal.delete(conversation)
                yield event

        async with aclosing(journal.record(conversation, deleted_midway())) as events:
            assert [event async for event in events] == a_turn(conversation)
        assert journal.conversations() == []
        await recorded(journal, conversation, a_turn(conversation, "again"))
        assert journal.events(conversation) == stored_form(conversation, "again")


# --- a disk that fails ------------------------------------------------------------------------------


def notices(events: Iterable[TurnEvent]) -> list[str]:
    return [event.message for event in events if isinstance(event, Notice)]


async def test_a_full_disk_makes_one_notice_and_the_chat_goes_on(path: Path) -> None:
    connections: list[sqlite3.Connection] = []

    def small_disk(path: Path) -> sqlite3.Connection:
        connections.append(schema.connect(path))
        return connections[-1]

    with closing(Journal.open(path, connect=small_disk)) as journal:
        writer = connections[-1]
        pages = writer.execute("PRAGMA page_count").fetchone()[0]
        writer.execute(f"PRAGMA max_page_count = {pages + 1}")
        conversation = journal.create("m")
        long_answer = [ContentDelta(f"{n} " * 5000) for n in range(4)]
        turn: list[TurnEvent] = [TurnStarted(conversation, "Hi"), *long_answer, END]
        first = await recorded(journal, conversation, turn)
        second = await recorded(journal, conversation, turn)
        assert [event for event in first if not isinstance(event, Notice)] == turn
        assert second == turn
        (notice,) = notices(first)
        assert "database or disk is full" in notice
        assert "may not be kept" in notice
        assert first[-1] == END

        writer.execute("PRAGMA max_page_count = 100000")  # somebody made room
        await recorded(journal, conversation, [TurnStarted(conversation, "Third"), END])
        assert len(journal.events(conversation)) == 3 + 3 + 2  # nothing of the time between is missing


async def test_a_read_only_disk_makes_one_notice_right_after_the_start(path: Path) -> None:
    def read_only(path: Path) -> sqlite3.Connection:
        connection = schema.connect(path)
        if connection.execute("PRAGMA user_version").fetchone()[0]:
            connection.execute("PRAGMA query_only = ON")
        return connection

    Journal.open(path).close()
    with closing(Journal.open(path, connect=read_only)) as journal:
        conversation = journal.create("m")
        events = await recorded(journal, conversation, a_turn(conversation))
        assert isinstance(events[0], TurnStarted)
        assert isinstance(events[1], Notice)
        assert "readonly" in events[1].message
        assert len(notices(events)) == 1
        assert await recorded(journal, conversation, a_turn(conversation)) == a_turn(conversation)


async def test_a_database_held_by_another_program_makes_one_notice_and_is_written_later(path: Path) -> None:
    def impatient(path: Path) -> sqlite3.Connection:
        connection = schema.connect(path)
        connection.execute("PRAGMA busy_timeout = 0")
        return connection

    with closing(Journal.open(path, connect=impatient)) as journal, closing(sqlite3.connect(path)) as other:
        conversation = journal.create("m")
        other.execute("BEGIN IMMEDIATE")
        events = await recorded(journal, conversation, a_turn(conversation))
        assert len(notices(events)) == 1
        assert "locked" in notices(events)[0]
        other.execute("ROLLBACK")
        assert notices(await recorded(journal, conversation, [TurnStarted(conversation, "b"), END])) == []
        assert journal.events(conversation) == [*stored_form(conversation), TurnStarted(conversation, "b"), END]


async def test_a_folder_that_cannot_be_written_costs_a_notice_and_reading_says_why(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    path.mkdir()
    with closing(Journal.open(path)) as journal:
        conversation = journal.create("m")
        events = await recorded(journal, conversation, a_turn(conversation))
        assert [event for event in events if not isinstance(event, Notice)] == a_turn(conversation)
        (notice,) = notices(events)
        assert notice.startswith(f"The history {path} cannot be used (")
        assert notice.endswith("This conversation is not kept.")
        with pytest.raises(JournalError) as caught:
            journal.conversations()
        assert "\n" not in caught.value.message
        assert notice.startswith(caught.value.message)


async def test_data_that_is_no_json_is_left_out_and_the_turn_goes_on(path: Path) -> None:
    circle: list[object] = []
    circle.append(circle)
    bad = ToolFinished(ToolResult("1", "x", data=circle))  # type: ignore[arg-type]  # what a faulty plug-in does
    with closing(Journal.open(path)) as journal:
        conversation = journal.create("m")
        await recorded(journal, conversation, [TurnStarted(conversation, "Hi"), bad, END])
        assert journal.events(conversation) == [TurnStarted(conversation, "Hi"), END]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("", ""),
        ("\n \n\tHello   you\nmore", "Hello you"),
        ("x" * 80, "x" * 80),
        ("x" * 81, "x" * 79 + "…"),
        ("word " * 30, ("word " * 15 + "word").ljust(79)[:79].rstrip() + "…"),
    ],
)
def test_a_title_is_the_first_line_shortened(text: str, title: str) -> None:
    assert title_of(text) == title


async def test_the_rest_of_a_turn_belongs_to_the_same_turn(path: Path) -> None:
    with closing(Journal.open(path)) as journal:
        conversation = journal.create("m")
        call = ToolCallProposed(ToolCall("1", "calculate", {}))
        await recorded(journal, conversation, [TurnStarted(conversation, "Hi"), call])
        before = journal.branch(conversation)
        assert before.last == [TurnStarted(conversation, "Hi"), call, INTERRUPTED]
        rest: list[TurnEvent] = [TurnResumed(conversation), ContentDelta("Done."), END]
        journal.claim(before.turns[-1])
        async with aclosing(journal.record(conversation, play(rest), before.turns[-1])) as events:
            assert [event async for event in events] == rest
        after = journal.branch(conversation)
        assert after.last == [TurnStarted(conversation, "Hi"), call, *rest]
        assert [turn.id for turn in after.turns] == [turn.id for turn in before.turns]
