"""What was said long ago is read when it is needed, and then it is the same as if it had always been there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from smol_chat.agent.replay import History
from smol_chat.events import (
    CUT,
    ContentDelta,
    Pinned,
    RoundStarted,
    Summarised,
    ToolCallProposed,
    ToolFinished,
    ToolStarted,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnStarted,
)
from smol_chat.messages import Timings, ToolCall, ToolResult, Usage

END = TurnFinished("stop", Usage(), Timings())


class Stored:
    """A turn that tells how often it was read."""

    def __init__(self, *events: TurnEvent) -> None:
        self.events = events
        self.marks = [event for event in events if isinstance(event, (Summarised, Pinned))]
        self.reads = 0

    def __iter__(self) -> Iterator[TurnEvent]:
        self.reads += 1
        return iter(self.events)


def turn(number: int, *more: TurnEvent) -> list[TurnEvent]:
    return [TurnStarted("c", f"question {number}"), RoundStarted(1), *more, ContentDelta(f"answer {number}"), END]


def call(number: int) -> list[TurnEvent]:
    result = ToolResult(f"call_{number}", "look", content="short", full_content="the whole of it")
    return [
        ToolCallProposed(ToolCall(f"call_{number}", "look", {})),
        ToolStarted(f"call_{number}"),
        ToolFinished(result),
    ]


TURNS: list[list[TurnEvent]] = [
    turn(0, *call(1)),
    [*turn(1), Pinned(True)],
    turn(2, Summarised(2, "They greeted.")),
    [*turn(3, *call(2))[:-1], TurnFailed(CUT, "It ended.")],
    [*turn(4), Pinned(True), Pinned(False)],
    turn(5),
]


def both(turns: Sequence[Sequence[TurnEvent]]) -> tuple[History, History, list[Stored]]:
    """Return a history that was loaded whole, one that reads what it needs, and what that reads."""
    stored = [Stored(*events) for events in turns[:-1]]
    return History(event for events in turns for event in events), History(turns[-1], stored), stored


@pytest.mark.parametrize("count", range(1, len(TURNS) + 1))
def test_the_model_is_shown_the_same(count: int) -> None:
    whole, lazy, _ = both(TURNS[:count])
    assert lazy.messages() == whole.messages()
    assert lazy.pinned == whole.pinned
    assert lazy.summary == whole.summary
    assert [lazy.turn(number) for number in range(count)] == [whole.turn(number) for number in range(count)]
    assert lazy.outcome("call_1") == whole.outcome("call_1")
    assert lazy.last_request == whole.last_request


@pytest.mark.parametrize("turns", range(len(TURNS) + 1))
def test_going_back_is_the_same(turns: int) -> None:
    whole, lazy, _ = both(TURNS)
    for history in (whole, lazy):
        history.rewind(turns)
        for event in turn(9):
            history.add(event)
    assert lazy.messages() == whole.messages()
    assert lazy.last_request == whole.last_request == "question 9"


def test_nothing_is_read_before_it_is_needed_and_what_a_summary_stands_for_never() -> None:
    _, lazy, stored = both(TURNS)
    assert [one.reads for one in stored] == [0] * 5
    assert lazy.unread == 4  # the pinned one and what follows the summary, but for the last turn
    lazy.read()
    assert lazy.unread == 0
    lazy.messages()
    assert [one.reads for one in stored] == [0, 1, 1, 1, 1]


def test_a_result_of_long_ago_is_found_and_not_kept() -> None:
    _, lazy, stored = both(TURNS)
    found = lazy.outcome("call_1")
    assert found is not None
    assert found.full_content == "the whole of it"
    assert lazy.outcome("call_99") is None
    assert stored[0].reads == 2


def test_a_turn_of_which_damage_left_nothing_is_passed_over() -> None:
    lazy = History(turn(1), [Stored(), Stored(*turn(0))])
    assert [message for message in lazy.messages()] == list(History([*turn(0), *turn(1)]).messages())
