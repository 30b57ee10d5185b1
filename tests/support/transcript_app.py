"""A transcript alone in an app, and turns to show in it."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import App, ComposeResult
from textual.geometry import Region

from smol_chat.events import (
    ContentDelta,
    ReasoningDelta,
    ReasoningFinished,
    RoundStarted,
    ToolCallProposed,
    TurnEvent,
    TurnFinished,
    TurnStarted,
)
from smol_chat.messages import FinishReason, JsonObject, Timings, ToolCall, Usage
from smol_chat.ui.transcript.view import Transcript

CURSOR = "▌"


class TranscriptApp(App[None]):
    def __init__(self, events: Sequence[TurnEvent] = ()) -> None:
        super().__init__()
        self.events = events
        self.copied: list[str] = []

    def compose(self) -> ComposeResult:
        yield Transcript()

    def on_mount(self) -> None:
        transcript = self.query_one(Transcript)
        transcript.focus()
        for event in self.events:
            transcript.feed(event)

    def on_transcript_copy_requested(self, message: Transcript.CopyRequested) -> None:
        self.copied.append(message.text)

    @property
    def transcript(self) -> Transcript:
        return self.query_one(Transcript)

    def rows(self) -> list[str]:
        self.transcript.flush()
        return self.shown()

    def shown(self) -> list[str]:
        size = self.transcript.size
        strips = self.transcript.render_lines(Region(0, 0, size.width, size.height))
        return [strip.text.replace(CURSOR, " ").rstrip() for strip in strips]

    def marked(self) -> list[str]:
        size = self.transcript.size
        strips = self.transcript.render_lines(Region(0, 0, size.width, size.height))
        return [strip.text.strip() for strip in strips if strip.text.startswith(CURSOR)]


def finished(reason: FinishReason = "stop", message: str = "") -> TurnFinished:
    return TurnFinished(reason, Usage(), Timings(), message)


def turn(question: str = "Question", answer: str = "Answer.", reasoning: str = "") -> list[TurnEvent]:
    thought: list[TurnEvent] = [ReasoningDelta(reasoning), ReasoningFinished(3_200, 148)] if reasoning else []
    return [TurnStarted("c", question), RoundStarted(1), *thought, ContentDelta(answer), finished()]


def call(arguments: JsonObject, name: str = "get_weather", call_id: str = "1") -> ToolCallProposed:
    return ToolCallProposed(ToolCall(call_id, name, arguments))
