"""A call that a suite accepts, made from its pattern: what a model that is always right would write."""

from __future__ import annotations

import json
from typing import cast

from smol_chat.evaluation.answers import Answer, AnsweredTurn, MadeCall
from smol_chat.evaluation.matchers import matches, operator
from smol_chat.evaluation.suite import CallPattern, Example
from smol_chat.messages import JsonObject, JsonValue

EXAMPLES_OF = [
    "df -h",
    "git log --oneline -5",
    "wc -l data/*.csv",
    "uptime",
    "head -n 20 logs/nightly_backup.log",
    "find papers",
    "du -sh videos",
    "ls photos | wc -l",
    "diff config.old.yaml config.yaml",
    "oat milk\nleeks\ntwo lemons\nrye bread",
    "https://www.lindenhof.example/jobs",
    "95,040 yen",
    "26 September 2027",
    ".schema books",
    "SELECT city, count(*) FROM customers GROUP BY city",
    "391 / 17",
    "uname -r",
    "SELECT * FROM owed",
    "print(7919)",
]
"""Texts for the patterns ($regex), which nothing can be made from."""


def right_call(pattern: CallPattern) -> tuple[str, JsonObject, str]:
    """Return a call the pattern accepts and what it gives: tool, arguments, result."""
    results = [found for value in pattern.required.values() for found in _results(value)]
    result = _value(results[0]) if results else ""
    text = result if isinstance(result, str) else json.dumps(result)
    arguments = {key: _argument(pattern.tool, value, text) for key, value in pattern.required.items()}
    for key, value in pattern.required.items():
        assert matches(value, arguments[key], text), (pattern.tool, key, value, arguments[key])
    return pattern.tool, arguments, text


def _argument(tool: str, matcher: JsonValue, result: str) -> JsonValue:
    if not _results(matcher):
        return _value(matcher)
    texts = [text for text in EXAMPLES_OF if matches(matcher, text, result)]
    if operator(matcher) == "$all_of":
        return texts[0]
    return {"calculate": result, "execute_python": f"print({result!r})"}.get(tool, f"SELECT '{result}'")


def _results(matcher: JsonValue) -> list[JsonValue]:
    if isinstance(matcher, dict):
        own = [matcher["$result"]] if "$result" in matcher else []
        return own + [found for value in matcher.values() for found in _results(value)]
    return [found for value in matcher for found in _results(value)] if isinstance(matcher, list) else []


def _value(matcher: JsonValue) -> JsonValue:
    """Return a value that fits."""
    name = operator(matcher)
    if name is None:
        return [_value(item) for item in matcher] if isinstance(matcher, list) else matcher
    operand = cast("JsonObject", matcher)[name]
    match name:
        case "$any" | "$not":
            return "something else"
        case "$contains":
            return " ".join(operand) if isinstance(operand, list) else operand  # type: ignore[arg-type]  # texts
        case "$contains_any" | "$one_of":
            return _value(cast("list[JsonValue]", operand)[0])
        case "$set":
            return [_value(item) for item in cast("list[JsonValue]", operand)]
        case "$all_of":
            parts = [_value(part) for part in cast("list[JsonValue]", operand) if operator(part) != "$not"]
            return " ".join(part if isinstance(part, str) else json.dumps(part) for part in parts)
        case "$regex":
            return next(text for text in EXAMPLES_OF if matches(matcher, text))
        case "$shows":
            return json.dumps(operand)
        case _:
            return operand


def right_answer(example: Example) -> Answer:
    """Return the answer that takes the first alternative at every step."""
    turns = []
    for step in example.judged:
        made = [right_call(pattern) for pattern in step.accept[0]]
        turns.append(AnsweredTurn(tuple(MadeCall(tool, arguments, result=text) for tool, arguments, text in made)))
    return Answer(example.id, tuple(turns))
