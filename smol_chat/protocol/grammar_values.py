"""JSON values by schema, as expressions of a grammar.

What is not translated is left out, which makes the grammar wider, never narrower than JSON allows: `schema.problems`
checks the arguments of every call all the same. Where a schema leaves no value at all the expression is None.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence

from smol_chat.messages import JsonObject, JsonValue
from smol_chat.protocol import grammar_numbers, grammar_strings
from smol_chat.protocol.grammar_shapes import MOST_RECURSIONS, Shapes, kinds
from smol_chat.protocol.grammar_text import EMPTY, UNICODE, Rules, any_of, literal, without
from smol_chat.protocol.schema import problems

MOST_CHOICES = 500
"""Values of an enumeration that are told apart; a longer one is taken by its type alone."""

MOST_COUNTED = 16
"""Properties that are counted where a schema bounds their number."""

LONGEST_CHOICES = 20_000
"""Characters of all values of an enumeration, in the same way."""

DEEPEST = 24
"""Lists and objects inside each other; what lies deeper is any value."""

_DEEPEST_ANY = 5
_LARGEST_SIZE = 10**9

SPACE = '(" " | "\\n" [\\x20\\x09]{0,24})?'
"""Between the parts of a value: nothing, a space, or a new line with its indentation. Bounded: models can get lost."""

LONGEST_NAME = 64
"""About the characters of a property the schema does not name."""

_PLAIN = without(UNICODE, (0x22, 0x5C))
_CHARACTER = any_of(_PLAIN)
_HEX = "[0-9A-Fa-f]"
_ESCAPE = (
    f'"\\\\" (["\\\\/bfnrt] | "u" ([0-9A-Ca-cE-Fe-f] {_HEX}{{3}} | [Dd] [0-7] {_HEX}{{2}}'
    f' | [Dd] [89ABab] {_HEX}{{2}} "\\\\u" [Dd] [C-Fc-f] {_HEX}{{2}}))'
)


class JsonValues:
    """Translate the schemas of one tool into expressions that are one symbol each."""

    def __init__(self, document: JsonValue, rules: Rules, *, limit: int) -> None:
        """Prepare for one tool.

        Args:
            document: the tool's whole schema, in which references are looked up.
            rules: where to put rules.
            limit: characters they may take; what goes beyond becomes any value.
        """
        self.shapes = Shapes(document)
        self._rules = rules
        self._limit = rules.size + limit
        self._anything: dict[int, str] = {}
        self._known: dict[tuple[int, int, int], tuple[JsonValue, str | None]] = {}
        """By schema, recursions left and depth; the schema is kept so that its id stays its own."""

    @property
    def is_full(self) -> bool:
        """The tool's share of the grammar is used up: what is left of its schema is loosened."""
        return self._rules.size > self._limit

    def value(self, schema: JsonValue, recursions: int = MOST_RECURSIONS, depth: int = 0) -> str | None:
        """Return the expression of the values that fit a schema; None where none does."""
        key = (id(schema), recursions, depth)
        if key not in self._known:
            self._known[key] = schema, self._rules.choice(self._options(schema, recursions, depth))
        return self._known[key][1]

    def anything(self, depth: int = _DEEPEST_ANY) -> str:
        """Return the expression of any JSON value, nested up to a depth."""
        if depth not in self._anything:
            options = [self.string(), grammar_numbers.NUMBER, '"true" | "false" | "null"']
            if depth:
                item = self.anything(depth - 1)
                options += [self._list_of([], item, 0, None), self._map_of(item, 0, None)]
            self._anything[depth] = self._rules.rule(" | ".join(options))
        return self._anything[depth]

    def any_object(self) -> str:
        """Return the expression of any object."""
        return self._rules.rule(self._map_of(self.anything(), 0, None))

    def string(self, least: int = 0, most: int | None = None) -> str:
        """Return the expression of a string of some length."""
        return f'"\\"" {self._rules.repeat(self._character(), least, most)} "\\""'

    def _character(self) -> str:
        return self._rules.rule(f"{_CHARACTER} | {_ESCAPE}")

    def _options(self, schema: JsonValue, recursions: int, depth: int) -> list[str]:
        if self.is_full or depth > DEEPEST:
            return [self.anything()]
        return [
            option
            for shape, left in self.shapes.of(schema, recursions)
            for option in self._of_shape(shape, left, depth)
        ]

    def _of_shape(self, shape: JsonObject, recursions: int, depth: int) -> list[str]:
        values = choices(shape)
        if values is not None:
            return [literal(text) for value in values if (text := json_text(value)) is not None]
        named = kinds(shape)
        if not named:
            return [self.anything()]
        options: list[str] = []
        for kind in named:
            if kind == "object":
                options += self._object(shape, recursions, depth)
            elif kind == "array":
                options += self._array(shape, recursions, depth)
            else:
                options += self.scalar(kind, shape)
        return options

    def scalar(self, kind: str, shape: JsonObject) -> list[str]:
        """Return the forms of a value that is no list and no object."""
        match kind:
            case "string":
                return self._string(shape)
            case "integer":
                return grammar_numbers.integer(shape)
            case "number":
                return grammar_numbers.number(shape)
            case "boolean":
                return ['"true"', '"false"']
            case _:
                return ['"null"']

    def _string(self, shape: JsonObject) -> list[str]:
        text = formed(shape, self._rules, json=True)
        if text is not None:
            return [f'"\\"" ({text}) "\\""']
        least, most = size(shape, "Length")
        return [] if most is not None and least > most else [self.string(least, most)]

    def _array(self, shape: JsonObject, recursions: int, depth: int) -> list[str]:
        items = shape.get("items", {})
        prefix = shape.get("prefixItems")
        first = prefix if isinstance(prefix, list) else items if isinstance(items, list) else []
        least, most = size(shape, "Items")
        rest = None if isinstance(items, list) else self.value(items, recursions, depth + 1)
        if isinstance(items, list):
            rest = self.anything()
        leading: list[str] = []
        for item in first:
            expression = self.value(item, recursions, depth + 1)
            if expression is None or (most is not None and len(leading) == most):
                rest = None
                break
            leading.append(expression)
        if rest is None:
            most = min(len(leading), len(leading) if most is None else most)
        if most is not None and least > most:
            return []
        return [self._list_of(leading, rest, least, most)]

    def _list_of(self, leading: Sequence[str], rest: str | None, least: int, most: int | None) -> str:
        """Return a list that begins with some items; `rest` is each one behind them."""
        space = self._space()
        if most == 0:
            return f'"[" {space} "]"'
        if leading:
            more = None if most is None else most - len(leading)
            behind = self._more(rest, max(0, least - len(leading)), more)
            separated = f' "," {space} '.join(leading)
            return f'"[" {space} {separated} {behind} {space} "]"'
        assert rest is not None
        items = f"{rest} {self._more(rest, max(0, least - 1), None if most is None else most - 1)} {space}"
        return f'"[" {space} {self._rules.rule(items) if least else self._rules.rule(f"({items})?")} "]"'

    def _more(self, item: str | None, least: int, most: int | None) -> str:
        """Return so many further items, each behind a comma."""
        if item is None or most == 0:
            return EMPTY
        return self._rules.repeat(f'"," {self._space()} {item}', least, most)

    def _object(self, shape: JsonObject, recursions: int, depth: int) -> list[str]:
        members = self.members(shape, lambda schema: self.value(schema, recursions, depth + 1))
        if members is None:
            return []
        pairs, rest = members
        least, most = size(shape, "Properties")
        if not pairs:
            if most == 0 or rest is None:
                return [] if least else [f'"{{" {self._space()} "}}"']
            return [] if most is not None and least > most else [self._map_of(rest, least, most)]
        space = self._space()
        named = [(f"{self._key(key)} {value}", needed) for key, value, needed in pairs]
        behind = "" if rest is None else self._other_members(rest, tuple(key for key, _, _ in pairs))
        body = self.chain(named, (least, most), f'"," {space} ', behind, space)
        return [] if body is None else [f'"{{" {space} {body} "}}"']

    def members(
        self, shape: JsonObject, translate: Callable[[JsonValue], str | None]
    ) -> tuple[list[tuple[str, str, bool]], str | None] | None:
        """Take an object's schema apart.

        Returns:
            Key, value and whether it is required, of each declared property that can have a value; then the value of
            any other property, None where none is allowed. None where no object fits.
        """
        declared = shape.get("properties")
        properties: JsonObject = dict(declared) if isinstance(declared, dict) else {}
        required = shape.get("required")
        needed = {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()
        # what may be written under other names; where properties are declared and nothing is said: nothing
        others = shape.get("additionalProperties", "patternProperties" in shape or not properties)
        for name in needed - properties.keys():
            properties[name] = others if "additionalProperties" in shape else {}
        pairs: list[tuple[str, str, bool]] = []
        for key, schema in properties.items():
            value = translate(schema) if json_text(key) is not None else None
            if value is not None:
                pairs.append((key, value, key in needed))
            elif key in needed:
                return None
        return pairs, translate(others)

    def chain(
        self, members: Sequence[tuple[str, bool]], bounds: tuple[int, int | None], separator: str, behind: str, end: str
    ) -> str | None:
        """Return members in their order, without any of those that are not required.

        Args:
            members: expression of each, and whether it is required.
            bounds: fewest and most of them; ignored where they are too many to be counted.
            separator: what stands between two.
            behind: what may follow the members, each with the separator before it.
            end: what follows the last one, where there is one.
        """
        least, most = bounds
        if max(least, most or 0) > MOST_COUNTED:
            least, most = 0, None
        highest = max(1, least, most or 0)
        tails: list[str | None] = [
            None if count < least and not behind else f"{behind} {end}".strip() if count and (behind or end) else EMPTY
            for count in range(highest + 1)
        ]
        for member, needed in reversed(members):
            states: list[str | None] = []
            for count in range(highest + 1):
                then = tails[min(count + 1, highest)]
                options = [] if needed or tails[count] is None else [tails[count] or EMPTY]
                if then is not None and not (most is not None and count >= most):
                    options.insert(0, f"{separator if count else ''}{member} {then}")
                states.append(self._rules.choice(options))
            tails = states
        return tails[0]

    def _other_members(self, value: str, declared: tuple[str, ...]) -> str:
        return self._rules.repeat(f'"," {self._space()} {self._other_key(declared)} {value}', 0, None)

    def _map_of(self, value: str, least: int, most: int | None) -> str:
        """Return an object of any names."""
        space = self._space()
        if most == 0:
            return f'"{{" {space} "}}"'
        entry = self._rules.rule(f"{self._other_key(())} {value}")
        members = f"{entry} {self._more(entry, max(0, least - 1), None if most is None else most - 1)} {space}"
        return f'"{{" {space} {self._rules.rule(members) if least else self._rules.rule(f"({members})?")} "}}"'

    def _key(self, key: str) -> str:
        text = json_text(key)
        assert text is not None
        return f"{literal(f'{text}:')} {self._space()}"

    def _other_key(self, declared: Sequence[str]) -> str:
        """Return a name that is none of the declared ones, and none that is written with escapes."""
        # a longer name cannot be written here anyway, nor one with an escape
        taken = [key for key in declared if len(key) <= LONGEST_NAME * 2 and json_text(key) == f'"{key}"']
        name = unlike(taken, self._rules, may_end=False)
        return f'"\\"" {name} "\\":" {self._space()}'

    def _space(self) -> str:
        return self._rules.rule(SPACE)


def unlike(texts: Sequence[str], rules: Rules, *, may_end: bool) -> str:
    """Return the text of a JSON string without escapes that is none of `texts`; `may_end`: it may be empty."""
    heads = sorted({text[0] for text in texts if text})
    rest = rules.repeat(_CHARACTER, 0, LONGEST_NAME)
    options = [EMPTY] if may_end and "" not in texts else []
    options.append(f"{any_of(without(_PLAIN, map(ord, heads)))} {rest}")
    for head in heads:
        tails = [text[1:] for text in texts if text.startswith(head)]
        options.append(f"{literal(head)} {unlike(tails, rules, may_end=True)}")
    return rules.rule(" | ".join(options))


def formed(shape: JsonObject, rules: Rules, *, json: bool) -> str | None:
    """Return the form of a string that has a format or a pattern we know; None otherwise."""
    name, source = shape.get("format"), shape.get("pattern")
    if isinstance(name, str) and name in grammar_strings.FORMATS:
        return rules.rule(grammar_strings.FORMATS[name])
    return grammar_strings.pattern(source, rules, json=json) if isinstance(source, str) else None


def size(shape: JsonObject, word: str) -> tuple[int, int | None]:
    """Return how many there are at least and at most, of `Length`, `Items` or `Properties`."""
    return math.ceil(_bound(shape, f"min{word}") or 0), _floor(_bound(shape, f"max{word}"))


def _bound(shape: JsonObject, word: str) -> float | None:
    value = shape.get(word)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if 0 <= value <= _LARGEST_SIZE else None


def _floor(value: float | None) -> int | None:
    return None if value is None else math.floor(value)


def choices(shape: JsonObject) -> list[JsonValue] | None:
    """Return the values a plain schema enumerates, None where it does not or they are too many to be told apart."""
    word = "const" if "const" in shape else "enum"
    listed = [shape["const"]] if "const" in shape else shape.get("enum")
    if not isinstance(listed, list) or len(listed) > MOST_CHOICES or len(json.dumps(listed)) > LONGEST_CHOICES:
        return None
    rest = {key: value for key, value in shape.items() if key != word}
    return [value for value in listed if not problems(rest, value)]


def json_text(value: JsonValue) -> str | None:
    """Return a value as JSON; None where no encoding can carry it."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except ValueError:
        return None
    return text
