"""Searching the conversation: by keys, by mouse, by command; and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from smol_chat.events import TurnEvent
from smol_chat.ui.search_bar import SearchBar
from support.screen import Stage, on_stage
from support.scripted_conversation import ScriptedBackend
from support.transcript_app import turn


def backend(root: Path) -> ScriptedBackend:
    past: list[TurnEvent] = []
    for number in range(30):
        past += turn(f"question {number}", f"the answer to {number} is [bold]{number * 7}[/bold]")
    return ScriptedBackend(root, past=past)


def bar(stage: Stage) -> str:
    return next(line for line in stage.text.splitlines() if "✕" in line)


async def searching(stage: Stage, words: str) -> None:
    await stage.press("ctrl+f")
    await stage.type(words)
    await stage.until(lambda: stage.chat.transcript.found[2])


async def test_the_first_match_is_shown_while_words_are_typed(tmp_path: Path) -> None:
    async with on_stage(backend(tmp_path), conversation="c") as stage:
        await searching(stage, "answer to 1")
        assert "11 of 11" in bar(stage)
        assert "the answer to 19" in stage.text
        await stage.type("2 is")
        await stage.until(lambda: "1 of 1" in bar(stage))
        assert "the answer to 12 is" in stage.text


async def test_arrows_step_and_enter_goes_where_n_steps(tmp_path: Path) -> None:
    async with on_stage(backend(tmp_path), conversation="c") as stage:
        await searching(stage, "answer to 1")
        await stage.press("up")
        assert "10 of 11" in bar(stage)
        await stage.press("down", "down")
        assert "1 of 11" in bar(stage)
        await stage.press("enter", "n", "n", "N", "enter")
        assert "3 of 11" in bar(stage)
        assert stage.chat.transcript.has_focus


async def test_escape_ends_it_and_gives_the_focus_back(tmp_path: Path) -> None:
    async with on_stage(backend(tmp_path), conversation="c") as stage:
        await searching(stage, "question 3")
        await stage.press("escape")
        assert "✕" not in stage.text
        assert "question 3" in stage.text
        assert not stage.chat.transcript.is_finding
        assert stage.composer.has_focus


@pytest.mark.parametrize(("button", "count"), [("back", "10 of 11"), ("on", "1 of 11")])
async def test_the_mouse_steps_and_closes(tmp_path: Path, button: str, count: str) -> None:
    async with on_stage(backend(tmp_path), conversation="c") as stage:
        await searching(stage, "answer to 1")
        await stage.pilot.click(f".search--{button}")
        assert count in bar(stage)
        await stage.pilot.click(".search--close")
        assert not stage.chat.query_one(SearchBar).is_open


async def test_nothing_is_said_and_text_is_never_markup(tmp_path: Path) -> None:
    async with on_stage(backend(tmp_path), conversation="c") as stage:
        await stage.send("/find [/bold]")
        await stage.until(lambda: "of 30" in bar(stage))
        await stage.type("[/nowhere")
        await stage.until(lambda: "nothing" in bar(stage))


async def test_messages_are_gone_through_from_the_composer(tmp_path: Path) -> None:
    async with on_stage(backend(tmp_path), conversation="c") as stage:
        await stage.press(*["alt+up"] * 30)
        assert "question 15" in stage.text
        await stage.press("alt+down", "alt+down")
        assert "question 16" in stage.text
