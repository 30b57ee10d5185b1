"""The text of a GBNF grammar: literals, character sets, repetitions, and rules that exist once each.

llama.cpp's parser knows more than is used here. What could read as something else is written as an escape, and a
repeated item is always one symbol, because a repetition of a group counts every rule inside it against a limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

EMPTY = '""'
"""The expression of nothing at all."""

MOST_REPETITIONS = 256
"""Larger bounds are loosened: each repetition becomes a rule inside llama.cpp, which refuses 2,000 of them."""

Ranges = Sequence[tuple[int, int]]
"""Code points, first and last of each range."""

UNICODE: Ranges = ((0x20, 0xD7FF), (0xE000, 0x10FFFF))
"""Every character but the control characters of ASCII and the halves of surrogate pairs."""


class Rules:
    """Collect rules; the same body is the same rule. `size` is about what the grammar costs, in characters."""

    def __init__(self) -> None:
        self.size = 0
        self._names: dict[str, str] = {}

    def rule(self, body: str) -> str:
        """Return the name of the rule with this body."""
        name = self._names.get(body)
        if name is None:
            name = self._names[body] = f"r{len(self._names)}"
            self.size += len(body)
        return name

    def choice(self, options: Iterable[str]) -> str | None:
        """Return an expression for any of `options` that is one symbol; None where there is none."""
        unique = list(dict.fromkeys(options))
        if len(unique) == 1 and _is_name(unique[0]):
            return unique[0]
        return self.rule(" | ".join(unique)) if unique else None

    def repeat(self, item: str, least: int, most: int | None) -> str:
        """Return `item` that often; bounds beyond `MOST_REPETITIONS` are loosened.

        Raises:
            ValueError: it may not be as often as it must. llama.cpp would make rules for it until memory is full.
        """
        if most is not None and most < least:
            raise ValueError(f"{least} to {most} times")
        least = min(least, MOST_REPETITIONS)
        if most is not None and most > MOST_REPETITIONS:
            most = None
        if most == 0:
            return EMPTY
        if (least, most) == (1, 1):
            return item
        self.size += max(least, most or 0)
        return f"{self.rule(item)}{{{least},{'' if most is None else most}}}"

    def text(self, root: str) -> str:
        """Return the grammar that begins with the expression `root`."""
        return "".join([f"root ::= {root}\n", *(f"{name} ::= {body}\n" for body, name in self._names.items())])


def literal(text: str) -> str:
    """Return the expression of exactly this text."""
    return '"' + "".join(map(_in_literal, text)) + '"'


def any_of(ranges: Ranges) -> str:
    """Return the expression of one character out of `ranges`; there must be one."""
    return (
        "[" + "".join(_escaped(first) + (f"-{_escaped(last)}" if last > first else "") for first, last in ranges) + "]"
    )


def of(characters: str) -> str:
    """Return the expression of one of these ASCII characters; `a-z` is a range, a hyphen at the end is itself."""
    ranges: list[tuple[int, int]] = []
    position = 0
    while position < len(characters):
        first = last = ord(characters[position])
        if characters[position + 1 : position + 2] == "-" and position + 2 < len(characters):
            last = ord(characters[position + 2])
            position += 2
        ranges.append((first, last))
        position += 1
    return any_of(ranges)


def without(ranges: Ranges, excluded: Iterable[int]) -> list[tuple[int, int]]:
    """Return the ranges without some code points."""
    left = list(ranges)
    for point in excluded:
        left = [
            part
            for first, last in left
            for part in ([(first, last)] if not first <= point <= last else [(first, point - 1), (point + 1, last)])
            if part[0] <= part[1]
        ]
    return left


def intersection(one: Ranges, other: Ranges) -> list[tuple[int, int]]:
    """Return the code points in both."""
    return [
        (max(first, low), min(last, high))
        for first, last in one
        for low, high in other
        if max(first, low) <= min(last, high)
    ]


def complement(ranges: Ranges) -> list[tuple[int, int]]:
    """Return all other code points."""
    gaps, start = [], 0
    for first, last in sorted(ranges):
        if first > start:
            gaps.append((start, first - 1))
        start = max(start, last + 1)
    if start <= 0x10FFFF:
        gaps.append((start, 0x10FFFF))
    return gaps


def _in_literal(character: str) -> str:
    if " " <= character <= "~" and character not in '"\\':
        return character
    return _escaped(ord(character))


def _escaped(point: int) -> str:
    if chr(point).isalnum() and point < 0x80:
        return chr(point)
    if point <= 0xFF:
        return f"\\x{point:02X}"
    return f"\\u{point:04X}" if point <= 0xFFFF else f"\\U{point:08X}"


def _is_name(expression: str) -> bool:
    return expression[:1] == "r" and expression[1:].isdigit()
