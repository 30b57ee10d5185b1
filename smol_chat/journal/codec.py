"""Turn events as JSON text and back, exactly.

The form is read off the event classes, so a field added to an event is stored without a line here. Names of kinds are
what databases on users' disks hold: they never change.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, fields, is_dataclass
from enum import Enum
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from smol_chat import events as ev
from smol_chat.events import ContentDelta, ReasoningDelta, TurnEvent

KINDS: dict[str, type[TurnEvent]] = {
    "turn_started": ev.TurnStarted,
    "turn_resumed": ev.TurnResumed,
    "turn_settings": ev.TurnSettings,
    "file_attached": ev.FileAttached,
    "round_started": ev.RoundStarted,
    "reasoning": ev.ReasoningDelta,
    "reasoning_finished": ev.ReasoningFinished,
    "content": ev.ContentDelta,
    "tool_call": ev.ToolCallProposed,
    "malformed_call": ev.MalformedCall,
    "decided": ev.Decided,
    "tool_started": ev.ToolStarted,
    "tool_progress": ev.ToolProgress,
    "tool_finished": ev.ToolFinished,
    "notice": ev.Notice,
    "summarised": ev.Summarised,
    "pinned": ev.Pinned,
    "turn_finished": ev.TurnFinished,
    "turn_failed": ev.TurnFailed,
}
NOT_STORED = (ev.PromptProgress, ev.GenerationProgress)
"""What is true only for the moment in which it is shown."""

Convert = Callable[[Any], object]
Form = tuple[dict[str, Union[type, tuple[type, ...]]], dict[str, Convert]]
_FORMS: dict[type[Any], Form] = {}
"""For each class its fields: the type of those that JSON's own value fills, and what makes the value of the others."""

_parse = json.JSONDecoder().raw_decode  # json.loads looks for white space around every one of 60,000 rows
_NAMES = {cls: name for name, cls in KINDS.items()}


def encode(event: TurnEvent) -> tuple[str, str]:
    """Return the event's kind and its fields as JSON. Not for the events of `NOT_STORED`."""
    return _NAMES[type(event)], _dumps(asdict(event))


def decode(kind: str, body: str) -> TurnEvent | None:
    """Return the event; None for one that this version does not know or cannot read.

    Fields this version does not know are left out: they are what a newer one added.
    """
    cls = KINDS.get(kind)
    if cls is None:
        return None
    try:
        return cast("TurnEvent", _build(cls, _parse(body)[0]))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def coalesced(events: Iterable[TurnEvent]) -> Iterator[TurnEvent]:
    """Join neighbouring deltas of one kind into one."""
    kind: type[ReasoningDelta] | type[ContentDelta] | None = None
    parts: list[str] = []
    for event in events:
        if kind is not None and type(event) is not kind:
            yield kind("".join(parts))
            kind, parts = None, []
        if isinstance(event, (ReasoningDelta, ContentDelta)):
            kind = type(event)
            parts.append(event.text)
        else:
            yield event
    if kind is not None:
        yield kind("".join(parts))


def _dumps(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair is no UTF-8 and SQLite takes nothing else
        return json.dumps(value, separators=(",", ":"))
    return text


def _build(cls: type[Any], data: dict[str, Any]) -> object:
    plain, converters = _FORMS.get(cls) or _form(cls)
    values = {name: data[name] for name in plain if name in data}
    for name, value in values.items():
        if not isinstance(value, plain[name]):
            raise TypeError(name)
    for name, convert in converters.items():
        if name in data:
            values[name] = convert(data[name])
    return cls(**values)


def _form(cls: type[Any]) -> Form:
    # JsonValue refers to itself by name, which not every module with an event has; plain JSON needs no conversion.
    hints = get_type_hints(cls, localns={"JsonValue": Any})
    names = [field.name for field in fields(cls)]
    converters = {name: convert for name in names if (convert := _converter(hints[name])) is not None}
    _FORMS[cls] = ({name: _kind(hints[name]) for name in names if name not in converters}, converters)
    return _FORMS[cls]


def _kind(hint: object) -> type | tuple[type, ...]:
    """Return what a value must be to be trusted; where the hint allows several things, anything."""
    if hint is float:
        return (int, float)
    return hint if hint in (str, int, bool) and isinstance(hint, type) else object


def _converter(hint: Any) -> Convert | None:  # noqa: ANN401  # a type hint has no common type
    if get_origin(hint) in (Union, types.UnionType):
        inner = next(filter(None, map(_converter, get_args(hint))), None)
        return (lambda value: None if value is None else inner(value)) if inner else None
    if isinstance(hint, type) and is_dataclass(hint):
        return lambda value: _build(hint, value)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    return None
