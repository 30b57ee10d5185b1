"""Read files of the Berkeley Function-Calling Leaderboard, where the user has them: questions with answers beside them.

A file of questions `NAME.json` belongs to the answers `possible_answer/NAME.json`; where no function fits (irrelevance)
there are none. Conversations of several turns need the leaderboard's own simulated programs and are not read.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from smol_chat.errors import UsageError
from smol_chat.evaluation.suite import CallPattern, Example, Step, Suite
from smol_chat.messages import JsonObject, JsonValue, ToolSchema

_TYPES = {"dict": "object", "float": "number", "tuple": "array", "double": "number", "long": "integer"}
"""What the files call types of JSON Schema. Any other name is left out, so that anything fits."""

_JSON_TYPES = frozenset({"object", "array", "string", "integer", "number", "boolean", "null"})


def is_bfcl(text: str) -> bool:
    """Tell whether a file's text looks like questions of the leaderboard."""
    first = text.lstrip().partition("\n")[0]
    try:
        record = json.loads(first)
    except (ValueError, RecursionError):
        return False
    return isinstance(record, dict) and "question" in record


def read_bfcl(path: Path, text: str) -> Suite:
    """Read a file of questions with its answers.

    Raises:
        UsageError: the answers are missing, or something cannot be read.
    """
    answers_file = path.parent / "possible_answer" / path.name
    needs_none = "irrelevance" in path.name
    try:
        answered = "" if needs_none else answers_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"The answers to {path.name} cannot be read: they belong into {str(answers_file)!r}."
        ) from error
    truths = {record.get("id"): record.get("ground_truth") for _, record in _records(answers_file, answered)}
    examples = []
    for number, record in _records(path, text):
        try:
            examples.append(_example(record, [] if needs_none else truths.get(record.get("id")), path.stem))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(f"{path.name}, line {number} is no question of one turn that can be read.") from error
    digest = hashlib.sha256((text + answered).encode()).hexdigest()[:16]
    return Suite(path.stem, "Berkeley Function-Calling Leaderboard", tuple(examples), digest)


def _records(path: Path, text: str) -> list[tuple[int, JsonObject]]:
    records = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{path.name}, line {number} is no JSON: {error}.") from error
        if not isinstance(record, dict):
            raise UsageError(f"{path.name}, line {number} must be a JSON object.")
        records.append((number, record))
    return records


def _example(record: JsonObject, truth: JsonValue, scenario: str) -> Example:
    (turn,) = _list(record["question"])
    *earlier, last = [_message(message) for message in _list(turn)]
    if last[0] != "user" or not isinstance(truth, list):
        raise ValueError("no single question with an answer")
    said = [text for role, text in earlier if role in ("system", "user")]
    schemas = tuple(_schema(function) for function in _list(record["function"]))
    return Example(
        id=_text(record["id"]),
        scenario=scenario,
        request="\n\n".join([*said, last[1]]),
        steps=(Step(accept=(tuple(map(_pattern, truth)),)),),
        schemas=schemas,
    )


def _message(message: JsonValue) -> tuple[str, str]:
    if not isinstance(message, dict):
        raise ValueError("no message")
    return _text(message["role"]), _text(message["content"])


def _schema(function: JsonValue) -> ToolSchema:
    if not isinstance(function, dict):
        raise ValueError("no function")
    parameters = json_schema(function["parameters"])
    if not isinstance(parameters, dict):
        raise ValueError("no parameters")
    return ToolSchema(_text(function["name"]), _text(function.get("description", "")), parameters)


def json_schema(schema: JsonValue) -> JsonValue:
    """Return a schema of the leaderboard as JSON Schema."""
    if isinstance(schema, list):
        return [json_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    converted: JsonObject = {}
    for key, value in schema.items():
        if key == "properties" and isinstance(value, dict):
            converted[key] = {name: json_schema(inner) for name, inner in value.items()}
        elif key == "type" and isinstance(value, str):
            name = _TYPES.get(value.lower(), value.lower())
            if name in _JSON_TYPES:
                converted[key] = name
        elif key not in ("optional", "default"):
            converted[key] = json_schema(value)
    return converted


def _pattern(call: JsonValue) -> CallPattern:
    if not isinstance(call, dict) or len(call) != 1:
        raise ValueError("no call")
    ((tool, arguments),) = call.items()
    if not isinstance(arguments, dict):
        raise ValueError("no arguments")
    optional = {name for name, allowed in arguments.items() if "" in _list(allowed)}
    matchers = {name: _any_of(allowed) for name, allowed in arguments.items()}
    return CallPattern(
        tool,
        {name: matcher for name, matcher in matchers.items() if name not in optional},
        {name: matcher for name, matcher in matchers.items() if name in optional},
    )


def _any_of(allowed: JsonValue) -> JsonValue:
    return {"$one_of": [_value(value) for value in _list(allowed)]}


def _value(value: JsonValue) -> JsonValue:
    """Return one allowed value as a matcher; an object lists for each entry what it may be, "" meaning absent."""
    if isinstance(value, list):
        return [_value(item) for item in value]
    if isinstance(value, dict):
        return {
            (f"{name}?" if isinstance(allowed, list) and "" in allowed else name): (
                _any_of(allowed) if isinstance(allowed, list) else allowed
            )
            for name, allowed in value.items()
        }
    return value


def _list(value: JsonValue) -> list[JsonValue]:
    if not isinstance(value, list):
        raise ValueError("no list")
    return value


def _text(value: JsonValue) -> str:
    if not isinstance(value, str):
        raise ValueError("no text")
    return value
