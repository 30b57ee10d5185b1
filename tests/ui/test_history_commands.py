"""Naming, listing first, deleting and exporting the conversation that is shown."""

from __future__ import annotations

from pathlib import Path

from smol_chat.ui.screens.picker import PickerScreen
from support.screen import Stage, on_stage
from support.scripted_engine import WaitForStop
from support.stored_conversations import StoringBackend


async def say(stage: Stage, text: str, answer: str) -> None:
    await stage.send(text)
    await stage.until(lambda: answer in stage.text and not stage.chat.is_answering)


async def test_a_conversation_is_named_listed_first_and_exported(tmp_path: Path) -> None:
    backend = StoringBackend(tmp_path, [["Lemons."]])
    backend.workspace.mkdir()
    async with on_stage(backend, size=(120, 30)) as stage:
        await stage.send("/rename")
        await stage.until(lambda: "This conversation has no turn yet." in stage.text)
        await say(stage, "Sicily", "Lemons.")
        await stage.send("/rename")
        await stage.until(lambda: stage.composer.text == "/rename Sicily")
        await stage.type(" and [b]more/..")
        await stage.press("enter")
        await stage.until(lambda: "is now called" in stage.text)
        await stage.send("/favorite")
        await stage.until(lambda: "before all others" in stage.text)
        (summary,) = backend.conversations()
        assert (summary.title, summary.named_by, summary.pinned) == ("Sicily and [b]more/..", "user", 1)
        await stage.send("/export html")
        await stage.until(lambda: "Wrote " in stage.text)
        assert "Lemons." in (backend.workspace / "sicily-and-b-more.html").read_text()
        await stage.send("/export html")
        await stage.until(lambda: "There is a file" in stage.text)
        await stage.send("/export nonsense")
        await stage.until(lambda: "Write /export markdown" in stage.text)


async def test_a_conversation_is_deleted_only_after_it_was_asked(tmp_path: Path) -> None:
    backend = StoringBackend(tmp_path, [["Lemons."]])
    async with on_stage(backend) as stage:
        await say(stage, "Sicily", "Lemons.")
        for keys, left in ((("enter",), 1), (("escape",), 1), (("down", "enter"), 0)):
            await stage.type("/delete")
            await stage.press("enter")
            await stage.until(lambda: isinstance(stage.app.screen, PickerScreen) and "Delete 'Sicily'?" in stage.text)
            await stage.press(*keys)
            await stage.until(lambda: not isinstance(stage.app.screen, PickerScreen))
            await stage.until(lambda left=left: len(backend.conversations()) == left)  # type: ignore[misc]
        await stage.until(lambda: "Lemons." not in stage.text)


async def test_a_quiet_moment_names_the_conversation_and_a_message_ends_that(tmp_path: Path) -> None:
    backend = StoringBackend(tmp_path, [["One."], ["Lem", WaitForStop()], ["Two."], ["Lemons in Sicily"]])
    async with on_stage(backend) as stage:
        await say(stage, "first", "One.")
        stage.chat.naming.now()
        await stage.until(lambda: len(backend.engine.requests) == 2)
        await say(stage, "second", "Two.")
        stage.chat.naming.now()
        await stage.until(lambda: backend.conversations()[0].title == "Lemons in Sicily")
