"""What a schema comes down to: plain schemas without references and alternatives, each one way to fit it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import unquote

from smol_chat.messages import JsonObject, JsonValue

MOST_SHAPES = 64
"""Ways to fit one schema that are told apart; with more of them it is taken as it stands without alternatives."""

MOST_RECURSIONS = 6
"""How often references lead back into what they are part of."""

_MOST_STEPS = 20_000
_HIGHEST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_LOWEST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_KINDS = ("string", "integer", "number", "boolean", "null", "array", "object")
_HINTS = {
    "object": ("properties", "required", "additionalProperties"),
    "array": ("items", "prefixItems", "minItems", "maxItems"),
    "string": ("pattern", "format", "minLength", "maxLength"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
"""Words that say what a schema without a type is about. It would let other types through; nobody means that."""


class Shapes:
    """Take the schemas inside one document apart. What takes too long is loosened: `{}` fits anything."""

    def __init__(self, document: JsonValue) -> None:
        self._document = document
        self._steps = 0
        self._recursive: dict[str, bool] = {}

    def of(self, schema: JsonValue, recursions: int) -> list[tuple[JsonObject, int]]:
        """Return the plain schemas a value may fit instead of this one, each with the recursions that are left.

        None at all where nothing fits it.
        """
        self._steps += 1
        if schema is False:
            return []
        if not isinstance(schema, dict) or self._steps > _MOST_STEPS:
            return [({}, recursions)]
        if isinstance(schema.get("$ref"), str):
            return self._of_reference(schema, str(schema["$ref"]), recursions)
        plain = {key: value for key, value in schema.items() if key not in ("allOf", "anyOf", "oneOf")}
        shapes = [(plain, recursions)]
        for branches in self._branches(schema):
            parts = [part for branch in branches for part in self.of(branch, recursions)]
            if len(parts) * len(shapes) > MOST_SHAPES:
                continue
            pairs = [(merged(one, other), min(left, right)) for one, left in shapes for other, right in parts]
            shapes = [(shape, left) for shape, left in pairs if shape is not None]
        return shapes

    def _branches(self, schema: JsonObject) -> Iterator[list[JsonValue]]:
        """Yield lists of schemas, one of each of which must be fitted."""
        for word in ("anyOf", "oneOf"):
            branches = schema.get(word)
            if isinstance(branches, list) and branches:
                yield branches
        parts = schema.get("allOf")
        for part in parts if isinstance(parts, list) else []:
            yield [part]

    def _of_reference(self, schema: JsonObject, reference: str, recursions: int) -> list[tuple[JsonObject, int]]:
        if self._leads_back(reference):
            if recursions == 0:
                return []
            recursions -= 1
        others = {key: value for key, value in schema.items() if key != "$ref"}
        target = self._target(reference)
        constrains = any(key not in ("description", "title", "default", "examples") for key in others)
        return self.of({"allOf": [target, others]} if constrains else target, recursions)

    def _leads_back(self, reference: str) -> bool:
        """Tell whether what a reference names refers to itself, be it through others."""
        known = self._recursive.get(reference)
        if known is None:
            seen: set[str] = set()
            waiting = list(_references(self._target(reference)))
            while waiting:
                found = waiting.pop()
                if found not in seen:
                    seen.add(found)
                    waiting += _references(self._target(found))
            # a reference into the middle of its own target, or to what contains it, leads back as well
            known = self._recursive[reference] = any(_overlap(found, reference) for found in seen)
        return known

    def _target(self, reference: str) -> JsonValue:
        """Return what a `#/…` pointer names, {} for anything else."""
        node = self._document if reference.startswith("#") else {}
        for step in unquote(reference[1:]).split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(node, dict):
                node = node.get(key, {})
            elif isinstance(node, list) and key.isascii() and key.isdigit() and int(key[:9]) < len(node):
                node = node[int(key)]
            else:
                return {}
        return node


def kinds(schema: JsonObject) -> list[str]:
    """Return the types a plain schema allows, or is about where it names none; none where it could be any."""
    named = schema.get("type")
    listed = [kind for kind in (named if isinstance(named, list) else [named]) if isinstance(kind, str)]
    if listed:
        return list(dict.fromkeys(listed)) if all(kind in _KINDS for kind in listed) else []
    return [kind for kind, hints in _HINTS.items() if any(hint in schema for hint in hints)]


def merged(one: JsonObject, other: JsonObject) -> JsonObject | None:
    """Return a schema for what fits both of two plain ones; None where nothing can."""
    both = {**one, **other}
    for key in one.keys() & other.keys():
        both[key] = _both(key, one[key], other[key])
    if isinstance(both.get("enum"), list) and not both["enum"]:
        return None
    if isinstance(both.get("type"), list) and not both["type"]:
        return None
    for closed, others in ((one, other), (other, one)):
        declared, added = closed.get("properties"), others.get("properties")
        if closed.get("additionalProperties") is False and isinstance(declared, dict) and isinstance(added, dict):
            properties = both["properties"]
            assert isinstance(properties, dict)
            both["properties"] = {key: value if key in declared else False for key, value in properties.items()}
    return both


def _both(key: str, one: JsonValue, other: JsonValue) -> JsonValue:
    """Return the value of a word that two schemas have; where that cannot be said, one of theirs."""
    if one == other and isinstance(one, bool) == isinstance(other, bool):
        return one
    if key == "properties" and isinstance(one, dict) and isinstance(other, dict):
        return {name: _all_of(name, one, other) for name in {**one, **other}}
    if key == "required" and isinstance(one, list) and isinstance(other, list):
        return [*one, *(name for name in other if name not in one)]
    if key == "type":
        return _common_types(one, other)
    if key == "enum" and isinstance(one, list) and isinstance(other, list):
        known = {_text(value) for value in other}
        return [value for value in one if _text(value) in known]
    if key in ("items", "additionalProperties"):
        return False if one is False or other is False else {"allOf": [one, other]}
    if key in (*_HIGHEST, *_LOWEST):
        bounds = [bound for bound in (one, other) if isinstance(bound, (int, float)) and not isinstance(bound, bool)]
        return (max if key in _HIGHEST else min)(bounds, default=one)
    return one


def _common_types(one: JsonValue, other: JsonValue) -> JsonValue:
    left, right = (value if isinstance(value, list) else [value] for value in (one, other))
    common = [kind for kind in left if kind in right]
    for these, those in ((left, right), (right, left)):
        if "integer" in these and "number" in those and "integer" not in common:
            common.append("integer")
    return common


def _all_of(name: str, one: JsonObject, other: JsonObject) -> JsonValue:
    if name in one and name in other:
        return one[name] if one[name] == other[name] else {"allOf": [one[name], other[name]]}
    return one[name] if name in one else other[name]


def _references(schema: JsonValue) -> Iterator[str]:
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            waiting += node.values()
            reference = node.get("$ref")
            if isinstance(reference, str):
                yield reference


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def _text(value: JsonValue) -> str:
    return json.dumps(value, sort_keys=True)
