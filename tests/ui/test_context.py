"""What the model reads, on the screen: the picture of the window, pins, and a summary before it is used."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from smol_chat.agent.context_report import ContextReport
from smol_chat.agent.summary import SummaryProposal
from smol_chat.events import ContentDelta
from smol_chat.ui.context_sheet import context_page
from smol_chat.ui.screens.summary_review import SummaryReview
from support.screen import Stage, on_stage
from support.scripted_conversation import DONE, ScriptedBackend

REPORT = ContextReport(4096, 60, 900, 700, 120, 800, 1024, exact=True)
PROPOSAL = SummaryProposal(4, 4, "They spoke of [b]boats[/b].\x1b[31m")


async def command(stage: Stage, text: str) -> None:
    stage.composer.write(text)
    stage.composer.send()
    await stage.pilot.pause()


async def test_the_window_is_shown_by_what_fills_it(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path)) as stage:
        await command(stage, "/context")
        await stage.until(lambda: "Context window" in stage.text)
        assert "900 tokens   22%" in stage.text
        assert "The next prompt begins with 2,580 tokens of 4,096." in stage.text
        await stage.press("escape")
        assert "Context window" not in stage.text


@pytest.mark.parametrize("used", [0, 1, 500, 4000, 90_000])
def test_the_bar_is_never_longer_than_its_place(used: int) -> None:
    report = ContextReport(4096, 1 if used else 0, used, used // 2, 0, 1 if used else 0, 1024, exact=True)
    bar = context_page(report).plain.splitlines()[1]
    assert len(bar) == 64


def test_what_is_not_shown_whole_is_said() -> None:
    report = replace(
        REPORT, exact=False, turns=9, summarised=5, pinned=("My [/b] name\x1b is Ada",), shortened=2, offered=("a", "b")
    )
    page = context_page(report).plain
    assert "about 2,580 tokens" in page
    assert "summary stands for the first 5 of 9 turns" in page
    assert "2 long tool results" in page
    assert "these are offered: a, b" in page
    assert "pinned: My [/b] name␛ is Ada" in page


async def test_the_last_turn_is_pinned_and_says_so(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path, [[ContentDelta("Noted."), DONE]])) as stage:
        await stage.send("My name is Ada")
        await stage.until(lambda: stage.backend.conversation.read_to_the_end)
        await command(stage, "/pin")
        await stage.until(lambda: "the model always reads this turn" in stage.text)
        await command(stage, "/unpin 1")
        await stage.until(lambda: "no longer pinned" in stage.text)
        assert stage.backend.conversation.pins == [(0, True), (0, False)]
        await command(stage, "/pin 7")
        await stage.until(lambda: "There is no turn 7" in stage.text)
        await command(stage, "/pin soon")
        await stage.until(lambda: "Write the number of a turn" in stage.text)


async def test_a_tool_is_kept_among_those_that_are_offered(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path)) as stage:
        await command(stage, "/tools pin get_weather")
        await stage.until(lambda: "get_weather is always among the tools" in stage.text)
        await command(stage, "/tools unpin get_weather")
        await stage.until(lambda: "no longer always" in stage.text)
        assert stage.backend.conversation.pinned_tools == [("get_weather", True), ("get_weather", False)]


async def reviewed(stage: Stage) -> asyncio.Task[str]:
    """Propose a summary as the session does, from a task of its own, and wait until it is shown."""
    assert stage.backend.reviewer is not None
    review = asyncio.ensure_future(stage.backend.reviewer.review(PROPOSAL))
    await stage.until(lambda: isinstance(stage.app.screen, SummaryReview))
    await stage.pilot.pause()
    return review


async def test_a_summary_is_shown_and_what_is_typed_unawares_changes_nothing(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path)) as stage:
        review = await reviewed(stage)
        assert "4 turns the model will read this instead" in stage.text
        assert "[b]boats[/b].␛[31m" in stage.text
        await stage.type("and then\n")
        await stage.press("ctrl+s")
        assert await review == "They spoke of [b]boats[/b].␛[31m"


async def test_a_summary_can_be_changed(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path)) as stage:
        review = await reviewed(stage)
        await stage.press("tab")
        await stage.type("Yes. ")
        await stage.press("ctrl+s")
        assert (await review).startswith("Yes. They spoke of")


async def test_escape_uses_the_model_s_own_words(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path)) as stage:
        review = await reviewed(stage)
        await stage.press("tab")
        await stage.type("No")
        await stage.press("escape")
        assert await review == PROPOSAL.text


async def test_a_summary_goes_away_with_its_turn(tmp_path: Path) -> None:
    async with on_stage(ScriptedBackend(tmp_path)) as stage:
        review = await reviewed(stage)
        review.cancel()
        await stage.until(lambda: not isinstance(stage.app.screen, SummaryReview))
