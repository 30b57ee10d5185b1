from __future__ import annotations

import random
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smol_chat.messages import JsonObject, JsonValue, ToolSchema
from smol_chat.protocol import MalformedCall, StreamParser, ToolCallParsed
from smol_chat.protocol.grammar import call_grammar
from smol_chat.protocol.schema import problems, typed
from support.gbnf import Grammar
from support.schemas import ANY_SCHEMA, SUPPORTED_SCHEMA

Form = Literal["json", "xml"]
FORMS: tuple[Form, ...] = ("json", "xml")


def tool(parameters: JsonValue, name: str = "do_it") -> ToolSchema:
    assert isinstance(parameters, dict)
    return ToolSchema(name, "Do it.", parameters)


def one(schema: JsonValue, *, required: bool = True, **defs: JsonValue) -> JsonObject:
    """Parameters with one property."""
    needed: list[JsonValue] = ["x"] if required else []
    return {"type": "object", "properties": {"x": schema}, "required": needed, "$defs": defs}


def calls(schema: JsonObject, form: Form, *, count: int = 60, seed: int = 0) -> list[JsonObject]:
    """Write random calls by the grammar and return their arguments, as the session would read them."""
    grammar = Grammar(call_grammar([tool(schema)], form))
    return [read(grammar.write(random.Random(seed * 1000 + number)), schema) for number in range(count)]


def read(text: str, schema: JsonObject) -> JsonObject:
    parser = StreamParser({"do_it"})
    events = [*parser.feed("<tool_call>" + text), *parser.finish()]
    assert len(events) == 1, text
    (call,) = events
    assert isinstance(call, ToolCallParsed), (call, text)
    assert not call.repaired, text
    return call.arguments if call.typed else typed(schema, call.arguments)


def values(schema: JsonObject, form: Form = "json", *, count: int = 200) -> list[JsonValue]:
    """Write random values of one schema, all of which fit it."""
    parameters = one(schema)
    found = calls(parameters, form, count=count)
    for arguments in found:
        assert problems(parameters, arguments) == []
    return [arguments["x"] for arguments in found]


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=60, deadline=None)
@given(schema=SUPPORTED_SCHEMA, seed=st.integers(0, 99))
def test_every_call_by_the_grammar_parses_and_fits(form: Form, schema: JsonObject, seed: int) -> None:
    for arguments in calls(schema, form, count=5, seed=seed):
        assert problems(schema, arguments) == []


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=100, deadline=None)
@given(schema=ANY_SCHEMA, seed=st.integers(0, 99))
def test_any_schema_becomes_a_grammar_of_readable_calls(form: Form, schema: JsonValue, seed: int) -> None:
    if not isinstance(schema, dict):
        return
    text = Grammar(call_grammar([tool(schema)], form)).write(random.Random(seed))
    parser = StreamParser({"do_it"})
    (call,) = [*parser.feed("<tool_call>" + text), *parser.finish()]
    # Names that a schema does not give may be written twice: no grammar can count them.
    assert isinstance(call, ToolCallParsed) or (isinstance(call, MalformedCall) and call.kind == "duplicate_key"), text
