"""Keep a conversation within the context window, and lose nothing of it but from the model's sight.

Before a round whose prompt would leave too little room for the answer, long tool results are shortened first, the
oldest before the others. When that is not enough the oldest whole turns are summarised, never one that is pinned and
never half an exchange. The journal keeps everything whole. Both go further than they must, so that the prompt does not
change again with the next round: a changed prompt is one to be evaluated anew.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from smol_chat.agent.context_report import ContextReport, measure_context
from smol_chat.agent.relevance import choose_tools
from smol_chat.agent.replay import History
from smol_chat.agent.shorten import LEAST, WORTH, shortened
from smol_chat.agent.stopping import unless_stopped
from smol_chat.agent.summary import Reviewer, SummaryProposal, summarise
from smol_chat.engine.base import Engine, GenerationRequest, Sampling
from smol_chat.errors import ContextOverflowError
from smol_chat.events import Notice, Summarised, TurnEvent
from smol_chat.messages import AssistantMessage, Message, SystemMessage, ToolMessage, ToolSchema, UserMessage
from smol_chat.protocol.chat import as_chat

REPLY_TOKENS = 1024
"""Room kept for an answer, or a quarter of a window where that is less."""

TOOLS_SHARE = 0.6
"""Part of the window, less the room for the answer, that the tools' schemas may take: all fifteen have room in 4,096
tokens with a large vocabulary."""

SHORTEN_TO = 0.75
SUMMARISE_TO = 0.5
"""Parts of what a prompt may have that are left after shortening and after summarising."""

BYTES_PER_TOKEN = 3
"""Assumed where the engine cannot count: a little less than English has, so that an estimate is rather too high."""

_HEADER_TOKENS = 24
"""At most what a template puts around one message."""


def reply_reserve(window: int, sampling: Sampling) -> int:
    """Return how many tokens of a window are kept for the answer."""
    return min(sampling.max_tokens or REPLY_TOKENS, REPLY_TOKENS, window // 4)


@dataclass(frozen=True, slots=True)
class _Measure:
    """What a prompt came to: its tokens, and the bytes it was made of."""

    tokens: int
    size: int


class ContextKeeper:
    """Fit one conversation's requests into the window, and remember what the model no longer sees whole."""

    def __init__(self, engine: Engine, history: History, reviewer: Reviewer, stopped: asyncio.Event) -> None:
        self.kept: dict[str, int] = {}
        """Characters kept of a call's result, by the call's id; results of other calls are whole."""
        self.offered: tuple[str, ...] = ()
        """Names of the tools that are offered where not all have room; empty where they have."""
        self.pinned_tools: set[str] = set()
        """Tools that are always among those offered."""
        self._engine = engine
        self._history = history
        self._reviewer = reviewer
        self._stopped = stopped
        self._said: tuple[str, ...] = ()
        self.request = GenerationRequest(())
        """What `fit` made last."""
        self._bytes = 0
        self._known: _Measure | None = None
        self._costs: dict[str, int] = {}
        self._around = 0
        self._tools_fit: tuple[tuple[ToolSchema, ...], int] | None = None

    # --- tools ----------------------------------------------------------------------------------

    async def tools(
        self, every: tuple[ToolSchema, ...], request: GenerationRequest, *, window: int
    ) -> tuple[ToolSchema, ...]:
        """Return the tools to offer now: all of them where they have room, else those the last message is about.

        Args:
            every: the tools that could be offered.
            request: a request with the conversation's system message; its tools are not looked at.
            window: context window in tokens; 0: unknown, then all are offered.
        """
        room = int(TOOLS_SHARE * (window - reply_reserve(window, request.sampling)))
        if not window or await self._have_room(every, request, room):
            self.offered = ()
            return every
        wanted = {*self.pinned_tools, request.tool_choice}
        chosen = choose_tools(
            every,
            cost=self._costs,
            budget=room - self._around,
            request=self._history.last_request,
            wanted=wanted,
            before=self.offered,
        )
        self.offered = tuple(tool.name for tool in chosen)
        return chosen

    def offer_changed(self, tools: tuple[ToolSchema, ...], of: int) -> str:
        """Return a sentence for the user where other tools are offered than in the turn before; empty where not."""
        names = tuple(tool.name for tool in tools) if len(tools) < of else ()
        if names == self._said:
            return ""
        self._said = names
        if not names:
            return ""
        return (
            f"The context window has room for {len(names)} of {of} tools: {', '.join(names)}. "
            "/tools pin and a name keeps one among them."
        )

    async def _have_room(self, every: tuple[ToolSchema, ...], request: GenerationRequest, room: int) -> bool:
        if sum(len(json.dumps(tool.as_openai())) for tool in every) <= room:  # a token has a byte at least
            return True
        if self._tools_fit is None or self._tools_fit[0] != every:
            bare = await self._tokens(_only_tools(request, ()))
            self._tools_fit = every, await self._tokens(_only_tools(request, every)) - bare
            alone = {tool.name: await self._tokens(_only_tools(request, (tool,))) - bare for tool in every}
            # What stands around the list counts in each of them, and once in all together.
            self._around = (sum(alone.values()) - self._tools_fit[1]) // max(1, len(every) - 1)
            self._costs = {name: tokens - self._around for name, tokens in alone.items()}
        return self._tools_fit[1] <= room

    async def report(self, request: GenerationRequest, *, window: int) -> ContextReport:
        """Count what fills the window with this request, and say what of the conversation the model is not shown."""
        history = self._history
        report = await measure_context(
            self._engine,
            request,
            window=window,
            reserve=reply_reserve(window, request.sampling) if window else 0,
            estimate=_estimate,
        )
        return replace(
            report,
            turns=history.turns,
            summarised=history.summary.turns,
            pinned=tuple(_beginning(history.turn(number)) for number in sorted(history.pinned)),
            shortened=sum(message.call_id in self.kept for message in _results(request.messages)),
            offered=self.offered if request.tools else (),
        )

    # --- messages -------------------------------------------------------------------------------

    async def fit(
        self, make: Callable[[Sequence[Message]], GenerationRequest], *, window: int
    ) -> AsyncGenerator[TurnEvent, None]:
        """Make the next request fit; yield what changed. Afterwards `request` is the one that fits.

        Args:
            make: makes a request of the history's messages.
            window: context window in tokens; 0: unknown, then nothing is done.

        Raises:
            ContextOverflowError: it does not fit whatever is left out.
            EngineError: a summary was needed and the model could not be asked.
        """
        self._take(make)
        limit = window - reply_reserve(window, self.request.sampling)
        if not window or self._surely_fits(limit):
            return
        tokens = await self._measured()
        if tokens > limit:
            tokens, cut = await self._shorten(make, tokens, limit)
            if cut:
                yield Notice(_shortened_sentence(cut))
        while tokens > limit:
            turns = self._turns_to_summarise(tokens, limit)
            if turns is None:
                raise ContextOverflowError(_too_much(tokens, window), prompt_tokens=tokens, context_size=window)
            summarised = await unless_stopped(self._summarise(turns, window), self._stopped)
            if summarised is None:
                return
            yield summarised  # the session takes it into the history
            self._take(make)
            tokens = await self._measured()

    def messages(self) -> tuple[Message, ...]:
        """Return what the model is shown of the history."""
        return self._history.messages(self.kept)

    def note(self, used: int) -> None:
        """Learn from the finished generation of `request` how many tokens prompt and answer came to."""
        self._known = _Measure(used, self._bytes) if used else None

    def forget(self) -> None:
        """Take note that the history is no longer the one that was counted."""
        self._known = None

    def _take(self, make: Callable[[Sequence[Message]], GenerationRequest]) -> None:
        """Make the request of what the model is shown now, and measure it once."""
        self.request = make(self.messages())
        self._bytes = _size(self.request)

    def _surely_fits(self, limit: int) -> bool:
        """Tell without counting that the prompt fits: no token has less than a byte."""
        size, known = self._bytes, self._known
        if size + _HEADER_TOKENS * (len(self.request.messages) + 1) <= limit:
            return True
        if known is None or size < known.size:
            return False
        return known.tokens + size - known.size + 4 * _HEADER_TOKENS <= limit

    async def _measured(self) -> int:
        tokens = await self._tokens(self.request)
        self._known = _Measure(tokens, self._bytes)
        return tokens

    async def _tokens(self, request: GenerationRequest) -> int:
        counted = await self._engine.count_prompt(request)
        return _estimate(request) if counted is None else counted

    async def _shorten(
        self, make: Callable[[Sequence[Message]], GenerationRequest], tokens: int, limit: int
    ) -> tuple[int, list[str]]:
        """Shorten results until the prompt is well below its limit; return its tokens and the tools whose were cut."""
        cut: list[str] = []
        aim = int(SHORTEN_TO * limit)
        per_token = max(1.0, self._bytes / tokens)
        current = {message.call_id for message in _results(self._history.turn(self._history.turns - 1))}
        for least in (LEAST * 4, LEAST):
            expected = tokens
            for message in _results(self._history.messages()):
                if expected <= aim:
                    break
                size = len(message.text)
                before = len(shortened(message.text, message.call_id, self.kept.get(message.call_id, size)))
                keep = least
                if message.call_id in current:  # the model has not read it yet: no more goes than must
                    keep = max(least, before - int((expected - aim) * per_token))
                if before <= keep + WORTH:
                    continue
                self.kept[message.call_id] = keep
                expected -= int((before - keep) / per_token)
                cut.append(message.name)
            self._take(make)
            tokens = await self._measured()
            if tokens <= limit:
                break
        return tokens, cut

    def _turns_to_summarise(self, tokens: int, limit: int) -> int | None:
        """Return how many turns from the beginning a summary shall stand for; None where no more can be left out."""
        history = self._history
        last = history.turns - 1  # the running turn stays
        open_turns = [number for number in range(history.summary.turns, last) if number not in history.pinned]
        if not open_turns:
            return None
        shown = sum(len(_text(message)) for message in self.messages()) or 1
        excess = (tokens - SUMMARISE_TO * limit) / tokens * shown
        for number in open_turns:
            excess -= sum(len(_text(message)) for message in history.turn(number))
            if excess <= 0:
                return number + 1
        return open_turns[-1] + 1

    async def _summarise(self, turns: int, window: int) -> Summarised:
        history = self._history
        replaced = [number for number in range(history.summary.turns, turns) if number not in history.pinned]
        text = await summarise(
            self._engine, history.summary.text, [history.turn(number) for number in replaced], window=window
        )
        text = await self._reviewer.review(SummaryProposal(turns, len(replaced), text))
        return Summarised(turns, text)


def _results(messages: Sequence[Message]) -> Iterator[ToolMessage]:
    """Return the results of calls among the messages, in order."""
    for message in messages:
        if isinstance(message, ToolMessage) and message.call_id:
            yield message


def _only_tools(request: GenerationRequest, tools: tuple[ToolSchema, ...]) -> GenerationRequest:
    system = tuple(message for message in request.messages if isinstance(message, SystemMessage))
    return GenerationRequest((*system, UserMessage(".")), tools)


def _estimate(request: GenerationRequest) -> int:
    return _size(request) // BYTES_PER_TOKEN + _HEADER_TOKENS


def _beginning(turn: Sequence[Message]) -> str:
    first = turn[0]
    return " ".join(first.text.split())[:80] if isinstance(first, UserMessage) else ""


def _size(request: GenerationRequest) -> int:
    """Return the bytes of a request's texts, as they are written into a prompt at most."""
    tools = sum(len(json.dumps(tool.as_openai())) for tool in request.tools)
    return tools + sum(len(_text(message).encode("utf-8", "replace")) for message in request.messages)


def _text(message: Message) -> str:
    match message:
        case AssistantMessage() | UserMessage():
            return json.dumps(as_chat([message])[0], ensure_ascii=False)
        case SystemMessage(text) | ToolMessage(text=text):
            return text


def _shortened_sentence(names: Sequence[str]) -> str:
    what = f"A result of {names[0]} is" if len(names) == 1 else f"{len(names)} long results are"
    return f"{what} shortened for the model, so that the conversation fits; the model can ask for the rest."


def _too_much(tokens: int, window: int) -> str:
    return (
        f"This message, what is pinned and the tools take {tokens:,} tokens; the context window holds {window:,}, and "
        "an answer needs room too. Send less text, unpin a message, or set a larger context."
    )
