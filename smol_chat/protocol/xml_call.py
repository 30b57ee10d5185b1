"""The XML form of a call, as the stock Qwen3.5 template has it.

    <function=NAME>
    <parameter=KEY>
    value, raw, on as many lines as it takes
    </parameter>
    </function>

A value that begins on its own line ends at a `</parameter>` that begins a line and has at most other tags behind it;
tags anywhere else in it are text. A value that begins right behind its tag ends at the first `</parameter>` and may
hold no other tag. Exactly one newline on each side of a value is markup.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from smol_chat.messages import JsonObject
from smol_chat.protocol.events import ToolCallParsed, UnreadableCallError
from smol_chat.protocol.json_call import offered, truncated
from smol_chat.protocol.strict_json import has_half_character
from smol_chat.protocol.suggest import quoted
from smol_chat.protocol.tags import CALL_END, without_cut_end

_FUNCTION = "<function"
_PARAMETER = re.compile(r"<parameter=([^<>\n]+)>")
_PARAMETER_END = "</parameter>"
_FUNCTION_END = "</function>"
_TAG_LINE = re.compile(
    r"\n(?:(?P<end></parameter>)[ \t]*(?=\n|</function>|</tool_call>|<parameter=)"
    r"|(?:</function>|<parameter=[^<>\n]+>|<function=[^<>\n]*>|<tool_call>)[ \t]*(?=[\n<]))"
)
_TAG = re.compile(r"</?(?:tool_call>|function[=>]|parameter[=>])")
_FRAME = re.compile(r"\s*<function=(?P<name>[^<>\n]*)(?P<opened>>)\s*(?P<close></function>)\s*")


@dataclass(frozen=True, slots=True)
class _Parameter:
    key: str
    start: int
    end: int


class XmlFrame:
    """Finds the closing tag that ends an XML call, and the parameters on the way.

    Positions count from the first character behind `<tool_call>`.
    """

    def __init__(self) -> None:
        self.parameters: list[_Parameter] = []
        self.gaps: list[tuple[int, int]] = []
        """Where the text between parameters is; the last gap begins at `gap` and is still open."""
        self.gap = 0
        self.problem: UnreadableCallError | None = None
        self.needs_newline = False
        """The closing tag just seen begins a line in a value: it ends the call if nothing follows it on that line."""
        self._open: tuple[str, int] | None = None
        self._length = 0

    @property
    def in_value(self) -> bool:
        """A parameter is not closed yet."""
        return self._open is not None

    def scan(self, segment: str, number: int) -> int | None:
        """Read the segment with this number; see `JsonFrame.scan`."""
        self.needs_newline = False
        start, self._length = self._length, self._length + len(segment)
        position = 0
        while self.problem is None:
            if self._open is None:
                opening = _PARAMETER.search(segment, position)
                if opening is None:
                    return number
                position = self._begin(opening, segment, start)
                continue
            line = _TAG_LINE.search(segment, position)
            if line is None:
                self.needs_newline = segment.endswith("\n" + CALL_END)
                return None
            if line["end"] is None:
                self._not_closed()
                return number
            key, value_start = self._open
            self._close(key, value_start, start + line.start(), gap=start + line.end("end"))
            position = line.end("end")
        return number

    def end_in_value(self) -> None:
        """Take the closing tag that `needs_newline` was about as the end of the call."""
        self._not_closed()

    def _begin(self, opening: re.Match[str], segment: str, start: int) -> int:
        """Take a parameter's opening tag and, where the value begins behind it, the value; return where to go on."""
        self.gaps.append((self.gap, start + opening.start()))
        key, position = opening[1], opening.end()
        if segment.startswith("\n", position) or position == len(segment):
            self._open = (key, start + position + 1)
            return position
        end = segment.find(_PARAMETER_END, position)
        limit = end if end >= 0 else len(segment)
        other_tag = _TAG.search(segment, position, limit)
        if end < 0 or other_tag:
            self._open = (key, start + position)
            if other_tag:
                self._not_closed()
            return limit
        value_end = end - 1 if segment[end - 1] == "\n" else end
        position = end + len(_PARAMETER_END)
        self._close(key, start + opening.end(), start + value_end, gap=start + position)
        return position

    def _close(self, key: str, start: int, end: int, *, gap: int) -> None:
        self.parameters.append(_Parameter(key, start, end))
        self._open, self.gap = None, gap

    def _not_closed(self) -> None:
        key = self._open[0] if self._open else ""
        self.problem = _invalid(f"parameter {quoted(key)} has no {_PARAMETER_END} on a line of its own")


def is_xml(text: str) -> bool:
    """Tell whether a call that begins with `text` is in this form, `text` being cut perhaps."""
    begin = text.lstrip()[: len(_FUNCTION)]
    return bool(begin) and _FUNCTION.startswith(begin)


def read_xml_call(body: str, frame: XmlFrame, tool_names: Collection[str] | None) -> ToolCallParsed:
    """Read the text between the tags, which `frame` has scanned. The values stay strings.

    Raises:
        UnreadableCallError: it would take a guess to read it.
    """
    if frame.problem:
        raise frame.problem
    if has_half_character(body):
        raise _invalid("it holds half of a character")
    gaps = [body[start:end] for start, end in [*frame.gaps, (frame.gap, len(body))]]
    name = _function_name(gaps)
    arguments: JsonObject = {}
    for parameter in frame.parameters:
        if parameter.key in arguments:
            raise UnreadableCallError(
                "duplicate_key", f"The call gives {quoted(parameter.key)} twice: write it again with each name once."
            )
        arguments[parameter.key] = body[parameter.start : parameter.end]
    return offered(ToolCallParsed(name, arguments, typed=False), tool_names)


def read_unclosed_xml_call(body: str, frame: XmlFrame, tool_names: Collection[str] | None) -> ToolCallParsed:
    """Read what follows `<tool_call>` where the output ended before the closing tag.

    Raises:
        UnreadableCallError: the call is not complete, or it would take a guess to read it.
    """
    if frame.problem is None and (frame.in_value or _FUNCTION_END not in body[frame.gap :]):
        raise truncated()
    call = read_xml_call(without_cut_end(body), frame, tool_names)
    return ToolCallParsed(call.name, call.arguments, repaired=True, typed=False)


def _function_name(gaps: list[str]) -> str:
    """Return the name, if the text between the parameters is the function's two tags and white space.

    Raises:
        UnreadableCallError: it is anything else.
    """
    outside = "".join(gaps)
    frame = _FRAME.fullmatch(outside)
    if frame is None or frame.end("opened") > len(gaps[0]) or frame.start("close") < len(outside) - len(gaps[-1]):
        if outside.count("<function=") > 1:
            raise UnreadableCallError(
                "multiple_objects",
                f"The call holds more than one function: write each in its own <tool_call>…{CALL_END}.",
            )
        raise _invalid(f"between the tags is other text, or {_FUNCTION_END} is missing")
    if not frame["name"]:
        raise UnreadableCallError("missing_name", "The call names no function: write it again with the name of a tool.")
    return frame["name"]


def _invalid(detail: str) -> UnreadableCallError:
    return UnreadableCallError(
        "invalid_xml",
        f"The call cannot be read ({detail}): write it again with each of its tags on a line of its own.",
    )
