"""What an argument may be: a plain value, or an operator such as `{"$contains": "oslo"}`.

A matcher is JSON as a suite file has it. `check` finds what is wrong with one, `matches` judges a value by it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import cast

from smol_chat.evaluation import normal
from smol_chat.evaluation.assignment import assign
from smol_chat.messages import JsonObject, JsonValue

WITHIN = 1e-6
"""Relative difference at which two numbers are the same where the suite does not say."""

_LONGEST_SEARCHED = 2000
"""Characters in which a pattern is looked for: what a model writes shall not make a search take for ever."""

Judge = Callable[[JsonValue, JsonValue, "str | None", JsonObject], bool]
"""`(operand, value, result of the call, whole operator) -> fits`."""


def matches(matcher: JsonValue, value: JsonValue, result: str | None = None) -> bool:
    """Tell whether a value is acceptable.

    Args:
        matcher: a plain value or an operator.
        value: the argument as the model gave it.
        result: what the call gave when it was really run; None where it failed or was not run.
    """
    name = operator(matcher)
    if name is None:
        return _equal(matcher, value)
    whole = cast("JsonObject", matcher)
    return _JUDGES[name](whole[name], value, result, whole)


def operator(matcher: JsonValue) -> str | None:
    """Return the operator's name, None for a plain value."""
    if not isinstance(matcher, dict):
        return None
    return next((key for key in matcher if key.startswith("$") and key != "$within"), None)


def check(matcher: JsonValue) -> str | None:
    """Return what is wrong with a matcher, None where nothing is."""
    if isinstance(matcher, list):
        return next(filter(None, map(check, matcher)), None)
    name = operator(matcher)
    if not isinstance(matcher, dict) or name is None:
        values = matcher.values() if isinstance(matcher, dict) else ()
        return next(filter(None, map(check, values)), None)
    allowed = {name, "$within"} if name in ("$number", "$shows") else {name}
    if name not in _JUDGES:
        return f"there is no operator {name!r}; there are {', '.join(_JUDGES)}"
    if matcher.keys() - allowed:
        return f"{name} stands alone in its object (got {', '.join(sorted(matcher))})"
    if not isinstance(matcher.get("$within", 0.0), (int, float)):
        return "$within must be a number"
    return _operand_problem(name, matcher[name])


def uses_result(matcher: JsonValue) -> bool:
    """Tell whether the matcher can only be judged by running the call."""
    if isinstance(matcher, dict):
        return "$result" in matcher or any(map(uses_result, matcher.values()))
    return isinstance(matcher, list) and any(map(uses_result, matcher))


def _operand_problem(name: str, operand: JsonValue) -> str | None:
    match name:
        case "$one_of" | "$all_of" | "$set":
            if not isinstance(operand, list) or not operand:
                return f"{name} takes a list of matchers"
            return next(filter(None, map(check, operand)), None)
        case "$not" | "$result":
            return check(operand)
        case "$contains" | "$contains_any":
            texts = operand if isinstance(operand, list) else [operand]
            fits = bool(texts) and all(isinstance(text, str) and normal.plain(text) for text in texts)
            return None if fits else f"{name} takes a text or a list of texts"
        case "$number":
            return None if _is_number(operand) else "$number takes a number"
        case "$shows":
            return None if _is_number(operand) else "$shows takes a number"
        case "$date" | "$datetime":
            fits = isinstance(operand, str) and normal.moment(operand) is not None
            return None if fits else f"{name} takes an ISO 8601 text"
        case "$url":
            return None if isinstance(operand, str) and normal.address(operand) else "$url takes an address"
        case "$path":
            return None if isinstance(operand, str) else "$path takes a text"
        case "$regex":
            return _pattern_problem(operand)
        case _:
            return None


def _pattern_problem(operand: JsonValue) -> str | None:
    if not isinstance(operand, str):
        return "$regex takes a pattern"
    try:
        re.compile(operand)
    except re.error as error:
        return f"the pattern {operand!r} cannot be read: {error}"
    return None


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _equal(expected: JsonValue, value: JsonValue) -> bool:
    """Compare plain values; texts by their plain form, numbers by value, true and false only with themselves."""
    if isinstance(expected, str) and isinstance(value, str):
        return normal.plain(expected) == normal.plain(value)
    if isinstance(expected, list) and isinstance(value, list):
        return len(expected) == len(value) and all(map(matches, expected, value))
    if isinstance(expected, dict) and isinstance(value, dict):
        return _same_entries(expected, value)
    if isinstance(expected, bool) or isinstance(value, bool):
        return expected is value
    return expected == value


def _same_entries(expected: JsonObject, value: JsonObject) -> bool:
    required = {key for key in expected if not key.endswith("?")}
    by_name = {key.removesuffix("?"): matcher for key, matcher in expected.items()}
    return required <= value.keys() <= by_name.keys() and all(matches(by_name[key], value[key]) for key in value)


def _near(expected: float, got: float, whole: JsonObject) -> bool:
    within = whole.get("$within")
    if isinstance(within, (int, float)):
        return abs(expected - got) <= within
    return math.isclose(expected, got, rel_tol=WITHIN, abs_tol=WITHIN)


def _number(operand: JsonValue, value: JsonValue, result: str | None, whole: JsonObject) -> bool:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return False
    return _is_number(value) and _near(cast("float", operand), cast("float", value), whole)


def _shows(operand: JsonValue, value: JsonValue, result: str | None, whole: JsonObject) -> bool:
    return any(_near(cast("float", operand), number, whole) for number in normal.numbers(_text(value)))


def _contains(operand: JsonValue, value: JsonValue, *, every: bool) -> bool:
    text = normal.plain(_text(value))
    found = (normal.plain(part) in text for part in (operand if isinstance(operand, list) else [operand]))
    return all(found) if every else any(found)


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _moment(operand: JsonValue, value: JsonValue, *, only_day: bool) -> bool:
    expected, got = normal.moment(str(operand)), normal.moment(value) if isinstance(value, str) else None
    if expected is None or got is None:
        return False
    return expected.date() == got.date() if only_day else expected == got


def _address(operand: JsonValue, value: JsonValue) -> bool:
    expected, got = normal.address(str(operand)), normal.address(value) if isinstance(value, str) else None
    if expected is None or got is None or expected[1:] != got[1:]:
        return False
    return got[0] in ({expected[0]} if expected[0] else {"", "http", "https"})


def _set(operand: JsonValue, value: JsonValue) -> bool:
    if isinstance(value, str):
        value = [part for part in re.split(r"[,;\s]+", value) if part]
    if not isinstance(value, list) or not isinstance(operand, list) or len(value) != len(operand):
        return False
    got = value
    pairs = assign([[place for place, item in enumerate(got) if matches(one, item)] for one in operand])
    return len(pairs) == len(operand)


def _json(operand: JsonValue, value: JsonValue) -> bool:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return False
    return matches(operand, value)


_JUDGES: dict[str, Judge] = {
    "$any": lambda operand, value, result, whole: True,
    "$exact": lambda operand, value, result, whole: type(operand) is type(value) and operand == value,
    "$number": _number,
    "$shows": _shows,
    "$contains": lambda operand, value, result, whole: _contains(operand, value, every=True),
    "$contains_any": lambda operand, value, result, whole: _contains(operand, value, every=False),
    "$regex": lambda operand, value, result, whole: (
        re.search(str(operand), _text(value)[:_LONGEST_SEARCHED], re.IGNORECASE) is not None
    ),
    "$one_of": lambda operand, value, result, whole: any(matches(one, value, result) for one in _parts(operand)),
    "$all_of": lambda operand, value, result, whole: all(matches(one, value, result) for one in _parts(operand)),
    "$not": lambda operand, value, result, whole: not matches(operand, value, result),
    "$date": lambda operand, value, result, whole: _moment(operand, value, only_day=True),
    "$datetime": lambda operand, value, result, whole: _moment(operand, value, only_day=False),
    "$path": lambda operand, value, result, whole: (
        isinstance(value, str) and normal.path(value) == normal.path(str(operand))
    ),
    "$url": lambda operand, value, result, whole: _address(operand, value),
    "$set": lambda operand, value, result, whole: _set(operand, value),
    "$json": lambda operand, value, result, whole: _json(operand, value),
    "$result": lambda operand, value, result, whole: result is not None and matches(operand, result),
}


def _parts(operand: JsonValue) -> list[JsonValue]:
    return operand if isinstance(operand, list) else []
