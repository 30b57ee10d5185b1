"""Calls in XML form: values stand raw between their tags, so what a string may hold depends on where it could end."""

from __future__ import annotations

from collections.abc import Sequence

from smol_chat.messages import JsonObject, JsonValue
from smol_chat.protocol.grammar_shapes import MOST_RECURSIONS, kinds
from smol_chat.protocol.grammar_text import (
    EMPTY,
    MOST_REPETITIONS,
    UNICODE,
    Rules,
    any_of,
    literal,
    of,
    without,
)
from smol_chat.protocol.grammar_values import JsonValues, choices, formed, json_text, size

_BREAKING = ("</parameter", "</function", "</tool_call", "<parameter=", "<function=", "<tool_call>")
"""What must not begin a line of a value: there it would be read as markup."""

_IN_LINE = ((0x09, 0x09), *UNICODE)
_NAME_BREAKS = "<>\n"


def can_be_named(name: str) -> bool:
    """Tell whether a tool or a parameter can stand in its tag."""
    return bool(name) and not any(character in name for character in _NAME_BREAKS) and json_text(name) is not None


def parameters(schema: JsonObject, values: JsonValues, rules: Rules) -> str | None:
    """Return the parameters of a call, each followed by a newline; None where none fit."""
    options: list[str] = []
    for shape, recursions in values.shapes.of(schema, MOST_RECURSIONS):
        body = _Parameters(values, rules, recursions).of(shape)
        if body is not None:
            options.append(body)
    return rules.choice(options)


class _Parameters:
    def __init__(self, values: JsonValues, rules: Rules, recursions: int) -> None:
        self._values = values
        self._rules = rules
        self._recursions = recursions

    def of(self, shape: JsonObject) -> str | None:
        members = self._values.members(shape, self._value)
        if members is None:
            return None
        pairs, rest = members
        least, most = size(shape, "Properties")
        if not pairs:
            if rest is None or most == 0:
                return None if least else EMPTY
            if most is not None and least > most:
                return None
            name = f"{of('A-Za-z_')} {of('A-Za-z0-9_')}{{0,40}}"
            return self._rules.repeat(f'"<parameter=" {name} ">\\n" {rest} "\\n</parameter>\\n"', least, most)
        named: list[tuple[str, bool]] = []
        for key, value, needed in pairs:
            if can_be_named(key):
                opening = literal(f"<parameter={key}>\n")
                named.append((f'{opening} {value} "\\n</parameter>\\n"', needed))
            elif needed:
                return None
        return self._values.chain(named, (least, most), "", "", "")

    def _value(self, schema: JsonValue) -> str | None:
        if self._values.is_full:
            return self._text(0)
        options: list[str] = []
        others: list[JsonObject] = []
        for shape, _ in self._values.shapes.of(schema, self._recursions):
            listed = choices(shape)
            if listed is None:
                others.append(shape)
            else:
                options += [form for value in listed if (form := _raw(value)) is not None]
        if any(not kinds(shape) for shape in others):
            return self._text(0)
        # where a text would fit, what is written is taken for one, unless it is null
        texts = [shape for shape in others if "string" in kinds(shape)]
        if texts:
            options += [form for shape in texts for form in self._string(shape)]
            options += ['"null"'] if any("null" in kinds(shape) for shape in others) else []
        elif others:
            json_value = self._values.value({"anyOf": [*others]}, self._recursions, 1)
            options += [json_value] if json_value is not None else []
        return self._rules.choice(options)

    def _string(self, shape: JsonObject) -> list[str]:
        """Return the forms of a text; where its length is bounded above it has one line."""
        text = formed(shape, self._rules, json=False)
        if text is not None:
            return [text]
        least, most = size(shape, "Length")
        if most is None or most > MOST_REPETITIONS:
            return [self._text(min(least, MOST_REPETITIONS))]
        if least > most:
            return []
        return [*([EMPTY] if least == 0 else []), *([self._line(max(least, 1), most)] if most else [])]

    def _line(self, least: int, most: int | None) -> str:
        """Return characters of one line that does not begin like a tag; one at least."""
        rest = self._rules.repeat(any_of(_IN_LINE), least - 1, None if most is None else most - 1)
        return f"{any_of(without(_IN_LINE, (0x3C,)))} {rest}"

    def _text(self, least: int) -> str:
        """Return lines none of which begins like a tag of the call; the first has `least` characters."""
        line = self._rules.rule(_not_beginning_with(_BREAKING, self._rules))
        first = self._line(least, None) if least else line
        more = self._rules.repeat(f'"\\n" {line}', 0, None)
        return self._rules.rule(f"{first} {more}")


def _not_beginning_with(words: Sequence[str], rules: Rules) -> str:
    """Return a line that begins with none of `words`, which may be the line's end too."""
    rest = rules.repeat(any_of(_IN_LINE), 0, None)
    heads = {word[0] for word in words}
    options = [EMPTY, f"{any_of(without(_IN_LINE, map(ord, heads)))} {rest}"]
    for head in sorted(heads):
        tails = [word[1:] for word in words if word[0] == head]
        if all(tails):
            options.append(f"{literal(head)} {rules.rule(_not_beginning_with(tails, rules))}")
    return " | ".join(options)


def _raw(value: JsonValue) -> str | None:
    """Return an enumerated value as it stands in its tags; None for a text that cannot."""
    text = value if isinstance(value, str) else json_text(value)
    if text is None or json_text(text) is None:
        return None
    if any(line.startswith(_BREAKING) for line in text.split("\n")):
        return None
    return literal(text)
