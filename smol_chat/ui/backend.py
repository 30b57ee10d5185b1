"""What the screen needs from the rest of the program; the assembly provides it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from smol_chat.agent.consent import Approver
from smol_chat.agent.context_report import ContextReport
from smol_chat.agent.conversation import Version
from smol_chat.agent.summary import Reviewer
from smol_chat.config import Settings, SettingValue
from smol_chat.engine.base import EngineInfo
from smol_chat.events import Pinned, TurnEvent
from smol_chat.messages import Attachment
from smol_chat.paths import DataPaths

if TYPE_CHECKING:  # their modules cost start-up time
    from smol_chat.journal.search import Search
    from smol_chat.journal.store import BranchEnd, ConversationSummary, Journal
    from smol_chat.models.discover import InstalledModel
    from smol_chat.tools.context import ToolWorkbench
    from smol_chat.tools.registry import ToolRegistry


class OpenConversation(Protocol):
    """A conversation whose turns can be run, one at a time."""

    @property
    def id(self) -> str:
        """Its id in the history."""
        ...

    @property
    def past(self) -> Sequence[Iterable[TurnEvent]]:
        """Events of each of its earlier turns."""
        ...

    @property
    def tools_on(self) -> bool:
        """Whether the model is offered tools."""
        ...

    def set_tools(self, on: bool) -> None:
        """Offer tools from the next turn on, or no longer."""
        ...

    def choose_tool(self, choice: str) -> None:
        """Say whether the next turn begins with a call: `auto`, `none`, `required`, or a tool's name.

        Raises:
            UsageError: there is no such tool.
        """
        ...

    def run_turn(self, text: str, attachments: Sequence[Attachment] = ()) -> AsyncGenerator[TurnEvent, None]:
        """Stream one turn; consume inside `aclosing`."""
        ...

    @property
    def waiting(self) -> int:
        """How many calls of a turn that the program's end cut still wait for an answer."""
        ...

    @property
    def can_resume(self) -> bool:
        """Whether the last turn was cut where it can go on."""
        ...

    def resume(self) -> AsyncGenerator[TurnEvent, None]:
        """Stream the rest of a turn that was cut; consume inside `aclosing`.

        Raises:
            JournalError: another program has taken it up, or the history cannot be written.
        """
        ...

    @property
    def turns(self) -> int:
        """How many turns there are."""
        ...

    async def context_report(self) -> ContextReport:
        """Count what fills the context window as the next turn would find it."""
        ...

    async def pin(self, position: int, on: bool) -> Pinned:
        """Keep a turn, counted from 0, from being summarised, or no longer.

        Raises:
            UsageError: there is no such turn.
        """
        ...

    def pin_tool(self, name: str, on: bool) -> None:
        """Offer a tool whatever room there is in the context window, or no longer.

        Raises:
            UsageError: there is no such tool.
        """
        ...

    async def warm(self) -> None:
        """Prepare for the next turn in the background."""
        ...

    async def name_itself(self) -> None:
        """Have the model give the conversation a title where nobody has; cancel it when a turn is to begin."""
        ...

    async def cancel(self) -> None:
        """End the running turn in an orderly way; its last event still comes."""
        ...

    def rewind(self, turns: int) -> None:
        """Go on from where the branch had so many turns; what came after stays in the history."""
        ...

    async def versions(self) -> list[Version]:
        """Return for each turn of the branch which of its alternatives it is.

        Raises:
            JournalError: the history cannot be read.
        """
        ...

    async def walk(self, position: int, step: int) -> bool:
        """Change to the branch of a turn's next (1) or previous (-1) alternative; tell whether there is one.

        Raises:
            JournalError: the history cannot be read.
        """
        ...

    async def show(self, turn: int) -> int:
        """Change to the branch through a turn of the history, and return the turn's position in it.

        Raises:
            JournalError: the history cannot be read, or has no such turn any more.
        """
        ...

    async def branches(self) -> list[BranchEnd]:
        """Return the ends of all branches, the latest first.

        Raises:
            JournalError: the history cannot be read.
        """
        ...


class Backend(Protocol):
    """The parts behind the screen."""

    @property
    def settings(self) -> Settings:
        """The user's settings."""
        ...

    @property
    def paths(self) -> DataPaths:
        """Where data lives."""
        ...

    @property
    def workspace(self) -> Path:
        """The folder tools may use."""
        ...

    @property
    def model_name(self) -> str:
        """Name of the chosen model; empty when there is none."""
        ...

    @property
    def server(self) -> str:
        """Address of the chosen server; empty when the model runs here."""
        ...

    def has_model(self) -> bool:
        """Tell whether a model or a server is chosen or can be found."""
        ...

    def installed_models(self) -> list[InstalledModel]:
        """Return the models found on this machine."""
        ...

    def change_setting(self, name: str, value: SettingValue | None) -> None:
        """Change one setting in the file and here; None: back to its default."""
        ...

    async def use_model(self, name: str) -> None:
        """Choose another model (name or path) or server (URL)."""
        ...

    async def start_engine(self) -> EngineInfo:
        """Load the model or reach the server; at once when that is done."""
        ...

    def registry(self) -> ToolRegistry:
        """Return the tools; takes a moment the first time."""
        ...

    def rules_notice(self) -> str:
        """Return what to say of rules in the workspace that do not count; empty where there are none."""
        ...

    def workbench(self) -> ToolWorkbench:
        """Return what calls run with."""
        ...

    def conversations(self) -> list[ConversationSummary]:
        """Return the stored conversations, newest first."""
        ...

    def journal(self) -> Journal:
        """Return the history; takes a moment the first time."""
        ...

    def search(self) -> Search:
        """Return what searches the stored conversations; takes a moment the first time.

        Raises:
            JournalError: the history cannot be read.
        """
        ...

    async def open_conversation(
        self, approver: Approver, conversation_id: str | None = None, *, reviewer: Reviewer | None = None
    ) -> OpenConversation:
        """Open a stored conversation, or begin a new one."""
        ...

    async def close(self) -> None:
        """Free everything that was built."""
        ...
