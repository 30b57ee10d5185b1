"""A card whose answer holds for one call only offers no more than that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from smol_chat.tools.spec import Preview
from support.screen import on_stage
from support.scripted_conversation import Ask, ScriptedBackend, request

ONCE = replace(request("database_query", {"query": "DELETE FROM t"}, preview=Preview("Delete")), once_only=True)


async def test_the_session_is_neither_offered_nor_taken(tmp_path: Path) -> None:
    backend = ScriptedBackend(tmp_path, [[Ask((ONCE,))]])
    async with on_stage(backend) as stage:
        await stage.send("go")
        await stage.until(lambda: stage.dock.card is not None)
        assert "[y] allow once" in stage.text
        assert "this session" not in stage.text
        await stage.card_listens()
        await stage.press("s")
        await stage.wait(1.1)
        assert backend.conversation.decisions == []
        assert stage.composer.text == "s", "it was typing"
