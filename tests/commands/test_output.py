"""What `ask` prints for people."""

from __future__ import annotations

import io
import json

from smol_chat.commands.output import JsonOutput, TextOutput
from smol_chat.events import (
    ContentDelta,
    MalformedCall,
    Notice,
    ReasoningDelta,
    RoundStarted,
    ToolCallProposed,
    ToolFinished,
    ToolProgress,
    ToolStarted,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnStarted,
)
from smol_chat.messages import Timings, ToolCall, ToolFailure, ToolResult, Usage

END = TurnFinished("stop", Usage(), Timings())
CALL = ToolCall("1", "calculate", {"expression": "2\x1b[2J"})
TURN: list[TurnEvent] = [
    TurnStarted("c", "Hi"),
    RoundStarted(1),
    ReasoningDelta("\nhm"),
    ReasoningDelta("\n\n"),
    ContentDelta("\n\nLet me"),
    ContentDelta(" see.\n"),
    ContentDelta("\nSo:\n\n"),
    ToolCallProposed(CALL),
    ToolStarted("1"),
    ToolProgress("1", "half-way"),
    ToolFinished(ToolResult("1", "calculate", content="4", duration_ms=1234)),
    RoundStarted(2),
    ContentDelta("\x1b[31mred\u202e 👩\u200d👩\u200d👧"),
    END,
]


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(
    out: io.StringIO, err: io.StringIO, events: list[TurnEvent], *, show_reasoning: bool = False
) -> tuple[str, str]:
    output = TextOutput(out, err, show_reasoning=show_reasoning)
    for event in events:
        output.show(event)
    return out.getvalue(), err.getvalue()


def test_a_pipe_gets_the_answer_alone_and_as_it_was_written() -> None:
    out, err = printed(io.StringIO(), io.StringIO(), TURN)
    assert out == "Let me see.\n\nSo:\n\x1b[31mred\u202e 👩\u200d👩\u200d👧\n"
    assert err == ""


def test_a_terminal_gets_nothing_it_would_act_on() -> None:
    out, err = printed(Screen(), Screen(), TURN)
    assert out == "Let me see.\n\nSo:\n␛[31mred⟨U+202E⟩ 👩\u200d👩\u200d👧\n"
    assert err.splitlines() == [
        'smol-chat: calculate {"expression": "2\\u001b[2J"}',
        "smol-chat: half-way",
        "smol-chat: calculate done in 1.2 s",
    ]


def test_reasoning_goes_to_standard_error_when_it_is_asked_for() -> None:
    out, err = printed(io.StringIO(), io.StringIO(), TURN, show_reasoning=True)
    assert out.startswith("Let me see.")
    assert err == "hm\n"


def test_what_the_user_must_know_is_said_without_a_terminal_too() -> None:
    failed = ToolResult("1", "x", ok=False, content="No.", error=ToolFailure("timeout", "It took too long."))
    events: list[TurnEvent] = [
        ContentDelta("Half an ans"),
        Notice("The engine was restarted."),
        MalformedCall("<raw>", "json", "A call could not be read."),
        ToolFinished(failed),
        ContentDelta("wer"),
        TurnFailed("engine", "It crashed\nfor good."),
    ]
    out, err = printed(io.StringIO(), io.StringIO(), events)
    assert out == "Half an ans\nwer\n"
    assert err == (
        "smol-chat: The engine was restarted.\nsmol-chat: A call could not be read.\nsmol-chat: It crashed\nfor good.\n"
    )
    assert "smol-chat: x: It took too long.\n" in printed(io.StringIO(), Screen(), events)[1]


def test_a_turn_that_was_cut_says_why() -> None:
    _, err = printed(io.StringIO(), io.StringIO(), [TurnFinished("length", Usage(), Timings(), "The answer was cut.")])
    assert err == "smol-chat: The answer was cut.\n"


def test_json_has_a_line_for_each_event_and_errors_for_people_beside_it() -> None:
    out, err = io.StringIO(), io.StringIO()
    output = JsonOutput(out, err)
    for event in [*TURN[:-1], Notice("Look."), TurnFailed("engine", "It\nbroke.")]:
        output.show(event)
    kinds = [json.loads(line)["type"] for line in out.getvalue().splitlines()]
    assert kinds[0] == "turn_started"
    assert kinds[-2:] == ["error", "turn_finished"]
    assert err.getvalue() == "smol-chat: Look.\nsmol-chat: It␊broke.\n"
