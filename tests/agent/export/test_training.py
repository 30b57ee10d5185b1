"""Calls as training data: what is kept, what is left out and why, what is masked."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from smol_chat.agent.export.masking import Masking
from smol_chat.agent.export.records import TurnRecord, turn_records
from smol_chat.agent.export.training import TrainingExport
from smol_chat.events import (
    ContentDelta,
    Decided,
    MalformedCall,
    ReasoningDelta,
    RoundStarted,
    ToolCallProposed,
    ToolFinished,
    TurnEvent,
    TurnFinished,
    TurnStarted,
)
from smol_chat.messages import JsonObject, Timings, ToolCall, ToolFailure, ToolResult, ToolSchema, Usage
from smol_chat.protocol import StreamParser, ToolCallParsed

END = TurnFinished("stop", Usage(), Timings())
MAIL = ToolSchema(
    "send_email",
    "Send a mail.",
    {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"], "additionalProperties": False},
)


def call(
    number: int,
    arguments: JsonObject,
    *,
    name: str = "send_email",
    edited: JsonObject | None = None,
    denied: bool = False,
    ok: bool = True,
) -> list[TurnEvent]:
    decision = Decided(str(number), "deny" if denied else "allow", "user", edited or arguments)
    failure = None if ok and not denied else ToolFailure("failed", "no")
    result = ToolResult(str(number), name, ok=failure is None, content="done", error=failure)
    return [ToolCallProposed(ToolCall(str(number), name, arguments)), decision, ToolFinished(result)]


def a_turn(*rounds: list[TurnEvent], text: str = "Write to Ann.") -> TurnRecord:
    events: list[TurnEvent] = [TurnStarted("c", text)]
    for number, one in enumerate(rounds, 1):
        events += [RoundStarted(number), *one]
    return turn_records([*events, END])[0]


def examples(export: TrainingExport, *turns: TurnRecord) -> list[dict[str, Any]]:
    lines = [line for number, turn in enumerate(turns) for line in export.lines(turns[:number], turn)]
    return [json.loads(line) for line in lines]


def test_an_allowed_call_becomes_a_completion_that_the_parser_reads() -> None:
    first = a_turn([ReasoningDelta("Greet."), ContentDelta("Hello.")], text="Hi. <|im_end|>")
    second = a_turn([ReasoningDelta("A mail."), ContentDelta("I write."), *call(1, {"to": "Ann </tool_call>"})])
    export = TrainingExport([MAIL])
    (example,) = examples(export, first, second)
    assert example["prompt"] == [
        {"role": "user", "content": "Hi. < |im_end|>"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "Write to Ann."},
    ]
    (answer,) = example["completion"]
    written = '{"name": "send_email", "arguments": {"to": "Ann </tool_call>"}}'
    assert answer["content"] == f"<think>A mail.</think>\nI write.\n<tool_call>{written}</tool_call>"
    parser = StreamParser(("send_email",))
    parsed = [*parser.feed(answer["content"]), *parser.finish()]
    assert [one.arguments for one in parsed if isinstance(one, ToolCallParsed)] == [{"to": "Ann </tool_call>"}]
    assert example["tools"] == [MAIL.as_openai()]


def test_an_edited_call_becomes_a_completion_and_a_pair() -> None:
    export = TrainingExport([MAIL])
    completion, pair = examples(export, a_turn(call(1, {"to": "Bob"}, edited={"to": "Ann"}), [ContentDelta("Sent.")]))
    assert '"to": "Ann"' in completion["completion"][0]["content"]
    assert '"to": "Ann"' in pair["chosen"][0]["content"] and '"to": "Bob"' in pair["rejected"][0]["content"]
    assert pair["prompt"] == completion["prompt"]
    assert dict(export.kept) == {"completions": 1, "pairs": 1}


def test_a_denied_call_is_paired_with_what_came_instead() -> None:
    export = TrainingExport([MAIL], only="pairs")
    answered, asked, refused = (
        a_turn(call(1, {"to": "Bob"}, denied=True), [ContentDelta("I ask first.")]),
        a_turn(call(1, {"to": "Bob"}, denied=True), call(2, {"to": "Ann"}), [ContentDelta("Sent.")]),
        a_turn(call(1, {"to": "Bob"}, denied=True), call(2, {"to": "Bob"}, denied=True), [ContentDelta("No.")]),
    )
    first, second, third = (examples(export, turn) for turn in (answered, asked, refused))
    assert first[0]["chosen"] == [{"role": "assistant", "content": "I ask first."}]
    assert '"to": "Ann"' in second[0]["chosen"][0]["content"]
    assert len(third) == 1  # the second denial has an answer after it, the first only another denied call
    assert export.dropped == {"pair with denied call": 1}


@pytest.mark.parametrize(
    ("turn", "why"),
    [
        (a_turn(call(1, {"to": "Ann"}, name="nonsense")), "unknown tool"),
        (a_turn(call(1, {"to": 5})), "arguments that do not fit the schema"),
        (a_turn(call(1, {"to": "Ann", "cc": "Bob"})), "arguments that do not fit the schema"),
        (a_turn(call(1, {"to": "Ann"}, ok=False)), "failed call"),
        (a_turn([ToolCallProposed(ToolCall("1", "send_email", {"to": "Ann"}))]), "call without an outcome"),
        (a_turn([MalformedCall("<tool_call>{", "json", "cut")]), "unreadable call"),
        (a_turn([*call(1, {"to": "Ann"}), *call(2, {"to": "Bob"}, denied=True)]), "denied call"),
    ],
)
def test_what_is_no_good_example_is_left_out_and_counted(turn: TurnRecord, why: str) -> None:
    export = TrainingExport([MAIL], only="completions")
    assert examples(export, turn) == []
    assert export.dropped == {why: 1}
    assert export.report() == ["Wrote 0 completions and 0 preference pairs.", f"Left out: 1 {why}."]


def test_what_is_there_already_is_left_out() -> None:
    export = TrainingExport([MAIL])
    turns = [a_turn(call(1, {"to": name})) for name in ("a@b.test", "c@d.test", "Ann")]
    assert sum(len(examples(export, turn)) for turn in turns) == 2  # masked, the first two are the same
    assert export.dropped == {"duplicate": 1}


@pytest.mark.parametrize(
    ("text", "masked", "kind"),
    [
        ("mail ann.o+x@mail.example.org now", "mail person1@example.com now", "mail address"),
        (
            "a@b.test, c@d.test, A@b.test",
            "person1@example.com, person2@example.com, person1@example.com",
            "mail address",
        ),
        ("call +49 170 1234567.", "call +1-555-0100.", "phone number"),
        ("or (030) 1234 5678", "or +1-555-0100", "phone number"),
        ("at 555-123-4567", "at +1-555-0100", "phone number"),
        ("in /home/ann/notes.txt", "in /home/user/notes.txt", "home folder"),
        (r"C:\Users\Ann\x", r"C:\Users\user\x", "home folder"),
        ("under /srv/me/x", "under /home/user/x", "home folder"),
        ("sk-abcdefghijklmnopqrstuv", "[masked]", "key"),
        ("ghp_0123456789abcdefghijABCDEFGHIJ", "[masked]", "key"),
        ("key AKIAIOSFODNN7EXAMPLE.", "key [masked].", "key"),
        ("password: hunter2!", "password: [masked]", "key"),
        ('{"api_key": "abcd1234"}', '{"api_key": "[masked]"}', "key"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer [masked]", "key"),
        ("postgres://bob:pw@db.test/x", "postgres://user:[masked]@db.test/x", "key"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----!", "[masked]!", "key"),
        ("d41d8cd98f00b204e9800998ecf8427e", "[masked]", "key"),
        ("host 10.1.2.3:80", "host 192.0.2.1:80", "network address"),
    ],
)
def test_what_should_not_be_learnt_is_masked_and_counted(text: str, masked: str, kind: str) -> None:
    counts: Counter[str] = Counter()
    assert Masking(counts, Path("/srv/me")).text(text) == masked
    assert counts[kind] >= 1 and not +(counts - Counter({kind: counts[kind]}))


@pytest.mark.parametrize(
    "text",
    [
        "on 2026-11-25 at 10:31:07 it was 2340 * 0.17 = 397.8",
        "version 1.2.3, pi 3.14159265358979, 1,234,567 people",
        "a very-long-hyphenated-word-that-nobody-would-ever-use-anywhere",
        "https://example.org/a/long/path/without/any/secret/in/it/at/all.html",
        "127.0.0.1 and the tokens of a password manager",
    ],
)
def test_what_is_harmless_stays(text: str) -> None:
    assert Masking(Counter(), Path("/srv/me")).text(text) == text


def test_masked_arguments_keep_their_shape() -> None:
    arguments: JsonObject = {"to": ["a@b.test", "x"], "headers": {"token": "abc", "n": 1}, "when": None}
    assert Masking(Counter(), Path("/srv/me")).arguments(arguments) == {
        "to": ["person1@example.com", "x"],
        "headers": {"token": "[masked]", "n": 1},
        "when": None,
    }


def test_masking_takes_no_longer_for_hostile_text() -> None:
    masking = Masking(Counter(), Path("/srv/me"))
    for text in (
        "a1+" * 100_000,
        "://a:" * 60_000,
        "0" * 300_000,
        "-----BEGIN PRIVATE KEY-----" * 300,
        "a@" * 100_000,
    ):
        masking.text(text)


def test_unmasked_only_where_that_is_wanted() -> None:
    export = TrainingExport([MAIL], mask=False)
    (example,) = examples(export, a_turn(call(1, {"to": "ann@mail.example.org"})))
    assert "ann@mail.example.org" in example["completion"][0]["content"]
