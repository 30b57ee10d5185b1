"""A backend for the screen whose conversations are real: a session on a scripted engine, and a journal on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from typing_extensions import override

from smol_chat.agent.consent import Approver
from smol_chat.agent.conversation import Conversation
from smol_chat.agent.session import Session, SessionOptions
from smol_chat.agent.summary import Reviewer
from smol_chat.journal import ConversationSummary, Journal
from smol_chat.journal.search import Search
from support.scripted_conversation import ScriptedBackend
from support.scripted_engine import ScriptedEngine, Step
from support.scripted_toolbox import SmallToolbox


class StoringBackend(ScriptedBackend):
    """Answer one script after the other; keep everything in the history."""

    def __init__(self, root: Path, rounds: Sequence[Sequence[Step]]) -> None:
        super().__init__(root)
        self.engine = ScriptedEngine(rounds)
        self.history = Journal.open(self.paths.history_db)
        self.current: Conversation | None = None

    @override
    async def open_conversation(
        self, approver: Approver, conversation_id: str | None = None, *, reviewer: Reviewer | None = None
    ) -> Conversation:
        name = conversation_id or self.history.create(self.model_name)
        self.opened.append(name)
        branch = self.history.branch(name)
        session = Session(
            name,
            engine=self.engine,
            toolbox=SmallToolbox(),
            approver=approver,
            options=SessionOptions(),
            past=branch.last,
            earlier=branch.past[:-1],
            calls_made=branch.calls_made,
        )
        self.current = Conversation(name, branch.past, session, self.history, branch.turns)
        return self.current

    @override
    def conversations(self) -> list[ConversationSummary]:
        return self.history.conversations()

    @override
    def journal(self) -> Journal:
        return self.history

    @override
    def search(self) -> Search:
        return Search(self.paths.history_db)

    @override
    async def close(self) -> None:
        self.history.close()
        await super().close()
