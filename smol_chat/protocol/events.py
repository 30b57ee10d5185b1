"""What the parser finds in a model's output, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Union

from smol_chat.messages import JsonObject

MalformedKind = Literal[
    "invalid_json",  # not strict JSON, after removing what cannot change meaning
    "invalid_xml",  # the <function=…> form with a tag missing or text between the tags
    "truncated",  # the output ended before the call was complete
    "duplicate_key",
    "not_an_object",
    "multiple_objects",
    "missing_name",
    "missing_arguments",
    "bad_arguments",
    "unknown_tool",
    "too_deep",
]
"""Why a call is not run."""


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """Reasoning text, in stream order."""

    text: str


@dataclass(frozen=True, slots=True)
class ContentDelta:
    """Answer text, in stream order."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallParsed:
    """A call that could be read without a guess. `repaired`: syntax noise was removed to read it."""

    name: str
    arguments: JsonObject
    repaired: bool = False
    typed: bool = True
    """False for the XML form: the values are raw strings until `schema.typed` has converted them."""


@dataclass(frozen=True, slots=True)
class MalformedCall:
    """A call that would need a guess. `raw` is all the model wrote, tags included."""

    raw: str
    kind: MalformedKind
    message: str
    """One sentence for the user and the model that says what to do."""


ParserEvent = Union[ReasoningDelta, ContentDelta, ToolCallParsed, MalformedCall]


class UnreadableCallError(Exception):
    """Say why a call cannot be read; the parser makes a `MalformedCall` of it."""

    def __init__(self, kind: MalformedKind, message: str) -> None:
        super().__init__(message)
        self.kind: MalformedKind = kind
        self.message = message
