"""Words are found in everything a conversation shows, folded or not, without laying it out."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from smol_chat.events import ContentDelta, ReasoningDelta, ReasoningFinished, ToolFinished, TurnEvent, TurnStarted
from smol_chat.messages import ToolResult
from smol_chat.ui.transcript.document import Document, Place
from smol_chat.ui.transcript.finding import Finder, Hit, pattern_of, ranges
from smol_chat.ui.transcript.lines import Line, Span, wrap
from smol_chat.ui.transcript.turns import Turn
from support.transcript_app import TranscriptApp, call, finished, turn

LONG = "\n".join(f"row {number}" for number in range(40))


def full_turn(number: int) -> list[TurnEvent]:
    """A turn with everything that can be found."""
    return [
        TurnStarted("c", f"question {number} about Oslo"),
        ReasoningDelta("Let me think about oslo"),
        ReasoningFinished(10, 5),
        ContentDelta("I look at **Os"),
        ContentDelta("lo** first."),
        call({"location": "Oslo", "note": "two\nlines"}, call_id=f"c{number}"),
        ToolFinished(ToolResult(f"c{number}", "get_weather", content=f"{LONG}\nrain in Oslo\n")),
        ContentDelta(f"Rain, says turn {number}."),
        finished(),
    ]


def document(turns: int) -> Document:
    filled = Document()
    filled.load([full_turn(number) for number in range(turns)], unfolded=False)
    return filled


async def first_hit(finder: Finder, place: Place) -> Hit | None:
    first: Hit | None = None
    async with aclosing(finder.search(place)) as hits:
        async for hit in hits:
            first = first or hit
    return first


def test_a_turn_nobody_looked_at_gives_the_same_text_and_stays_unbuilt() -> None:
    stored, live = Turn(full_turn(1)), Turn()
    for event in full_turn(1):
        live.feed(event)
    assert stored.texts() == live.texts()
    assert not stored.is_built
    assert len(live.texts()) == len(live.blocks)


async def test_every_match_is_counted_and_nothing_is_built_for_it() -> None:
    looked = document(300)
    finder = Finder(looked)
    finder.begin("rain in oslo")
    assert await first_hit(finder, Place(250, 0, 0, 0)) == Hit(250, 0)
    assert finder.found() == (0, 300, True)
    assert sum(turn.is_built for turn in looked.turns) == 0


async def test_the_search_goes_on_from_a_place_and_else_back_from_it() -> None:
    finder = Finder(document(5))
    finder.begin("turn 1.")
    assert await first_hit(finder, Place(1, 0, 0, 0)) == Hit(1, 0)
    finder.begin("question 1")
    assert await first_hit(finder, Place(1, 1, 0, 0)) == Hit(1, 0)  # in the block before the place: back to it
    finder.begin("nowhere")
    assert await first_hit(finder, Place(1, 0, 0, 0)) is None
    assert finder.found() == (0, 0, True)


async def test_steps_go_around_the_ends() -> None:
    finder = Finder(document(3))
    finder.begin("rain in")
    finder.hit = await first_hit(finder, Place(2, 0, 0, 0))
    finder.hit = finder.step(1)
    assert (finder.hit, finder.found()) == (Hit(0, 0), (1, 3, True))
    finder.hit = finder.step(-1)
    assert (finder.hit, finder.found()) == (Hit(2, 0), (3, 3, True))


async def test_what_hides_a_match_is_unfolded_and_its_row_is_found() -> None:
    looked = document(1)
    finder = Finder(looked)
    finder.begin("oslo")
    await first_hit(finder, Place(0, 0, 0, 0))
    rows = []
    for number in range(finder.found()[1]):
        place, column = finder.place(Hit(0, number))
        (row,) = looked.between(place, place)
        assert row.line is not None
        rows.append((row.line.text, column))
    assert rows == [
        ("question 0 about Oslo", 17),
        ("Let me think about oslo", 19),
        ("I look at Oslo first.", 10),  # the Markdown in between has gone
        ('location: "Oslo"', 11),
        ("rain in Oslo", 8),
    ]


@pytest.mark.parametrize(
    ("words", "text", "count"),
    [
        ("oslo", "Oslo OSLO oslo", 3),
        ("Oslo", "Oslo OSLO oslo", 1),
        ("big  tree ", "a big\n  tree", 1),
        ("a.c", "abc a.c", 1),
        ("straße", "STRASSE straße", 1),
    ],
)
def test_capitals_count_where_there_are_any_and_white_space_is_all_alike(words: str, text: str, count: int) -> None:
    pattern = pattern_of(words)
    assert pattern is not None
    assert len(pattern.findall(text)) == count


def test_a_match_that_was_wrapped_is_marked_on_both_lines() -> None:
    lines = wrap([Span("one two three four")], 10)
    assert [line.text for line in lines] == ["one two", "three four"]
    pattern = pattern_of("two three")
    assert pattern is not None
    assert ranges(lines, pattern) == {0: [(4, 7)], 1: [(0, 5)]}
    assert ranges([Line()], pattern) == {}


async def test_the_view_goes_to_a_match_and_marks_it() -> None:
    events = [event for number in range(60) for event in turn(f"question {number}", f"answer {number}\n\nand more")]
    app = TranscriptApp(events)
    async with app.run_test(size=(60, 12)) as pilot:
        app.transcript.find("answer 7")
        await pilot.pause()
        assert app.transcript.found == (1, 1, True)
        assert "answer 7" in "\n".join(app.shown())
        assert not app.transcript.following
        app.transcript.find("answer 1")
        await pilot.pause()
        assert app.transcript.found == (11, 11, True)  # nothing after the end it began from: the last before it
        await pilot.press("n")
        assert app.transcript.found == (1, 11, True)
        assert "answer 1" in "\n".join(app.shown())
        await pilot.press("N", "N")
        assert app.transcript.found == (10, 11, True)
        app.transcript.find("")
        assert app.transcript.found == (0, 0, True)
