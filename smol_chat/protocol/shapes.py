"""What a form needs to know of each argument: its types, its choices, whether it must be there."""

from __future__ import annotations

from dataclasses import dataclass

from smol_chat.messages import JsonObject, JsonValue
from smol_chat.protocol.schema import Document


@dataclass(frozen=True, slots=True)
class ArgumentShape:
    """One argument of a tool, alternatives and references followed."""

    name: str
    required: bool
    kinds: frozenset[str]
    """JSON types it may have; empty: any."""
    choices: tuple[JsonValue, ...] = ()
    """The only values it may have, where the schema lists them all."""
    item_kinds: frozenset[str] = frozenset()
    """JSON types of its items, where it may be a list; empty: any."""
    description: str = ""


def argument_shapes(schema: JsonObject) -> list[ArgumentShape]:
    """Return the arguments a schema declares, in its order."""
    document = Document(schema)
    root = document.resolve(schema)
    properties = root.get("properties") if isinstance(root, dict) else None
    required = root.get("required") if isinstance(root, dict) else None
    names = [*properties] if isinstance(properties, dict) else []
    return [_shape(document, name, required=isinstance(required, list) and name in required) for name in names]


def _shape(document: Document, name: str, *, required: bool) -> ArgumentShape:
    schema = document.property(name)
    parts = document.parts(schema)
    items = [kind for part in parts for kind in document.kinds(part.get("items"))]
    described = next((text for part in parts if isinstance(text := part.get("description"), str)), "")
    return ArgumentShape(
        name, required, frozenset(document.kinds(schema)), _choices(parts), frozenset(items), description=described
    )


def _choices(parts: list[JsonObject]) -> tuple[JsonValue, ...]:
    """Return what an enumeration lists, and null where that is its only alternative."""
    listed: list[JsonValue] = []
    for part in parts:
        choices = part.get("enum")
        if isinstance(choices, list):
            listed += [choice for choice in choices if choice not in listed]
        elif "const" in part:
            listed.append(part["const"])
        elif part.get("type") == "null":
            listed.append(None)
        elif not any(word in part for word in ("anyOf", "oneOf", "allOf")):
            return ()
    return tuple(listed) if listed != [None] else ()
