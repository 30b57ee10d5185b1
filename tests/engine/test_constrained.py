"""Calls are valid by construction: shown on a model whose every word is noise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from smol_chat.engine.base import Engine, GenerationRequest, Sampling
from smol_chat.engine.constrain import MOST_CALL_TOKENS, MOST_FORCED_REASONING
from smol_chat.engine.local import LocalEngine
from smol_chat.errors import EngineError
from smol_chat.events import PromptReady, TextDelta
from smol_chat.messages import JsonObject, JsonValue, ToolSchema, UserMessage
from smol_chat.protocol import ContentDelta, MalformedCall, ParserEvent, ReasoningDelta, StreamParser, ToolCallParsed
from smol_chat.protocol.schema import problems, typed
from support.generations import Collected, collect
from support.gguf_models import THINKING_TEMPLATE, write_hybrid_model, write_scripted_model

MakeEngine = Callable[..., LocalEngine]

PLAIN_TEMPLATE = THINKING_TEMPLATE.replace("<think>\n{% endif %}", "{% endif %}")
"""Does not open the reasoning itself."""

XML_TEMPLATE = PLAIN_TEMPLATE.replace(
    '{"name": {{ call.function.name | tojson }}, "arguments": {{ call.function.arguments | tojson }}}',
    "<function={{ call.function.name }}>{% for key, value in call.function.arguments.items() %}\n"
    "<parameter={{ key }}>\n{{ value }}\n</parameter>{% endfor %}\n</function>",
)

WEATHER = ToolSchema(
    "get_weather",
    "Weather.",
    {
        "type": "object",
        "properties": {
            "location": {"type": "string", "minLength": 1, "maxLength": 20},
            "days": {"type": "integer", "minimum": 1, "maximum": 7},
            "units": {"enum": ["metric", "imperial"]},
        },
        "required": ["location", "units"],
        "additionalProperties": False,
    },
)
NOTE = ToolSchema(
    "add_note",
    "Note.",
    {
        "type": "object",
        "properties": {
            "when": {"type": "string", "format": "date"},
            "tags": {"type": "array", "items": {"enum": ["a", 'say "b"', "c\\d"]}, "minItems": 1, "maxItems": 3},
            "place": {"$ref": "#/$defs/place"},
        },
        "required": ["when", "tags"],
        "$defs": {
            "place": {
                "type": "object",
                "properties": {"x": {"type": "number", "exclusiveMinimum": -1, "maximum": 1.5}, "y": {"type": "null"}},
                "required": ["x"],
            }
        },
    },
)
TOOLS = {tool.name: tool for tool in (WEATHER, NOTE)}


def request(
    *tools: ToolSchema,
    choice: str = "required",
    seed: int = 1,
    max_tokens: int = 300,
    constrain: bool = True,
    temperature: float = 0.8,
) -> GenerationRequest:
    sampling = Sampling(temperature=temperature, seed=seed, max_tokens=max_tokens)
    user = UserMessage("What is the weather in Oslo?")
    return GenerationRequest((user,), tools or (WEATHER, NOTE), sampling, tool_choice=choice, constrain=constrain)


def parsed(answer: Collected) -> list[ParserEvent]:
    (ready,) = answer.of(PromptReady)
    parser = StreamParser(TOOLS.keys(), starts_in_reasoning=ready.starts_in_reasoning)
    return [*parser.feed(answer.text), *parser.finish()]


def calls(answer: Collected) -> list[tuple[str, JsonObject]]:
    """Return the calls of an answer, none of which may be broken or wrong."""
    found = []
    for event in parsed(answer):
        assert not isinstance(event, MalformedCall), event
        if isinstance(event, ToolCallParsed):
            assert not event.repaired
            schema = TOOLS[event.name].parameters
            arguments = event.arguments if event.typed else typed(schema, event.arguments)
            assert problems(schema, arguments) == [], answer.text
            found.append((event.name, arguments))
    return found


@pytest.fixture(scope="session")
def noise_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_hybrid_model(tmp_path_factory.mktemp("noise") / "noise.gguf", template=PLAIN_TEMPLATE)


@pytest.fixture(scope="session")
def xml_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_hybrid_model(tmp_path_factory.mktemp("noise") / "xml.gguf", template=XML_TEMPLATE)


def one_call(answer: Collected) -> tuple[str, JsonObject]:
    """Return the first call; noise behind it may run into the limit in mid-call."""
    for event in parsed(answer):
        assert isinstance(event, ToolCallParsed), event
        schema = TOOLS[event.name].parameters
        arguments = event.arguments if event.typed else typed(schema, event.arguments)
        assert problems(schema, arguments) == [], answer.text
        return event.name, arguments
    raise AssertionError(answer.text)


@pytest.mark.parametrize("model", ["noise_model", "xml_model"])
async def test_noise_makes_valid_calls(model: str, local_engine: MakeEngine, request: pytest.FixtureRequest) -> None:
    engine = local_engine(request.getfixturevalue(model))
    names = set()
    for seed in range(25):
        answer = await collect(engine, make_request(seed=seed))
        assert answer.text.startswith("<tool_call>")
        names.add(one_call(answer)[0])
    assert names <= TOOLS.keys()


make_request = request
"""Under a name that pytest's fixture does not hide."""


async def test_without_the_grammar_noise_makes_none(local_engine: MakeEngine, noise_model: Path) -> None:
    answer = await collect(local_engine(noise_model), request(constrain=False))
    assert answer.text.startswith("<tool_call>")
    assert isinstance(parsed(answer)[0], MalformedCall)


async def test_greedy_and_penalised_sampling_keep_to_the_grammar(local_engine: MakeEngine, noise_model: Path) -> None:
    engine = local_engine(noise_model)
    one_call(await collect(engine, request(temperature=0.0)))
    penalised = Sampling(temperature=1.5, repeat_penalty=1.5, top_k=0, top_p=1.0, min_p=0.0, seed=3, max_tokens=300)
    one_call(await collect(engine, replace(request(), sampling=penalised)))


async def test_a_named_tool_is_the_only_one_called(local_engine: MakeEngine, noise_model: Path) -> None:
    engine = local_engine(noise_model)
    for name in TOOLS:
        for seed in range(4):
            assert one_call(await collect(engine, request(choice=name, seed=seed)))[0] == name


async def test_the_bundled_model_calls_what_it_is_told_to(local_engine: MakeEngine, smol_model: Path) -> None:
    engine = local_engine(smol_model)
    for seed in range(2):
        answer = await collect(engine, request(WEATHER, choice="get_weather", seed=seed, max_tokens=70))
        name, arguments = one_call(answer)
        assert (name, arguments["units"] in ("metric", "imperial")) == ("get_weather", True)


async def test_reasoning_is_let_go_on_for_a_while_before_a_demanded_call(
    local_engine: MakeEngine, hybrid_model: Path
) -> None:
    answer = await collect(local_engine(hybrid_model), request(max_tokens=MOST_FORCED_REASONING + 300))
    events = parsed(answer)
    assert isinstance(events[0], ReasoningDelta)
    call = next(event for event in events if not isinstance(event, (ReasoningDelta, ContentDelta)))
    assert isinstance(call, ToolCallParsed)
    assert problems(TOOLS[call.name].parameters, call.arguments) == []


def written(tmp_path: Path, *pieces: str) -> Path:
    return write_scripted_model(tmp_path / "script.gguf", [list(pieces)])


async def test_a_valid_call_in_long_pieces_is_left_as_it_is(local_engine: MakeEngine, tmp_path: Path) -> None:
    pieces = (
        "Let me see. ",
        '<tool_call>\n{"name": "get_weather", "argu',
        'ments": {"location": "Os',
        'lo", "units": "metric"}}\n</tool',
        "_call>",
        '<tool_call>{"name": "add_note",',
        ' "arguments": {"when": "2026-11-23", "tags": ["a"]}}</tool_call>',
        " Done.",
    )
    answer = await collect(local_engine(written(tmp_path, *pieces)), request(choice="auto"))
    assert answer.text == "".join(pieces)
    assert calls(answer) == [
        ("get_weather", {"location": "Oslo", "units": "metric"}),
        ("add_note", {"when": "2026-11-23", "tags": ["a"]}),
    ]


async def test_a_wrong_call_comes_out_right(local_engine: MakeEngine, tmp_path: Path) -> None:
    pieces = (
        '<tool_call>{"name": "get_weather", "arguments": {"location": "Oslo", "days": ',
        '"three", "units": "kelvin"}}</tool_call>',
    )
    model = written(tmp_path, *pieces)
    free = await collect(local_engine(model), request(choice="auto", constrain=False))
    assert free.text == "".join(pieces)
    held = await collect(local_engine(model), request(choice="auto"))
    name, arguments = one_call(held)
    assert (name, arguments["location"]) == ("get_weather", "Oslo")


async def test_a_tag_in_reasoning_opens_no_call(local_engine: MakeEngine, tmp_path: Path) -> None:
    pieces = ("<think>", "Write <tool_call>", " [or not", "]?", "</think>", "No.")
    answer = await collect(local_engine(written(tmp_path, *pieces)), request(choice="auto"))
    assert answer.text == "".join(pieces)


async def test_a_tag_of_many_tokens_is_found_and_what_came_with_it_counts(
    local_engine: MakeEngine, tmp_path: Path
) -> None:
    pieces = ("Hm <too", 'l_call>{"name": "get_wea', "ther, no", "thing")
    answer = await collect(local_engine(written(tmp_path, *pieces)), request(choice="auto"))
    assert answer.text.startswith('Hm <tool_call>{"name": "get_weather"')
    assert [name for name, _ in calls(answer)][:1] == ["get_weather"]


async def test_a_call_that_begins_in_a_way_of_its_own_is_left_to_the_parser(
    local_engine: MakeEngine, tmp_path: Path
) -> None:
    pieces = ("Hm ", '<tool_call>["get_weather"', "]</tool_call>")
    answer = await collect(local_engine(written(tmp_path, *pieces)), request(choice="auto"))
    assert answer.text == "".join(pieces)
    assert [event.kind for event in parsed(answer) if isinstance(event, MalformedCall)] == ["not_an_object"]


async def test_a_call_is_stopped_in_the_middle(local_engine: MakeEngine, noise_model: Path) -> None:
    engine = local_engine(noise_model, context_size=8192)
    answer = Collected()
    async with aclosing(engine.generate(endless())) as events:
        async for event in events:
            answer.events.append(event)
            if isinstance(event, TextDelta) and len(answer.text) > 60:
                await engine.stop()
    assert answer.finished.reason == "cancelled"
    assert [event.kind for event in parsed(answer) if isinstance(event, MalformedCall)] == ["truncated"]
    one_call(await collect(engine, request()))


def endless() -> GenerationRequest:
    item: JsonValue = {"type": "string", "minLength": 60}
    long = ToolSchema("get_weather", "", {"properties": {"x": {"type": "array", "items": item, "minItems": 200}},
                                          "required": ["x"]})  # fmt: skip
    return request(long, max_tokens=8000)


async def test_a_call_without_end_is_cut_and_malformed(local_engine: MakeEngine, noise_model: Path) -> None:
    answer = await collect(local_engine(noise_model, context_size=8192), endless())
    assert answer.finished.reason == "length"
    assert MOST_CALL_TOKENS <= answer.finished.usage.completion_tokens <= MOST_CALL_TOKENS + 20
    assert [event.kind for event in parsed(answer) if isinstance(event, MalformedCall)] == ["truncated"]


HOSTILE: Sequence[JsonValue] = [
    {"$ref": "#"},
    {"properties": {"a": {"$ref": "#/properties/a"}}, "required": ["a"]},
    {"allOf": [{"$ref": "#"}, {"$ref": "#/allOf/0"}]},
    {"properties": {"a": False}, "required": ["a"]},
    {"properties": {'"\\\n\x00\x1b[31m': {"enum": ['"', "\\", "\n", "\x00", "\ud800", "root ::= ["]}}},
    {"properties": {"a": {"pattern": "^(a*)*(b|(c?)+)*$"}, "b": {"pattern": "^[[:alpha:]$"}, "c": {"pattern": "^\\"}}},
    {"properties": {"a": {"type": "string", "minLength": 10**12, "maxLength": -1}}, "minProperties": 10**9},
    {"properties": {"a": {"minimum": float("inf"), "maximum": float("nan"), "multipleOf": 0}}},
    {"type": ["object", 7, None], "required": [1, None], "properties": [], "enum": "x", "anyOf": {}, "oneOf": [[]]},
    {"properties": {f"p{number}": {"enum": [f"{number}-{value}" for value in range(300)]} for number in range(100)}},
    {"anyOf": [{"anyOf": [{"properties": {f"{i}{j}": True}} for i in range(30)]} for j in range(30)]},
]


async def test_no_schema_brings_the_worker_down(local_engine: MakeEngine, noise_model: Path) -> None:
    engine = local_engine(noise_model, context_size=8192)
    await engine.start()
    pid = engine.worker_pid
    nested: JsonValue = {}
    for _ in range(150):
        nested = {"properties": {"a": nested}, "required": ["a"]}
    for schema in (*HOSTILE, nested):
        assert isinstance(schema, dict)
        await answered(engine, ToolSchema("get_weather", "", schema))
    await answered(engine, *(ToolSchema(name, "", {}) for name in ("", "<>\n", '"', "get_weather", "get_weather")))
    assert engine.worker_pid == pid


async def answered(engine: Engine, *tools: ToolSchema) -> None:
    try:
        answer = await collect(engine, request(*tools, max_tokens=40))
    except EngineError as error:
        assert error.message.startswith("The conversation has ")  # too long for the window
    else:
        assert answer.text.startswith("<tool_call>")


async def test_choosing_none_offers_no_tools(local_engine: MakeEngine, noise_model: Path) -> None:
    engine = local_engine(noise_model)
    with_tools = await engine.count_prompt(request(choice="auto"))
    without = await engine.count_prompt(request(choice="none"))
    assert with_tools is not None and without is not None and without < with_tools / 2
    assert not [event for event in parsed(await collect(engine, request(choice="none", max_tokens=20)))
                if isinstance(event, ToolCallParsed)]  # fmt: skip


async def test_a_tool_that_is_not_on_offer_cannot_be_demanded(local_engine: MakeEngine, noise_model: Path) -> None:
    engine = local_engine(noise_model)
    with pytest.raises(EngineError, match="The tool 'dance' is not on offer, so it cannot be called"):
        await collect(engine, request(choice="dance"))
    with pytest.raises(EngineError, match="No tool is on offer, so it cannot be called"):
        await collect(engine, replace(request(), tools=()))
