"""The line at the bottom: what is happening, how fast, and how full the context window is."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static
from typing_extensions import assert_never

from smol_chat.events import (
    ContentDelta,
    Decided,
    FileAttached,
    GenerationProgress,
    MalformedCall,
    Notice,
    Pinned,
    PromptProgress,
    ReasoningDelta,
    ReasoningFinished,
    RoundStarted,
    Summarised,
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
from smol_chat.sanitise import single_line

PAINTS_PER_S = 5
_METER_CELLS = 8
_FULL = 0.85
"""Share of the context window from which the meter warns."""
IDLE = "F1 help · ctrl+p commands"


class StatusLine(Static):
    """Follow the events of a turn and say where it stands, a few times a second."""

    DEFAULT_CSS = """
    StatusLine {
        height: 1;
        padding: 0 1;
        color: $text-muted;
        text-wrap: nowrap;
        text-overflow: ellipsis;
    }
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, id: str | None = None) -> None:
        super().__init__(Content(""), id=id)
        self._clock = clock
        self._timer: Timer | None = None
        self._activity = ""
        self._in_turn = False
        self._questions = 0
        self._calls: dict[str, str] = {}
        self._prefill: tuple[float, int] | None = None
        self._window = (0, 0)
        self._tok_s = 0.0
        self._ttft_ms = 0
        self._painted: Content | None = None

    def on_mount(self) -> None:
        """Paint on a clock, which stands still between turns."""
        self._timer = self.set_interval(1 / PAINTS_PER_S, self._paint, pause=True)
        self._paint()

    def on_resize(self) -> None:
        """Lay the line out anew."""
        self._paint()

    @property
    def tok_s(self) -> float:
        """How fast the model wrote last, in tokens a second."""
        return self._tok_s

    def show_activity(self, text: str) -> None:
        """Say what happens outside of a turn, such as loading; empty: nothing."""
        self._activity = text
        self._paint()

    def show_context(self, used: int, size: int) -> None:
        """Set the context window's fill in tokens."""
        self._window = (used, size)
        self._paint()

    def show_questions(self, count: int) -> None:
        """Say how many calls wait for the person."""
        self._questions = count
        self._paint()

    def feed(self, event: TurnEvent) -> None:
        """Take in one event; the clock paints."""
        match event:
            case TurnStarted() | TurnResumed() | RoundStarted():
                self._begin()
            case GenerationProgress():
                self._window = (event.context_used, event.context_size or self._window[1])
                self._tok_s = event.tok_s
                if event.writing_call:
                    self._activity = "writing a tool call"
            case TurnFinished():
                self._ttft_ms = event.timings.ttft_ms
                self._tok_s = event.timings.decode_tok_s or self._tok_s
                self._end()
            case TurnFailed():
                self._end()
            case _:
                self._activity = self._activity_in(event) or self._activity

    def _activity_in(
        self,
        event: TurnSettings
        | PromptProgress
        | ReasoningDelta
        | ReasoningFinished
        | ContentDelta
        | ToolCallProposed
        | MalformedCall
        | Decided
        | ToolStarted
        | ToolProgress
        | ToolFinished
        | Notice
        | Summarised
        | Pinned
        | FileAttached,
    ) -> str:
        match event:
            case PromptProgress():
                return self._reading(event)
            case ReasoningDelta():
                return "thinking"
            case ContentDelta():
                return "writing"
            case ToolCallProposed(call):
                self._calls[call.id] = single_line(call.name, 24)
            case ToolStarted(call_id):
                return f"running {self._calls.get(call_id, 'a tool')}"
            case ToolProgress(call_id, message):
                return f"running {self._calls.get(call_id, 'a tool')}: {single_line(message, 60)}"
            case TurnSettings() | ReasoningFinished() | MalformedCall() | Decided() | ToolFinished() | Notice():
                pass
            case Summarised() | Pinned() | FileAttached():
                pass
            case _:
                assert_never(event)
        return ""

    def _begin(self) -> None:
        self._activity = "starting"
        self._prefill = None
        if not self._in_turn:
            self._in_turn = True
            self._calls.clear()
            if self._timer is not None:
                self._timer.resume()
            self._paint()

    def _end(self) -> None:
        self._in_turn = False
        self._activity = ""
        if self._timer is not None:
            self._timer.pause()
        self._paint()

    def _reading(self, event: PromptProgress) -> str:
        now = self._clock()
        if self._prefill is None:
            self._prefill = (now, event.done)
        since, begun = self._prefill
        text = f"reading prompt {event.done:,}/{event.total:,}"
        if now - since < 0.3 or event.done <= begun:
            return text
        rate = (event.done - begun) / (now - since)
        return f"{text} · {rate:,.0f} tok/s · {(event.total - event.done) / rate:.0f} s left"

    def _paint(self) -> None:
        width = self.content_size.width
        if width <= 0:
            return
        right = self._figures(width)
        left = self._left()
        room = max(0, width - right.cell_length - 2)
        if left.cell_length > room:
            left = left.truncate(room, ellipsis=True)
        line = Content.assemble(left, " " * max(0, width - left.cell_length - right.cell_length), right)
        if self._painted is None or not line.is_same(self._painted):
            self._painted = line
            self.update(line, layout=False)

    def _left(self) -> Content:
        if self._questions:
            which = "you" if self._questions == 1 else f"you · {self._questions} calls"
            return Content.assemble(("● ", "$text-warning"), (f"waiting for {which}", "$foreground"), " · Esc stops")
        if self._in_turn:
            return Content.assemble(("● ", "$text-primary"), (self._activity, "$foreground"), " · Esc stops")
        if self._activity:
            return Content.assemble(("○ ", "$text-primary"), self._activity)
        return Content(IDLE)

    def _figures(self, width: int) -> Content:
        used, size = self._window
        parts: list[Content] = []
        if self._tok_s:
            parts.append(Content(f"{self._tok_s:.1f} tok/s"))
        if self._ttft_ms and width >= 100:
            parts.append(Content(f"first token {self._ttft_ms / 1000:.1f} s"))
        if size:
            parts.append(meter(used, size))
        elif used:
            parts.append(Content(f"{used:,} tokens"))
        return Content(" · ").join(parts)


def meter(used: int, size: int) -> Content:
    """Draw how full the context window is; a dozen cells and the counts."""
    share = min(1.0, used / size)
    filled = max(1 if used else 0, round(share * _METER_CELLS))
    color = "$text-warning" if share >= _FULL else "$text-primary"
    return Content.assemble(
        ("━" * filled, color),
        ("─" * (_METER_CELLS - filled), "$text-disabled"),
        f" {used:,}/{size:,}",
    )
