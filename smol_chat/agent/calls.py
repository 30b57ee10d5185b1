"""What happens to the calls of one round: checked, judged, asked about, run, and each given an outcome."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Container, Coroutine, Iterable, Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Literal, Protocol

from smol_chat.agent.consent import ApprovalRequest, Approver, Decision
from smol_chat.agent.facts import Facts, facts_of
from smol_chat.agent.limits import RepeatBreaker
from smol_chat.agent.open_round import UNKNOWN_OUTCOME, CutRound
from smol_chat.agent.origin import Readings, raised
from smol_chat.agent.patterns import offered
from smol_chat.agent.policy import SIDE_BY_SIDE, Rule, Rules, Verdict, for_tools, judge, spent, with_next
from smol_chat.agent.question import Question
from smol_chat.errors import ConfigError, UsageError
from smol_chat.events import Decided, Notice, Scope, ToolFinished, ToolProgress, ToolStarted, TurnEvent
from smol_chat.messages import ToolCall, ToolErrorKind, ToolFailure, ToolResult, ToolSchema
from smol_chat.protocol.schema import problems
from smol_chat.tools.spec import Effect, Preview

STOPPED_BEFORE = "The user stopped the turn before this call ran."
UNSEEN = "Not run: what was allowed is not what would run."
KEEPS_CHANGING = "Not run: what it would do changes again and again, so nobody can have seen what would run."
STOPPED_WHILE = "The user stopped this call while it ran. Whether it had any effect is not known."

_HERE = "this conversation"

log = logging.getLogger(__name__)


class Toolbox(Protocol):
    """The tools a session can use."""

    def schemas(self) -> tuple[ToolSchema, ...]:
        """Return what the model is told, in a stable order."""
        ...

    def isolation(self) -> str:
        """Name what keeps code and commands in. May try it out: call it in a thread."""
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


Explain = Callable[[ToolCall], Coroutine[Any, Any, str]]
"""Asks the model why it wants a call."""

KeepRule = Callable[[Rule], Rule]
"""Writes a rule to the user's policy file and returns it as it stands there; raises `ConfigError` where it cannot."""


class RoundOfCalls:
    """Take the calls of one round to their outcomes.

    `rules` afterwards holds what the user allowed for the rest of the conversation; `unattended` tells whether a call
    was refused because nobody could be asked.
    """

    def __init__(
        self,
        *,
        toolbox: Toolbox,
        approver: Approver,
        rules: Rules,
        breaker: RepeatBreaker,
        cancelled: asyncio.Event,
        explain: Explain,
        readings: Readings,
        approved: list[Facts],
        keep_rule: KeepRule,
    ) -> None:
        """Prepare for one round.

        Args:
            toolbox: the tools.
            approver: who is asked.
            rules: what holds so far.
            breaker: stops the same call over and over.
            cancelled: set when the turn is to end.
            explain: asks the model why it wants a call.
            readings: tell where arguments came from.
            approved: the calls of the conversation that the user allowed; those of this round are added.
            keep_rule: writes a rule that is to hold always.
        """
        self.rules = rules
        self.unattended = False
        self._toolbox = toolbox
        self._schemas = {schema.name: schema.parameters for schema in toolbox.schemas()}
        self._approver = approver
        self._breaker = breaker
        self._cancelled = cancelled
        self._explain = explain
        self._readings = readings
        self._approved = approved
        self._keep_rule = keep_rule
        self._explaining: set[asyncio.Task[str]] = set()
        self._open: dict[str, ToolCall] = {}
        self._allowed: dict[str, ToolCall] = {}
        self._shown: dict[str, ApprovalRequest] = {}
        self._started: set[str] = set()

    async def events(self, calls: Iterable[ToolCall]) -> AsyncGenerator[TurnEvent, None]:
        """Stream decisions and outcomes; every call has its `ToolFinished` at the end, whatever happens."""
        self._open = {call.id: call for call in calls}
        for event in self._check_all():
            yield event
        waiting = [call for call in self._open.values() if call.id not in self._allowed]
        async with aclosing(self._ask(waiting)) as asked:
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
        for call in tuple(self._open.values()):
            found = problems(self._schemas[call.name], call.arguments)
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
        verdict = self._verdict(self._facts(call))
        if verdict.action == "allow":
            if verdict.scope == "next":
                self.rules = spent(self.rules, call.name)
            self._allowed[call.id] = call
            rule = verdict.rule.written if verdict.rule is not None else ""
            yield self._decided(call, "allow", verdict.by, verdict.scope, rule)
        elif verdict.action == "deny":
            yield self._decided(call, "deny", verdict.by, reason=verdict.why)
            yield self._end(call, "denied", verdict.why)

    def _facts(self, call: ToolCall) -> Facts:
        return facts_of(call, self._toolbox.effect(call), self._readings.origins(call))

    def _verdict(self, facts: Facts) -> Verdict:
        usual = self._toolbox.usual_effect(facts.tool)
        return judge(facts, self.rules, usual=usual, raised=raised(facts.origins, facts.effect))

    # --- asking ---------------------------------------------------------------------------------

    async def _ask(self, waiting: list[ToolCall], *, changed: bool = False) -> AsyncGenerator[TurnEvent, None]:
        """Ask about calls all at once. `changed`: they were allowed, but what they would do is another thing now."""
        answers: dict[asyncio.Task[Decision], Question] = {}
        calls: dict[Question, ToolCall] = {}
        stop = asyncio.ensure_future(self._cancelled.wait())
        try:
            before = asyncio.Event()
            before.set()
            for position, call in enumerate(waiting, 1):
                asked = asyncio.Event()
                question = self._question(call, position, len(waiting), changed=changed)
                calls[question] = call
                answers[asyncio.create_task(self._answer(question, before, asked))] = question
                before = asked
            while answers and not stop.done():
                either: set[asyncio.Future[Any]] = {*answers, stop}
                done, _ = await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                # Calls are settled in the order they were proposed, however the answers came in.
                for task in [task for task in answers if task in done]:
                    if task not in answers:
                        continue  # settled by an answer for more than its own call just before
                    question = answers.pop(task)
                    for event in self._settle(calls[question], question, task.result()):
                        yield event
                    for event in await self._settle_covered({task: calls[answers[task]] for task in answers}, answers):
                        yield event
        finally:
            await _cancel({*answers, stop, *self._explaining})

    def _question(self, call: ToolCall, position: int, batch: int, *, changed: bool) -> Question:
        step = self._steps()[call.id]

        async def made(wanted: ToolCall) -> ApprovalRequest:
            facts = self._facts(wanted)
            verdict = self._check_revised(wanted, facts)
            preview = await self._toolbox.preview(wanted)
            return ApprovalRequest(
                wanted,
                facts.effect,
                preview,
                position,
                batch,
                once_only=verdict.once_only,
                origins=facts.origins,
                raised=verdict.raised,
                pattern=None if verdict.once_only else offered(facts, self._approved),
                step=step,
                schema=self._schemas[wanted.name],
                proposed=None if wanted.arguments == call.arguments else call.arguments,
                changed=changed,
            )

        return Question(self._allowed.get(call.id, call), made, self._explanation)

    def _check_revised(self, call: ToolCall, facts: Facts) -> Verdict:
        """Return what the rules say of arguments that can run; those the model proposed have passed this already.

        Raises:
            UsageError: with the reason.
        """
        if found := problems(self._schemas[call.name], call.arguments):
            raise UsageError(f"The arguments do not fit: {'; '.join(found)}.")
        verdict = self._verdict(facts)
        if verdict.action == "deny":
            raise UsageError(verdict.why)
        return verdict

    async def _explanation(self, call: ToolCall) -> str:
        """Ask the model, until the question is answered: the engine is needed for what comes next."""
        task = asyncio.create_task(self._explain(call))
        self._explaining.add(task)
        task.add_done_callback(self._explaining.discard)
        try:
            return await task
        finally:
            task.cancel()

    async def _answer(self, question: Question, before: asyncio.Event, asked: asyncio.Event) -> Decision:
        """Ask about one call once the call before it has been asked about, however long its preview takes."""
        try:
            request = await question.request()
            await before.wait()
        finally:
            asked.set()
        return await self._approver.decide(request)

    def _settle(self, call: ToolCall, question: Question, decision: Decision) -> Iterator[TurnEvent]:
        if decision.allowed:
            yield from self._settle_allowed(call, question.allowed(decision), decision)
            return
        self.unattended = self.unattended or decision.unattended
        yield self._decided(call, "deny", decision.by, reason=decision.reason)
        yield self._end(call, "denied", _denial(decision.by, decision.reason))

    def _settle_allowed(
        self, call: ToolCall, request: ApprovalRequest | None, decision: Decision
    ) -> Iterator[TurnEvent]:
        if request is None:
            yield self._decided(call, "deny", "policy", reason=UNSEEN)
            yield self._end(call, "denied", UNSEEN)
            return
        self._allowed[call.id] = request.call
        self._shown[call.id] = request
        if decision.by == "user":
            self._approved.append(facts_of(request.call, request.effect, request.origins))
        scope = "once" if request.once_only else decision.scope
        match scope:
            case "session":
                self.rules = self.rules.giving(*for_tools("allow", [call.name], _HERE, by="user"))
            case "next":
                self.rules = with_next(self.rules, call.name, decision.count - 1)
            case "pattern" if request.pattern is not None:
                self.rules = self.rules.giving(replace(request.pattern.rule, written=_HERE, by="user"))
            case "always":
                yield from self._keep(request.lasting)
            case _:
                scope = "once"
        yield self._decided(request.call, "allow", decision.by, scope)

    def _keep(self, rule: Rule) -> Iterator[TurnEvent]:
        """Have a rule hold from now on; where it cannot be written, for this conversation."""
        try:
            self.rules = self.rules.owning(self._keep_rule(rule))
        except ConfigError as error:
            self.rules = self.rules.giving(replace(rule, written=_HERE, by="user"))
            yield Notice(f"The rule holds for this conversation only: {error.message}")

    async def _settle_covered(
        self, open_calls: dict[asyncio.Task[Decision], ToolCall], answers: dict[asyncio.Task[Decision], Question]
    ) -> list[TurnEvent]:
        """Take down the questions that an answer for more than its own call has just settled too."""
        events: list[TurnEvent] = []
        covered: list[asyncio.Task[Decision]] = []
        for task, call in open_calls.items():
            if settled := list(self._judge(call)):
                del answers[task]
                covered.append(task)
                events += settled
        await _cancel(covered)
        return events

    # --- running --------------------------------------------------------------------------------

    async def _run(self) -> AsyncGenerator[TurnEvent, None]:
        for group in self._groups([call for call in self._open.values() if call.id in self._allowed]):
            async with aclosing(self._look_again(group[0])) as events:
                async for event in events:
                    yield event
            if self._cancelled.is_set():
                return
            calls = [self._allowed[call.id] for call in group if call.id in self._open]
            for call in calls:
                self._started.add(call.id)
                yield ToolStarted(call.id)
            async with aclosing(self._run_group(calls)) as events:
                async for event in events:
                    yield event

    async def _look_again(self, call: ToolCall) -> AsyncGenerator[TurnEvent, None]:
        """See that a call which changes something would still do what was shown; ask anew where it would not."""
        shown = self._shown.get(call.id)
        if shown is None or shown.effect in SIDE_BY_SIDE or await self._is_as_shown(shown):
            return
        async with aclosing(self._ask([call], changed=True)) as events:
            async for event in events:
                yield event
        if call.id in self._open and not self._cancelled.is_set() and not await self._is_as_shown(self._shown[call.id]):
            yield self._end(call, "blocked", KEEPS_CHANGING)

    async def _is_as_shown(self, shown: ApprovalRequest) -> bool:
        now = replace(shown, effect=self._toolbox.effect(shown.call), preview=await self._toolbox.preview(shown.call))
        return now.digest == shown.digest

    def _groups(self, calls: list[ToolCall]) -> list[list[ToolCall]]:
        groups: list[list[ToolCall]] = []
        beside = False
        for call in calls:
            harmless = self._toolbox.effect(self._allowed.get(call.id, call)) in SIDE_BY_SIDE
            if harmless and beside:
                groups[-1].append(call)
            else:
                groups.append([call])
            beside = harmless
        return groups

    def _steps(self) -> dict[str, int]:
        """Return when each call would run, were all of them allowed."""
        groups = enumerate(self._groups([*self._open.values()]), 1)
        return {call.id: step for step, group in groups for call in group}

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

    def _decided(
        self,
        call: ToolCall,
        decision: Literal["allow", "deny"],
        by: Literal["user", "policy", "flag"],
        scope: Scope = "once",
        reason: str = "",
    ) -> Decided:
        return Decided(call.id, decision, by, call.arguments, scope, reason, self._toolbox.effect(call).value)

    def _end(self, call: ToolCall, kind: ToolErrorKind, message: str) -> ToolFinished:
        del self._open[call.id]
        return ToolFinished(_failure(call, kind, message))


def ended_by_cut(cut: CutRound, known: Container[str]) -> Iterator[TurnEvent]:
    """Yield the outcomes of calls that the program's end has settled: none of them runs again.

    Args:
        cut: the round.
        known: names of the tools that there are.
    """
    for call in cut.calls:
        if call.id in cut.finished:
            continue
        if call.id in cut.started:
            yield ToolFinished(_failure(call, "unknown", UNKNOWN_OUTCOME))
        elif denied := cut.denied.get(call.id):
            yield ToolFinished(_failure(call, "denied", _denial(denied.by, denied.reason)))
        elif call.name not in known:
            yield ToolFinished(_failure(call, "unavailable", f"Not run: there is no tool {call.name} any more."))


def refuse_all(calls: Iterable[ToolCall], message: str) -> list[TurnEvent]:
    """Return the outcomes of calls that are not run because the turn reached a limit."""
    return [ToolFinished(_failure(call, "limit", message)) for call in calls]


def _denial(by: str, reason: str) -> str:
    who = "Denied by the user" if by == "user" else "Denied"
    return f"{who}: {reason}" if reason else f"{who}."


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
