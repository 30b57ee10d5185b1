"""What happens to the calls of one round: checked, judged, asked about, run, and each given an outcome."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Protocol

from smol_chat.agent.consent import ApprovalRequest, Approver, Decision
from smol_chat.agent.limits import RepeatBreaker
from smol_chat.agent.policy import Rules, judge
from smol_chat.events import Decided, ToolFinished, ToolProgress, ToolStarted, TurnEvent
from smol_chat.messages import ToolCall, ToolErrorKind, ToolFailure, ToolResult, ToolSchema
from smol_chat.protocol.schema import problems
from smol_chat.tools.spec import Effect, Preview

SIDE_BY_SIDE = frozenset({Effect.PURE, Effect.READ, Effect.NETWORK})
"""Calls with these effects do not disturb each other and run at the same time; all others run alone, in order."""

STOPPED_BEFORE = "The user stopped the turn before this call ran."
STOPPED_WHILE = "The user stopped this call while it ran. Whether it had any effect is not known."

log = logging.getLogger(__name__)


class Toolbox(Protocol):
    """The tools a session can use."""

    def schemas(self) -> tuple[ToolSchema, ...]:
        """Return what the model is told, in a stable order."""
        ...

    def usual_effect(self, name: str) -> Effect:
        """Return what the tool's calls usually do: what a rule that allows the tool is about."""
        ...

    def effect(self, call: ToolCall) -> Effect:
        """Return what this call does."""
        ...

    async def preview(self, call: ToolCall) -> Preview:
        """Return what the call would do; has no effect and never raises."""
        ...

    async def run(self, call: ToolCall, progress: Callable[[str], None]) -> ToolResult:
        """Run the call for real. Only cancellation is raised; a failure is a result."""
        ...


class RoundOfCalls:
    """Take the calls of one round to their outcomes.

    `rules` afterwards holds what the user allowed for the rest of the conversation; `unattended` tells whether a call
    was refused because nobody could be asked.
    """

    def __init__(
        self, *, toolbox: Toolbox, approver: Approver, rules: Rules, breaker: RepeatBreaker, cancelled: asyncio.Event
    ) -> None:
        self.rules = rules
        self.unattended = False
        self._toolbox = toolbox
        self._approver = approver
        self._breaker = breaker
        self._cancelled = cancelled
        self._open: dict[str, ToolCall] = {}
        self._allowed: set[str] = set()
        self._started: set[str] = set()

    async def events(self, calls: Iterable[ToolCall]) -> AsyncGenerator[TurnEvent, None]:
        """Stream decisions and outcomes; every call has its `ToolFinished` at the end, whatever happens."""
        self._open = {call.id: call for call in calls}
        for event in self._check_all():
            yield event
        async with aclosing(self._ask()) as asked:
            async for event in asked:
                yield event
        async with aclosing(self._run()) as ran:
            async for event in ran:
                yield event
        for call in tuple(self._open.values()):
            running = call.id in self._started
            yield self._end(call, "failed" if running else "denied", STOPPED_WHILE if running else STOPPED_BEFORE)

    # --- before anyone is asked -----------------------------------------------------------------

    def _check_all(self) -> Iterator[TurnEvent]:
        """Settle what needs no question: bad arguments, repetitions, rules."""
        schemas = {schema.name: schema for schema in self._toolbox.schemas()}
        for call in tuple(self._open.values()):
            found = problems(schemas[call.name].parameters, call.arguments)
            if self._breaker.stops(call):
                yield self._end(
                    call,
                    "limit",
                    f"Not run: this is the same call with the same arguments, {self._breaker.count} times in a row. "
                    "Use the results you have, or try something else.",
                )
            elif found:
                yield self._end(call, "invalid_arguments", f"Not run, the arguments do not fit: {'; '.join(found)}.")
            else:
                yield from self._judge(call)

    def _judge(self, call: ToolCall) -> Iterator[TurnEvent]:
        verdict = judge(call.name, self.rules, once_only=self._once_only(call))
        if verdict.action == "allow":
            self._allowed.add(call.id)
            yield Decided(call.id, "allow", verdict.by, call.arguments, verdict.scope)
        elif verdict.action == "deny":
            yield Decided(call.id, "deny", verdict.by, call.arguments, reason=verdict.why)
            yield self._end(call, "denied", verdict.why)

    def _once_only(self, call: ToolCall) -> bool:
        """Tell whether the call changes something although its tool usually does not: no rule has it in mind."""
        effect = self._toolbox.effect(call)
        return effect not in SIDE_BY_SIDE and effect is not self._toolbox.usual_effect(call.name)

    # --- asking ---------------------------------------------------------------------------------

    async def _ask(self) -> AsyncGenerator[TurnEvent, None]:
        waiting = [call for call in self._open.values() if call.id not in self._allowed]
        questions: dict[asyncio.Task[Decision], ToolCall] = {}
        stop = asyncio.ensure_future(self._cancelled.wait())
        try:
            before = asyncio.Event()
            before.set()
            for position, call in enumerate(waiting, 1):
                asked = asyncio.Event()
                question = self._question(call, position, len(waiting), before, asked)
                questions[asyncio.create_task(question)] = call
                before = asked
            while questions and not stop.done():
                either: set[asyncio.Future[Any]] = {*questions, stop}
                done, _ = await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                # Calls are settled in the order they were proposed, however the answers came in.
                for task in [task for task in questions if task in done]:
                    if task not in questions:
                        continue  # settled by an answer for the whole conversation just before
                    call = questions.pop(task)
                    for event in self._settle(call, task.result()):
                        yield event
                    for event in await self._settle_covered(questions):
                        yield event
        finally:
            await _cancel({*questions, stop})

    async def _question(
        self, call: ToolCall, position: int, batch: int, before: asyncio.Event, asked: asyncio.Event
    ) -> Decision:
        """Ask about one call once the call before it has been asked about, however long its preview takes."""
        try:
            preview = await self._toolbox.preview(call)
            effect = self._toolbox.effect(call)
            await before.wait()
        finally:
            asked.set()
        return await self._approver.decide(
            ApprovalRequest(call, effect, preview, position, batch, once_only=self._once_only(call))
        )

    def _settle(self, call: ToolCall, decision: Decision) -> Iterator[TurnEvent]:
        if decision.allowed:
            self._allowed.add(call.id)
            scope = "once" if self._once_only(call) else decision.scope
            if scope == "session":
                self.rules = replace(self.rules, session=self.rules.session | {call.name})
            yield Decided(call.id, "allow", decision.by, call.arguments, scope)
            return
        self.unattended = self.unattended or decision.unattended
        yield Decided(call.id, "deny", decision.by, call.arguments, reason=decision.reason)
        who = "Denied by the user" if decision.by == "user" else "Denied"
        yield self._end(call, "denied", f"{who}: {decision.reason}" if decision.reason else f"{who}.")

    async def _settle_covered(self, questions: dict[asyncio.Task[Decision], ToolCall]) -> list[TurnEvent]:
        """Take down the questions that an answer for the whole conversation has just settled too."""
        covered = {
            task: call
            for task, call in questions.items()
            if call.name in self.rules.session and not self._once_only(call)
        }
        for task in covered:
            del questions[task]
        await _cancel(covered.keys())
        return [event for call in covered.values() for event in self._judge(call)]

    # --- running --------------------------------------------------------------------------------

    async def _run(self) -> AsyncGenerator[TurnEvent, None]:
        for group in self._groups([call for call in self._open.values() if call.id in self._allowed]):
            if self._cancelled.is_set():
                return
            for call in group:
                self._started.add(call.id)
                yield ToolStarted(call.id)
            async with aclosing(self._run_group(group)) as events:
                async for event in events:
                    yield event

    def _groups(self, calls: list[ToolCall]) -> list[list[ToolCall]]:
        groups: list[list[ToolCall]] = []
        beside = False
        for call in calls:
            harmless = self._toolbox.effect(call) in SIDE_BY_SIDE
            if harmless and beside:
                groups[-1].append(call)
            else:
                groups.append([call])
            beside = harmless
        return groups

    async def _run_group(self, group: list[ToolCall]) -> AsyncGenerator[TurnEvent, None]:
        queue: asyncio.Queue[TurnEvent] = asyncio.Queue()
        tasks = {asyncio.create_task(self._run_one(call, queue)) for call in group}
        stop = asyncio.ensure_future(self._cancelled.wait())
        try:
            unfinished = len(group)
            while unfinished:
                event = await _next(queue, stop)
                if event is None:
                    break
                if isinstance(event, ToolFinished):
                    unfinished -= 1
                    del self._open[event.result.call_id]
                yield event
        finally:
            await _cancel({*tasks, stop})
        while not queue.empty():  # what calls said of having been stopped
            event = queue.get_nowait()
            if isinstance(event, ToolFinished):
                del self._open[event.result.call_id]
                yield event

    async def _run_one(self, call: ToolCall, queue: asyncio.Queue[TurnEvent]) -> None:
        try:
            result = await self._toolbox.run(call, lambda line: queue.put_nowait(ToolProgress(call.id, line)))
        except asyncio.CancelledError as stopped:
            if stopped.args:  # the tool knows what its being stopped left behind
                queue.put_nowait(ToolFinished(_failure(call, "denied", str(stopped.args[0]))))
            raise
        except Exception:  # the border to code that may be a plug-in's
            log.exception("tool %s broke its contract", call.name)
            result = _failure(call, "failed", f"{call.name} failed in an unexpected way; the log has the details.")
        queue.put_nowait(ToolFinished(result))

    def _end(self, call: ToolCall, kind: ToolErrorKind, message: str) -> ToolFinished:
        del self._open[call.id]
        return ToolFinished(_failure(call, kind, message))


def refuse_all(calls: Iterable[ToolCall], message: str) -> list[TurnEvent]:
    """Return the outcomes of calls that are not run because the turn reached a limit."""
    return [ToolFinished(_failure(call, "limit", message)) for call in calls]


def _failure(call: ToolCall, kind: ToolErrorKind, message: str) -> ToolResult:
    return ToolResult(call.id, call.name, ok=False, content=message, error=ToolFailure(kind, message))


async def _next(queue: asyncio.Queue[TurnEvent], stop: asyncio.Future[Any]) -> TurnEvent | None:
    """Return the next event, or None once `stop` is done and nothing is waiting."""
    getter = asyncio.ensure_future(queue.get())
    either: set[asyncio.Future[Any]] = {getter, stop}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        return getter.result() if getter.done() else None
    finally:
        getter.cancel()


async def _cancel(tasks: Iterable[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
