"""A suite of examples: what is asked, which calls are acceptable, which results are on record.

The file is JSON lines: lines that begin with `#` are comments, the first object describes the suite, each further one
is an example.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path

from smol_chat.errors import UsageError
from smol_chat.evaluation import matchers
from smol_chat.messages import JsonObject, JsonValue, ToolSchema

SUITES = ("smol200", "natural60")
"""What is on board: one to work with, and one that nobody tunes on."""

SCENARIOS = (
    "multi_tool_parallel",
    "multi_tool_sequential",
    "no_tool_needed",
    "single_tool",
    "error_recovery",
    "reasoning_heavy",
    "complex_multi_step",
)
"""In the order of the smol-tools model card."""

RUN_TO_JUDGE = frozenset({"calculate", "execute_python", "database_query"})
"""Tools whose calls may be judged by their result: they need no network and cannot leave the folder they are given."""


@dataclass(frozen=True, slots=True)
class CallPattern:
    """One acceptable call; arguments by matcher."""

    tool: str
    required: JsonObject
    optional: JsonObject
    """May be absent; where one is given it must fit."""


Alternative = tuple[CallPattern, ...]
"""Calls that belong together, in any order; none: the turn makes no call."""


@dataclass(frozen=True, slots=True)
class Step:
    """One turn of the model."""

    accept: tuple[Alternative, ...] = ()
    given: tuple[tuple[str, JsonObject], ...] = ()
    """Calls that are on record instead: what the model is told it did. Such a step is not judged."""
    results: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What the calls give, by tool; a further call of the same tool gets the next one, and the last one again."""


@dataclass(frozen=True, slots=True)
class Example:
    """One request and what is to come of it."""

    id: str
    scenario: str
    request: str
    steps: tuple[Step, ...]
    before: tuple[tuple[str, str], ...] = ()
    """Earlier turns: what the user and the assistant said."""
    tools: tuple[str, ...] | None = None
    """The only tools on offer; None: all."""
    files: tuple[str, ...] = ()
    """Files of the suite that lie in the workspace where calls are run to judge them."""
    schemas: tuple[ToolSchema, ...] = ()
    """Tools of the example's own, offered instead of the program's."""

    @property
    def judged(self) -> tuple[Step, ...]:
        """The steps the model takes itself."""
        return tuple(step for step in self.steps if not step.given)

    @property
    def wants_no_call(self) -> bool:
        """Whether only a first turn without a call is right."""
        return self.judged[0].accept == ((),)


@dataclass(frozen=True, slots=True)
class Suite:
    """The examples with what they share."""

    name: str
    description: str
    examples: tuple[Example, ...]
    digest: str
    """SHA-256 of the file, 16 hexadecimal digits: two runs are comparable where it is equal."""
    free: Mapping[str, JsonObject] = field(default_factory=dict)
    """By tool: arguments no example needs to name, with what they may be."""
    files: Mapping[str, str] = field(default_factory=dict)
    """By name: the text of a file; of a `.db` file the SQL that makes it."""

    def scenarios(self) -> tuple[str, ...]:
        """Return the scenarios there are, the card's first and in its order."""
        there = dict.fromkeys(example.scenario for example in self.examples)
        return tuple(sorted(there, key=lambda name: SCENARIOS.index(name) if name in SCENARIOS else len(SCENARIOS)))


def load_suite(name: str = "smol200") -> Suite:
    """Read a suite on board."""
    text = (resources.files("smol_chat.evaluation") / "data" / f"{name}.jsonl").read_text(encoding="utf-8")
    return read_suite(text, name)


def sample(suite: Suite, size: int | None, seed: int) -> Suite:
    """Return the suite with `size` of its examples, each scenario in proportion; all of them where it is None."""
    if size is None or size >= len(suite.examples):
        return suite
    draw = random.Random(seed)
    drawn = list(suite.examples)
    draw.shuffle(drawn)
    # The nth of its scenario's m comes at n/m of the way: any beginning then has all scenarios in proportion.
    totals, met, order = Counter(example.scenario for example in drawn), Counter[str](), {}
    for example in drawn:
        order[example.id] = (met[example.scenario] + 0.5) / totals[example.scenario]
        met[example.scenario] += 1
    chosen = set(sorted(order, key=lambda name: (order[name], name))[:size])
    return replace(suite, examples=tuple(example for example in suite.examples if example.id in chosen))


def read_suite(text: str, source: str) -> Suite:
    """Read a suite's text; `source` names it in errors.

    Raises:
        UsageError: something in it cannot be used.
    """
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if _counts(line)]
    objects = [(number, _object(line, source, number)) for number, line in lines]
    if not objects or "suite" not in objects[0][1]:
        raise UsageError(f'{source} is no suite: its first line must describe it, as in {{"suite": "name"}}.')
    head = objects[0][1]
    examples = []
    for number, record in objects[1:]:
        try:
            examples.append(_example(record))
        except ValueError as error:
            raise UsageError(f"{source}, line {number}: {error}.") from error
    twice = [name for name, count in Counter(example.id for example in examples).items() if count > 1]
    if twice:
        raise UsageError(f"{source}: the id {twice[0]!r} is there twice; give each example one of its own.")
    if not examples:
        raise UsageError(f"{source} has no example.")
    try:
        files = {
            _as_file_name(name): _as_text(content, "files")
            for name, content in _as_object(head.get("files", {}), "files").items()
        }
        free = {tool: _checked(entries) for tool, entries in _as_object(head.get("free", {}), "free").items()}
        name, description = _as_text(head["suite"], "suite"), _as_text(head.get("description", ""), "description")
    except ValueError as error:
        raise UsageError(f"{source}, line {objects[0][0]}: {error}.") from error
    missing = {name for example in examples for name in example.files} - files.keys()
    if missing:
        raise UsageError(f"{source}: an example needs the file {min(missing)!r}, which the first line does not have.")
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Suite(name, description, tuple(examples), digest, free, files)


def _counts(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("#")


def _object(line: str, source: str, number: int) -> JsonObject:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{source}, line {number} is no JSON: {error}.") from error
    if not isinstance(record, dict):
        raise UsageError(f"{source}, line {number} must be a JSON object.")
    return record


def _example(record: JsonObject) -> Example:
    unknown = record.keys() - {"id", "scenario", "request", "accept", "steps", "before", "tools", "files"}
    if unknown:
        raise ValueError(f"an example has no field {min(unknown)!r}")
    if ("accept" in record) == ("steps" in record):
        raise ValueError("an example has either `accept` or `steps`")
    if "accept" in record:
        steps = [_step({"accept": record["accept"]})]
    else:
        steps = [_step(_as_object(step, "steps")) for step in _as_list(record["steps"], "steps")]
    if not steps or steps[-1].given:
        raise ValueError("the last step must have `accept`")
    tools = record.get("tools")
    return Example(
        id=_as_text(record.get("id"), "id"),
        scenario=_as_text(record.get("scenario"), "scenario"),
        request=_as_text(record.get("request"), "request"),
        steps=tuple(steps),
        before=tuple(_exchange(_as_object(turn, "before")) for turn in _as_list(record.get("before", []), "before")),
        tools=None if tools is None else tuple(_as_text(name, "tools") for name in _as_list(tools, "tools")),
        files=tuple(_as_text(name, "files") for name in _as_list(record.get("files", []), "files")),
    )


def _step(record: JsonObject) -> Step:
    unknown = record.keys() - {"accept", "given", "results"}
    if unknown:
        raise ValueError(f"a step has no field {min(unknown)!r}")
    if ("accept" in record) == ("given" in record):
        raise ValueError("a step has either `accept` or `given`")
    results = {
        tool: tuple(_as_text(text, "results") for text in (given if isinstance(given, list) else [given]))
        for tool, given in _as_object(record.get("results", {}), "results").items()
    }
    if "given" in record:
        given = tuple(_named(call) for call in _as_list(record["given"], "given"))
        return Step(given=given, results=results)
    accept = tuple(
        tuple(_pattern(call) for call in _as_list(alternative, "accept"))
        for alternative in _as_list(record["accept"], "accept")
    )
    if not accept:
        raise ValueError("`accept` needs at least one alternative; [[]] means no call")
    return Step(accept=accept, results=results)


def _pattern(call: JsonValue) -> CallPattern:
    tool, arguments = _named(call)
    _checked(arguments)
    if any(map(matchers.uses_result, arguments.values())) and tool not in RUN_TO_JUDGE:
        raise ValueError(f"$result is for {', '.join(sorted(RUN_TO_JUDGE))}; {tool} is not run")
    required = {key: value for key, value in arguments.items() if not key.endswith("?")}
    optional = {key[:-1]: value for key, value in arguments.items() if key.endswith("?")}
    return CallPattern(tool, required, optional)


def _checked(arguments: JsonValue) -> JsonObject:
    given = _as_object(arguments, "arguments")
    for key, matcher in given.items():
        problem = matchers.check(matcher)
        if problem:
            raise ValueError(f"{key}: {problem}")
    return given


def _named(call: JsonValue) -> tuple[str, JsonObject]:
    given = _as_object(call, "a call")
    if len(given) != 1:
        raise ValueError('a call is written as {"tool": {"argument": …}}')
    ((tool, arguments),) = given.items()
    return tool, _as_object(arguments, tool)


def _exchange(turn: JsonObject) -> tuple[str, str]:
    return _as_text(turn.get("user"), "before: user"), _as_text(turn.get("assistant"), "before: assistant")


def _as_object(value: JsonValue, what: str) -> JsonObject:
    if not isinstance(value, dict):
        raise ValueError(f"{what} must be an object")
    return value


def _as_list(value: JsonValue, what: str) -> list[JsonValue]:
    if not isinstance(value, list):
        raise ValueError(f"{what} must be a list")
    return value


def _as_file_name(name: str) -> str:
    if not name or name in (".", "..") or Path(name).name != name or "\\" in name:
        raise ValueError(f"files: {name!r} is no plain file name")
    return name


def _as_text(value: JsonValue, what: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{what} must be a text")
    return value
