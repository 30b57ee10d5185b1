"""Whatever arrives, folds, scrolls or changes its width: heights add up and the view is a window without holes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smol_chat.events import ContentDelta, ReasoningDelta, ReasoningFinished, TurnEvent, TurnStarted
from smol_chat.ui.transcript.document import Document, Place
from smol_chat.ui.transcript.selecting import place_of, row_number
from smol_chat.ui.transcript.turns import Turn
from smol_chat.ui.transcript.viewport import Viewport


def stored(words: int) -> list[TurnEvent]:
    return [
        TurnStarted("c", f"question {words}"),
        ReasoningDelta("why\n" * (words % 7)),
        ReasoningFinished(100, 1),
        ContentDelta("word " * words + "\n\n- a\n- b\n\n```\n" + "code\n" * (words % 40) + "```\n"),
    ]


def all_rows(document: Document) -> list[Place]:
    return [row.place for row in document.between(Place(0, 0, 0, 0), Place(len(document.turns), 0, 0, 0))]


def check(document: Document, view: Viewport, *, at_end: bool) -> None:
    view.lay_out(at_end=at_end)
    view.update_rows(at_end=at_end)
    assert document.height == sum(turn.height(document.width) for turn in document.turns)
    assert len(view.rows) == min(view.height, document.height)
    places = [row.place for row in view.rows]
    for number, place in enumerate(places):
        assert document.row_of(place) == view.top + number
        assert document.place_at(view.top + number) == place
        assert place_of(row_number(place)) == place
    assert places == sorted(places)


def feed(document: Document, _: Viewport, amount: int) -> None:
    if not document.turns:
        document.append(Turn())
    document.turns[-1].feed(ContentDelta("more text " * amount + "\n\n"))
    document.update(len(document.turns) - 1)


def start(document: Document, _: Viewport, amount: int) -> None:
    document.append(Turn())
    document.turns[-1].feed(TurnStarted("c", "q " * amount))
    document.update(len(document.turns) - 1)


def move(document: Document, view: Viewport, amount: int) -> None:
    if document.turns:
        view.move_to(amount * document.height // 400)


def scroll(document: Document, view: Viewport, amount: int) -> None:
    if document.turns:
        view.move_to(max(0, view.top + amount - 200))


def resize(document: Document, view: Viewport, amount: int) -> None:
    document.set_width(20 + amount % 100)
    view.height = 5 + amount % 30
    view.reset()


def toggle(document: Document, view: Viewport, amount: int) -> None:
    if view.rows and (block := document.block_at(view.rows[amount % len(view.rows)].place)):
        block.toggle()
        turn = view.rows[amount % len(view.rows)].place.turn
        document.turns[turn].invalidate()
        document.update(turn)


def fold(document: Document, _: Viewport, amount: int) -> None:
    document.fold_reasoning(bool(amount % 2))


def jump(document: Document, view: Viewport, amount: int) -> None:
    if view.rows and (place := document.starts(view.rows[0].place, amount % 3 - 1)):
        view.reveal(place)


def search(document: Document, _: Viewport, amount: int) -> None:
    for _block, _count in zip(document.newest_first(), range(amount), strict=False):
        pass


STEPS: list[Callable[[Document, Viewport, int], None]] = [
    feed, start, move, scroll, resize, toggle, fold, jump, search,
]  # fmt: skip


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 300), max_size=30),
    st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 400), st.booleans()), max_size=12),
)
def test_the_view_is_always_a_window_without_holes(
    turns: list[int], steps: list[tuple[Callable[[Document, Viewport, int], None], int, bool]]
) -> None:
    document = Document()
    document.load([stored(words) for words in turns], unfolded=False)
    view = Viewport(document)
    view.height = 20
    check(document, view, at_end=True)
    for step, amount, at_end in steps:
        step(document, view, amount)
        check(document, view, at_end=at_end)
    rows = all_rows(document)
    assert len(rows) == document.height
    assert rows == sorted(set(rows))


@pytest.mark.parametrize("count", [0, 1, 3, 1_000])
def test_loading_builds_only_what_is_near_the_end(count: int) -> None:
    document = Document()
    document.load([stored(50)] * count, unfolded=False)
    view = Viewport(document)
    view.height = 30
    check(document, view, at_end=True)
    assert sum(turn.is_built for turn in document.turns) <= 15
