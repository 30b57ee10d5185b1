"""An open conversation: its turns are journaled as they happen, and it goes on from one branch of its tree."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from smol_chat.agent.context_report import ContextReport
from smol_chat.agent.session import Session
from smol_chat.errors import JournalError
from smol_chat.events import Pinned, TurnEvent
from smol_chat.messages import Attachment

if TYPE_CHECKING:  # sqlite costs start-up time
    from smol_chat.journal.recording import Turn
    from smol_chat.journal.store import BranchEnd, Journal


log = logging.getLogger(__name__)


class Version(NamedTuple):
    """Which of the messages that follow the same turn one is, counted from 1, and how many there are."""

    number: int
    total: int


@dataclass(slots=True)
class Conversation:
    """One branch of a conversation. A turn is named by its position in the branch, from 0."""

    id: str
    past: Sequence[Iterable[TurnEvent]]
    """Events of each of its earlier turns, when it was reopened."""
    session: Session = field(repr=False)
    _journal: Journal = field(repr=False)
    _turns: list[Turn] = field(repr=False)
    """The turns of the branch."""

    @property
    def turns(self) -> int:
        """How many turns the branch has."""
        return len(self._turns)

    @property
    def tools_on(self) -> bool:
        """Whether the model is offered tools; True also while the model, not yet loaded, will decide it."""
        return self.session.tools_on is not False

    def set_tools(self, on: bool) -> None:
        """Offer tools from the next turn on, or no longer."""
        self.session.tools_on = on

    def choose_tool(self, choice: str) -> None:
        """Say whether the next turn begins with a call: `auto`, `none`, `required`, or a tool's name.

        Raises:
            UsageError: there is no such tool.
        """
        self.session.choose_tool(choice)

    def run_turn(self, text: str, attachments: Sequence[Attachment] = ()) -> AsyncGenerator[TurnEvent, None]:
        """Stream one turn; consume inside `aclosing`."""
        turn = self._journal.turn(self.id, self._turns[-1] if self._turns else None)
        self._turns.append(turn)
        return self._journal.record(self.id, self.session.run_turn(text, attachments), turn)

    @property
    def waiting(self) -> int:
        """How many calls of a turn that the program's end cut still wait for an answer."""
        cut = self.session.cut
        return len(cut.waiting) if cut else 0

    @property
    def can_resume(self) -> bool:
        """Whether the last turn was cut where it can go on."""
        return self.session.cut is not None

    def resume(self) -> AsyncGenerator[TurnEvent, None]:
        """Stream the rest of a turn that was cut; consume inside `aclosing`.

        Raises:
            JournalError: another program has taken it up, or the history cannot be written.
        """
        turn = self._turns[-1]
        self._journal.claim(turn)
        return self._journal.record(self.id, self.session.resume(), turn)

    async def warm(self) -> None:
        """Prepare for the next turn in the background."""
        await self.session.warm()

    async def name_itself(self) -> None:
        """Have the model give a conversation a title that has only its first line for one; tried once a turn.

        Cancel it when a turn is to begin: nothing is lost but the title.
        """
        try:
            summary = await asyncio.to_thread(self._journal.summary, self.id)
            if summary is not None and summary.named_by == "text" and (title := await self.session.suggest_title()):
                await asyncio.to_thread(self._journal.rename, self.id, title, "model")
        except JournalError as error:
            log.info("the conversation was not named: %s", error.message)

    async def cancel(self) -> None:
        """End the running turn in an orderly way; its last event still comes."""
        await self.session.cancel()

    async def context_report(self) -> ContextReport:
        """Count what fills the context window as the next turn would find it.

        Raises:
            EngineError: the model cannot be used.
        """
        return await self.session.context_report()

    async def pin(self, position: int, on: bool) -> Pinned:
        """Keep a turn of the branch from being summarised, or no longer; the history keeps that with the turn.

        Raises:
            UsageError: there is no such turn.
            RuntimeError: a turn is running.
        """
        event = self.session.pin(position, on)
        await self._journal.note(self._turns[position], event)
        return event

    def pin_tool(self, name: str, on: bool) -> None:
        """Offer a tool whatever room there is in the context window, or no longer.

        Raises:
            UsageError: there is no such tool.
        """
        self.session.pin_tool(name, on)

    # --- the tree -------------------------------------------------------------------------------

    def rewind(self, turns: int) -> None:
        """Go on from where the branch had so many turns; what came after stays in the history.

        Raises:
            RuntimeError: a turn is running.
        """
        self.session.rewind(turns)
        del self._turns[turns:]

    async def versions(self) -> list[Version]:
        """Return for each turn of the branch which of its alternatives it is.

        Raises:
            JournalError: the history cannot be read.
        """
        tree = await asyncio.to_thread(self._journal.tree, self.id)
        return [_version(turn.id, tree.siblings(turn.id)) for turn in self._turns]

    async def walk(self, position: int, step: int) -> bool:
        """Change to the branch of the turn's next alternative, or with `step` -1 of the one before.

        Returns whether there is one; then `past` has the branch's events.

        Raises:
            JournalError: the history cannot be read.
        """
        tree = await asyncio.to_thread(self._journal.tree, self.id)
        turn = self._turns[position].id
        siblings = tree.siblings(turn)
        wanted = siblings.index(turn) + step if turn in siblings else -1
        if not 0 <= wanted < len(siblings):
            return False
        await self.show(siblings[wanted])
        return True

    async def show(self, turn: int) -> int:
        """Change to the branch through a turn that was written last, and return the turn's position in it.

        Raises:
            JournalError: the history cannot be read, or has no such turn in this conversation any more.
        """
        branch = await asyncio.to_thread(self._journal.branch, self.id, turn)
        self.session.go_to(branch.last, branch.past[:-1])
        self.past, self._turns = branch.past, branch.turns
        return [one.id for one in branch.turns].index(turn)

    async def branches(self) -> list[BranchEnd]:
        """Return the ends of all branches, the latest first.

        Raises:
            JournalError: the history cannot be read.
        """
        return await asyncio.to_thread(self._journal.branch_ends, self.id)


def _version(turn: int | None, siblings: list[int]) -> Version:
    # What could not be stored is in no tree; it stands alone.
    return Version(siblings.index(turn) + 1, len(siblings)) if turn in siblings else Version(1, 1)
