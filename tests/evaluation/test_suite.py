"""The suites on board are what they say; a suite file that cannot be used gets one sentence with its line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from smol_chat.errors import UsageError
from smol_chat.evaluation import normal
from smol_chat.evaluation.matchers import check
from smol_chat.evaluation.sources import open_suite
from smol_chat.evaluation.suite import SCENARIOS, CallPattern, Suite, load_suite, read_suite
from smol_chat.messages import JsonObject
from smol_chat.protocol.schema import problems
from smol_chat.tools import ToolRegistry
from support.right_answers import right_call

COUNTS = {
    "smol200": {
        "multi_tool_parallel": 18,
        "multi_tool_sequential": 36,
        "no_tool_needed": 18,
        "single_tool": 53,
        "error_recovery": 18,
        "reasoning_heavy": 35,
        "complex_multi_step": 22,
    },
    "natural60": {
        "multi_tool_parallel": 5,
        "multi_tool_sequential": 11,
        "no_tool_needed": 6,
        "single_tool": 16,
        "error_recovery": 5,
        "reasoning_heavy": 10,
        "complex_multi_step": 7,
    },
}
"""The model card's, and in proportion to them."""

SUITES = [load_suite(name) for name in COUNTS]
SCHEMAS = {schema.name: schema for schema in ToolRegistry.load().schemas()}


def patterns(suite: Suite) -> Iterator[tuple[str, CallPattern]]:
    for example in suite.examples:
        for step in example.judged:
            for alternative in step.accept:
                for pattern in alternative:
                    yield example.id, pattern


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_every_scenario_has_as_many_examples_as_the_card_says(suite: Suite) -> None:
    assert Counter(example.scenario for example in suite.examples) == COUNTS[suite.name]
    assert suite.scenarios() == SCENARIOS


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_every_acceptable_call_fits_its_tools_schema(suite: Suite) -> None:
    for example, pattern in patterns(suite):
        tool, arguments, _ = right_call(pattern)
        assert problems(SCHEMAS[tool].parameters, arguments) == [], example
        known = SCHEMAS[tool].parameters["properties"]
        assert isinstance(known, dict)
        assert pattern.optional.keys() <= known.keys(), example
        assert pattern.required.keys().isdisjoint(pattern.optional), example


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_every_tool_is_asked_for_and_is_on_offer_where_it_is(suite: Suite) -> None:
    assert {pattern.tool for _, pattern in patterns(suite)} == SCHEMAS.keys()
    for example in suite.examples:
        wanted = {pattern.tool for step in example.judged for calls in step.accept for pattern in calls}
        assert wanted <= set(example.tools or SCHEMAS), example.id
        assert set(example.tools or ()) <= SCHEMAS.keys(), example.id
    assert suite.free.keys() <= SCHEMAS.keys()


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_every_call_before_the_last_step_has_a_result_on_record(suite: Suite) -> None:
    for example in suite.examples:
        for step in example.steps[:-1]:
            needed = {tool for tool, _ in step.given} | {call.tool for calls in step.accept for call in calls}
            assert needed <= step.results.keys(), example.id


def test_no_request_is_there_twice_in_any_spelling() -> None:
    requests = [normal.plain(example.request) for suite in SUITES for example in suite.examples]
    assert [text for text, count in Counter(requests).items() if count > 1] == []


HEAD: JsonObject = {"suite": "mine"}
GOOD: JsonObject = {"id": "a", "scenario": "s", "request": "hello", "accept": [[]]}


def written(*records: JsonObject) -> str:
    return "".join(f"{json.dumps(record)}\n" for record in records)


def test_a_suite_of_ones_own_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text("# a comment\n\n" + written(HEAD, GOOD))
    suite = open_suite(str(file))
    assert (suite.name, [example.id for example in suite.examples]) == ("mine", ["a"])
    assert suite.examples[0].wants_no_call


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is no suite"),
        ("{}\n", "is no suite"),
        ("{\n", "line 1 is no JSON"),
        ("[]\n", "line 1 must be a JSON object"),
        (written(HEAD), "has no example"),
        (written(HEAD, GOOD, GOOD), "the id 'a' is there twice"),
        (written(HEAD, {**GOOD, "acept": 1}), "line 2: an example has no field 'acept'"),
        (written(HEAD, {**GOOD, "accept": []}), "needs at least one alternative"),
        (written(HEAD, {**GOOD, "steps": []}), "either `accept` or `steps`"),
        (written(HEAD, {**GOOD, "accept": [[{"a": {}, "b": {}}]]}), "a call is written as"),
        (written(HEAD, {**GOOD, "accept": [[{"a": {"x": {"$near": 1}}}]]}), "x: there is no operator '$near'"),
        (written(HEAD, {**GOOD, "accept": [[{"a": {"x": {"$regex": "("}}}]]}), "cannot be read"),
        (written(HEAD, {**GOOD, "accept": [[{"a": {"x": {"$result": "1"}}}]]}), "a is not run"),
        (written(HEAD, {**GOOD, "files": ["x.db"]}), "needs the file 'x.db'"),
        (written(HEAD, {**GOOD, "request": None}), "request must be a text"),
        (written({"suite": 1}, GOOD), "line 1: suite must be a text"),
        (written({**HEAD, "files": {"../x": ""}}, GOOD), "'../x' is no plain file name"),
    ],
)
def test_a_suite_that_cannot_be_used_gets_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as error:
        read_suite(text, "mine.jsonl")
    assert sentence in error.value.message
    assert error.value.message.startswith("mine.jsonl")


def test_a_suite_that_is_not_there_gets_one_sentence_with_the_names() -> None:
    with pytest.raises(UsageError, match="smol200, natural60"):
        open_suite("nowhere.jsonl")


@pytest.mark.parametrize(
    "matcher",
    [
        {"$contains": []},
        {"$contains": " . "},
        {"$shows": "1"},
        {"$number": True},
        {"$within": 1, "$contains": "a"},
        {"$date": "tomorrow"},
        {"$url": ""},
        {"$one_of": "a"},
        {"$not": {"$what": 1}},
        [{"$what": 1}],
        {"key": {"$what": 1}},
        {"$number": 1, "$within": "x"},
    ],
)
def test_a_matcher_that_says_nothing_sensible_is_refused(matcher: JsonObject) -> None:
    assert check(matcher) is not None
