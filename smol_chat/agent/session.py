"""One conversation's turn loop: ask the model, take its calls to their outcomes, ask again until it has no more."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import chain

from smol_chat import __version__
from smol_chat.agent.calls import STOPPED_BEFORE, KeepRule, RoundOfCalls, Toolbox, ended_by_cut, refuse_all
from smol_chat.agent.consent import Approver
from smol_chat.agent.context import ContextKeeper
from smol_chat.agent.context_report import ContextReport
from smol_chat.agent.explain import explanation
from smol_chat.agent.facts import Facts
from smol_chat.agent.generation import Round
from smol_chat.agent.limits import RepeatBreaker, TurnLimits
from smol_chat.agent.open_round import CutRound
from smol_chat.agent.origin import Readings
from smol_chat.agent.policy import Rule, Rules
from smol_chat.agent.replay import EarlierTurn, History
from smol_chat.agent.stopping import unless_stopped
from smol_chat.agent.summary import Reviewer, TakeAsIs
from smol_chat.engine.base import Engine, EngineInfo, GenerationRequest, Sampling
from smol_chat.errors import ConfigError, SmolChatError, UsageError
from smol_chat.events import (
    FileAttached,
    GenerationFinished,
    Notice,
    Pinned,
    RoundStarted,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnResumed,
    TurnSettings,
    TurnStarted,
)
from smol_chat.messages import (
    Attachment,
    FinishReason,
    Message,
    SystemMessage,
    Timings,
    ToolCall,
    ToolResult,
    ToolSchema,
    Usage,
)
from smol_chat.protocol.suggest import unknown_tool

NO_TOOLS = (
    "This model's chat template knows no tools, so it is offered none. "
    'To offer them all the same: /tools on, or tools = "on" under [model] in the configuration.'
)

MOST_TO_PREPARE = 500
"""Turns that were not read yet and are read for it: a conversation with more of them opens without any preparation."""

log = logging.getLogger(__name__)


def _nowhere(rule: Rule) -> Rule:
    raise ConfigError("there is no policy file.")


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """What a session is told about how to behave."""

    system: str = ""
    sampling: Sampling = field(default_factory=Sampling)
    limits: TurnLimits = field(default_factory=TurnLimits)
    rules: Rules = field(default_factory=Rules)
    tools_on: bool | None = None
    """Whether the model is offered the tools; None: when its chat template knows tools."""
    tool_choice: str = "auto"
    """Whether each turn begins with a call: `auto` leaves it to the model, `none`, `required`, or a tool's name."""
    constrain: bool = True
    """Let the model write only calls that fit the tools' schemas, where the engine can see to it."""
    adapter: str = ""
    """Path of the LoRA adapter the engine uses; for the record."""
    keep_rule: KeepRule = _nowhere
    """Writes a rule that the user wants to hold always."""


class Session:
    """Run the turns of one conversation, one at a time."""

    def __init__(
        self,
        conversation: str,
        *,
        engine: Engine,
        toolbox: Toolbox,
        approver: Approver,
        options: SessionOptions,
        past: Iterable[TurnEvent] = (),
        earlier: Sequence[EarlierTurn] = (),
        calls_made: int = 0,
        reviewer: Reviewer | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open a conversation.

        Args:
            conversation: its id.
            engine: the model; started with the first turn if it is not yet.
            toolbox: the tools.
            approver: who is asked before a call runs.
            options: system prompt, sampling, limits, rules.
            past: events of its last turns, of the branch it goes on from.
            earlier: the turns before those; each is read only when it is needed.
            calls_made: how many calls all its branches have proposed.
            reviewer: who looks at a summary before the model reads it; nobody where None.
            clock: monotonic seconds.
        """
        self.conversation = conversation
        self.tools_on = options.tools_on
        self._tool_choice = options.tool_choice
        self._engine = engine
        self._toolbox = toolbox
        self._approver = approver
        self._options = options
        self._rules = options.rules
        past = tuple(past)
        self._history = History(past, earlier)
        self._readings = Readings(chain(chain.from_iterable(earlier), past), schemas=toolbox.schemas)
        self._approved: list[Facts] = []
        self._history.calls_seen = max(calls_made, self._history.calls_seen)
        self._clock = clock
        self._cancelled = asyncio.Event()
        self._running = False
        self._context = ContextKeeper(engine, self._history, reviewer or TakeAsIs(), self._cancelled)

    def run_turn(self, text: str, attachments: Sequence[Attachment] = ()) -> AsyncGenerator[TurnEvent, None]:
        """Stream one turn: `TurnStarted` first, exactly one of `TurnFinished` and `TurnFailed` last.

        Consume inside `aclosing`. What is shown to the consumer has already become part of the history the model reads.
        """
        first: list[TurnEvent] = [TurnStarted(self.conversation, text), *map(FileAttached, attachments)]
        return self._turn(first, self._rounds)

    @property
    def cut(self) -> CutRound | None:
        """How far the last turn had come, where the program's end cut it and `resume` can go on with it."""
        return self._history.cut

    def resume(self) -> AsyncGenerator[TurnEvent, None]:
        """Stream the rest of a turn that was cut, as `run_turn` does, with `TurnResumed` first.

        A call that ran is not run again: its outcome is unknown, and the model is told so. One that had not run is
        asked about again even if it was allowed: nobody expects an earlier yes to act when the program starts next.

        Raises:
            RuntimeError: there is no such turn.
        """
        cut = self.cut
        if cut is None:
            raise RuntimeError("no turn was cut")
        return self._turn([TurnResumed(self.conversation)], partial(self._rest, cut))

    def choose_tool(self, choice: str) -> None:
        """Say whether the next turn begins with a call; afterwards it is as the options say again.

        Args:
            choice: `auto`, `none`, `required`, or a tool's name. What asks for a call offers the tools to that turn.

        Raises:
            UsageError: there is no such tool.
        """
        names = [tool.name for tool in self._toolbox.schemas()]
        if choice not in ("auto", "none", "required", *names):
            raise UsageError(unknown_tool(choice, names))
        self._tool_choice = choice

    def outcome(self, call_id: str) -> ToolResult | None:
        """Return what a call of this conversation gave, whole."""
        return self._history.outcome(call_id)

    def pin(self, turn: int, on: bool) -> Pinned:
        """Keep a turn, counted from 0, from being summarised, or no longer; return what the journal keeps of that.

        Raises:
            UsageError: there is no such turn.
        """
        self._history.pin(turn, on)
        return Pinned(on)

    def pin_tool(self, name: str, on: bool) -> None:
        """Offer a tool whatever room there is, or no longer.

        Raises:
            UsageError: there is no such tool.
        """
        names = [tool.name for tool in self._toolbox.schemas()]
        if name not in names:
            raise UsageError(unknown_tool(name, names))
        (self._context.pinned_tools.add if on else self._context.pinned_tools.discard)(name)

    async def context_report(self) -> ContextReport:
        """Count what fills the context window as the next turn would find it.

        Raises:
            EngineError: the model cannot be used.
        """
        info = await self._engine.start()
        return await self._context.report(await self._next_request(info), window=info.context_size)

    def rewind(self, turns: int) -> None:
        """Go on from where the conversation had so many turns; the engine goes back with the next one.

        Raises:
            RuntimeError: a turn is running.
        """
        self._check_idle()
        self._history.rewind(turns)
        self._context.forget()

    def go_to(self, past: Iterable[TurnEvent], earlier: Sequence[EarlierTurn] = ()) -> None:
        """Go on from another branch of the conversation.

        Args:
            past: the events of its last turns.
            earlier: the turns before those.

        Raises:
            RuntimeError: a turn is running.
        """
        self._check_idle()
        past = tuple(past)
        calls_made = self._history.calls_seen
        self._history.begin(past, earlier)
        self._history.calls_seen = max(calls_made, self._history.calls_seen)
        self._readings = Readings(chain(chain.from_iterable(earlier), past), schemas=self._toolbox.schemas)
        self._context.forget()

    def _check_idle(self) -> None:
        if self._running:
            raise RuntimeError("a turn is running already")

    async def warm(self) -> None:
        """Let the engine prepare for the next turn in the background; a turn that begins ends that."""
        try:
            info = await self._engine.start()
            if self._running or self._history.unread > MOST_TO_PREPARE:
                return
            await self._engine.warm(await self._next_request(info))
        except SmolChatError as error:  # the next turn says it to the user
            log.info("nothing was prepared: %s", error.message)

    async def suggest_title(self) -> str:
        """Ask the model for a title; empty where it has none. Cancel it when a turn is to begin."""
        from smol_chat.agent.titles import suggest  # late: start-up

        try:
            info = await self._engine.start()
            return "" if self._running else await suggest(self._engine, await self._next_request(info))
        except SmolChatError as error:  # a title is not worth a word to the user
            log.info("no title was found: %s", error.message)
            return ""

    async def cancel(self) -> None:
        """End the running turn in an orderly way: it still finishes, with reason `cancelled`. Without one: nothing."""
        if not self._running:
            return
        self._cancelled.set()
        await self._engine.stop()

    async def _turn(
        self, first: Iterable[TurnEvent], rest: Callable[[_Tally], AsyncGenerator[TurnEvent, None]]
    ) -> AsyncGenerator[TurnEvent, None]:
        """Run a turn, or what is left of one, as the only one; the history has each event before it is passed on."""
        self._check_idle()
        self._running = True
        self._cancelled.clear()
        try:
            async with aclosing(self._to_its_end(first, rest)) as events:
                async for event in events:
                    self._history.add(event)
                    self._readings.add(event)
                    yield event
        finally:
            self._running = False

    async def _to_its_end(
        self, first: Iterable[TurnEvent], rest: Callable[[_Tally], AsyncGenerator[TurnEvent, None]]
    ) -> AsyncGenerator[TurnEvent, None]:
        tally = _Tally(self._clock())
        for event in first:
            yield event
        try:
            async with aclosing(rest(tally)) as events:
                async for event in events:
                    yield event
        except SmolChatError as error:
            yield TurnFailed(error.kind, error.message, tally.usage, tally.timings)
        except Exception as error:  # the border: a bug of ours must not take the conversation with it
            log.exception("the turn failed")
            message = f"Something went wrong inside smol-chat ({type(error).__name__}); the log has the details."
            yield TurnFailed("internal", message, tally.usage, tally.timings)

    async def _rest(self, cut: CutRound, tally: _Tally) -> AsyncGenerator[TurnEvent, None]:
        """Take the calls of the round that was cut to their outcomes, then go on with the rounds after it."""
        known = {tool.name for tool in self._toolbox.schemas()}
        for event in ended_by_cut(cut, known):
            yield event
        calls = [call for call in cut.waiting if call.name in known]
        tally.calls = cut.calls_in_turn
        if message := self._limit_reached(cut.number, tally.calls):
            for event in self._stop_with(calls, tally.finished("limit", message), f"Not run. {message}"):
                yield event
            return
        async with aclosing(self._answer(calls, RepeatBreaker(self._options.limits.repeat_limit), tally)) as events:
            async for event in events:
                yield event
        if self._cancelled.is_set():
            yield tally.finished("cancelled")
            return
        async with aclosing(self._rounds(tally, cut.number + 1)) as events:
            async for event in events:
                yield event

    async def _rounds(self, tally: _Tally, first: int = 1) -> AsyncGenerator[TurnEvent, None]:
        # Where it is stopped meanwhile, loading goes on for the next turn. Isolation is tried out when first asked for.
        info, isolation = await asyncio.gather(
            unless_stopped(self._engine.start(), self._cancelled), asyncio.to_thread(self._toolbox.isolation)
        )
        if info is None:
            yield tally.finished("cancelled")
            return
        limits = self._options.limits
        choice = "auto"
        if first == 1:
            choice, self._tool_choice = self._tool_choice, self._options.tool_choice
        await asyncio.to_thread(self._history.read)
        tools, notice = await self._offer(info, choice)
        if notice:
            yield Notice(notice)
        yield self._settings(info, tools, isolation)
        breaker = RepeatBreaker(limits.repeat_limit)
        for number in range(first, limits.max_rounds + 1):
            yield RoundStarted(number)
            asked = Round(
                tools=tools,
                first_call=self._history.calls_seen + 1,
                context_size=info.context_size,
                clock=self._clock,
            )
            wanted = choice if number == 1 else "auto"
            async with aclosing(self._generate(asked, info, partial(self._request, tools, wanted))) as events:
                async for event in events:
                    yield event
            tally.add(asked)
            ending = self._ending(asked, number, tally, info)
            if ending is not None:
                for event in ending:
                    yield event
                return
            async with aclosing(self._answer(asked.calls, breaker, tally)) as events:
                async for event in events:
                    yield event
            if self._cancelled.is_set():
                yield tally.finished("cancelled")
                return

    async def _answer(
        self, calls: Iterable[ToolCall], breaker: RepeatBreaker, tally: _Tally
    ) -> AsyncGenerator[TurnEvent, None]:
        """Take the calls of a round to their outcomes."""
        await asyncio.to_thread(self._readings.read)
        answered = RoundOfCalls(
            toolbox=self._toolbox,
            approver=self._approver,
            rules=self._rules,
            breaker=breaker,
            cancelled=self._cancelled,
            explain=self._explanation,
            readings=self._readings,
            approved=self._approved,
            keep_rule=self._options.keep_rule,
        )
        async with aclosing(answered.events(calls)) as events:
            async for event in events:
                yield event
        self._rules = answered.rules
        tally.unattended = tally.unattended or answered.unattended

    async def _explanation(self, call: ToolCall) -> str:
        return await explanation(self._engine, self._request((), "none", self._context.messages()), call)

    async def _generate(
        self, asked: Round, info: EngineInfo, make: Callable[[Sequence[Message]], GenerationRequest]
    ) -> AsyncGenerator[TurnEvent, None]:
        """Make the conversation fit the window and ask the model; stopped before that, the round has no end."""
        async with aclosing(self._context.fit(make, window=info.context_size)) as events:
            async for event in events:
                yield event
        if self._cancelled.is_set():
            return
        async with aclosing(asked.events(self._engine, self._context.request)) as events:
            async for event in events:
                yield event
        if asked.finished is not None:
            usage = asked.finished.usage
            self._context.note(usage.prompt_tokens + usage.completion_tokens)

    async def _offer(self, info: EngineInfo, choice: str) -> tuple[tuple[ToolSchema, ...], str]:
        """Return the tools this turn offers, and what the user should know about that; empty for nothing new."""
        notice = ""
        if self.tools_on is None:
            self.tools_on = info.template_has_tools
            if not self.tools_on and choice == "auto":
                notice = NO_TOOLS
        if not (self.tools_on if choice == "auto" else choice != "none"):
            return (), notice
        tools = await self._tools(info, choice)
        return tools, self._context.offer_changed(tools, len(self._toolbox.schemas()))

    async def _next_request(self, info: EngineInfo) -> GenerationRequest:
        """Return what the model would be asked now, before the next message."""
        offered = info.template_has_tools if self.tools_on is None else self.tools_on
        tools = await self._tools(info, self._tool_choice) if offered else ()
        return self._request(tools, self._tool_choice, self._context.messages())

    async def _tools(self, info: EngineInfo, choice: str) -> tuple[ToolSchema, ...]:
        """Return the tools the model is offered: those that have room in its window."""
        bare = self._request((), choice, ())
        return await self._context.tools(self._toolbox.schemas(), bare, window=info.context_size)

    def _settings(self, info: EngineInfo, tools: tuple[ToolSchema, ...], isolation: str) -> TurnSettings:
        options = self._options
        return TurnSettings(
            model=info.name,
            engine=info.detail,
            context_size=info.context_size,
            sampling=asdict(options.sampling),
            tools=[tool.name for tool in tools],
            adapter=options.adapter,
            isolation=isolation if tools else "",
            version=__version__,
        )

    def _request(self, tools: tuple[ToolSchema, ...], choice: str, history: Sequence[Message]) -> GenerationRequest:
        options = self._options
        system = (SystemMessage(options.system),) if options.system else ()
        messages = (*system, *history)
        return GenerationRequest(messages, tools, options.sampling, tool_choice=choice, constrain=options.constrain)

    def _ending(self, asked: Round, number: int, tally: _Tally, info: EngineInfo) -> Iterator[TurnEvent] | None:
        """Return the turn's last events if the round ended it; None if its calls are to be taken care of."""
        finished = asked.finished
        tally.calls += len(asked.calls)
        if self._cancelled.is_set() or (finished and finished.reason == "cancelled"):
            return self._stop_with(asked.calls, tally.finished("cancelled"), STOPPED_BEFORE)
        if not asked.calls and finished and finished.reason == "length":
            return iter([tally.finished("length", _cut_message(info, self._options.sampling))])
        if not asked.calls and not asked.malformed:
            return iter([tally.finished("refused" if tally.unattended else "stop")])
        message = self._limit_reached(number, tally.calls)
        return (
            self._stop_with(asked.calls, tally.finished("limit", message), f"Not run. {message}") if message else None
        )

    def _limit_reached(self, rounds: int, calls: int) -> str:
        """Return why a turn with so many rounds and calls may not go on; empty where it may."""
        limits = self._options.limits
        if calls > limits.max_calls:
            return f"The turn reached its limit of {limits.max_calls} tool calls (turn.max_calls) and was ended."
        if rounds >= limits.max_rounds:
            return f"The turn reached its limit of {limits.max_rounds} rounds (turn.max_rounds) and was ended."
        return ""

    def _stop_with(self, calls: Iterable[ToolCall], last: TurnFinished, why: str) -> Iterator[TurnEvent]:
        yield from refuse_all(calls, why)
        yield last


def _cut_message(info: EngineInfo, sampling: Sampling) -> str:
    if sampling.max_tokens is not None:
        return (
            f"The answer was cut: it reached its limit of {sampling.max_tokens:,} tokens (sampling.max_tokens) "
            "or the end of the context window."
        )
    size = f" of {info.context_size:,} tokens" if info.context_size else ""
    return f"The answer was cut: the context window{size} is full. Start a new conversation or raise model.context."


class _Tally:
    """Sums over the rounds of a turn."""

    def __init__(self, started_at: float) -> None:
        self.calls = 0
        self.unattended = False
        self.usage = Usage()
        self._started_at = started_at
        self._first_token_at: float | None = None
        self._prompt_seconds = 0.0
        self._decode_seconds = 0.0

    def add(self, asked: Round) -> None:
        """Count one round."""
        if self._first_token_at is None:
            self._first_token_at = asked.first_token_at
        if asked.finished is not None:
            self._add(asked.finished)

    def _add(self, finished: GenerationFinished) -> None:
        had, got, timings = self.usage, finished.usage, finished.timings
        self.usage = Usage(
            had.prompt_tokens + got.prompt_tokens,
            had.reused_tokens + got.reused_tokens,
            had.completion_tokens + got.completion_tokens,
        )
        if timings.prompt_tok_s > 0:
            self._prompt_seconds += (got.prompt_tokens - got.reused_tokens) / timings.prompt_tok_s
        if timings.decode_tok_s > 0:
            self._decode_seconds += got.completion_tokens / timings.decode_tok_s

    @property
    def timings(self) -> Timings:
        """Time to the first token of the turn, and mean rates over its rounds."""
        evaluated = self.usage.prompt_tokens - self.usage.reused_tokens
        return Timings(
            ttft_ms=round((self._first_token_at - self._started_at) * 1000) if self._first_token_at is not None else 0,
            prompt_tok_s=evaluated / self._prompt_seconds if self._prompt_seconds else 0.0,
            decode_tok_s=self.usage.completion_tokens / self._decode_seconds if self._decode_seconds else 0.0,
        )

    def finished(self, reason: FinishReason, message: str = "") -> TurnFinished:
        """Return the turn's last event."""
        return TurnFinished(reason, self.usage, self.timings, message)
