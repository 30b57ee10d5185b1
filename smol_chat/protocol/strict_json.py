"""JSON as RFC 8259 has it, and no more: no NaN, no duplicate keys, no lone surrogates, no bottomless nesting."""

from __future__ import annotations

import json
import math
import re
from typing import NoReturn, cast

from smol_chat.messages import JsonValue
from smol_chat.protocol.events import UnreadableCallError

MAX_DEPTH = 64
"""Containers inside each other, the outermost counted."""

_MAX_DIGITS = 1000
"""Digits of an integer; converting more takes quadratic time, and no tool wants them."""

_SHORTEST_TOO_DEEP = MAX_DEPTH + 1
# A closing quote is optional so that the match never fails and never backtracks, whatever the text.
_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*(?P<closed>")?'
_STRINGS = re.compile(_STRING, re.DOTALL)
_TOKENS = re.compile(rf"{_STRING}|[\[{{]|[\]}}]", re.DOTALL)
_SPACE = re.compile(r"[ \t\n\r]*")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_NEAR = 24


def decode(text: str, *, control_characters: bool = False) -> JsonValue:
    """Decode one JSON text.

    Args:
        text: the JSON text, with nothing but white space around it.
        control_characters: accept them raw inside strings.

    Raises:
        UnreadableCallError: of kind `invalid_json`, `duplicate_key` or `too_deep`.
    """
    value, end = decode_first(text, control_characters=control_characters)
    if end != len(text):
        raise invalid(f"unexpected text {_near(text, end)}")
    return value


def decode_first(text: str, *, control_characters: bool = False) -> tuple[JsonValue, int]:
    """Decode the JSON value `text` begins with; return it and where the next thing begins."""
    _refuse_depth(text)
    if has_half_character(text):
        raise invalid("it holds half of a character")
    decoder = _LENIENT if control_characters else _STRICT
    try:
        value, end = decoder.raw_decode(text, _after_space(text, 0))
    except json.JSONDecodeError as error:
        what = error.msg.rstrip(": ").removesuffix(" at").removesuffix(" starting")
        raise invalid(f"{what[0].lower()}{what[1:]} {_near(text, error.pos)}") from None
    if _SURROGATE_ESCAPE.search(text):
        _refuse_surrogates(value)
    return cast(JsonValue, value), _after_space(text, end)


def has_half_character(text: str) -> bool:
    """Tell whether `text` holds a lone surrogate, which no encoding can carry."""
    return _SURROGATE.search(text) is not None


def is_unfinished(text: str) -> bool:
    """Tell whether a string, list or object is still open where `text` ends."""
    depth = 0
    for match in _TOKENS.finditer(text):
        token = match[0]
        if token[0] == '"':
            depth += match["closed"] is None
        else:
            depth += 1 if token in "[{" else -1
    return depth > 0


def ends_in_string(text: str) -> bool:
    """Tell whether a string is still open where `text` ends."""
    return any(match["closed"] is None for match in _STRINGS.finditer(text))


def invalid(detail: str) -> UnreadableCallError:
    """Return the error for text that is not strict JSON."""
    return UnreadableCallError(
        "invalid_json",
        f'The call is not valid JSON ({detail}): write it again as one object with "name" and "arguments".',
    )


def _refuse_depth(text: str) -> None:
    if text.count("[") + text.count("{") < _SHORTEST_TOO_DEEP:
        return
    depth = 0
    for match in _TOKENS.finditer(text):
        if match[0][0] == '"':
            continue
        depth += 1 if match[0] in "[{" else -1
        if depth > MAX_DEPTH:
            raise UnreadableCallError(
                "too_deep",
                f"The call is nested more than {MAX_DEPTH} levels deep: write it again with flatter arguments.",
            )


def _refuse_surrogates(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise invalid("it holds half of a character") from None


def _after_space(text: str, start: int) -> int:
    match = _SPACE.match(text, start)
    return match.end() if match else start


def _near(text: str, position: int) -> str:
    rest = text[position : position + _NEAR]
    return f"near {rest!r}" if rest else "at the end"


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            raise UnreadableCallError(
                "duplicate_key", f"The call gives {key[:60]!r} twice: write it again with each name once."
            )
        seen.add(key)
    raise AssertionError("fewer keys than pairs, yet no key twice")


def _constant(name: str) -> NoReturn:
    raise invalid(f"{name} is not a JSON value")


def _integer(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise invalid("a number in it is too long")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise invalid("a number in it is too large")
    return value


_STRICT = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_float)
_LENIENT = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_float, strict=False
)
