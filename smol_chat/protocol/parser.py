"""The model's output as it streams in: reasoning, content and tool calls.

One rule decides what a call is: a call that needs a guess is never run. It becomes a `MalformedCall`, which is shown
and reported to the model.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from smol_chat.protocol.events import ContentDelta, ParserEvent, ReasoningDelta
from smol_chat.protocol.open_call import OpenCall
from smol_chat.protocol.tags import CALL, THINK, THINK_END, kept_back

_OPENING = re.compile(f"{THINK}|{CALL}")
_REASONING_END = re.compile(THINK_END)


class StreamParser:
    """Split one generation's text. The outcome does not depend on how the text is cut; the work is linear in it.

    Text inside reasoning is never a call. Nothing is trimmed: the deltas and the calls' text are the stream without
    its tags.
    """

    def __init__(self, tool_names: Collection[str] | None = None, starts_in_reasoning: bool = False) -> None:
        """Start at the beginning of a generation.

        Args:
            tool_names: the tools on offer; a call of any other is malformed. None offers every name.
            starts_in_reasoning: the prompt ended inside an open `<think>`.
        """
        self._tool_names = None if tool_names is None else frozenset(tool_names)
        self._reasoning = starts_in_reasoning
        self._call: OpenCall | None = None
        self._kept = ""

    @property
    def in_reasoning(self) -> bool:
        """The text now is reasoning."""
        return self._reasoning

    @property
    def in_call(self) -> bool:
        """A call is being written."""
        return self._call is not None

    def feed(self, text: str) -> list[ParserEvent]:
        """Take the next piece of the stream and return what is certain now."""
        events: list[ParserEvent] = []
        if self._kept:
            text, self._kept = self._kept + text, ""
        self._parse(text, events)
        return events

    def finish(self) -> list[ParserEvent]:
        """Take the end of the stream and return the rest."""
        events: list[ParserEvent] = []
        while self._call is not None:
            call, self._call = self._call, None
            call.finish()
            events.append(call.outcome(self._tool_names))
            self._parse(call.surplus, events)
        self._emit(self._kept, events)
        self._kept = ""
        return events

    def _parse(self, text: str, events: list[ParserEvent]) -> None:
        interrupted: list[tuple[str, int]] = [(text, 0)]
        while interrupted:
            text, position = interrupted.pop()
            while position < len(text):
                if self._call is None:
                    position = self._outside_call(text, position, events)
                    continue
                end = self._call.take(text, position)
                if end is None:
                    break
                call, self._call = self._call, None
                events.append(call.outcome(self._tool_names))
                position = end
                if call.surplus:
                    interrupted.append((text, position))
                    text, position = call.surplus, 0

    def _outside_call(self, text: str, position: int, events: list[ParserEvent]) -> int:
        """Emit text up to the next tag that counts here; return where to go on."""
        tag = (_REASONING_END if self._reasoning else _OPENING).search(text, position)
        if tag is None:
            certain = kept_back(text, position, (THINK_END,) if self._reasoning else (THINK, CALL))
            self._emit(text[position:certain], events)
            self._kept = text[certain:]
            return len(text)
        self._emit(text[position : tag.start()], events)
        if tag[0] == CALL:
            self._call = OpenCall()
        else:
            self._reasoning = tag[0] == THINK
        return tag.end()

    def _emit(self, text: str, events: list[ParserEvent]) -> None:
        if text:
            events.append(ReasoningDelta(text) if self._reasoning else ContentDelta(text))
