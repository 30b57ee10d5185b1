"""Searching all conversations from the screen, and opening one at what was found."""

from __future__ import annotations

from pathlib import Path

from smol_chat.ui.screens.history_search import HistorySearch
from support.screen import Stage, on_stage
from support.stored_conversations import StoringBackend


async def say(stage: Stage, text: str, answer: str) -> None:
    await stage.send(text)
    await stage.until(lambda: answer in stage.text and not stage.chat.is_answering)


async def look_for(stage: Stage, words: str) -> None:
    await stage.type("/search")
    await stage.press("enter")
    await stage.until(lambda: isinstance(stage.app.screen, HistorySearch))
    await stage.type(words)


async def test_words_of_another_conversation_are_found_while_typed_and_opened_at_their_turn(tmp_path: Path) -> None:
    backend = StoringBackend(tmp_path, [["Lemons grow there."], ["Other."], ["Apples."], ["New."]])
    async with on_stage(backend) as stage:
        await say(stage, "Sicily", "Lemons")
        await say(stage, "/regenerate", "Other.")
        await say(stage, "Normandy", "Apples.")
        first = backend.opened[-1]
        await stage.send("/new")
        await stage.until(lambda: "Apples." not in stage.text)
        await say(stage, "[b]New[/b]", "New.")
        await look_for(stage, "lem")
        await stage.until(lambda: "answer Lemons grow there." in stage.text)
        await stage.press("enter")
        await stage.until(lambda: backend.opened[-1] == first and "find Lem" in stage.text)
        assert "Lemons grow there." in stage.text and "Apples." not in stage.text  # the branch it was said on
        await stage.press("escape")
        await stage.until(lambda: "find" not in stage.text)


async def test_hostile_words_and_texts_are_only_text(tmp_path: Path) -> None:
    backend = StoringBackend(tmp_path, [["[red]\x1b[31m zebra [/nonsense]"]])
    async with on_stage(backend) as stage:
        await say(stage, "hello", "zebra")
        await look_for(stage, '"[/x] (')
        await stage.until(lambda: "Nothing fits." in stage.text)
        await stage.press("ctrl+u")
        await stage.type("zebra")
        await stage.until(lambda: "zebra [/nonsense]" in stage.text.split("answer")[-1])
        await stage.press("escape")
        await stage.until(lambda: not isinstance(stage.app.screen, HistorySearch))
