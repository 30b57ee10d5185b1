"""The public conformance suite for tool-call parsers: the two families whose formats we read."""

from __future__ import annotations

import json
import random
import re

import pytest
from canitoolcall.chunking import DEFAULT_STRATEGIES, ChunkStrategy, split, split_text
from canitoolcall.fixtures import Fixture, load_fixtures
from canitoolcall.pytest_plugin import assert_conforms, assert_equivalent
from canitoolcall.results import ParsedToolCall, ParseResult

from smol_chat.messages import JsonObject
from smol_chat.protocol import ContentDelta, ReasoningDelta, ToolCallParsed
from smol_chat.protocol.schema import typed
from support.streams import cut, parse

NEEDS_A_GUESS = {
    "qwen3-xml/llamacpp-q35-call-inside-think": "a call drafted in reasoning that never closes must not run",
    "qwen3-xml/llamacpp-coder-bare-function": "without <tool_call> it is text",
    "qwen3-xml/llamacpp-coder-bare-function-parallel": "without <tool_call> it is text",
    "qwen3-xml/bug-coder-missing-tool-call-opener": "without <tool_call> it is text",
    "qwen3-xml/vllm-coder-missing-close-parameter": "where a value without </parameter> ends is a guess",
    "qwen3-xml/bug-missing-close-parameter-before-function": "where a value without </parameter> ends is a guess",
}
"""Where we deliberately differ: others run these calls."""

HERMES = load_fixtures(families=["qwen3-hermes"])
XML = load_fixtures(families=["qwen3-xml"])
STRATEGIES = (*DEFAULT_STRATEGIES, *(ChunkStrategy("char", seed) for seed in range(4)))
SPECIAL = ("<think>", "</think>", "<tool_call>", "</tool_call>")
UNITS = re.compile("|".join(SPECIAL) + r"|\w{1,5}|\s+|.", re.DOTALL)


def parameters() -> list[object]:
    """Make a parameter of every fixture; those that need a guess must fail."""
    return [
        pytest.param(
            fixture,
            id=fixture.id,
            marks=[pytest.mark.xfail(strict=True, raises=AssertionError, reason=NEEDS_A_GUESS[fixture.id])]
            if fixture.id in NEEDS_A_GUESS
            else [],
        )
        for fixture in [*HERMES, *XML]
    ]


every_fixture = pytest.mark.parametrize("fixture", parameters())


def result_of(fixture: Fixture, pieces: list[str]) -> ParseResult:
    schemas: dict[str, JsonObject] = {
        tool["function"]["name"]: tool["function"]["parameters"] for tool in fixture.tools
    }
    prompt = fixture.generation_prompt or ""
    events = parse(pieces, schemas.keys(), starts_in_reasoning=prompt.endswith("<think>\n"))
    calls = [event for event in events if isinstance(event, ToolCallParsed)]
    return ParseResult(
        content="".join(event.text for event in events if isinstance(event, ContentDelta)),
        reasoning_content="".join(event.text for event in events if isinstance(event, ReasoningDelta)),
        tool_calls=tuple(
            ParsedToolCall(
                call.name, json.dumps(call.arguments if call.typed else typed(schemas[call.name], call.arguments))
            )
            for call in calls
        ),
    )


def test_the_suite_is_whole() -> None:
    assert (len(HERMES), len(XML)) == (50, 54)
    assert NEEDS_A_GUESS.keys() <= {fixture.id for fixture in XML}


@every_fixture
def test_full(fixture: Fixture) -> None:
    assert_conforms(fixture, result_of(fixture, [fixture.raw_output]), soft=True)


@pytest.mark.parametrize("fixture", [*HERMES, *XML], ids=lambda fixture: fixture.id)
@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda strategy: strategy.id)
def test_streamed(fixture: Fixture, strategy: ChunkStrategy) -> None:
    if strategy.kind == "char":
        pieces = split_text(fixture.raw_output, strategy)
    else:
        pieces = ["".join(group) for group in split(UNITS.findall(fixture.raw_output), strategy, special=SPECIAL)]
    streamed = result_of(fixture, pieces)
    assert_equivalent(result_of(fixture, [fixture.raw_output]), streamed)
    if fixture.id not in NEEDS_A_GUESS:
        assert_conforms(fixture, streamed, soft=True)


@pytest.mark.parametrize("fixture", [*HERMES, *XML], ids=lambda fixture: fixture.id)
def test_split_anywhere(fixture: Fixture) -> None:
    """Every single split, and pieces of every small size, give what the whole gives."""
    text = fixture.raw_output
    whole = result_of(fixture, [text])
    positions = range(len(text)) if len(text) < 500 else random.Random(1).sample(range(len(text)), 300)
    for position in positions:
        assert result_of(fixture, [text[:position], text[position:]]) == whole
    for size in range(1, 14):
        assert result_of(fixture, cut(text, size)) == whole
