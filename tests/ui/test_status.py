from __future__ import annotations

from collections.abc import Iterable

import pytest
from textual.app import App, ComposeResult

from smol_chat.events import (
    ContentDelta,
    GenerationProgress,
    PromptProgress,
    ReasoningDelta,
    RoundStarted,
    ToolCallProposed,
    ToolProgress,
    ToolStarted,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnStarted,
)
from smol_chat.messages import ToolCall
from smol_chat.ui.status import IDLE, StatusLine, meter
from support.screen import FakeClock
from support.scripted_conversation import TIMINGS, USAGE

START = (TurnStarted("c", "hi"), RoundStarted(1))


class Line(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()

    def compose(self) -> ComposeResult:
        yield StatusLine(self.clock)


async def shown(events: Iterable[TurnEvent], *, width: int = 120, every: float = 0.0) -> str:
    app = Line()
    async with app.run_test(size=(width, 5)) as pilot:
        line = app.query_one(StatusLine)
        for event in events:
            app.clock.advance(every)
            line.feed(event)
        line.show_questions(0)  # paints
        await pilot.pause()
        return app.screen._compositor.render_strips()[0].text.rstrip()


@pytest.mark.parametrize(
    ("events", "text"),
    [
        ((), IDLE),
        (START, "● starting · Esc stops"),
        ((*START, PromptProgress(812, 1590, 0)), "● reading prompt 812/1,590 · Esc stops"),
        ((*START, ReasoningDelta("x")), "● thinking · Esc stops"),
        ((*START, ContentDelta("x")), "● writing · Esc stops"),
        (
            (*START, ToolCallProposed(ToolCall("1", "get_weather", {})), ToolStarted("1")),
            "● running get_weather · Esc stops",
        ),
        (
            (*START, ToolCallProposed(ToolCall("1", "get\x1b", {})), ToolProgress("1", "page [b] 2\n\x1b[2J")),
            "● running get␛: page [b] 2 ␛[2J · Esc stops",
        ),
        ((*START, TurnFailed("engine", "no")), IDLE),
    ],
)
async def test_the_line_says_what_happens(events: tuple[TurnEvent, ...], text: str) -> None:
    assert (await shown(events)).strip() == text


async def test_reading_the_prompt_shows_speed_and_time_left() -> None:
    events: list[TurnEvent] = [
        *START,
        PromptProgress(0, 1590, 0),
        PromptProgress(480, 1590, 0),
        PromptProgress(960, 1590, 0),
    ]
    assert "reading prompt 960/1,590 · 240 tok/s · 3 s left" in await shown(events, every=2.0)


async def test_figures_stay_after_the_turn() -> None:
    events: list[TurnEvent] = [
        *START,
        GenerationProgress(96, 22.4, 1590, 4096, False),
        TurnFinished("stop", USAGE, TIMINGS),
    ]
    line = await shown(events)
    assert line.startswith(f" {IDLE}")
    assert line.endswith("22.4 tok/s · first token 0.8 s · ━━━───── 1,590/4,096")


async def test_a_narrow_screen_keeps_the_context_and_shortens_the_rest() -> None:
    progress = "a very long line about what the tool is doing right now, longer than the screen"
    events: list[TurnEvent] = [
        *START,
        GenerationProgress(96, 22.4, 1590, 4096, True),
        ToolCallProposed(ToolCall("1", "get_webpage", {})),
        ToolProgress("1", progress),
    ]
    line = await shown(events, width=60)
    assert line.endswith("━━━───── 1,590/4,096")
    assert "…" in line


def test_a_window_that_is_nearly_full_warns() -> None:
    assert meter(4000, 4096).spans[0].style == "$text-warning"
    assert meter(1, 4096).plain == "━─────── 1/4,096"
    assert meter(9999, 4096).plain == "━━━━━━━━ 9,999/4,096"
