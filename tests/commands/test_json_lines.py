"""The JSON lines are a contract with other people's programs."""

from __future__ import annotations

import json

import pytest

from smol_chat.commands.json_lines import json_line, json_objects
from smol_chat.events import (
    ContentDelta,
    Decided,
    FileAttached,
    GenerationProgress,
    MalformedCall,
    Notice,
    PromptProgress,
    ReasoningDelta,
    ReasoningFinished,
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
from smol_chat.messages import Attachment, JsonObject, Timings, ToolCall, ToolFailure, ToolResult, Usage

USAGE, TIMINGS = Usage(30, 10, 5), Timings(120, 50.123, 9.876)
NUMBERS: JsonObject = {
    "usage": {"prompt_tokens": 30, "reused_tokens": 10, "completion_tokens": 5},
    "timings": {"ttft_ms": 120, "prompt_tok_s": 50.12, "decode_tok_s": 9.88},
}

LINES: list[tuple[TurnEvent, list[JsonObject]]] = [
    (TurnStarted("c1", "Hi"), [{"type": "turn_started", "conversation": "c1"}]),
    (
        FileAttached(Attachment("a.txt", "x", 5, cut=True)),
        [{"type": "file_attached", "path": "a.txt", "bytes": 5, "cut": True}],
    ),
    (PromptProgress(3, 9, 1), [{"type": "prompt_progress", "done": 3, "total": 9, "reused": 1}]),
    (ReasoningDelta("r"), [{"type": "reasoning_delta", "text": "r"}]),
    (ContentDelta("c"), [{"type": "content_delta", "text": "c"}]),
    (
        ToolCallProposed(ToolCall("1", "calculate", {"expression": "1"}, repaired=True)),
        [{"type": "tool_call", "id": "1", "name": "calculate", "arguments": {"expression": "1"}}],
    ),
    (
        MalformedCall("<raw>", "json", "It is cut."),
        [{"type": "malformed_call", "raw": "<raw>", "kind": "json", "message": "It is cut."}],
    ),
    (
        Decided("1", "deny", "policy", {"a": 1}, reason="no"),
        [{"type": "decision", "id": "1", "decision": "deny", "by": "policy", "arguments": {"a": 1}}],
    ),
    (
        ToolFinished(ToolResult("1", "calculate", content="4", data=4, duration_ms=7, full_content="44")),
        [{"type": "tool_result", "id": "1", "ok": True, "content": "4", "error": None, "duration_ms": 7}],
    ),
    (
        ToolFinished(ToolResult("1", "x", ok=False, content="No.", error=ToolFailure("denied", "No."))),
        [
            {
                "type": "tool_result",
                "id": "1",
                "ok": False,
                "content": "No.",
                "error": {"kind": "denied", "message": "No."},
                "duration_ms": 0,
            }
        ],
    ),
    (TurnFinished("length", USAGE, TIMINGS, "Cut."), [{"type": "turn_finished", "reason": "length", **NUMBERS}]),
    (
        TurnFailed("engine", "It broke.", USAGE, TIMINGS),
        [
            {"type": "error", "kind": "engine", "message": "It broke."},
            {"type": "turn_finished", "reason": "error", **NUMBERS},
        ],
    ),
    (RoundStarted(2), []),
    (ReasoningFinished(1, 2), []),
    (GenerationProgress(1, 1.0, 2, 3, False), []),
    (ToolStarted("1"), []),
    (ToolProgress("1", "…"), []),
    (Notice("n"), []),
]


@pytest.mark.parametrize(("event", "lines"), LINES, ids=lambda value: type(value).__name__)
def test_an_event_has_exactly_these_lines(event: TurnEvent, lines: list[JsonObject]) -> None:
    assert json_objects(event) == lines


def test_the_users_text_is_there_for_who_was_not() -> None:
    assert json_objects(TurnStarted("c1", "Hi"), with_text=True) == [
        {"type": "turn_started", "conversation": "c1", "text": "Hi"}
    ]


def test_a_line_is_one_line_of_ascii_whatever_is_in_it() -> None:
    nasty = "a\n\x1b[2J\u202e\u2028\ud800é"
    line = json_line({"text": nasty})
    assert line.isascii() and line.isprintable()
    assert json.loads(line) == {"text": nasty}
