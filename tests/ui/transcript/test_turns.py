"""Blocks of a turn: the same however the text was cut, and nothing that is settled is made again."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from smol_chat.events import ContentDelta, ReasoningDelta, ReasoningFinished, TurnEvent, TurnStarted
from smol_chat.ui.transcript.pieces import Piece
from smol_chat.ui.transcript.turns import Turn

MARKDOWN = (
    "# Title\n\nSome **bold** text with a [link](https://e.x/).\n\n1. one\n2. two\n   - nested\n\n"
    "| a | b |\n|---|--:|\n"
    + "| x | 1 |\n" * 50
    + "\n```python\n"
    + "def f():\n    return 1\n\n" * 30
    + "```\n\n> quote\n"
)


def rows(turn: Turn) -> list[str]:
    return [line.text for slot in turn.slots() for line in slot.piece.lines(60)]


def deltas(text: str, sizes: list[int], kind: type[ContentDelta] | type[ReasoningDelta]) -> list[TurnEvent]:
    events: list[TurnEvent] = []
    for size in sizes:
        events.append(kind(text[:size]))
        text = text[size:]
    return [*events, kind(text)]


@settings(deadline=None)
@given(st.lists(st.integers(1, 200), max_size=30), st.lists(st.integers(1, 200), max_size=10), st.booleans())
def test_the_lines_do_not_depend_on_how_the_text_was_cut(cuts: list[int], more: list[int], unfolded: bool) -> None:
    live = Turn(unfolded=unfolded)
    live.feed(TurnStarted("c", "q"))
    for event in [*deltas("because\n" * 90, more, ReasoningDelta), ReasoningFinished(10, 5)]:
        live.feed(event)
        rows(live)
    for event in deltas(MARKDOWN, cuts, ContentDelta):
        live.feed(event)
        rows(live)
    live.close()
    whole: list[TurnEvent] = [
        TurnStarted("c", "q"),
        ReasoningDelta("because\n" * 90),
        ReasoningFinished(10, 5),
        ContentDelta(MARKDOWN),
    ]
    assert rows(live) == rows(Turn(whole, unfolded=unfolded))


def test_settled_pieces_are_kept_while_text_arrives() -> None:
    turn = Turn()
    turn.feed(TurnStarted("c", "q"))
    seen: list[Piece] = []
    made = 0
    for start in range(0, len(MARKDOWN), 20):
        turn.feed(ContentDelta(MARKDOWN[start : start + 20]))
        pieces = [slot.piece for slot in turn.slots()]
        kept = sum(before is after for before, after in zip(seen, pieces, strict=False))
        made += len(pieces) - kept
        assert kept >= len(seen) - 1
        seen = pieces
    assert made <= len(MARKDOWN) // 20 + 2 * len(seen)
