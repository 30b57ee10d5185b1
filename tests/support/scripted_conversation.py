"""A backend for the screen that plays scripts: lists of events, questions to the real approver, pauses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Union, cast

from smol_chat.agent.consent import ApprovalRequest, Approver, Decision
from smol_chat.agent.context_report import ContextReport
from smol_chat.agent.conversation import Version
from smol_chat.agent.summary import Reviewer
from smol_chat.config import Settings, SettingValue, Where, load_settings, unset_setting, write_setting
from smol_chat.engine.base import EngineInfo
from smol_chat.errors import SmolChatError, UsageError
from smol_chat.events import (
    Decided,
    FileAttached,
    Pinned,
    ToolCallProposed,
    ToolFinished,
    ToolStarted,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnResumed,
    TurnStarted,
)
from smol_chat.journal.search import Search
from smol_chat.journal.store import BranchEnd, ConversationSummary, Journal
from smol_chat.messages import Attachment, JsonObject, Timings, ToolCall, ToolFailure, ToolResult, Usage
from smol_chat.models.discover import InstalledModel
from smol_chat.paths import DataPaths
from smol_chat.tools.egress import Egress
from smol_chat.tools.files import WorkspaceFiles
from smol_chat.tools.registry import ToolRegistry
from smol_chat.tools.spec import Effect, Preview
from smol_chat.tools.undo import UndoStore
from smol_chat.ui.backend import OpenConversation
from support.turns import split_turns

if TYPE_CHECKING:
    from smol_chat.tools.context import ToolWorkbench

USAGE = Usage(prompt_tokens=812, reused_tokens=640, completion_tokens=96)
TIMINGS = Timings(ttft_ms=840, prompt_tok_s=240.0, decode_tok_s=22.4)
DONE = TurnFinished("stop", USAGE, TIMINGS)


@dataclass(frozen=True)
class Ask:
    """Propose calls of one round and put them to the approver all at once; allowed ones run and give `result`."""

    requests: tuple[ApprovalRequest, ...]
    result: str = "done"
    again: bool = False
    """The calls were proposed before the program ended."""


@dataclass(frozen=True)
class Pause:
    """Wait until the test goes on."""

    go_on: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True)
class Crash:
    """Raise what no session should."""

    error: Exception


Step = Union[TurnEvent, Ask, Pause, Crash]


def request(
    name: str,
    arguments: JsonObject,
    *,
    effect: Effect = Effect.NETWORK,
    preview: Preview | None = None,
    call_id: str = "call_1",
    position: int = 1,
    batch: int = 1,
) -> ApprovalRequest:
    """Make a request as the session would."""
    return ApprovalRequest(ToolCall(call_id, name, arguments), effect, preview or Preview(""), position, batch)


class ScriptedConversation:
    """Play one script for each turn, in order; fail when there is no script left."""

    def __init__(self, scripts: Sequence[Sequence[Step]], past: Sequence[TurnEvent] = (), id: str = "conv-1") -> None:
        self.id = id
        self.past = split_turns(past)
        self.tools_on = True
        self.tool_choice = "auto"
        self.sent: list[str] = []
        self.rewound: list[int] = []
        self.named = 0
        self.attached: list[tuple[Attachment, ...]] = []
        self.warmed = 0
        self.waiting = 0
        """How many calls of a turn that was cut wait; the next script is the rest of that turn."""
        self.may_resume = False
        """Whether a turn that was cut can go on although nothing of it waits."""
        self.pins: list[tuple[int, bool]] = []
        self.pinned_tools: list[tuple[str, bool]] = []
        self.report = ContextReport(4096, 60, 900, 700, 120, 800, 1024, exact=True)
        self.decisions: list[tuple[str, Decision]] = []
        self.approver: Approver | None = None
        self.read_to_the_end = False
        """Whether the screen has taken in the last event of the latest turn."""
        self._scripts = list(scripts)
        self._cancelled = asyncio.Event()

    def set_tools(self, on: bool) -> None:
        self.tools_on = on

    def choose_tool(self, choice: str) -> None:
        if choice == "nonsense":
            raise UsageError("There is no tool 'nonsense'.")
        self.tool_choice = choice

    @property
    def can_resume(self) -> bool:
        return self.waiting > 0 or self.may_resume

    def resume(self) -> AsyncGenerator[TurnEvent, None]:
        self.waiting, self.may_resume = 0, False
        return self._play(TurnResumed(self.id))

    @property
    def turns(self) -> int:
        return len(self.sent)

    async def context_report(self) -> ContextReport:
        return self.report

    async def pin(self, position: int, on: bool) -> Pinned:
        if position not in range(self.turns):
            raise UsageError(f"There is no turn {position + 1} to pin.")
        self.pins.append((position, on))
        return Pinned(on)

    def pin_tool(self, name: str, on: bool) -> None:
        self.pinned_tools.append((name, on))

    async def warm(self) -> None:
        self.warmed += 1

    async def name_itself(self) -> None:
        self.named += 1

    async def cancel(self) -> None:
        self._cancelled.set()

    def rewind(self, turns: int) -> None:
        self.rewound.append(turns)

    async def versions(self) -> list[Version]:
        return []

    async def walk(self, position: int, step: int) -> bool:
        return False

    async def show(self, turn: int) -> int:
        return 0

    async def branches(self) -> list[BranchEnd]:
        return []

    def run_turn(self, text: str, attachments: Sequence[Attachment] = ()) -> AsyncGenerator[TurnEvent, None]:
        self.sent.append(text)
        self.attached.append(tuple(attachments))
        return self._play(TurnStarted(self.id, text), *map(FileAttached, attachments))

    async def _play(self, *first: TurnEvent) -> AsyncGenerator[TurnEvent, None]:
        assert self._scripts, "the script has run out"
        self._cancelled.clear()
        self.read_to_the_end = False
        for event in first:
            yield event
        for step in self._scripts.pop(0):
            if self._cancelled.is_set():
                break
            match step:
                case Ask():
                    for event in self._proposed(step):
                        yield event
                    for event in await self._unless_cancelled(self._asked(step)) or []:
                        yield event
                case Pause(go_on):
                    await self._unless_cancelled(_nothing_after(go_on))
                case Crash(error):
                    raise error
                case TurnFinished() | TurnFailed():
                    yield step
                    self.read_to_the_end = True
                    return
                case _:
                    yield step
        yield TurnFinished("cancelled", USAGE, TIMINGS) if self._cancelled.is_set() else DONE
        self.read_to_the_end = True

    def _proposed(self, step: Ask) -> list[TurnEvent]:
        return [] if step.again else [ToolCallProposed(asked.call) for asked in step.requests]

    async def _asked(self, step: Ask) -> list[TurnEvent]:
        assert self.approver is not None
        decisions = await asyncio.gather(*(self.approver.decide(asked) for asked in step.requests))
        events: list[TurnEvent] = []
        for asked, decision in zip(step.requests, decisions, strict=True):
            self.decisions.append((asked.call.id, decision))
            events += _outcome(asked.call, decision, step.result)
        return events

    async def _unless_cancelled(self, work: object) -> list[TurnEvent] | None:
        task = asyncio.ensure_future(cast("asyncio.Future[list[TurnEvent]]", work))
        stop = asyncio.ensure_future(self._cancelled.wait())
        try:
            await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            for waiting in (task, stop):
                waiting.cancel()
            await asyncio.gather(task, stop, return_exceptions=True)


async def _nothing_after(go_on: asyncio.Event) -> list[TurnEvent]:
    await go_on.wait()
    return []


def _outcome(call: ToolCall, decision: Decision, result: str) -> list[TurnEvent]:
    decided = Decided(
        call.id,
        "allow" if decision.allowed else "deny",
        decision.by,
        call.arguments,
        scope=decision.scope,
        reason=decision.reason,
    )
    if not decision.allowed:
        failure = ToolFailure("denied", decision.reason or "denied by you")
        refused = ToolResult(call.id, call.name, ok=False, content=failure.message, error=failure)
        return [decided, ToolFinished(refused)]
    return [decided, ToolStarted(call.id), ToolFinished(ToolResult(call.id, call.name, content=result, duration_ms=31))]


class _Workbench:
    def __init__(self, root: Path) -> None:
        self.egress = Egress()
        self.files = WorkspaceFiles(root / "work", UndoStore(root / "undo"))

    def isolation(self) -> str:
        return "landlock"


class ScriptedBackend:
    """Everything behind the screen, in memory but for the data folder."""

    def __init__(self, root: Path, scripts: Sequence[Sequence[Step]] = (), *, past: Sequence[TurnEvent] = ()) -> None:
        self.config_file = root / "config.toml"
        self.settings = Settings(where=Where(str(self.config_file)))
        self.paths = DataPaths(root)
        self.paths.create()
        (root / "tour_shown").touch()
        self.workspace = root / "work"
        self.bench = _Workbench(root)
        self.model_name = "smol-tools-4b-Q4_K_M"
        self.server = ""
        self.opened: list[str | None] = []
        self.used_models: list[str] = []
        self.load_error: SmolChatError | None = None
        self.loaded = asyncio.Event()
        self.loaded.set()
        self.models: list[InstalledModel] = []
        self.stored: list[ConversationSummary] = []
        self.tools = ToolRegistry()
        self.notice = ""
        self.closed = False
        self.conversation = ScriptedConversation(scripts, past)
        self.reviewer: Reviewer | None = None

    def has_model(self) -> bool:
        return bool(self.model_name)

    def installed_models(self) -> list[InstalledModel]:
        return self.models

    def change_setting(self, name: str, value: SettingValue | None) -> None:
        if value is None:
            unset_setting(self.config_file, name)
        else:
            write_setting(self.config_file, name, value)
        self.settings = load_settings(self.config_file)

    async def use_model(self, name: str) -> None:
        self.used_models.append(name)
        if name.startswith("missing"):
            raise SmolChatError(f"There is no model {name!r}; check the path.")
        self.model_name = name
        self.load_error = None

    async def start_engine(self) -> EngineInfo:
        await self.loaded.wait()
        if self.load_error is not None:
            raise self.load_error
        return EngineInfo(self.model_name, 4096, "scripted")

    def registry(self) -> ToolRegistry:
        return self.tools

    def rules_notice(self) -> str:
        return self.notice

    def workbench(self) -> ToolWorkbench:
        return cast("ToolWorkbench", self.bench)  # the screen reads one name of it

    def conversations(self) -> list[ConversationSummary]:
        return self.stored

    def journal(self) -> Journal:
        raise AssertionError("this backend stores nothing")

    def search(self) -> Search:
        return Search(self.paths.history_db)

    async def open_conversation(
        self, approver: Approver, conversation_id: str | None = None, *, reviewer: Reviewer | None = None
    ) -> OpenConversation:
        self.opened.append(conversation_id)
        self.reviewer = reviewer
        self.conversation.approver = approver
        return self.conversation

    async def close(self) -> None:
        self.closed = True

    def with_theme(self, name: str) -> ScriptedBackend:
        self.settings = replace(self.settings, ui=replace(self.settings.ui, theme=name))
        return self
