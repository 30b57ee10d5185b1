"""A script of generations in, the answer out, and what the engine was asked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pytest

from smol_chat.engine.base import Sampling
from smol_chat.errors import ContextOverflowError, EngineError, UsageError
from smol_chat.evaluation.answers import Answer, MadeCall, Unreadable
from smol_chat.evaluation.examine import Examiner, Terms
from smol_chat.evaluation.suite import Suite, read_suite
from smol_chat.evaluation.tryout import TryOut
from smol_chat.messages import AssistantMessage, JsonObject, SystemMessage, ToolMessage, UserMessage
from smol_chat.tools import ToolRegistry
from support.scripted_engine import ScriptedEngine, Step

REGISTRY = ToolRegistry.load()


def suite_of(example: Mapping[str, object], **head: object) -> Suite:
    whole = {"id": "e", "scenario": "s", "request": "do it", **example}
    return read_suite(f"{json.dumps({'suite': 't', **head})}\n{json.dumps(whole)}\n", "t")


def call(tool: str, **arguments: object) -> str:
    return f"<tool_call>\n{json.dumps({'name': tool, 'arguments': arguments})}\n</tool_call>"


async def answered(suite: Suite, rounds: Sequence[Sequence[Step]]) -> tuple[Answer, ScriptedEngine]:
    engine = ScriptedEngine(rounds)
    terms = Terms(REGISTRY.schemas(), Sampling(temperature=0.0), "Be good.", constrain=False)
    examiner = Examiner(engine, suite, terms, TryOut(REGISTRY, suite.files), clock=iter(range(1000)).__next__)
    return await examiner.answer(suite.examples[0]), engine


async def test_a_right_call_gets_its_recorded_result_and_the_model_is_asked_again() -> None:
    suite = suite_of(
        {
            "steps": [
                {"accept": [[{"read_file": {"path": "a.txt"}}]], "results": {"read_file": "hello"}},
                {"accept": [[]]},
            ]
        }
    )
    first = ["<think>I read.</think>", "One moment.", call("read_file", path="a.txt")]
    answer, engine = await answered(suite, [first, ["It says hello."]])
    one, two = answer.turns
    assert (one.calls, one.content, one.reasoning) == (
        (MadeCall("read_file", {"path": "a.txt"}),),
        "One moment.",
        "I read.",
    )
    assert (two.calls, two.content) == ((), "It says hello.")
    system, user, said, result = engine.requests[1].messages
    assert (system, user) == (SystemMessage("Be good."), UserMessage("do it"))
    assert isinstance(said, AssistantMessage) and isinstance(result, ToolMessage)
    assert (result.call_id, result.name, result.text) == (said.calls[0].id, "read_file", "hello")
    assert all(not request.constrain and request.sampling.temperature == 0 for request in engine.requests)


async def test_a_wrong_call_ends_the_example() -> None:
    steps = [{"accept": [[{"read_file": {"path": "a"}}]], "results": {"read_file": "x"}}, {"accept": [[]]}]
    answer, engine = await answered(suite_of({"steps": steps}), [[call("read_file", path="b")]])
    assert len(answer.turns) == len(engine.requests) == 1


async def test_each_parallel_call_gets_the_result_of_the_one_it_was_taken_for() -> None:
    steps = [
        {
            "accept": [[{"get_weather": {"location": "Oslo"}}, {"get_weather": {"location": "Rome"}}]],
            "results": {"get_weather": ["cold", "warm"]},
        },
        {"accept": [[]]},
    ]
    script = [[call("get_weather", location="Rome"), call("get_weather", location="Oslo")], ["Rome is warmer."]]
    _, engine = await answered(suite_of({"steps": steps}), script)
    results = [message.text for message in engine.requests[1].messages if isinstance(message, ToolMessage)]
    assert results == ["warm", "cold"]


async def test_a_recorded_call_is_told_to_the_model_as_its_own() -> None:
    steps = [
        {"given": [{"read_file": {"path": "a"}}], "results": {"read_file": "There is no file 'a'."}},
        {"accept": [[{"list_directory": {"path": "."}}]]},
    ]
    before = [{"user": "hello", "assistant": "Hello!"}]
    answer, engine = await answered(suite_of({"steps": steps, "before": before}), [[call("list_directory", path=".")]])
    assert len(answer.turns) == 1
    messages = engine.requests[0].messages
    assert messages[1:4] == (UserMessage("hello"), AssistantMessage("Hello!"), UserMessage("do it"))
    said, result = messages[4:]
    assert isinstance(said, AssistantMessage) and isinstance(result, ToolMessage)
    assert (said.calls[0].name, said.calls[0].id) == ("read_file", result.call_id)
    assert result.text == "There is no file 'a'."


async def test_an_example_is_offered_the_tools_it_names() -> None:
    example: JsonObject = {"tools": ["calculate", "translate"], "accept": [[]]}
    _, engine = await answered(suite_of(example), [["no"]])
    assert [tool.name for tool in engine.requests[0].tools] == ["calculate", "translate"]
    _, engine = await answered(suite_of({"accept": [[]]}), [["no"]])
    assert len(engine.requests[0].tools) == 15


async def test_what_cannot_be_read_and_what_was_repaired_is_kept() -> None:
    example: JsonObject = {"accept": [[{"calculate": {"expression": "1"}}]]}
    broken, repaired = (
        '<tool_call>{"name": "fly"',
        '<tool_call>{"name": "calculate", "arguments": {"expression": "1",}}',
    )
    answer, _ = await answered(suite_of(example), [[f"{repaired}</tool_call>", broken]])
    (turn,) = answer.turns
    assert [made.repaired for made in turn.calls] == [True]
    assert [type(block) for block in turn.malformed] == [Unreadable]
    assert broken in turn.malformed[0].raw
    assert turn.completion_tokens == 2


async def test_a_prompt_that_does_not_fit_is_part_of_the_answer() -> None:
    overflow = ContextOverflowError("It does not fit.", prompt_tokens=9, context_size=8)
    answer, _ = await answered(suite_of({"accept": [[]]}), [[overflow]])
    assert (answer.turns, answer.error) == ((), "It does not fit.")


async def test_a_model_that_fails_ends_the_run() -> None:
    with pytest.raises(EngineError, match="gone"):
        await answered(suite_of({"accept": [[]]}), [[EngineError("gone")]])


SHOP = "CREATE TABLE t (name TEXT); INSERT INTO t VALUES ('kettle'), ('lamp');"


@pytest.mark.parametrize(
    ("wanted", "made", "result"),
    [
        ("calculate", {"expression": "23 * 17"}, "391"),
        ("calculate", {"expression": "23 *"}, None),
        ("execute_python", {"code": "print(sum(range(5)))"}, "10"),
        ("execute_python", {"code": "import os; os.listdir('/')"}, None),
        ("database_query", {"query": "SELECT count(*) AS n FROM t", "database": "shop.db"}, "2"),
        ("database_query", {"query": "SELECT * FROM nothing"}, None),
    ],
)
async def test_a_call_is_judged_by_what_it_really_gives(wanted: str, made: JsonObject, result: str | None) -> None:
    argument = {"calculate": "expression", "execute_python": "code", "database_query": "query"}[wanted]
    example: JsonObject = {
        "files": ["shop.db"],
        "accept": [[{wanted: {argument: {"$result": {"$contains": "x"}}, "database?": {"$any": True}}}]],
    }
    answer, _ = await answered(suite_of(example, files={"shop.db": SHOP}), [[call(wanted, **made)]])
    got = answer.turns[0].calls[0].result
    assert got is None if result is None else result in str(got)


async def test_a_call_that_is_judged_by_its_words_is_not_run() -> None:
    example: JsonObject = {"accept": [[{"calculate": {"expression": "1+1"}}]]}
    answer, _ = await answered(suite_of(example), [[call("calculate", expression="1+1")]])
    assert answer.turns[0].calls[0].result is None


@pytest.mark.parametrize(
    "sql", ["ATTACH '/tmp/x.db' AS x;", "VACUUM INTO '/tmp/x.db';", "PRAGMA journal_mode=off;", "?"]
)
async def test_the_sql_of_a_suite_reaches_no_other_file(sql: str) -> None:
    example: JsonObject = {
        "files": ["a.db"],
        "accept": [[{"database_query": {"query": {"$result": {"$any": True}}}}]],
    }
    with pytest.raises(UsageError, match=r"The suite's file a\.db cannot be made"):
        await answered(suite_of(example, files={"a.db": sql}), [[call("database_query", query="SELECT 1")]])
