"""Matchers: a table of what fits and what does not, and what holds for all of them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smol_chat.evaluation.answers import AnsweredTurn, MadeCall
from smol_chat.evaluation.assignment import assign
from smol_chat.evaluation.judge import judge_turn
from smol_chat.evaluation.matchers import check, matches
from smol_chat.evaluation.suite import CallPattern, Step
from smol_chat.messages import JsonValue

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.floats(-1e6, 1e6) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("matcher", "value", "fits"),
    [
        ("Oslo", " oslo. ", True),
        ("Tromsø", "TROMSO", True),
        ("Zürich", "zurich", True),
        ("Oslo", "Oslo, Norway", False),
        (120, 120.0, True),
        (1, True, False),
        ([1, "A"], [1, "a"], True),
        ({"a": {"$contains": "x"}}, {"a": "xy"}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        (None, None, True),
        ({"$exact": "A"}, "a", False),
        ({"$exact": 1}, 1.0, False),
        ({"$number": 3, "$within": 0.5}, 3.4, True),
        ({"$number": 3}, "3.0", True),
        ({"$number": 3}, "three", False),
        ({"$shows": 1725.5}, "about 1,725.50 euros", True),
        ({"$shows": 25}, "1725", False),
        ({"$contains": ["a", "c"]}, "abc", True),
        ({"$contains": ["a", "d"]}, "abc", False),
        ({"$contains_any": ["x", "c"]}, "abc", True),
        ({"$regex": "^GIT log"}, "git log -5", True),
        ({"$one_of": ["French", "fr"]}, "FR", True),
        ({"$all_of": [{"$contains": "a"}, {"$not": {"$contains": "b"}}]}, "ab", False),
        ({"$any": True}, None, True),
        ({"$date": "2027-09-14"}, "2027-09-14T10:00:00Z", True),
        ({"$datetime": "2027-09-14T10:30"}, "2027-09-14 10:30:00+02:00", True),
        ({"$datetime": "2027-09-14T10:30"}, "2027-09-14", False),
        ({"$datetime": "2027-09-14T10:30"}, "14 September 2027 10:30", False),
        ({"$datetime": "2027-09-14T10:30"}, "2027-13-99T10:30", False),
        ({"$path": "notes/a.txt"}, "./notes//a.txt", True),
        ({"$path": "notes"}, "notes/", True),
        ({"$path": "README.txt"}, "readme.txt", False),
        ({"$path": "a.txt"}, "../a.txt", False),
        ({"$url": "https://A.example/x/"}, "https://a.example:443/x", True),
        ({"$url": "https://a.example/x"}, "http://a.example/x", False),
        ({"$url": "a.example/x"}, "http://a.example/x", True),
        ({"$url": "https://a.example/x?q=1"}, "https://a.example/x?q=2", False),
        ({"$url": "https://a.example"}, "https://[", False),
        ({"$url": "https://a.example"}, "https://a.example:port", False),
        ({"$set": ["b", "a"]}, ["A", "b"], True),
        ({"$set": ["b", "a"]}, "a, b", True),
        ({"$set": ["a", "a"]}, ["a", "b"], False),
        ({"$json": {"lamp": "off"}}, '{"lamp": "off"}', True),
        ({"$json": {"lamp": "off"}}, {"lamp": "off"}, True),
        ({"$json": {"lamp": "off"}}, "lamp=off", False),
    ],
)
def test_a_matcher_fits_what_the_table_says(matcher: JsonValue, value: JsonValue, fits: bool) -> None:
    assert check(matcher) is None
    assert matches(matcher, value) is fits


def test_a_result_counts_only_where_the_call_gave_one() -> None:
    matcher: JsonValue = {"$result": {"$shows": 391}}
    assert matches(matcher, "23 * 17", "391")
    assert not matches(matcher, "391", None)
    assert not matches(matcher, "391", "392")


@given(JSON)
def test_every_value_equals_itself_and_fits_anything(value: JsonValue) -> None:
    assert matches(value, value)
    assert matches({"$any": True}, value)
    assert matches({"$exact": value}, value)


OPERATORS: list[JsonValue] = [
    {"$number": 1},
    {"$shows": 1},
    {"$contains": "a"},
    {"$regex": "a+"},
    {"$date": "2027-01-01"},
    {"$path": "a"},
    {"$url": "https://a.example"},
    {"$set": ["a"]},
    {"$json": {"a": 1}},
    {"$result": "a"},
    {"$exact": 1},
]


@given(st.sampled_from(OPERATORS), JSON)
def test_no_operator_is_upset_by_any_value(matcher: JsonValue, value: JsonValue) -> None:
    assert matches(matcher, value) is not matches({"$not": matcher}, value)


@given(st.lists(st.sets(st.integers(0, 4), max_size=5), max_size=5))
def test_a_pairing_is_the_largest_there_is(choices: list[set[int]]) -> None:
    found = assign([sorted(columns) for columns in choices])
    assert all(column in choices[row] for row, column in found.items())
    assert len(set(found.values())) == len(found)
    columns = [*range(5), *[None] * len(choices)]
    best = max(
        sum(column is not None and column in choices[row] for row, column in enumerate(order))
        for order in set(itertools.permutations(columns, len(choices)))
    ) if len(choices) <= 3 else len(found)  # fmt: skip
    assert len(found) == best


NAMES = st.sampled_from(["a", "b", "c"])
CALLS = st.lists(st.tuples(NAMES, st.sampled_from(["x", "y"])), max_size=5)


@given(CALLS, CALLS, st.randoms(use_true_random=False))
def test_the_order_of_calls_never_matters(
    expected: list[tuple[str, str]], made: list[tuple[str, str]], random: object
) -> None:
    step = Step(accept=(tuple(CallPattern(tool, {"v": value}, {}) for tool, value in expected),))
    calls = [MadeCall(tool, {"v": value}) for tool, value in made]
    once = judge_turn(step, AnsweredTurn(tuple(calls)), {})
    random.shuffle(calls)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    assert judge_turn(step, AnsweredTurn(tuple(calls)), {}) == once
    assert once.fitting <= once.matched <= min(once.expected, once.predicted)
    assert once.right == (sorted(expected) == sorted(made))


@pytest.mark.parametrize(
    ("arguments", "right"),
    [
        ({"x": "1"}, True),
        ({"x": "1", "y": 2}, True),
        ({"x": "1", "y": 3}, False),
        ({"y": 2}, False),
        ({"x": "1", "z": "free"}, True),
        ({"x": "1", "z": "bound"}, False),
        ({"x": "1", "other": 1}, False),
    ],
)
def test_optional_and_free_arguments_may_be_absent_but_not_wrong(arguments: dict[str, JsonValue], right: bool) -> None:
    step = Step(accept=((CallPattern("a", {"x": "1"}, {"y": 2}),),))
    assert judge_turn(step, AnsweredTurn((MadeCall("a", arguments),)), {"a": {"z": "free"}}).right is right
