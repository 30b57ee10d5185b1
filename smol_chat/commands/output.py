"""What `ask` and `history show` print of a turn: text for people, JSON lines for programs."""

from __future__ import annotations

import json
from typing import Protocol, TextIO

from smol_chat.commands.json_lines import json_line, json_objects
from smol_chat.events import (
    ContentDelta,
    Decided,
    FileAttached,
    GenerationProgress,
    MalformedCall,
    Notice,
    PromptProgress,
    ReasoningDelta,
    ReasoningFinished,
    RoundStarted,
    ToolCallProposed,
    ToolFinished,
    ToolProgress,
    ToolStarted,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnResumed,
    TurnSettings,
    TurnStarted,
)
from smol_chat.messages import ToolCall, ToolResult
from smol_chat.sanitise import single_line, visible

LINE_WIDTH = 160
"""Cells of a line about a call; what matters of it comes first."""


class Output(Protocol):
    """Shows a turn's events as they come."""

    def show(self, event: TurnEvent) -> None:
        """Show one event."""
        ...


class JsonOutput:
    """One JSON object a line; what the user must know, and has no line of its own, on standard error."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._out = out
        self._err = err

    def show(self, event: TurnEvent) -> None:
        """Print the event's lines at once."""
        for value in json_objects(event):
            self._out.write(json_line(value) + "\n")
        self._out.flush()
        if isinstance(event, (Notice, TurnFailed)) or (isinstance(event, TurnFinished) and event.message):
            self._err.write(f"smol-chat: {visible(event.message, keep_newlines=False)}\n")


class TextOutput:
    """The answer on standard output as it comes; what happens beside it on standard error.

    Without a terminal, standard error gets only what the user must know. Text for a terminal is made harmless; text for
    a pipe stays as the model wrote it.
    """

    def __init__(self, out: TextIO, err: TextIO, *, show_reasoning: bool) -> None:
        self._out = _Paragraphs(out)
        self._err = _Paragraphs(err)
        self._show_reasoning = show_reasoning
        self._talkative = err.isatty()
        self._calls: dict[str, ToolCall] = {}

    def show(self, event: TurnEvent) -> None:
        """Print what there is to see of the event."""
        match event:
            case ContentDelta(text=text):
                self._err.end_line()
                self._out.write(text)
            case ReasoningDelta(text=text):
                if self._show_reasoning:
                    self._out.end_line()
                    self._err.write(text)
            case ToolCallProposed(call=call):
                self._calls[call.id] = call
            case RoundStarted() | ReasoningFinished() | TurnStarted() | TurnResumed():
                self._end_lines()
            case TurnFinished() | TurnFailed():
                self._end_lines()
                if event.message:
                    self._say(event.message)
            case Notice(message=message) | MalformedCall(message=message):
                self._say(message)
            case ToolStarted() | ToolProgress() | ToolFinished():
                if self._talkative:
                    self._say_of_call(event)
            case TurnSettings() | Decided() | PromptProgress() | GenerationProgress() | FileAttached():
                pass

    def _say_of_call(self, event: ToolStarted | ToolProgress | ToolFinished) -> None:
        match event:
            case ToolStarted(call_id=call_id):
                self._say(call_line(self._calls[call_id]) if call_id in self._calls else "a call")
            case ToolProgress(message=message):
                self._say(message)
            case ToolFinished(result=result):
                self._say(result_line(result))

    def _say(self, text: str) -> None:
        self._end_lines()
        self._err.write(f"smol-chat: {single_line(text, LINE_WIDTH) if self._talkative else text}")
        self._err.end_line()

    def _end_lines(self) -> None:
        self._out.end_line()
        self._err.end_line()


class _Paragraphs:
    """Write text piece by piece; empty lines at its beginning and end are left out."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._line_open = False
        self._held = ""

    def write(self, text: str) -> None:
        """Write a piece of the text."""
        text = self._held + text
        if not self._line_open:
            text = text.lstrip("\n")
        shown = text.rstrip("\n")
        self._held = text[len(shown) :]
        if shown:
            self._stream.write(visible(shown, prose=True) if self._terminal else shown)
            self._line_open = True
            self._stream.flush()

    def end_line(self) -> None:
        """End the text, if there is any."""
        if self._line_open:
            self._stream.write("\n")
            self._stream.flush()
        self._line_open, self._held = False, ""


def call_line(call: ToolCall) -> str:
    """Return a call as one line."""
    return f"{call.name} {json.dumps(call.arguments, ensure_ascii=False)}"


def result_line(result: ToolResult) -> str:
    """Return how a call ended as one line."""
    if result.error is not None:
        return f"{result.name}: {result.error.message}"
    return f"{result.name} done in {result.duration_ms / 1000:.1f} s"
