from __future__ import annotations

import random
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smol_chat.messages import JsonObject, JsonValue, ToolSchema
from smol_chat.protocol import MalformedCall, StreamParser, ToolCallParsed
from smol_chat.protocol.grammar import MOST_CHARACTERS, call_grammar
from smol_chat.protocol.schema import problems, typed
from support.gbnf import Grammar
from support.schemas import ANY_SCHEMA, PATTERNS, SUPPORTED_SCHEMA

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


@pytest.mark.parametrize(
    ("schema", "low", "high"),
    [
        ({"type": "integer", "minimum": 0, "maximum": 0}, 0, 0),
        ({"type": "integer", "minimum": 7, "maximum": 1234}, 7, 1234),
        ({"type": "integer", "minimum": -1234, "maximum": -7}, -1234, -7),
        ({"type": "integer", "minimum": -99, "maximum": 100}, -99, 100),
        ({"type": "integer", "exclusiveMinimum": 9, "exclusiveMaximum": 11}, 10, 10),
        ({"type": "integer", "minimum": 0.5, "maximum": 3.5}, 1, 3),
        ({"type": "integer", "minimum": 0, "exclusiveMinimum": True, "maximum": 2}, 1, 2),
        ({"type": "integer", "minimum": 3, "maximum": 17, "multipleOf": 5}, 5, 15),
        ({"type": ["number", "integer"], "allOf": [{"minimum": 2, "type": "integer"}, {"maximum": 4}]}, 2, 4),
    ],
)
def test_every_integer_of_a_range_can_be_written_and_no_other(schema: JsonObject, low: int, high: int) -> None:
    step = schema.get("multipleOf", 1)
    assert isinstance(step, int)
    expected = set(range(low, high + 1, step))
    found = set(values(schema, count=60 * min(len(expected), 30)))
    assert found <= expected
    assert len(expected) > 30 or found == expected


@pytest.mark.parametrize(
    "schema",
    [
        {"minimum": 0, "maximum": 1},
        {"minimum": 0.25, "maximum": 0.5},
        {"minimum": -0.75, "maximum": 12.125},
        {"exclusiveMinimum": 0},
        {"exclusiveMaximum": -3},
        {"exclusiveMinimum": 0.1, "exclusiveMaximum": 0.2},
        {"minimum": 1e-07, "maximum": 2e-07},
        {"minimum": 99.999, "maximum": 100.001},
        {"exclusiveMinimum": 10**12, "maximum": 10**12 + 5},
    ],
)
def test_numbers_stay_in_their_range(schema: JsonObject) -> None:
    found = set(values({"type": "number", **schema}, count=300))
    assert len(found) > 3


def test_a_range_without_any_number_leaves_the_property_out() -> None:
    for kind in ("integer", "number"):
        schema: JsonObject = {"type": kind, "minimum": 5, "maximum": 4}
        assert calls(one(schema, required=False), "json", count=20) == [{}] * 20


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_hold(form: Form, pattern: str) -> None:
    found = values({"type": "string", "pattern": pattern}, form)
    assert len(set(map(str, found))) > 1


@pytest.mark.parametrize(
    "pattern",
    ["abc", "^abc", "abc$", "^a|b$", r"^\bword\b$", "^(?=a)a$", "^(a)\\1$", "^(a*)*$", "^[a", "^a{3000}$", "^a\\$"],
)
def test_a_pattern_that_is_not_translated_lets_any_string_through(pattern: str) -> None:
    for form in FORMS:
        free, other = (
            Grammar(call_grammar([tool(one({"type": "string", **words}))], form))
            for words in ({}, {"pattern": pattern})
        )
        assert all(free.write(random.Random(seed)) == other.write(random.Random(seed)) for seed in range(20))


def test_a_pattern_may_hold_what_json_escapes() -> None:
    assert set(values({"type": "string", "pattern": r'^["\\][\n\t]$'})) == {'"\n', '"\t', "\\\n", "\\\t"}


@pytest.mark.parametrize("form", FORMS)
def test_choices_come_out_as_they_are(form: Form) -> None:
    choices: list[JsonValue] = ['say "hi"', "back\\slash", "two\nlines", "ü€😀", "", "null ", 3, -1.5, True]
    assert {repr(value) for value in values({"enum": choices}, form)} == {repr(choice) for choice in choices}


def test_structures_can_be_choices() -> None:
    choices: list[JsonValue] = [{"a": [1, None]}, [], {}, None]
    found = values({"enum": choices})
    assert all(value in choices for value in found) and all(choice in found for choice in choices)


@pytest.mark.parametrize("form", FORMS)
def test_every_subset_of_optional_properties_can_be_written(form: Form) -> None:
    schema: JsonObject = {
        "type": "object",
        "properties": {name: {"type": "boolean"} for name in "abcd"},
        "required": ["c"],
        "additionalProperties": False,
    }
    subsets = {"".join(arguments) for arguments in calls(schema, form, count=400)}
    assert subsets == {f"{a}{b}c{d}" for a in ("", "a") for b in ("", "b") for d in ("", "d")}


def test_the_number_of_properties_is_bounded() -> None:
    schema: JsonObject = {
        "type": "object",
        "properties": {name: {"type": "null"} for name in "abcde"},
        "minProperties": 2,
        "maxProperties": 3,
        "additionalProperties": False,
    }
    assert {len(arguments) for arguments in calls(schema, "json", count=200)} == {2, 3}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "schema",
    [
        {"minProperties": 25, "maxProperties": 15},
        {"minProperties": 3, "maxProperties": 2, "properties": {name: {} for name in "abcd"}},
        one({"type": "array", "minItems": 3, "maxItems": 2}),
        one({"type": "array", "prefixItems": [True, True], "minItems": 300, "maxItems": 1}),
        one({"type": "string", "minLength": 3, "maxLength": 2}),
        one({"type": "object", "minProperties": 300, "maxProperties": 260}),
    ],
)
def test_bounds_that_contradict_each_other_are_no_repetition(form: Form, schema: JsonObject) -> None:
    Grammar(call_grammar([tool(schema)], form)).write(random.Random(1))


def test_other_properties_have_other_names() -> None:
    schema: JsonObject = {
        "type": "object",
        "properties": {name: {"type": "null"} for name in ("a", "ab", 'q"')},
        "required": ["a"],
        "additionalProperties": {"type": "integer"},
    }
    grammar = Grammar(call_grammar([tool(schema)], "json"))
    seen: set[str] = set()
    for number in range(400):
        parser = StreamParser({"do_it"})
        (call,) = parser.feed("<tool_call>" + grammar.write(random.Random(number)))
        if isinstance(call, ToolCallParsed):
            assert problems(schema, call.arguments) == []
            seen.update(call.arguments)
    assert len(seen) > 20


def test_recursion_ends_and_goes_some_way() -> None:
    node: JsonObject = {
        "type": "object",
        "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
        "required": ["next"],
        "additionalProperties": False,
    }
    parameters = one({"$ref": "#/$defs/node"}, node=node)

    def depth(value: JsonValue) -> int:
        return 1 + depth(value["next"]) if isinstance(value, dict) else 0

    found = calls(parameters, "json", count=200)
    assert all(problems(parameters, arguments) == [] for arguments in found)
    assert {depth(arguments["x"]) for arguments in found} >= {1, 2, 3}


def test_alternatives_share_what_stands_beside_them() -> None:
    schema: JsonObject = {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "boolean"}},
        "oneOf": [{"required": ["a"], "properties": {"b": False}}, {"required": ["b"], "properties": {"a": False}}],
    }
    for form in FORMS:
        found = calls(schema, form, count=60)
        assert all(problems(schema, arguments) == [] for arguments in found)
        assert {tuple(arguments) for arguments in found} == {("a",), ("b",)}


def test_a_text_in_xml_never_ends_its_parameter() -> None:
    grammar = Grammar(call_grammar([tool(one({"type": "string"}))], "xml"))
    tags = ("</parameter>", "</function>", "</tool_call>", "<parameter=", "<function=", "<tool_call>")
    for seed in range(300):
        text = grammar.write(random.Random(seed))
        value = text.partition("<parameter=x>\n")[2].rpartition("\n</parameter>")[0]
        assert not any(line.startswith(tags) for line in value.split("\n"))
        assert read(text, one({"type": "string"}))["x"] == value


@pytest.mark.parametrize("form", FORMS)
def test_the_tool_is_one_of_those_on_offer_or_the_one_that_is_asked_for(form: Form) -> None:
    tools = [tool({}, name) for name in ("first", 'se"cond', "third")]
    grammar, only = (Grammar(call_grammar(tools, form, only=name)) for name in (None, "third"))
    names = set()
    for seed in range(60):
        names.add(_name(grammar.write(random.Random(seed))))
        assert _name(only.write(random.Random(seed))) == "third"
    assert names == {"first", 'se"cond', "third"}


def _name(text: str) -> str:
    parser = StreamParser()
    (call,) = parser.feed("<tool_call>" + text)
    if isinstance(call, MalformedCall):
        assert call.kind == "duplicate_key"
        return "third" if "third" in text[:60] else "first"
    assert isinstance(call, ToolCallParsed)
    return call.name


def test_a_name_that_has_no_place_in_a_tag_is_not_offered_in_xml() -> None:
    with pytest.raises(ValueError, match="no tool can be called"):
        call_grammar([tool({}, "a>b")], "xml")
    assert "a>b" in call_grammar([tool({}, "a>b")], "json").replace("\\x3E", ">")


def test_huge_schemas_are_loosened_to_a_bounded_size() -> None:
    wide: JsonObject = {
        "type": "object",
        "properties": {f"p{number}": {"enum": [f"{number} {value}" for value in range(400)]} for number in range(200)},
    }
    deep: JsonValue = {"type": "string"}
    for _ in range(60):
        deep = {"type": "object", "properties": {"a": deep, "b": deep}, "required": ["a"]}
    many = [tool({"type": "object", "properties": {"a": {"type": "string"}}}, f"t{number}") for number in range(2000)]
    for tools in ([tool(wide)], [tool(deep)], many):
        for form in FORMS:
            grammar = call_grammar(tools, form)
            assert len(grammar) < 2 * MOST_CHARACTERS
            assert "root" in Grammar(grammar).rules
