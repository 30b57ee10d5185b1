"""The training data: the same every time, checked call by call, kept apart from the evaluation."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
import tokens
from build_data import evaluation_requests
from checks import NEAR, Checker, triples
from sheets import Conversation, Writer

from smol_chat.messages import JsonObject

SHEETS = 40


@pytest.fixture(scope="module")
def checked() -> list[tuple[Conversation, list[JsonObject]]]:
    writer, checker = Writer(3, "train"), Checker(evaluation_requests())
    sheets = [writer.sheet() for _ in range(SHEETS)]
    return [
        (one, sheet.tools) for sheet in sheets for one in sheet.conversations if not checker.problem(one, sheet.tools)
    ]


def call(name: str, **arguments: str) -> JsonObject:
    return {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": name, "arguments": {**arguments}}}],
    }


def weather(request: str, message: JsonObject, *used: str) -> Conversation:
    return Conversation("single", [{"role": "user", "content": request}, message], list(used))


TOOL: JsonObject = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather.",
        "parameters": {
            "type": "object",
            "properties": {"location": {"type": "string"}},
            "required": ["location"],
            "additionalProperties": False,
        },
    },
}


def test_the_same_seed_gives_the_same_sheets() -> None:
    one, other = ([asdict(writer.sheet()) for _ in range(3)] for writer in (Writer(9, "train"), Writer(9, "train")))
    assert json.dumps(one) == json.dumps(other)


def test_every_tool_and_every_kind_of_conversation_comes_up(
    checked: list[tuple[Conversation, list[JsonObject]]],
) -> None:
    kinds = {conversation.scenario for conversation, _tools in checked}
    assert kinds >= {"single", "parallel", "sequential", "errors", "reasoning", "no_call", "missing", "absent"}
    without = sum(all("tool_calls" not in message for message in one.messages) for one, _tools in checked)
    assert 0.3 < without / len(checked) < 0.5


def test_no_request_is_near_one_of_the_evaluation(checked: list[tuple[Conversation, list[JsonObject]]]) -> None:
    items = [triples(text) for text in evaluation_requests()]
    for conversation, _tools in checked:
        own = triples(conversation.request)
        assert all(len(own & item) < NEAR * len(item) for item in items), conversation.request


@pytest.mark.parametrize(
    ("conversation", "problem"),
    [
        (weather("Weather in Oslo?", call("get_weather", location="Oslo"), "Oslo"), None),
        (
            weather("Weather in Oslo?", call("get_weather", location="Rome"), "Rome"),
            "argument not grounded in the request",
        ),
        (weather("Weather in Oslo?", call("get_weather"), "Oslo"), "arguments do not fit the schema"),
        (weather("Weather in Oslo?", call("lookup", location="Oslo"), "Oslo"), "malformed call"),
        (weather("Weather in Oslo?", {"role": "assistant", "content": "Sunny."}), "no call"),
    ],
)
def test_a_wrong_call_drops_its_conversation(conversation: Conversation, problem: str | None) -> None:
    assert Checker().problem(conversation, [TOOL]) == problem


def test_what_is_near_an_evaluation_item_or_comes_too_often_is_dropped() -> None:
    checker = Checker(["is it going to rain in Oslo tomorrow"])
    near = weather("Is it going to rain in Oslo?", call("get_weather", location="Oslo"), "Oslo")
    far = weather("Weather in Oslo?", call("get_weather", location="Oslo"), "Oslo")
    assert checker.problem(near, [TOOL]) == "near an evaluation item"
    assert [checker.problem(far, [TOOL]) for _ in range(4)] == [None, None, None, "duplicate"]


def test_only_the_models_words_are_learnt_and_the_rest_is_the_prompt_the_program_sends(
    checked: list[tuple[Conversation, list[JsonObject]]],
) -> None:
    chat = tokens.template()
    long = max((one for one, _tools in checked), key=lambda one: len(one.messages))
    made = tokens.answered(chat, "Be brief.", [TOOL], long.messages, lambda text: list(map(ord, text)))
    said = "".join(chr(label) for label in made.labels if label != tokens.IGNORED)
    system: JsonObject = {"role": "system", "content": "Be brief."}
    prompt = chat.render([system, *long.messages], [TOOL]).text
    whole = tokens.prefix_text(chat, "Be brief.", [TOOL]) + "".join(map(chr, made.ids))
    assert prompt.startswith(whole)
    assert said.count("<|im_end|>") == sum(message["role"] == "assistant" for message in long.messages)
    assert "<|im_start|>" not in said
