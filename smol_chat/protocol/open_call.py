"""A call that is being written: where it ends, and what it turns out to be."""

from __future__ import annotations

from collections.abc import Collection

from smol_chat.protocol.events import MalformedCall, ToolCallParsed, UnreadableCallError
from smol_chat.protocol.json_call import JsonFrame, read_json_call, read_unclosed_json_call
from smol_chat.protocol.tags import CALL, CALL_END
from smol_chat.protocol.xml_call import XmlFrame, is_xml, read_unclosed_xml_call, read_xml_call

_TAIL = len(CALL_END) - 1


class OpenCall:
    """The text from behind `<tool_call>` to the closing tag that ends it.

    A call can end at a closing tag only, so nothing is examined before one arrives, and then only what came since
    the last one: every character is looked at once, however the text is cut.
    """

    def __init__(self) -> None:
        self.surplus = ""
        """Text behind the end of the call that was taken for a part of it; to be parsed again."""
        self._segments: list[str] = []
        self._pieces: list[str] = []
        self._tail = ""
        self._frame: JsonFrame | XmlFrame | None = None
        self._closed = False

    def take(self, text: str, position: int) -> int | None:
        """Take text from `position` on; return where the call ended in it, None if it goes on behind it."""
        while position < len(text):
            if isinstance(self._frame, XmlFrame) and self._frame.needs_newline:
                if text[position] == "\n":
                    self._end_in_value(self._frame)
                    return position
                self._frame.needs_newline = False
            end = self._next_close(text, position)
            if end is None:
                self._keep(text[position:])
                return None
            self._pieces.append(text[position:end])
            position = end
            if self._scan():
                return position
        return None

    def finish(self) -> None:
        """Take the end of the output."""
        if isinstance(self._frame, XmlFrame) and self._frame.needs_newline:
            self._end_in_value(self._frame)
            return
        if self._pieces or not self._segments:
            self._scan()
            # The last segment has no closing tag, so only an end before it is one.
            self._closed = bool(self.surplus)

    def outcome(self, tool_names: Collection[str] | None) -> ToolCallParsed | MalformedCall:
        """Return what the call turned out to be, once it has ended."""
        text = "".join(self._segments)
        try:
            return self._read(text, tool_names)
        except UnreadableCallError as error:
            return MalformedCall(CALL + text, error.kind, error.message)

    def _read(self, text: str, tool_names: Collection[str] | None) -> ToolCallParsed:
        body = text[: -len(CALL_END)] if self._closed else text
        if isinstance(self._frame, XmlFrame):
            read_xml = read_xml_call if self._closed else read_unclosed_xml_call
            return read_xml(body, self._frame, tool_names)
        read_json = read_json_call if self._closed else read_unclosed_json_call
        return read_json(body, tool_names)

    def _next_close(self, text: str, position: int) -> int | None:
        """Return where the next closing tag ends in `text`; the tag may have begun in what was kept."""
        seam = self._tail + text[position : position + _TAIL]
        found = seam.find(CALL_END)
        if found >= 0:
            return position + found + len(CALL_END) - len(self._tail)
        found = text.find(CALL_END, position)
        return found + len(CALL_END) if found >= 0 else None

    def _keep(self, piece: str) -> None:
        self._pieces.append(piece)
        self._tail = (self._tail + piece[-_TAIL:])[-_TAIL:]

    def _scan(self) -> bool:
        """Read the segment that is complete now; tell whether the call has ended."""
        segment = "".join(self._pieces)
        self._pieces, self._tail = [], ""
        self._segments.append(segment)
        if self._frame is None:
            self._frame = XmlFrame() if is_xml(segment) else JsonFrame()
        last = self._frame.scan(segment, len(self._segments) - 1)
        if last is None:
            return False
        self.surplus = "".join(self._segments[last + 1 :])
        del self._segments[last + 1 :]
        self._closed = True
        return True

    def _end_in_value(self, frame: XmlFrame) -> None:
        frame.end_in_value()
        self._closed = True
