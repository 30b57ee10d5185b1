"""Every event comes back from its stored form as it was."""

from __future__ import annotations

import dataclasses
import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smol_chat.events import (
    ContentDelta,
    Decided,
    FileAttached,
    MalformedCall,
    Notice,
    Pinned,
    ReasoningDelta,
    ReasoningFinished,
    RoundStarted,
    Summarised,
    ToolCallProposed,
    ToolFinished,
    ToolProgress,
    ToolStarted,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnResumed,
    TurnSettings,
    TurnStarted,
)
from smol_chat.journal.codec import KINDS, NOT_STORED, coalesced, decode, encode
from smol_chat.messages import Attachment, JsonObject, Origin, Timings, ToolCall, ToolFailure, ToolResult, Usage

anything = st.text(st.characters(), max_size=20)  # control characters and lone surrogates too
whole = st.integers(0, 2**53)
speed = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | whole | speed | anything,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(anything, inner, max_size=3),
    max_leaves=8,
)
json_objects: st.SearchStrategy[JsonObject] = st.dictionaries(anything, json_values, max_size=3)
usages = st.builds(Usage, whole, whole, whole)
timings = st.builds(Timings, whole, speed, speed)
calls = st.builds(ToolCall, anything, anything, json_objects, st.booleans())
failures = st.builds(ToolFailure, st.sampled_from(["denied", "timeout", "failed"]), anything)
results = st.builds(
    ToolResult,
    anything,
    anything,
    ok=st.booleans(),
    content=anything,
    error=st.none() | failures,
    data=json_values,
    origin=st.sampled_from(Origin),
    duration_ms=whole,
    full_content=st.none() | anything,
    sandbox=st.none() | anything,
)
STRATEGIES: dict[type[TurnEvent], st.SearchStrategy[TurnEvent]] = {
    TurnStarted: st.builds(TurnStarted, anything, anything),
    TurnResumed: st.builds(TurnResumed, anything),
    TurnSettings: st.builds(
        TurnSettings, anything, anything, whole, json_objects, st.lists(anything), anything, anything, anything
    ),
    FileAttached: st.builds(FileAttached, st.builds(Attachment, anything, anything, whole, st.booleans())),
    RoundStarted: st.builds(RoundStarted, whole),
    ReasoningDelta: st.builds(ReasoningDelta, anything),
    ReasoningFinished: st.builds(ReasoningFinished, whole, whole),
    ContentDelta: st.builds(ContentDelta, anything),
    ToolCallProposed: st.builds(ToolCallProposed, calls),
    MalformedCall: st.builds(MalformedCall, anything, anything, anything),
    Decided: st.builds(
        Decided,
        anything,
        st.sampled_from(["allow", "deny"]),
        st.sampled_from(["user", "policy", "flag"]),
        json_objects,
        st.sampled_from(["once", "session"]),
        anything,
        anything,
    ),
    ToolStarted: st.builds(ToolStarted, anything),
    ToolProgress: st.builds(ToolProgress, anything, anything),
    ToolFinished: st.builds(ToolFinished, results),
    Notice: st.builds(Notice, anything),
    Summarised: st.builds(Summarised, whole, anything),
    Pinned: st.builds(Pinned, st.booleans()),
    TurnFinished: st.builds(
        TurnFinished,
        st.sampled_from(["stop", "length", "cancelled", "limit", "refused", "error"]),
        usages,
        timings,
        anything,
    ),
    TurnFailed: st.builds(TurnFailed, anything, anything, usages, timings),
}


def test_every_event_is_stored_or_left_out_on_purpose() -> None:
    assert {*KINDS.values(), *NOT_STORED} == set(get_args(TurnEvent))
    assert set(STRATEGIES) == set(KINDS.values())


@given(st.one_of(*STRATEGIES.values()))
def test_an_event_comes_back_as_it_was(event: TurnEvent) -> None:
    kind, body = encode(event)
    body.encode()  # what SQLite takes
    back = decode(kind, body)
    assert back == event
    assert type(back) is type(event)


def test_the_stored_form_does_not_change() -> None:
    """Databases on users' disks hold these very texts."""
    result = ToolResult("1", "calculate", content="4", origin=Origin.LOCAL, duration_ms=3)
    assert encode(TurnStarted("abc", "Grüße")) == ("turn_started", '{"conversation":"abc","text":"Grüße"}')
    assert encode(ContentDelta("a")) == ("content", '{"text":"a"}')
    assert encode(ReasoningDelta("a")) == ("reasoning", '{"text":"a"}')
    assert encode(ToolFinished(result)) == (
        "tool_finished",
        '{"result":{"call_id":"1","name":"calculate","ok":true,"content":"4","error":null,"data":null,'
        '"origin":"local","duration_ms":3,"full_content":null,"sandbox":null}}',
    )


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("from_a_newer_version", "{}"),
        ("content", "no json"),
        ("content", "[]"),
        ("content", "{}"),
        ("content", '{"text":5}'),
        ("turn_started", '{"conversation":"c","text":null}'),
        ("tool_call", '{"call":{"id":[],"name":"x","arguments":{}}}'),
        ("turn_finished", '{"reason":"stop","usage":{"prompt_tokens":"many"},"timings":{}}'),
        ("tool_finished", '{"result":{"call_id":"1","name":"x","origin":"the moon"}}'),
        ("tool_finished", '{"result":3}'),
        ("content", "[" * 100_000),
    ],
)
def test_what_cannot_be_read_is_left_out(kind: str, body: str) -> None:
    assert decode(kind, body) is None


def test_fields_of_a_newer_version_are_ignored_and_missing_ones_have_their_default() -> None:
    body = json.dumps({"reason": "stop", "usage": {"prompt_tokens": 3, "watts": 9}, "timings": {}, "mood": "good"})
    assert decode("turn_finished", body) == TurnFinished("stop", Usage(3), Timings())


def test_neighbouring_deltas_are_joined_and_nothing_else() -> None:
    events: list[TurnEvent] = [
        ReasoningDelta("a"),
        ReasoningDelta("b"),
        ContentDelta("c"),
        Notice("n"),
        ContentDelta("d"),
        ContentDelta("e"),
    ]
    joined = [ReasoningDelta("ab"), ContentDelta("c"), Notice("n"), ContentDelta("de")]
    assert list(coalesced(events)) == joined


def test_event_classes_hold_only_what_the_codec_knows() -> None:
    plain = (str, int, float, bool, dict, list, type(None))

    def check(value: object) -> None:
        if dataclasses.is_dataclass(value):
            for field in dataclasses.fields(value):
                check(getattr(value, field.name))
        else:
            assert isinstance(value, plain), value

    check(ToolFinished(ToolResult("1", "x", error=ToolFailure("denied", "no"))))
