"""Texts of a known form: the formats of JSON Schema, and the patterns that are simple enough."""

from __future__ import annotations

from smol_chat.protocol.grammar_text import (
    EMPTY,
    MOST_REPETITIONS,
    UNICODE,
    Ranges,
    Rules,
    any_of,
    complement,
    intersection,
    of,
    without,
)

LONGEST_PATTERN = 500
_DEEPEST_PATTERN = 16

_D = "[0-9]"
_YEAR = f"[1-9] {_D} {_D} {_D}"
_DAYS = '("0" [1-9] | [12] [0-9]'
_MONTHS_DAYS = (
    f'("0" [13578] | "1" [02]) "-" {_DAYS} | "3" [01]) | ("0" [469] | "11") "-" {_DAYS} | "30")'
    ' | "02-" ("0" [1-9] | "1" [0-9] | "2" [0-8])'
)
_BY_FOUR = '("0" [48] | [2468] [048] | [13579] [26])'
_DATE = f'{_YEAR} "-" ({_MONTHS_DAYS}) | ([1-9] {_D} {_BY_FOUR} | {_BY_FOUR} "00") "-02-29"'
_HOUR, _MINUTE = '([01] [0-9] | "2" [0-3])', "[0-5] [0-9]"
_TIME = f'{_HOUR} ":" {_MINUTE} (":" {_MINUTE} ("." {_D}{{1,6}})?)? ("Z" | [+\\x2D] {_HOUR} ":" {_MINUTE})?'
_LOCAL = of("A-Za-z0-9_+-")
_LABEL = f"{of('A-Za-z0-9')} {of('A-Za-z0-9-')}{{0,40}}"
_URI_CHARACTER = of("!#-;=?-[]_a-z~")

FORMATS = {
    "date": _DATE,
    "date-time": f'({_DATE}) "T" {_TIME}',
    "email": f'{_LOCAL}{{1,40}} ("." {_LOCAL}{{1,40}}){{0,4}} "@" {_LABEL} ("." {_LABEL}){{1,4}}',
    "uri": f'{of("a-z")} {of("a-z0-9+.-")}{{1,15}} ":" {_URI_CHARACTER}+',
}
"""The formats that are checked, as characters that need no escape in JSON and end no line."""

_ASCII: Ranges = ((0x20, 0x7E),)
_CLASSES: dict[str, Ranges] = {
    "d": ((0x30, 0x39),),
    "w": ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)),
    "s": ((0x20, 0x20),),
}
_CONTROLS = {"n": 0x0A, "t": 0x09, "r": 0x0D}
_IN_JSON = {0x22: '"\\\\\\""', 0x5C: '"\\\\\\\\"', 0x0A: '"\\\\n"', 0x09: '"\\\\t"', 0x0D: '"\\\\r"'}
"""Characters that stand in a JSON string as an escape, each with the expression of it."""


class _UnknownError(Exception):
    """Say that a pattern holds something that is not translated."""


def pattern(source: str, rules: Rules, *, json: bool) -> str | None:
    """Return the texts that match a pattern from their first to their last character.

    Args:
        source: the pattern.
        rules: where to put rules.
        json: as they stand inside a JSON string; otherwise raw, and then on one line and without a tag.

    Returns:
        None where the pattern is not anchored at both ends, or is more than literals, sets, groups and repetitions.
    """
    if len(source) > LONGEST_PATTERN or not source.startswith("^") or not source.endswith("$"):
        return None
    body = source[1:-1]
    escapes = len(body) - len(body.rstrip("\\"))
    if escapes % 2:
        return None
    try:
        return _Pattern(body, rules, json=json).whole()
    except _UnknownError:
        return None


class _Pattern:
    """Translate one pattern; each part comes as an expression and whether it may be empty."""

    def __init__(self, text: str, rules: Rules, *, json: bool) -> None:
        self._text = text
        self._at = 0
        self._rules = rules
        self._json = json
        self._depth = 0

    def whole(self) -> str:
        expression, _ = self._sequence()
        if self._at < len(self._text):
            raise _UnknownError  # an alternative or a parenthesis outside any group: not anchored, or broken
        return expression

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self) -> str:
        character = self._peek()
        if not character:
            raise _UnknownError
        self._at += 1
        return character

    def _skip(self, text: str) -> bool:
        found = self._text.startswith(text, self._at)
        self._at += len(text) if found else 0
        return found

    def _sequence(self) -> tuple[str, bool]:
        parts: list[str] = []
        empty = True
        while self._peek() not in ("", "|", ")"):
            part, may_be_empty = self._quantified(*self._atom())
            parts.append(part)
            empty = empty and may_be_empty
        return " ".join(parts) or EMPTY, empty

    def _group(self) -> tuple[str, bool]:
        if self._peek() == "?" and not self._skip("?:"):
            raise _UnknownError  # looks around, has flags or a name
        self._depth += 1
        if self._depth > _DEEPEST_PATTERN:
            raise _UnknownError
        options = [self._sequence()]
        while self._skip("|"):
            options.append(self._sequence())
        if not self._skip(")"):
            raise _UnknownError
        self._depth -= 1
        return self._rules.rule(" | ".join(option for option, _ in options)), any(empty for _, empty in options)

    def _atom(self) -> tuple[str, bool]:
        character = self._take()
        if character == "(":
            return self._group()
        if character == "[":
            return self._one_of(self._set()), False
        if character == ".":
            return self._one_of(UNICODE), False
        if character == "\\":
            return self._one_of(self._escape()), False
        if character in "^$*+?{":
            raise _UnknownError
        return self._one_of(((ord(character), ord(character)),)), False

    def _quantified(self, atom: str, empty: bool) -> tuple[str, bool]:
        bounds = self._quantifier()
        if bounds is None:
            return atom, empty
        self._skip("?")  # a lazy repetition has the same texts
        least, most = bounds
        if self._peek() in ("*", "+", "?", "{") or empty or most == 0:
            raise _UnknownError
        if least > MOST_REPETITIONS or (most is not None and (most > MOST_REPETITIONS or most < least)):
            raise _UnknownError
        return self._rules.repeat(atom, least, most), least == 0

    def _quantifier(self) -> tuple[int, int | None] | None:
        for sign, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._skip(sign):
                return bounds
        if not self._skip("{"):
            return None
        inside, closed, _ = self._text[self._at :].partition("}")
        least, comma, most = inside.partition(",")
        if not closed or not _is_number(least) or not (_is_number(most) or not most):
            raise _UnknownError
        self._at += len(inside) + 1
        return int(least), int(most) if most else None if comma else int(least)

    def _set(self) -> Ranges:
        negated = self._skip("^")
        ranges: list[tuple[int, int]] = []
        with_class = False
        while not ranges or self._peek() != "]":
            first = self._member()
            if isinstance(first, int):
                last: int | Ranges = first
                if self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                    self._at += 1
                    last = self._member()
                if not isinstance(last, int) or last < first:
                    raise _UnknownError
                ranges.append((first, last))
            else:
                ranges += first
                with_class = True
        self._at += 1
        if not negated:
            return ranges
        # what else a class holds beyond ASCII is not known here, so its complement stays within ASCII
        return intersection(complement(ranges), _ASCII if with_class else UNICODE)

    def _member(self) -> int | Ranges:
        character = self._take()
        if character != "\\":
            return ord(character)
        is_class = self._peek().lower() in _CLASSES
        ranges = self._escape()
        return ranges if is_class else ranges[0][0]

    def _escape(self) -> Ranges:
        character = self._take()
        if character in _CLASSES:
            return _CLASSES[character]
        if character.lower() in _CLASSES:
            return intersection(complement(_CLASSES[character.lower()]), _ASCII)
        if character in _CONTROLS:
            return ((_CONTROLS[character], _CONTROLS[character]),)
        if character in "xu":
            digits = self._text[self._at : self._at + (2 if character == "x" else 4)]
            self._at += len(digits)
            if len(digits) < 2 or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
                raise _UnknownError
            return ((int(digits, 16), int(digits, 16)),)
        if character.isalnum():
            raise _UnknownError  # a reference, a boundary, a property of Unicode
        return ((ord(character), ord(character)),)

    def _one_of(self, ranges: Ranges) -> str:
        """Return the expression of one character out of `ranges`, in the form it has where it will stand."""
        plain = intersection(ranges, without(UNICODE, _IN_JSON if self._json else (0x3C,)))
        options = [any_of(plain)] if plain else []
        if self._json:
            options += [
                form for point, form in _IN_JSON.items() if any(first <= point <= last for first, last in ranges)
            ]
        if not options:
            raise _UnknownError
        return options[0] if len(options) == 1 else self._rules.rule(" | ".join(options))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 4
