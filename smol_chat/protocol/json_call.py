"""The JSON form of a call: `{"name": …, "arguments": {…}}`, in `<tool_call>` tags or separated by a server."""

from __future__ import annotations

import json
import re
from collections.abc import Collection

from smol_chat.messages import JsonObject, JsonValue
from smol_chat.protocol.events import MalformedCall, ToolCallParsed, UnreadableCallError
from smol_chat.protocol.repair import holds_two_objects, read_json
from smol_chat.protocol.strict_json import ends_in_string, is_unfinished
from smol_chat.protocol.suggest import unknown_tool
from smol_chat.protocol.tags import CALL_END, without_cut_end

_INSIDE_STRING = re.compile(r'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
_OUTSIDE_STRING = re.compile(r'[^"\\]*')
_AFTER_STRING = re.compile(r"\s*(?:[,:}\]]|</tool_call>|\Z)")


class JsonFrame:
    """Finds the closing tag that ends a JSON call: the first one outside a string.

    It is shown the call in segments that each end in a closing tag. A missing quote turns the text after it inside
    out; that shows where the supposed string is followed by what cannot follow a string. Then the call ended at
    the first closing tag inside that string.
    """

    def __init__(self) -> None:
        self._in_string = False
        self._opened_in = 0

    def scan(self, segment: str, number: int) -> int | None:
        """Read the segment with this number on from where the last one ended.

        Returns:
            The number of the segment whose closing tag ends the call; None while the tag is text in a string.
        """
        position = 0
        while position < len(segment):
            if not self._in_string:
                position = _end(_OUTSIDE_STRING, segment, position)
                if segment[position : position + 1] != '"':
                    break
                self._in_string, self._opened_in = True, number
                position += 1
            position = _end(_INSIDE_STRING, segment, position)
            if segment[position : position + 1] != '"':
                return None
            self._in_string = False
            position += 1
            if not _AFTER_STRING.match(segment, position):
                return self._opened_in
        return None if self._in_string else number


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position


def read_json_call(body: str, tool_names: Collection[str] | None) -> ToolCallParsed:
    """Read the text between the tags.

    Raises:
        UnreadableCallError: it would take a guess to read it.
    """
    try:
        value, repaired = read_json(body)
    except UnreadableCallError as error:
        if error.kind == "invalid_json" and holds_two_objects(body):
            raise UnreadableCallError(
                "multiple_objects",
                f"The call holds more than one object: write each in its own <tool_call>…{CALL_END}.",
            ) from None
        raise
    if not isinstance(value, dict):
        raise UnreadableCallError(
            "not_an_object",
            f'The call is {described(value)}: write one object with "name" and "arguments" in each <tool_call>.',
        )
    name = value.get("name")
    if not isinstance(name, str) or not name:
        raise UnreadableCallError("missing_name", 'The call has no "name": write it again with the name of a tool.')
    arguments, unpacked = _arguments(value)
    return offered(ToolCallParsed(name, arguments, repaired or unpacked), tool_names)


def read_unclosed_json_call(body: str, tool_names: Collection[str] | None) -> ToolCallParsed:
    """Read what follows `<tool_call>` where the output ended before the closing tag.

    Raises:
        UnreadableCallError: the object is not complete, or it would take a guess to read it.
    """
    # A closing tag right at the end is what the model meant; that a string swallowed it makes it broken, not cut.
    swallowed = body.rstrip().endswith(CALL_END) and ends_in_string(body)
    body = without_cut_end(body)
    try:
        call = read_json_call(body, tool_names)
    except UnreadableCallError as error:
        if error.kind == "invalid_json" and not swallowed and (is_unfinished(body) or not body.strip()):
            raise truncated() from None
        raise
    return ToolCallParsed(call.name, call.arguments, repaired=True)


def read_server_call(
    name: str, arguments_text: str, tool_names: Collection[str] | None = None
) -> ToolCallParsed | MalformedCall:
    """Read a call that a server already separated; `arguments_text` is JSON text, empty for no arguments."""
    try:
        return _read_server_call(name, arguments_text, tool_names)
    except UnreadableCallError as error:
        raw = f'{{"name": {json.dumps(name, ensure_ascii=False)}, "arguments": {arguments_text}}}'
        return MalformedCall(raw, error.kind, error.message)


def _read_server_call(name: str, arguments_text: str, tool_names: Collection[str] | None) -> ToolCallParsed:
    if not name:
        raise UnreadableCallError("missing_name", 'The call has no "name": write it again with the name of a tool.')
    if not arguments_text.strip():
        return offered(ToolCallParsed(name, {}), tool_names)
    try:
        value, repaired = read_json(arguments_text)
    except UnreadableCallError as error:
        if error.kind == "invalid_json" and is_unfinished(arguments_text):
            raise truncated() from None
        raise
    arguments, unpacked = _arguments({"arguments": value})
    return offered(ToolCallParsed(name, arguments, repaired or unpacked), tool_names)


def offered(call: ToolCallParsed, tool_names: Collection[str] | None) -> ToolCallParsed:
    """Return the call if its tool is on offer; names are compared exactly. None offers every name.

    Raises:
        UnreadableCallError: it is not; the sentence lists what is.
    """
    if tool_names is not None and call.name not in tool_names:
        raise UnreadableCallError("unknown_tool", unknown_tool(call.name, tool_names))
    return call


def truncated() -> UnreadableCallError:
    """Return the error for a call the output ended in."""
    return UnreadableCallError(
        "truncated", "The call was cut off before it was complete: write it again whole, and shorter if it was long."
    )


def described(value: JsonValue) -> str:
    """Return what kind of JSON value this is, with its article."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, list):
        return "a list"
    return "an object" if isinstance(value, dict) else "a number"


def _arguments(call: JsonObject) -> tuple[JsonObject, bool]:
    """Return the arguments and whether they came as a JSON string of an object."""
    if "arguments" not in call:
        raise UnreadableCallError(
            "missing_arguments", 'The call has no "arguments": write it again with an object, {} for no arguments.'
        )
    value = call["arguments"]
    if isinstance(value, dict):
        return value, False
    unpacked = _unpacked(value) if isinstance(value, str) else None
    if unpacked is not None:
        return unpacked, True
    raise UnreadableCallError(
        "bad_arguments",
        f'The "arguments" of the call are {described(value)}: write it again with an object, {{}} for no arguments.',
    )


def _unpacked(text: str) -> JsonObject | None:
    try:
        value, _ = read_json(text)
    except UnreadableCallError as error:
        if error.kind == "invalid_json":
            return None
        raise
    return value if isinstance(value, dict) else None
