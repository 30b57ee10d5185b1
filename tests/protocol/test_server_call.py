"""Calls that a server separated: the name beside the arguments as JSON text."""

from __future__ import annotations

import pytest

from smol_chat.protocol import MalformedCall, ToolCallParsed, read_server_call

TOOLS = ("calculate", "send_email")


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ('{"a": 1}', ToolCallParsed("calculate", {"a": 1})),
        (' {"a": {"b": [true, null]}}\n', ToolCallParsed("calculate", {"a": {"b": [True, None]}})),
        ("{}", ToolCallParsed("calculate", {})),
        ("", ToolCallParsed("calculate", {})),
        (" \n", ToolCallParsed("calculate", {})),
        ('{"a": 1,}', ToolCallParsed("calculate", {"a": 1}, repaired=True)),
        ('```json\n{"a": 1}\n```', ToolCallParsed("calculate", {"a": 1}, repaired=True)),
        ('{"a": "x\ny"}', ToolCallParsed("calculate", {"a": "x\ny"}, repaired=True)),
        ('"{\\"a\\": 1}"', ToolCallParsed("calculate", {"a": 1}, repaired=True)),
    ],
)
def test_arguments_are_read_as_those_in_a_stream(text: str, call: ToolCallParsed) -> None:
    assert read_server_call("calculate", text, TOOLS) == call


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        ("truncated", "calculate", '{"a": "rm -rf /'),
        ("truncated", "calculate", '{"a": [1, 2'),
        ("invalid_json", "calculate", "{'a': 1}"),
        ("invalid_json", "calculate", '{"a": NaN}'),
        ("invalid_json", "calculate", '{"a": 1}{"a": 2}'),
        ("duplicate_key", "calculate", '{"to": "ana", "to": "bob"}'),
        ("too_deep", "calculate", "[" * 100_000),
        ("bad_arguments", "calculate", "null"),
        ("bad_arguments", "calculate", "[]"),
        ("bad_arguments", "calculate", "3"),
        ("bad_arguments", "calculate", '"2+2"'),
        ("missing_name", "", "{}"),
        ("unknown_tool", "Calculate", "{}"),
    ],
)
def test_arguments_that_need_a_guess_are_malformed(kind: str, name: str, text: str) -> None:
    call = read_server_call(name, text, TOOLS)
    assert isinstance(call, MalformedCall)
    assert call.kind == kind
    assert text in call.raw and name in call.raw
    assert call.message.endswith(".")
