"""What is wrong with a call's arguments, all of it at once, and raw strings turned into values."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smol_chat.messages import JsonObject, JsonValue
from smol_chat.protocol.formats import matches
from smol_chat.protocol.schema import problems, typed
from smol_chat.protocol.suggest import closest, quoted, unknown_tool

WEATHER: JsonObject = {
    "type": "object",
    "properties": {
        "location": {"type": "string", "minLength": 1},
        "units": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        "days": {"type": "integer", "minimum": 1, "maximum": 16},
        "at": {
            "type": "object",
            "properties": {"lat": {"type": "number"}, "tags": {"type": "array", "items": {"type": "string"}}},
            "required": ["lat"],
        },
    },
    "required": ["location"],
    "additionalProperties": False,
}


def of(schema: JsonValue) -> JsonObject:
    """A schema with one required parameter `x`."""
    return {"type": "object", "properties": {"x": schema}, "required": ["x"]}


def test_good_arguments_have_no_problems() -> None:
    good: JsonObject = {
        "location": "Oslo",
        "units": "celsius",
        "days": 16,
        "at": {"lat": 1, "tags": ["a"], "more": None},
    }
    assert problems(WEATHER, good) == []
    assert problems(WEATHER, {"location": "Oslo"}) == []


def test_all_problems_are_told_together_with_their_paths() -> None:
    bad: JsonObject = {"units": "kelvin", "days": 40, "at": {"tags": ["a", 2, None]}, "unit": "c"}
    assert problems(WEATHER, bad) == [
        "location: is required",
        'units: must be one of "celsius", "fahrenheit" (got "kelvin")',
        "days: must be at most 16 (got 40)",
        "at.lat: is required",
        "at.tags[1]: must be a string (got 2)",
        "at.tags[2]: must be a string (got null)",
        "unit: is not known here; did you mean 'units'? known: location, units, days, at",
    ]


def test_what_is_no_object_is_told_as_such() -> None:
    assert problems(WEATHER, ["Oslo"]) == ["arguments: must be an object (got a list)"]
    assert problems({"type": "object", "additionalProperties": False}, {"a": 1}) == [
        "a: is not known here: none are taken"
    ]


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "string"}, ["", "x"], [1, None, True, [], {}]),
        ({"type": "integer"}, [0, -3, 10**30], [1.5, 2.0, True, "1", None]),
        ({"type": "number"}, [0, 1.5, -2], [True, "1", None]),
        ({"type": "boolean"}, [True, False], [0, 1, "true", None]),
        ({"type": "null"}, [None], [0, "", False, "null"]),
        ({"type": "array"}, [[], [1, "a"]], ["[]", {}, None]),
        ({"type": "object"}, [{}, {"a": 1}], [[], "{}", None]),
        ({"type": ["string", "null"]}, ["x", None], [1, []]),
        ({"type": ["string", "object"]}, ["x", {"a": 1}], [1, [], None]),
        (
            {"enum": [1, "a", None, [1], {"a": 1}]},
            [1, 1.0, "a", None, [1], {"a": 1}],
            [True, "1", [True], {"a": True}, []],
        ),
        ({"const": 0}, [0, 0.0], [False, "0", None]),
        ({"type": "string", "minLength": 2, "maxLength": 3}, ["ab", "東京x"], ["", "a", "abcd"]),
        ({"type": "string", "pattern": "^[a-z]+$"}, ["abc"], ["", "ABC", "a b"]),
        ({"type": "string", "pattern": "b"}, ["abc"], ["ac"]),
        ({"type": "integer", "minimum": 1, "maximum": 3}, [1, 3], [0, 4]),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, [0.5], [0, 1, -1, 2]),
        ({"type": "number", "minimum": 0, "exclusiveMinimum": True}, [0.1], [0]),
        ({"type": "number", "maximum": 5, "exclusiveMaximum": True}, [4.9], [5]),
        ({"type": "number", "multipleOf": 0.1}, [0.3, 2, 0], [0.25]),
        ({"type": "integer", "multipleOf": 5}, [10, -5, 5 * 10**40], [7, 10**40 + 1]),
        ({"type": "array", "minItems": 1, "maxItems": 2}, [[1], [1, 2]], [[], [1, 2, 3]]),
        ({"type": "array", "uniqueItems": True}, [[1, "1", True]], [[1, 2, 1], [{"a": 1}, {"a": 1}]]),
        ({"type": "array", "items": {"type": "integer"}}, [[], [1, 2]], [["1"], [1, None]]),
        (
            {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False},
            [["a", 1], ["a"]],
            [[1, "a"], ["a", 1, 2]],
        ),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, [{"a": 1}], [{"a": "1"}]),
        ({"type": "object", "patternProperties": {"^x-": {}}, "additionalProperties": False}, [{"x-a": 1}], [1]),
        ({"type": "object", "minProperties": 1, "maxProperties": 1}, [{"a": 1}], [{}, {"a": 1, "b": 2}]),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, [1, None], ["1", 1.5]),
        (
            {"anyOf": [{"type": "string", "minLength": 3}, {"type": "integer", "minimum": 5}]},
            ["abc", 5],
            ["a", 1, None],
        ),
        ({"oneOf": [{"type": "integer"}, {"type": "number", "maximum": 1}]}, [7, 0.5], [1, 7.5, "x"]),
        ({"allOf": [{"type": "integer"}, {"minimum": 3}]}, [3], [2, "x"]),
        ({"$ref": "#/$defs/day"}, ["mon"], ["x", 1]),
        ({"$ref": "#/%24defs/a~1b~0c"}, [1], ["x"]),
        ({"type": "array", "items": {"$ref": "#/definitions/list/0"}}, [[True]], [[1]]),
        (
            {"type": "string", "format": "date"},
            ["2026-02-28", "2024-02-29"],
            ["2026-02-30", "28.02.2026", "20260228", ""],
        ),
        (
            {"type": "string", "format": "date-time"},
            ["2026-11-23T10:00:00Z", "2026-11-23t10:00:60.5+01:00", "2026-11-23T10:00", "2026-11-23 10:00:00"],
            ["2026-11-23", "2026-11-23T24:00:00Z", "2026-13-01T00:00:00Z", "2026-11-23T10:61:00Z", "tomorrow", "10:00"],
        ),
        (
            {"type": "string", "format": "email"},
            ["ana@example.org", "a.b+c@localhost", "zoë@exämple.org"],
            [
                "ana",
                "@example.org",
                "ana@",
                "a b@example.org",
                "a@b@c",
                "ana@example.org\nBcc: bob@example.org",
                "a@b..c",
                "a,b@c",
            ],
        ),
        (
            {"type": "string", "format": "uri"},
            ["https://example.org/a?b=c#d", "mailto:ana@example.org", "https://exämple.org/ö"],
            ["example.org", "/path", "https://a b", "http:", "javascript:\n1"],
        ),
        (True, [1, None], []),
        ({}, [1, None, "x", [], {}], []),
        (False, [], [1, None]),
    ],
)
def test_each_keyword_holds_what_it_says(schema: JsonValue, good: list[JsonValue], bad: list[JsonValue]) -> None:
    root = of(schema)
    root["$defs"] = {"day": {"enum": ["mon", "tue"]}, "a/b~c": {"type": "integer"}}
    root["definitions"] = {"list": [{"type": "boolean"}]}
    for value in good:
        assert problems(root, {"x": value}) == []
    for value in bad:
        found = problems(root, {"x": value})
        assert found and all(re.match(r"x(\[|\.|:)", problem) for problem in found)
        assert all("\n" not in problem and len(problem) < 200 for problem in found)


@pytest.mark.parametrize(
    ("schema", "value", "problem"),
    [
        ({"type": ["string", "null"]}, 3, "x: must be a string or null (got 3)"),
        ({"type": "integer"}, 2.0, "x: must be a whole number (got 2.0)"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "a", 'x: must be a whole number or null (got "a")'),
        ({"anyOf": [{"type": "integer", "minimum": 5}, {"type": "null"}]}, 1, "x: must be at least 5 (got 1)"),
        ({"const": "a"}, "b", 'x: must be "a" (got "b")'),
        ({"type": "string", "maxLength": 3}, "abcd", "x: must have at most 3 characters (got 4)"),
        ({"type": "array", "minItems": 2}, [1], "x: must have at least 2 items (got 1)"),
        ({"type": "string", "pattern": "^a"}, "b", "x: must match the pattern '^a' (got \"b\")"),
        ({"type": "string", "format": "date"}, "b", 'x: must be a date like 2026-11-23 (got "b")'),
        ({"type": "integer"}, "9" * 500, 'x: must be a whole number (got "' + "9" * 38 + "…)"),
    ],
)
def test_a_problem_says_what_is_wanted_and_what_came(schema: JsonValue, value: JsonValue, problem: str) -> None:
    assert problems(of(schema), {"x": value}) == [problem]


def test_a_hostile_name_is_shown_as_a_literal() -> None:
    [problem] = problems({"additionalProperties": False}, {"a\x1b[31m\n" + "b" * 500: 1})
    assert problem.isprintable() and len(problem) < 150


def test_thousands_of_problems_are_counted_not_listed() -> None:
    found = problems(of({"type": "array", "items": {"type": "string"}}), {"x": list(range(5000))})
    assert len(found) == 41
    assert found[-1] == "arguments: have 4960 more problems"


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        {"anyOf": [{"$ref": "#"}, {"$ref": "#"}], "oneOf": [{"$ref": "#"}, {"$ref": "#/nowhere"}]},
        {"$defs": {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 3} for n in range(60)}, "$ref": "#/$defs/d0"},
        {"properties": {"x": {"$ref": "#"}}, "additionalProperties": {"$ref": "#"}},
        {"$ref": "https://example.org/schema.json"},
        {"$ref": 7, "type": 7, "enum": 7, "properties": 7, "required": 7, "anyOf": 7, "items": 7, "minimum": "a"},
        {"type": "colour", "required": [7, None], "properties": {"x": 7}, "additionalProperties": 7, "anyOf": [7]},
        {"type": ["string", 7, None], "pattern": 7, "format": 7, "minLength": True, "multipleOf": 0},
        {"properties": {"x": {"pattern": "("}}},
        {"properties": {"x": {"pattern": "(a+)+$"}}},
        {"properties": {"x": {"pattern": "a{99999999999999999999}"}}},
        {"properties": {"x": {"multipleOf": 1e-320, "minimum": float("nan"), "maximum": float("inf")}}},
        {"not": {}, "if": {}, "then": False, "dependentRequired": {"x": ["y"]}, "$dynamicRef": "#meta", "x-custom": []},
    ],
)
def test_a_schema_of_any_shape_is_survived(schema: JsonObject) -> None:
    values: list[JsonValue] = [None, True, 1, 10**400, 1.5, "a" * 40 + "!", [], ["x"], {}, {"x": "a" * 40 + "!"}]
    for value in values:
        assert all(isinstance(problem, str) for problem in problems(schema, value))
    assert typed(schema, {"x": "1", "y": "null"}).keys() == {"x", "y"}


def test_a_schema_that_refers_to_itself_still_checks() -> None:
    tree: JsonObject = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#"}}},
        "anyOf": [{"$ref": "#"}, {"required": ["never"]}],
    }
    assert problems(tree, {"name": "a", "children": [{"name": "b"}, {"children": []}]}) == []
    assert problems(tree, {"children": [{"children": [{"name": 3}]}]}) == [
        "children[0].children[0].name: must be a string (got 3)"
    ]


def test_bottomless_nesting_is_told_not_raised() -> None:
    deep: JsonValue = "x"
    schema: JsonValue = {"type": "string"}
    for _ in range(5000):
        deep, schema = [deep], {"type": "array", "items": schema}
    assert problems(of(schema), {"x": deep}) == ["arguments: are nested too deeply to be checked"]
    schema = {}
    for _ in range(5000):
        schema = {"anyOf": [schema]}
    assert problems(of(schema), {"x": 1}) == ["arguments: are nested too deeply to be checked"]
    assert typed(of(schema), {"x": "1"}) == {"x": "1"}


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
KEYWORDS = """
type enum const $ref anyOf oneOf allOf properties required additionalProperties items prefixItems minItems maxItems
uniqueItems minLength maxLength pattern format minimum maximum exclusiveMinimum exclusiveMaximum multipleOf $defs
minProperties maxProperties patternProperties
"""
WORDS = "string integer number boolean null array object date email uri # #/$defs #/properties/a a b ^a+$"
keywords = st.sampled_from(KEYWORDS.split())
names = st.sampled_from(WORDS.split())
schemas: st.SearchStrategy[Any] = st.recursive(
    names | st.booleans() | st.integers() | st.floats() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(keywords, inner, max_size=5)
        | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2)
    ),
    max_leaves=25,
)


@given(schemas, json_values)
def test_no_schema_and_no_value_raises(schema: JsonValue, value: JsonValue) -> None:
    root: JsonObject = schema if isinstance(schema, dict) else {"properties": {"a": schema}}
    assert all(isinstance(problem, str) for problem in problems(root, value))
    typed(root, {"a": "1", "b": "[true]"})


# --- typed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "raw", "value"),
    [
        ({"type": "string"}, "02139", "02139"),
        ({"type": "string"}, "true", "true"),
        ({"type": "string"}, "null", "null"),
        ({"type": "string"}, '{"a": 1}', '{"a": 1}'),
        ({"type": "string"}, " kept \n", " kept \n"),
        ({"type": "integer"}, "7", 7),
        ({"type": "integer"}, " 7\n", 7),
        ({"type": "integer"}, "123456789012345678901", 123456789012345678901),
        ({"type": "integer"}, "7.5", "7.5"),
        ({"type": "integer"}, "007", "007"),
        ({"type": "integer"}, "seven", "seven"),
        ({"type": "integer"}, "true", "true"),
        ({"type": "number"}, "0.75", 0.75),
        ({"type": "number"}, "1e20", 1e20),
        ({"type": "number"}, "3", 3),
        ({"type": "number"}, "NaN", "NaN"),
        ({"type": "number"}, "1e999", "1e999"),
        ({"type": "boolean"}, "true", True),
        ({"type": "boolean"}, "False", False),
        ({"type": "boolean"}, "yes", "yes"),
        ({"type": "boolean"}, "1", "1"),
        ({"type": "null"}, "None", None),
        ({"type": ["string", "null"]}, "null", None),
        ({"type": ["string", "null"]}, "gym", "gym"),
        ({"type": ["string", "object"]}, '{"a": 1}', '{"a": 1}'),
        ({"type": ["integer", "null"]}, "42", 42),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "5", 5),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]}, "5", "5"),
        ({"type": "array"}, '[{"a": true}, 1]', [{"a": True}, 1]),
        ({"type": "array"}, "[True]", "[True]"),
        ({"type": "array"}, "[1,]", "[1,]"),
        ({"type": "object"}, '{"a": {"b": null}}', {"a": {"b": None}}),
        ({"type": "object"}, '{"a": 1, "a": 2}', '{"a": 1, "a": 2}'),
        ({"type": "object"}, "[" * 100_000, "[" * 100_000),
        ({"enum": [1, 2, "3"]}, "2", 2),
        ({"enum": [1, 2, "3"]}, "3", "3"),
        ({"const": True}, "True", True),
        ({"$ref": "#/$defs/count"}, "4", 4),
        ({}, "4", "4"),
        (True, "4", "4"),
    ],
)
def test_a_raw_string_becomes_what_its_schema_says(schema: JsonValue, raw: str, value: JsonValue) -> None:
    root = of(schema)
    root["$defs"] = {"count": {"type": "integer"}}
    converted = typed(root, {"x": raw})["x"]
    assert converted == value and type(converted) is type(value)


def test_what_does_not_convert_is_left_for_validation_to_report() -> None:
    schema = of({"type": "integer"})
    assert problems(schema, typed(schema, {"x": "many"})) == ['x: must be a whole number (got "many")']
    assert problems(schema, typed(schema, {"x": "3"})) == []


def test_only_raw_strings_of_known_parameters_are_converted() -> None:
    schema: JsonObject = {"properties": {"a": {"type": "array"}}, "additionalProperties": {"type": "integer"}}
    assert typed(schema, {"a": ["kept"], "more": "3"}) == {"a": ["kept"], "more": 3}
    assert typed({"type": "object"}, {"more": "3"}) == {"more": "3"}


# --- patterns and names ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a|a)*$",
        "^(a|aa)+$",
        "(?:a*)*b",
        "a*a*a*a*a*a*a*b",
        "a?" * 40 + "a" * 40,
        "(.*)\\1+b",
        "(a{1,30}){1,30}b",
        "[a]*[a]*[a]*[a]*[a]*b",
        "(" * 400,
        "x" * 1000,
    ],
)
def test_a_pattern_that_could_take_forever_is_not_tried(pattern: str) -> None:
    assert matches(pattern, "a" * 2000 + "!") is None


def test_how_long_a_text_is_checked_depends_on_the_pattern() -> None:
    assert matches("^a*b", "a" * 4000) is False
    assert matches("a*b", "a" * 4000) is None


def test_usual_patterns_are_checked() -> None:
    assert matches(r"^[a-z0-9_-]+$", "some-name_1") is True
    assert matches(r"^https?://", "ftp://example.org") is False
    assert matches(r"^\d{4}-\d{2}-\d{2}$", "2026-11-23") is True
    assert matches(r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$", "ana@example.org") is True
    assert matches(r"^(GET|POST|PUT)$", "DELETE") is False
    assert matches(r"^[[a]$", "a") is True


def test_the_closest_name_is_found() -> None:
    assert closest("get_wether", ["get_weather", "get_webpage"]) == "get_weather"
    assert closest("rm", ["get_weather", "get_webpage"]) is None
    assert closest("x" * 1_000_000, ["x"]) is None
    assert closest("x", []) is None


def test_a_sentence_about_tools_stays_short_and_printable() -> None:
    sentence = unknown_tool("\x1b[2J" * 1000, [f"tool_{n}" for n in range(300)])
    assert sentence.isprintable() and len(sentence) < 400
    assert "and 280 more" in sentence
    assert quoted("a\nb") == r"'a\nb'"
