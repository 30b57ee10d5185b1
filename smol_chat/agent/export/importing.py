"""Read OpenAI messages, one conversation a line, as strictly as they are written: a bad line stops all of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from datetime import datetime

from smol_chat.errors import UsageError
from smol_chat.events import (
    ContentDelta,
    ReasoningDelta,
    RoundStarted,
    ToolCallProposed,
    ToolFinished,
    TurnEvent,
    TurnFinished,
    TurnStarted,
)
from smol_chat.journal.adding import NewConversation
from smol_chat.messages import JsonObject, JsonValue, Timings, ToolCall, ToolResult, Usage

_END = TurnFinished("stop", Usage(), Timings())
_NAMED_BY = ("text", "model", "user")


def conversations(lines: Iterable[str]) -> list[NewConversation]:
    """Return the conversations of a file; blank lines are none.

    A system message is not kept: what the model is told first is a setting.

    Raises:
        UsageError: a line is no conversation; the sentence has its number.
    """
    found: list[NewConversation] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found.append(_conversation(line))
        except _BadLineError as error:
            raise UsageError(f"Nothing was imported: line {number} {error}.") from error
    if not found:
        raise UsageError("Nothing was imported: the file holds no conversation.")
    return found


class _BadLineError(Exception):
    """Say what is wrong with a line, as the end of a sentence that begins with its number."""


def _conversation(line: str) -> NewConversation:
    try:
        value: JsonValue = json.loads(line, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _BadLineError("is no JSON") from error
    if not isinstance(value, dict) or not isinstance(messages := value.get("messages"), list):
        raise _BadLineError('is no object with a list "messages"')
    turns = _turns(messages)
    about = value.get("metadata", {})
    if not isinstance(about, dict):
        raise _BadLineError('has a "metadata" that is no object')
    title, by = _text(about, "title"), _text(about, "named_by")
    first = turns[0][0]
    question = first.text if isinstance(first, TurnStarted) else ""
    return NewConversation(
        title or question, by if title and by in _NAMED_BY else "text", _text(about, "model"), _started(about), turns
    )


def _turns(messages: Sequence[JsonValue]) -> list[list[TurnEvent]]:
    turns: list[list[TurnEvent]] = []
    open_calls: dict[str, str] = {}
    for number, message in enumerate(messages, 1):
        if not isinstance(message, dict):
            raise _BadLineError(f"has a message {number} that is no object")
        role = message.get("role")
        content = _content(message, number)
        if open_calls and role != "tool":
            raise _BadLineError(f"has a call without a result before message {number}")
        if role == "system" and not turns:
            continue
        if role == "user":
            turns.append([TurnStarted("", content)])
        elif role == "assistant" and turns:
            turns[-1] += _round(message, content, number, turns[-1], open_calls)
        elif role == "tool" and (name := open_calls.pop(str(message.get("tool_call_id")), None)) is not None:
            turns[-1].append(ToolFinished(ToolResult(str(message["tool_call_id"]), name, content=content)))
        else:
            raise _BadLineError(f"has a message {number} that cannot stand there (role {str(role)[:20]!r})")
    if open_calls:
        raise _BadLineError("ends with a call without a result")
    if not turns:
        raise _BadLineError("has no message of a user")
    return [[*turn, _END] for turn in turns]


def _round(
    message: JsonObject, content: str, number: int, before: list[TurnEvent], open_calls: dict[str, str]
) -> list[TurnEvent]:
    rounds = sum(isinstance(event, RoundStarted) for event in before)
    events: list[TurnEvent] = [RoundStarted(rounds + 1)]
    reasoning = message.get("reasoning_content") or ""
    if not isinstance(reasoning, str):
        raise _BadLineError(f"has reasoning in message {number} that is no text")
    events += [ReasoningDelta(reasoning)] if reasoning else []
    events += [ContentDelta(content)] if content else []
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        raise _BadLineError(f"has tool calls in message {number} that are no list")
    for call in map(lambda call: _call(call, number), calls):
        if call.id in open_calls:
            raise _BadLineError(f"has two calls with one id in message {number}")
        open_calls[call.id] = call.name
        events.append(ToolCallProposed(call))
    return events


def _call(call: JsonValue, number: int) -> ToolCall:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict):
        raise _BadLineError(f"has a tool call in message {number} that is none")
    name, identity, arguments = function.get("name"), call.get("id"), function.get("arguments")
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise _BadLineError(f"has arguments in message {number} that are no JSON") from error
    if not isinstance(name, str) or not isinstance(identity, str) or not isinstance(arguments, dict):
        raise _BadLineError(f"has a tool call in message {number} without id, name or arguments")
    return ToolCall(identity, name, arguments)


def _content(message: JsonObject, number: int) -> str:
    content = message.get("content")
    if content is None:
        return ""
    if isinstance(content, list):  # parts, of which only text can be kept
        texts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
        if len(texts) == len(content) and all(isinstance(text, str) for text in texts):
            return "".join(map(str, texts))
    if not isinstance(content, str):
        raise _BadLineError(f"has content in message {number} that is no text")
    return content


def _text(about: JsonObject, name: str) -> str:
    value = about.get(name) or ""
    if not isinstance(value, str):
        raise _BadLineError(f'has a "{name}" that is no text')
    return value


def _started(about: JsonObject) -> float:
    value = _text(about, "started")
    if not value:
        return time.time()
    try:
        return datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise _BadLineError('has a "started" that is no time') from error


def _no_constant(name: str) -> JsonValue:
    raise ValueError(name)
