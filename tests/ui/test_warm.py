"""The screen has the next turn prepared whenever it has nothing to send."""

from __future__ import annotations

from pathlib import Path

from support.screen import on_stage
from support.scripted_conversation import DONE, Pause, ScriptedBackend


async def test_the_next_turn_is_prepared_at_the_start_and_after_each_turn(tmp_path: Path) -> None:
    pause = Pause()
    async with on_stage(ScriptedBackend(tmp_path, [[pause, DONE], [DONE]])) as stage:
        conversation = stage.backend.conversation
        await stage.until(lambda: conversation.warmed == 1)
        await stage.send("one")
        await stage.send("two")
        assert conversation.warmed == 1
        pause.go_on.set()
        await stage.until(lambda: conversation.warmed == 2)
        assert conversation.sent == ["one", "two"]
