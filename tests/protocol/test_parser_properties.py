"""What holds for every stream: no cut changes the outcome, nothing is lost, nothing raises, the work is linear."""

from __future__ import annotations

import json
import re
import sys
import tracemalloc
from collections.abc import Iterable
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smol_chat.messages import JsonObject
from smol_chat.protocol import (
    ContentDelta,
    MalformedCall,
    ReasoningDelta,
    StreamParser,
    ToolCallParsed,
    read_server_call,
)
from support.streams import cut, parse

FRAGMENTS = (
    *("<think>", "</think>", "<tool_call>", "</tool_call>", "<tool", "_call>", "</", "<", ">"),
    *('{"name": "f", "arguments": {"a": 1}}', '{"name": "f", "arguments": {"a": "', '"}}', '"', '\\"', "\\", "{", "}"),
    *("[", "]", ",", ":", "```json\n", "```", " ", "\n", "text", "null", '"arguments": "{}"', "ö東🌸"),
    *("<function=f>", "</function>", "<parameter=a>", "</parameter>", "\n</parameter>\n", "\n</function>\n"),
    "\n<parameter=b>\n",
    "\n</tool_call>\n",
    "<tool_call>\n<function=f>\n<parameter=a>\n",
    "\n</parameter>\n</function>\n</tool_call>",
    '<tool_call>{"name": "f", "arguments": {}}</tool_call>',
)
texts = st.lists(
    st.sampled_from(FRAGMENTS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=4), max_size=25
)
streams = texts.map("".join)
json_objects = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | streams,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(streams, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)


@given(streams, st.booleans(), st.lists(st.integers(1, 12), max_size=40))
def test_no_cut_changes_the_outcome(text: str, starts_in_reasoning: bool, sizes: list[int]) -> None:
    pieces, position = [], 0
    for size in sizes:
        pieces.append(text[position : position + size])
        position += size
    pieces.append(text[position:])
    outcome = parse(text, ("f",), starts_in_reasoning=starts_in_reasoning)
    assert parse(pieces, ("f",), starts_in_reasoning=starts_in_reasoning) == outcome
    assert parse(cut(text, 1), ("f",), starts_in_reasoning=starts_in_reasoning) == outcome


@given(streams)
def test_nothing_is_lost(text: str) -> None:
    """With no tools on offer no call is readable, so deltas and raw calls are the stream but for the think tags."""
    parser = StreamParser(())
    tags = "(?:</?think>)*"
    pattern = [tags]
    for event in [*parser.feed(text), *parser.finish()]:
        assert not isinstance(event, ToolCallParsed)
        pattern += [re.escape(event.raw if isinstance(event, MalformedCall) else event.text), tags]
    assert re.fullmatch("".join(pattern), text)


@given(st.text(), st.booleans())
def test_arbitrary_text_never_raises(text: str, starts_in_reasoning: bool) -> None:
    parse(text, starts_in_reasoning=starts_in_reasoning)
    parse(f"<tool_call>{text}</tool_call>")
    parse(f"<tool_call>\n<function=f>\n<parameter=a>{text}</tool_call>")
    read_server_call("f", text)
    read_server_call(text, "{}", ("f",))


@given(json_objects)
def test_any_json_arguments_come_through_unchanged(arguments: JsonObject) -> None:
    body = json.dumps({"name": "f", "arguments": arguments}, ensure_ascii=False)
    assert parse(f"a<tool_call>\n{body}\n</tool_call>b", ("f",)) == [
        ContentDelta("a"),
        ToolCallParsed("f", arguments),
        ContentDelta("b"),
    ]
    assert read_server_call("f", json.dumps(arguments), ("f",)) == ToolCallParsed("f", arguments)


@given(json_objects, st.data())
def test_a_call_cut_before_its_object_is_complete_never_runs(arguments: JsonObject, data: st.DataObject) -> None:
    body = json.dumps({"name": "f", "arguments": arguments})
    kept = data.draw(st.integers(0, len(body) - 1))
    [event] = parse(f"<tool_call>{body[:kept]}", ("f",))
    assert isinstance(event, MalformedCall)
    assert event.kind == ("invalid_json" if event.raw.endswith("</tool_call>") else "truncated")


@given(
    st.lists(st.sampled_from(["<think>", "hm", "<tool_call>", '{"name": "f", "arguments": {}}', "</tool_call>", "\n"]))
)
def test_text_inside_reasoning_is_never_a_call(parts: list[str]) -> None:
    text = "".join(parts)
    outcome = parse(text, starts_in_reasoning=True)
    assert outcome == ([ReasoningDelta(text)] if text else [])


# --- linear work ----------------------------------------------------------------------------------

CLOSE = "</tool_call>"
HOSTILE = {
    "plain text": "word <b>x</b> ",
    "false starts": "<tool_call",
    "angle brackets": "<",
    "calls": "<tool_call>x</tool_call>",
    "one long string": ('<tool_call>{"name": "f", "arguments": {"a": "', "some text, "),
    "escaped quotes": ('<tool_call>{"a": "', '\\"'),
    "quotes": ("<tool_call>", '"'),
    "closing tags in a string": ('<tool_call>{"a": "', CLOSE),
    "calls without their quote": '<tool_call>{"a": "x}</tool_call>',
    "calls in a string that breaks": ('<tool_call>"', '<tool_call>\\"</tool_call>'),
    "brackets": ("<tool_call>", "["),
    "commas": ("<tool_call>{", ", "),
    "spaces": ('<tool_call>{"a"', " "),
    "fence of spaces": ("<tool_call>```json", " "),
    "one long value": ("<tool_call>\n<function=f>\n<parameter=a>\n", "a line\n"),
    "closing tags in a value": ("<tool_call>\n<function=f>\n<parameter=a>\n", "x" + CLOSE),
    "closing tags that begin a line": ("<tool_call>\n<function=f>\n<parameter=a>\n", "\n</tool_call>x"),
    "parameter tags that do not end": ("<tool_call>\n<function=f>\n<parameter=a>\n", "\n<parameter="),
    "parameters": ("<tool_call>\n<function=f>\n", "<parameter=a>\n1\n</parameter>\n"),
    "blanks behind a tag": ("<tool_call>\n<function=f>\n<parameter=a>\nx\n</parameter>", " "),
}


def hostile(shape: str | tuple[str, str], length: int) -> str:
    start, unit = ("", shape) if isinstance(shape, str) else shape
    return start + unit * (length // len(unit)) + '" x</tool_call>'


FROM_A_POSITION = ("find", "rfind", "startswith")


def work(pieces: Iterable[str]) -> int:
    """Count what a parse does: every call, and the length of each string that is gone through from its beginning."""
    steps = 0

    def count(frame: FrameType, event: str, function: object) -> None:
        nonlocal steps
        if event == "call":
            steps += 1
        elif event == "c_call":
            text = getattr(function, "__self__", None)
            steps += 1
            if isinstance(text, str) and getattr(function, "__name__", "") not in FROM_A_POSITION:
                steps += len(text)

    parser = StreamParser(("f",))
    sys.setprofile(count)
    try:
        for piece in pieces:
            parser.feed(piece)
        parser.finish()
    finally:
        sys.setprofile(None)
    return steps


@pytest.mark.parametrize("shape", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("size", [1, 16])
def test_four_times_the_text_is_four_times_the_work(shape: str | tuple[str, str], size: int) -> None:
    small, large = (work(cut(hostile(shape, length), size)) for length in (4_000, 16_000))
    assert large < 5 * small


@pytest.mark.parametrize("start", ["", "<think>", '<tool_call>{"a": "', "<tool_call>\n<function=f>\n<parameter=a>\n"])
def test_a_piece_costs_no_copy_of_what_came_before(start: str) -> None:
    parser = StreamParser()
    parser.feed(start + "some text, " * 20_000)
    tracemalloc.start()
    try:
        for piece in ("more ", "</tool", "_cal", " text", "<", "b>\n"):
            before, _ = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            parser.feed(piece)
            assert tracemalloc.get_traced_memory()[1] - before < 10_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("shape", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("size", [1, 1_000_000_000])
def test_a_megabyte_of_anything_is_parsed(shape: str | tuple[str, str], size: int) -> None:
    """Work that grows with the square would take this past the test's time limit."""
    text = hostile(shape, 300_000 if size == 1 else 1_000_000)
    parser = StreamParser(("f",))
    for piece in cut(text, size):
        parser.feed(piece)
    parser.finish()
    assert not parser.in_call


@pytest.mark.parametrize("size", [1, 4, 1_000_000_000])
def test_an_argument_of_a_megabyte_comes_through(size: int) -> None:
    argument = 'line with "quotes", <tags> and </tool_call>\n' * 23_000
    body = json.dumps({"name": "f", "arguments": {"a": argument}})
    assert parse(cut(f"<tool_call>{body}</tool_call>", size)) == [ToolCallParsed("f", {"a": argument})]
    xml = f"<tool_call>\n<function=f>\n<parameter=a>\n{argument}\n</parameter>\n</function>\n</tool_call>"
    assert parse(cut(xml, size)) == [ToolCallParsed("f", {"a": argument}, typed=False)]
