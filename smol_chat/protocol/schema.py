"""The JSON Schema subset tools use: what is wrong with a call's arguments, and raw strings turned into values.

Known: type (also a list of types), enum, const, $ref into the same schema, anyOf, oneOf, allOf; objects with
properties, required, additionalProperties and their number; arrays with items, prefixItems, their number and
uniqueItems; string length, pattern and format; number ranges and multipleOf. Anything else, and anything of the wrong
shape, constrains nothing: a schema may come from a stranger's server, which checks its arguments itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import unquote

from smol_chat.messages import JsonObject, JsonValue
from smol_chat.protocol import strict_json
from smol_chat.protocol.events import UnreadableCallError
from smol_chat.protocol.formats import format_problem, matches
from smol_chat.protocol.suggest import closest, quoted

_MOST_PROBLEMS = 40
_MOST_LISTED = 20
_LONGEST_VALUE = 40
_MOST_HOPS = 32
_PLAIN_KEY = re.compile(r"[\w-]{1,60}")
_EXPECTED = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
    "array": "a list",
    "object": "an object",
}
_PYTHON_LITERALS: dict[str, JsonValue] = {"True": True, "False": False, "None": None}


def problems(schema: JsonObject, value: JsonValue) -> list[str]:
    """Return everything that is wrong with `value`, one short sentence each, with the path it is about.

    A whole number written with a fraction (`2.0`) is no integer here: tools are written in languages where it is not.
    """
    try:
        found = list(dict.fromkeys(_Checker(schema).check(schema, value, "")))
    except RecursionError:
        return ["arguments: are nested too deeply to be checked"]
    if len(found) > _MOST_PROBLEMS:
        return [*found[:_MOST_PROBLEMS], f"arguments: have {len(found) - _MOST_PROBLEMS} more problems"]
    return found


def typed(schema: JsonObject, arguments: JsonObject) -> JsonObject:
    """Convert the raw strings of a call in XML form as the schema says; what does not convert stays a string.

    A parameter that may be a string stays one, whatever it looks like; only `null` is told apart.
    """
    document = Document(schema)
    try:
        return {
            key: _converted(document, document.property(key), raw) if isinstance(raw, str) else raw
            for key, raw in arguments.items()
        }
    except RecursionError:
        return arguments


class Document:
    """A whole schema, in which references are looked up."""

    def __init__(self, root: JsonValue) -> None:
        self._root = root

    def resolve(self, schema: JsonValue) -> JsonValue:
        """Follow `$ref` to a schema without one; return {} where it leads nowhere."""
        for _ in range(_MOST_HOPS):
            reference = schema.get("$ref") if isinstance(schema, dict) else None
            if not isinstance(reference, str):
                return schema
            schema = self.target(reference)
        return {}

    def target(self, reference: str) -> JsonValue:
        """Return what a `#/…` pointer names, {} for anything else."""
        if not reference.startswith("#"):
            return {}
        node = self._root
        for step in unquote(reference[1:]).split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(node, dict) and key in node:
                node = node[key]
            elif isinstance(node, list) and key.isdecimal() and int(key) < len(node):
                node = node[int(key)]
            else:
                return {}
        return node

    def property(self, key: str) -> JsonValue:
        """Return the schema of a parameter."""
        root = self.resolve(self._root)
        if not isinstance(root, dict):
            return {}
        properties = root.get("properties")
        if isinstance(properties, dict) and key in properties:
            return properties[key]
        return root.get("additionalProperties")

    def kinds(self, schema: JsonValue) -> set[str]:
        """Return the types a schema names, its alternatives included; none where it does not say."""
        return {kind for part in self.parts(schema) for kind in _kinds(part)}

    def parts(self, schema: JsonValue) -> list[JsonObject]:
        """Return the schema and all its alternatives, each once, references followed."""
        parts: dict[int, JsonObject] = {}
        waiting = [schema]
        while waiting:
            part = self.resolve(waiting.pop())
            if isinstance(part, dict) and id(part) not in parts:
                parts[id(part)] = part
                waiting += [branch for word in ("anyOf", "oneOf", "allOf") for branch in _list(part.get(word))]
        return list(parts.values())


class _Checker:
    def __init__(self, root: JsonValue) -> None:
        self._document = Document(root)
        self._referenced: dict[tuple[str, str, int], list[str]] = {}
        """What each reference found at each place: one that leads to itself ends, many to the same stay cheap."""

    def check(self, schema: JsonValue, value: JsonValue, path: str) -> list[str]:
        if schema is False:
            return [_says(path, "is not allowed here")]
        if not isinstance(schema, dict):
            return []
        found = [*self._check_reference(schema, value, path), *self._check_alternatives(schema, value, path)]
        kinds = _kinds(schema)
        if kinds and not any(_is(kind, value) for kind in kinds):
            return [*found, _says(path, f"must be {_one_of(kinds)} (got {_shown(value)})")]
        found += _constant_problems(schema, value, path)
        if isinstance(value, dict):
            found += self._check_object(schema, value, path)
        elif isinstance(value, list):
            found += self._check_array(schema, value, path)
        elif isinstance(value, str):
            found += _string_problems(schema, value, path)
        elif value is not None and not isinstance(value, bool):
            found += _number_problems(schema, value, path)
        return found

    def _check_reference(self, schema: JsonObject, value: JsonValue, path: str) -> list[str]:
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return []
        key = (reference, path, id(value))
        if key not in self._referenced:
            self._referenced[key] = []
            self._referenced[key] = self.check(self._document.target(reference), value, path)
        return self._referenced[key]

    def _check_alternatives(self, schema: JsonObject, value: JsonValue, path: str) -> list[str]:
        found = [problem for part in _list(schema.get("allOf")) for problem in self.check(part, value, path)]
        for word in ("anyOf", "oneOf"):
            branches = _list(schema.get(word))
            results = [self.check(branch, value, path) for branch in branches]
            fitting = sum(not result for result in results)
            if results and not fitting:
                found += self._nearest(branches, results, value, path)
            if word == "oneOf" and fitting > 1:
                found.append(_says(path, "fits more than one of the allowed forms; it must fit exactly one"))
        return found

    def _nearest(self, branches: list[JsonValue], results: list[list[str]], value: JsonValue, path: str) -> list[str]:
        """Return what keeps the value from the alternative it comes nearest to."""
        kinds = [self._document.kinds(branch) for branch in branches]
        likely = [
            result
            for result, names in zip(results, kinds, strict=True)
            if not names or any(_is(name, value) for name in names)
        ]
        if likely:
            return min(likely, key=len)
        return [_says(path, f"must be {_one_of(sorted(set().union(*kinds)))} (got {_shown(value)})")]

    def _check_object(self, schema: JsonObject, value: JsonObject, path: str) -> list[str]:
        declared = schema.get("properties")
        properties = declared if isinstance(declared, dict) else {}
        found = [
            _says(_inside(path, name), "is required")
            for name in _list(schema.get("required"))
            if isinstance(name, str) and name not in value
        ]
        others = schema.get("additionalProperties")
        # Names by pattern are not known here, so with them present any name may be right.
        if "patternProperties" in schema:
            others = None
        for key, item in value.items():
            if key in properties:
                found += self.check(properties[key], item, _inside(path, key))
            elif others is False:
                found.append(_says(_inside(path, key), _unknown_parameter(key, properties)))
            else:
                found += self.check(others, item, _inside(path, key))
        found += _size_problems(schema, "Properties", len(value), "entries", path)
        return found

    def _check_array(self, schema: JsonObject, value: list[JsonValue], path: str) -> list[str]:
        items = schema.get("items")
        first = _list(schema.get("prefixItems")) or _list(items)
        found: list[str] = []
        for index, item in enumerate(value):
            expected = first[index] if index < len(first) else items
            found += self.check(expected, item, f"{path}[{index}]")
        found += _size_problems(schema, "Items", len(value), "items", path)
        if schema.get("uniqueItems") is True and len({_canonical(item) for item in value}) < len(value):
            found.append(_says(path, "must not hold the same item twice"))
        return found


def _constant_problems(schema: JsonObject, value: JsonValue, path: str) -> Iterator[str]:
    choices = schema.get("enum")
    if isinstance(choices, list) and not any(_same(choice, value) for choice in choices):
        listed = ", ".join(_shown(choice) for choice in choices[:_MOST_LISTED])
        more = f" or {len(choices) - _MOST_LISTED} others" if len(choices) > _MOST_LISTED else ""
        yield _says(path, f"must be one of {listed}{more} (got {_shown(value)})")
    if "const" in schema and not _same(schema["const"], value):
        yield _says(path, f"must be {_shown(schema['const'])} (got {_shown(value)})")


def _string_problems(schema: JsonObject, value: str, path: str) -> list[str]:
    found = _size_problems(schema, "Length", len(value), "characters", path)
    pattern, name = schema.get("pattern"), schema.get("format")
    if isinstance(pattern, str) and matches(pattern, value) is False:
        found.append(_says(path, f"must match the pattern {quoted(pattern)} (got {_shown(value)})"))
    expected = format_problem(name, value) if isinstance(name, str) else None
    if expected:
        found.append(_says(path, f"must be {expected} (got {_shown(value)})"))
    return found


def _number_problems(schema: JsonObject, value: float, path: str) -> Iterator[str]:
    least, most = _number(schema.get("minimum")), _number(schema.get("maximum"))
    above, below = _number(schema.get("exclusiveMinimum")), _number(schema.get("exclusiveMaximum"))
    # Up to draft 4 these two were flags on the other two.
    if schema.get("exclusiveMinimum") is True:
        least, above = None, least
    if schema.get("exclusiveMaximum") is True:
        most, below = None, most
    step = _number(schema.get("multipleOf"))
    if least is not None and value < least:
        yield _says(path, f"must be at least {least} (got {_shown(value)})")
    if most is not None and value > most:
        yield _says(path, f"must be at most {most} (got {_shown(value)})")
    if above is not None and value <= above:
        yield _says(path, f"must be more than {above} (got {_shown(value)})")
    if below is not None and value >= below:
        yield _says(path, f"must be less than {below} (got {_shown(value)})")
    if step is not None and step > 0 and not _is_multiple(value, step):
        yield _says(path, f"must be a multiple of {step} (got {_shown(value)})")


def _size_problems(schema: JsonObject, word: str, size: int, unit: str, path: str) -> list[str]:
    least, most = _number(schema.get(f"min{word}")), _number(schema.get(f"max{word}"))
    if least is not None and size < least:
        return [_says(path, f"must have at least {least} {unit} (got {size})")]
    if most is not None and size > most:
        return [_says(path, f"must have at most {most} {unit} (got {size})")]
    return []


def _converted(document: Document, schema: JsonValue, raw: str) -> JsonValue:
    parts = document.parts(schema)
    choices = [choice for part in parts for choice in [*_list(part.get("enum")), *_constant(part)]]
    if raw in choices:
        return raw
    value = _literal(raw)
    for choice in choices:
        if _same(choice, value):
            return choice
    kinds = {kind for part in parts for kind in _kinds(part)}
    if value is None:
        return None if "null" in kinds else raw
    if not kinds or "string" in kinds:
        return raw
    return value if any(_is(kind, value) for kind in kinds) else raw


def _literal(raw: str) -> JsonValue:
    """Return the value that `raw` writes in strict JSON or as one of Python's three literals, else `raw`."""
    word = raw.strip()
    if word in _PYTHON_LITERALS:
        return _PYTHON_LITERALS[word]
    try:
        return strict_json.decode(raw)
    except UnreadableCallError:
        return raw


def _kinds(schema: JsonObject) -> list[str]:
    """Return the types a schema names; none if it names one nobody knows, which could be anything."""
    named = [kind for kind in [schema.get("type"), *_list(schema.get("type"))] if isinstance(kind, str)]
    return named if all(kind in _EXPECTED for kind in named) else []


def _constant(schema: JsonObject) -> list[JsonValue]:
    return [schema["const"]] if "const" in schema else []


def _is(kind: str, value: JsonValue) -> bool:
    match kind:
        case "string":
            return isinstance(value, str)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "null":
            return value is None
        case "array":
            return isinstance(value, list)
        case _:
            return isinstance(value, dict)


def _same(left: JsonValue, right: JsonValue) -> bool:
    """Tell whether two values are equal in JSON, where true is not 1."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def _canonical(value: JsonValue) -> str:
    return json.dumps(value, sort_keys=True)


def _is_multiple(value: float, step: float) -> bool:
    if isinstance(value, int) and isinstance(step, int):
        return value % step == 0
    try:
        times = value / step
    except OverflowError:
        return True
    return abs(times - round(times)) < 1e-9 if abs(times) < 1e15 else True


def _number(value: JsonValue) -> int | float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _inside(path: str, key: str) -> str:
    if not _PLAIN_KEY.fullmatch(key):
        return f"{path}[{quoted(key)}]"
    return f"{path}.{key}" if path else key


def _says(path: str, sentence: str) -> str:
    return f"{path or 'arguments'}: {sentence}"


def _shown(value: JsonValue) -> str:
    if isinstance(value, (dict, list)):
        return _EXPECTED["object" if isinstance(value, dict) else "array"]
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def _one_of(kinds: list[str]) -> str:
    return " or ".join(_EXPECTED[kind] for kind in dict.fromkeys(kinds))


def _unknown_parameter(key: str, properties: JsonObject) -> str:
    if not properties:
        return "is not known here: none are taken"
    near = closest(key, properties)
    hint = f"did you mean {quoted(near)}? " if near else ""
    return f"is not known here; {hint}known: {', '.join(list(properties)[:_MOST_LISTED])}"
