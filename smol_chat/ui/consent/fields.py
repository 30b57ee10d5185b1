"""The fields of a form: of what kind each is, its value as text to edit, and the text as a value again. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from smol_chat.agent.consent import ApprovalRequest
from smol_chat.messages import JsonObject, JsonValue
from smol_chat.protocol import strict_json
from smol_chat.protocol.events import UnreadableCallError
from smol_chat.protocol.schema import problems
from smol_chat.protocol.shapes import ArgumentShape, argument_shapes
from smol_chat.sanitise import visible

Kind = Literal["text", "lines", "number", "choice", "list", "json"]
"""One line of text, several, a number, one of a few values, texts one a line, anything else as JSON."""

NOT_SET = "not set"
_NUMBERS = frozenset({"integer", "number"})
_LONG = 60
"""Characters from which a text gets several lines."""


@dataclass(frozen=True, slots=True)
class Field:
    """One argument as it can be edited."""

    shape: ArgumentShape
    kind: Kind
    value: JsonValue
    present: bool
    """Whether the call has the argument; without it `value` means nothing."""
    language: str = ""
    """Pygments lexer name of its text."""

    @property
    def name(self) -> str:
        """The argument's name."""
        return self.shape.name

    @property
    def text(self) -> str:
        """The value as it is put into the field; nothing in it is hidden."""
        if not self.present:
            return ""
        match self.kind:
            case "list":
                return visible("\n".join(map(str, self.value if isinstance(self.value, list) else [])))
            case "text" | "lines":
                return visible(str(self.value))
            case "number":
                return json.dumps(self.value)
            case _:
                return visible(json.dumps(self.value, ensure_ascii=False, indent=2))

    @property
    def hides(self) -> bool:
        """Tell whether the value holds characters the field can only show as symbols."""
        return self.present and isinstance(self.value, str) and visible(self.value) != self.value

    @property
    def options(self) -> list[tuple[str, JsonValue]]:
        """What a choice can be, each with what it is called; the first stands for leaving it out where that may be."""
        named: list[tuple[str, JsonValue]] = [
            (visible(value, keep_newlines=False) if isinstance(value, str) else json.dumps(value), value)
            for value in self.shape.choices or (True, False)
        ]
        return named if self.shape.required else [(NOT_SET, None), *named]


class UnreadableField(ValueError):
    """What is written in a field is no value at all."""


def fields_of(request: ApprovalRequest) -> list[Field]:
    """Return a field for each argument the tool takes, then for those it was given besides."""
    arguments = request.call.arguments
    shapes = argument_shapes(request.schema)
    known = {shape.name for shape in shapes}
    shapes += [ArgumentShape(name, required=False, kinds=frozenset()) for name in arguments if name not in known]
    return [_field(shape, arguments, request) for shape in shapes]


def _field(shape: ArgumentShape, arguments: JsonObject, request: ApprovalRequest) -> Field:
    present = shape.name in arguments
    value = arguments.get(shape.name)
    kind = _kind(shape, value, present)
    language = "json" if kind == "json" else ""
    if kind == "lines" and value == request.preview.body and request.preview.language not in ("diff", "mail"):
        language = request.preview.language
    return Field(shape, kind, value, present, language)


def _kind(shape: ArgumentShape, value: JsonValue, present: bool) -> Kind:
    kinds = shape.kinds - {"null"}
    if shape.choices or kinds == {"boolean"}:
        return "choice"
    if isinstance(value, str) and (not kinds or "string" in kinds):
        return "lines" if "\n" in value or len(value) > _LONG else "text"
    if kinds and kinds <= _NUMBERS:
        return "number"
    if kinds == {"array"} and shape.item_kinds == {"string"} and _is_plain_list(value, present):
        return "list"
    return "text" if not present and "string" in kinds else "json"


def _is_plain_list(value: JsonValue, present: bool) -> bool:
    """Tell whether a list can stand one item a line and come back as it was."""
    if not present:
        return True
    return isinstance(value, list) and all(isinstance(item, str) and item and "\n" not in item for item in value)


def written(field: Field, text: str) -> tuple[JsonValue, bool]:
    """Return the value of an edited field, and whether the call has the argument at all.

    What was not changed is what it was, hidden characters included.

    Raises:
        UnreadableField: it should be JSON and is not.
    """
    if text == field.text:
        return field.value, field.present
    if not text and not field.shape.required:
        return None, False
    match field.kind:
        case "list":
            return [line for line in text.split("\n") if line], True
        case "number":
            return _number(text), True
        case "json":
            try:
                return strict_json.decode(text), True
            except UnreadableCallError as error:
                raise UnreadableField(f"is no JSON: {error}") from None
        case _:
            return text, True


def _number(text: str) -> JsonValue:
    """Return the number, or the text itself: the schema's check says what is wrong with it."""
    try:
        value = strict_json.decode(text)
    except UnreadableCallError:
        return text
    return value if isinstance(value, (int, float)) else text


def found_problems(schema: JsonObject, arguments: JsonObject, names: list[str]) -> tuple[dict[str, str], list[str]]:
    """Return the first problem of each argument, and those of none."""
    by_name: dict[str, str] = {}
    others: list[str] = []
    for problem in problems(schema, arguments):
        path, _, sentence = problem.partition(": ")
        name = next((name for name in names if _is_inside(path, name)), None)
        if name is None:
            others.append(problem)
        else:
            where = path[len(name) :].lstrip(".")
            by_name.setdefault(name, f"{where}: {sentence}" if where else sentence)
    return by_name, others


def _is_inside(path: str, name: str) -> bool:
    return path == name or path.startswith((f"{name}.", f"{name}["))


def arguments_of(values: Mapping[str, tuple[JsonValue, bool]]) -> JsonObject:
    """Return the arguments a form amounts to."""
    return {name: value for name, (value, present) in values.items() if present}
