"""Read a GBNF grammar and write random texts by it."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import Union

_TOKEN = re.compile(
    r"""\s*(?:(?P<literal>"(?:\\.|[^"\\])*")|(?P<set>\[\^?(?:\\.|[^\]\\])+\])|(?P<name>[A-Za-z][\w-]*)"""
    r"""|(?P<repeat>[*+?]|\{\d+(?:,\d*)?\})|(?P<sign>[|()]))"""
)
_CHARACTER = re.compile(r"\\x[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8}|\\.|.", re.DOTALL)


@dataclass(frozen=True)
class Text:
    value: str


@dataclass(frozen=True)
class Set:
    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Name:
    value: str


@dataclass(frozen=True)
class Repeat:
    item: Node
    least: int
    most: int | None


@dataclass(frozen=True)
class Choice:
    options: tuple[tuple[Node, ...], ...]


Node = Union[Text, Set, Name, Repeat, Choice]


class Grammar:
    """The rules of a grammar; raises ValueError where it is not in the form we write."""

    def __init__(self, source: str) -> None:
        self.rules: dict[str, Choice] = {}
        for line in source.splitlines():
            name, defined, body = line.partition(" ::= ")
            if not defined or name in self.rules:
                raise ValueError(line)
            self.rules[name] = _parse(body)

    def write(self, chance: random.Random) -> str:
        """Return one text. The longer it gets the fewer repetitions are taken."""
        out: list[str] = []
        self._write(Name("root"), out, chance)
        return "".join(out)

    def _write(self, node: Node, out: list[str], chance: random.Random) -> None:
        match node:
            case Text(value):
                out.append(value)
            case Set(ranges):
                first, last = chance.choice(ranges)
                # mostly the beginning of a range, where the letters are
                out.append(chr(chance.randint(first, last if chance.random() < 0.2 else min(last, first + 90))))
            case Name(value):
                self._write(self.rules[value], out, chance)
            case Choice(options):
                for part in chance.choice(options):
                    self._write(part, out, chance)
            case Repeat(item, least, most):
                limit = least + 6 if most is None else most
                count = least
                while count < limit and chance.random() < (0.6 if len(out) < 2000 else 0.05):
                    count += 1
                if most is not None and chance.random() < 0.1 and len(out) < 2000:
                    count = most
                for _ in range(count):
                    self._write(item, out, chance)


def _parse(body: str) -> Choice:
    tokens: list[tuple[str, str]] = []
    position = 0
    while position < len(body):
        match = _TOKEN.match(body, position)
        if match is None or match.lastgroup is None:
            raise ValueError(body[position:])
        tokens.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    choice, end = _choice(tokens, 0)
    if end != len(tokens):
        raise ValueError(body)
    return choice


def _choice(tokens: list[tuple[str, str]], at: int) -> tuple[Choice, int]:
    options: list[tuple[Node, ...]] = []
    parts: list[Node] = []
    while at < len(tokens):
        kind, text = tokens[at]
        if (kind, text) == ("sign", ")"):
            break
        at += 1
        if (kind, text) == ("sign", "|"):
            options.append(tuple(parts))
            parts = []
        elif (kind, text) == ("sign", "("):
            group, at = _choice(tokens, at)
            if at == len(tokens):
                raise ValueError("unclosed group")
            parts.append(group)
            at += 1
        elif kind == "repeat":
            least, most = _bounds(text)
            parts.append(Repeat(parts.pop(), least, most))
        else:
            parts.append(_symbol(kind, text))
    return Choice((*options, tuple(parts))), at


def _bounds(text: str) -> tuple[int, int | None]:
    if text in "*+?":
        return {"*": (0, None), "+": (1, None), "?": (0, 1)}[text]
    least, comma, most = text[1:-1].partition(",")
    if most and int(most) < int(least):
        raise ValueError(text)
    return int(least), int(most) if most else None if comma else int(least)


def _symbol(kind: str, text: str) -> Node:
    if kind == "name":
        return Name(text)
    points = [_point(part) for part in _CHARACTER.findall(text[1:-1])]
    if kind == "literal":
        return Text("".join(map(chr, points)))
    parts = _CHARACTER.findall(text[1:-1])
    ranges: list[tuple[int, int]] = []
    at = 0
    while at < len(parts):
        last = at + 2 if at + 2 < len(parts) and parts[at + 1] == "-" else at
        ranges.append((points[at], points[last]))
        at = last + 1
    return Set(tuple(ranges))


def _point(part: str) -> int:
    if part[0] != "\\":
        return ord(part)
    if part[1] in "xuU":
        return int(part[2:], 16)
    return ord({"n": "\n", "t": "\t", "r": "\r"}.get(part[1], part[1]))
