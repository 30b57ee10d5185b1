"""The JSON Schema of a tool's arguments, read from its signature."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from smol_chat.messages import JsonObject, JsonValue

_PLAIN: dict[object, str] = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
_LIMITS = {
    "string": ("minLength", "maxLength"),
    "array": ("minItems", "maxItems"),
    "integer": ("minimum", "maximum"),
    "number": ("minimum", "maximum"),
}


@dataclass(frozen=True)
class Range:
    """Bounds of an argument, both included: of a number itself, of the length of a text or a list."""

    min: float | None = None
    max: float | None = None


def parameters_schema(function: Callable[..., object]) -> JsonObject:
    """Return the schema of everything the function takes but `ctx`.

    Raises:
        TypeError: the signature cannot be told to a model.
    """
    name = function.__name__
    parameters = dict(inspect.signature(function).parameters)
    if parameters.pop("ctx", None) is None:
        raise TypeError(f"The tool {name} must take a keyword argument `ctx`.")
    hints = _hints(function)
    properties: JsonObject = {}
    required: list[JsonValue] = []
    for parameter in parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise TypeError(f"The tool {name} may not take {parameter}: a model passes arguments by name.")
        if parameter.name not in hints:
            raise TypeError(f"The argument {parameter.name!r} of the tool {name} needs a type.")
        try:
            properties[parameter.name] = _described(hints[parameter.name], parameter.default)
        except TypeError as error:
            raise TypeError(f"The argument {parameter.name!r} of the tool {name}: {error}") from None
        if parameter.default is parameter.empty:
            required.append(parameter.name)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _hints(function: Callable[..., object]) -> dict[str, Any]:
    """Return the types of the arguments; `ctx` and the result may be named for a type checker only."""
    annotations = {key: hint for key, hint in function.__annotations__.items() if key not in ("ctx", "return")}
    holder = types.SimpleNamespace(__annotations__=annotations)
    return get_type_hints(holder, globalns=getattr(function, "__globals__", {}), include_extras=True)


def _described(hint: object, default: object) -> JsonObject:
    schema = _schema(hint)
    if default is not inspect.Parameter.empty and default is not None:
        schema["default"] = cast("JsonValue", default)
    return schema


def _schema(hint: object) -> JsonObject:
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    if hint is Any:
        return {}
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _annotated(arguments)
    if origin is Literal:
        return _literal(arguments)
    if origin in (Union, types.UnionType):
        return _union(arguments)
    if hint is list or origin is list:
        return {"type": "array", "items": _schema(arguments[0])} if arguments else {"type": "array"}
    if hint is dict or origin is dict:
        values = _schema(arguments[1]) if arguments else {}
        return {"type": "object", "additionalProperties": values} if values else {"type": "object"}
    raise TypeError(f"{hint!r} has no JSON form; use str, int, float, bool, list, dict, Literal or a union of these.")


def _annotated(arguments: tuple[object, ...]) -> JsonObject:
    schema = _schema(arguments[0])
    for extra in arguments[1:]:
        if isinstance(extra, str):
            schema["description"] = extra
        elif isinstance(extra, Range):
            schema |= _bounds(str(schema.get("type")), extra)
    return schema


def _bounds(kind: str, limits: Range) -> JsonObject:
    if kind not in _LIMITS:
        raise TypeError("a Range bounds numbers, texts and lists only.")
    low, high = _LIMITS[kind]
    bounds: JsonObject = {}
    if limits.min is not None:
        bounds[low] = limits.min
    if limits.max is not None:
        bounds[high] = limits.max
    return bounds


def _literal(values: tuple[object, ...]) -> JsonObject:
    kinds = {_PLAIN.get(type(value)) for value in values}
    if len(kinds) != 1 or None in kinds:
        raise TypeError("the values of a Literal must be of one plain type.")
    return {"type": cast("str", kinds.pop()), "enum": cast("list[JsonValue]", list(values))}


def _union(arguments: tuple[object, ...]) -> JsonObject:
    """None only says that the argument may be left out: a model that means "nothing" leaves it out."""
    members = [_schema(member) for member in arguments if member is not type(None)]
    if len(members) == 1:
        return members[0]
    if all(set(member) == {"type"} for member in members):
        return {"type": [member["type"] for member in members]}
    return {"anyOf": cast("list[JsonValue]", members)}
