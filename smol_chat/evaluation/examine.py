"""Put one example to a model: ask, judge the calls, hand it the results on record, ask again while it is right."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from smol_chat.agent.generation import Round
from smol_chat.engine.base import Engine, GenerationRequest, Sampling
from smol_chat.errors import ContextOverflowError
from smol_chat.evaluation.answers import Answer, AnsweredTurn, MadeCall, Unreadable
from smol_chat.evaluation.judge import accepted
from smol_chat.evaluation.suite import Example, Step, Suite
from smol_chat.evaluation.tryout import TryOut
from smol_chat.events import ContentDelta, MalformedCall, ReasoningDelta
from smol_chat.messages import AssistantMessage, Message, SystemMessage, ToolCall, ToolMessage, ToolSchema, UserMessage


@dataclass(frozen=True, slots=True)
class Terms:
    """How a model is asked."""

    tools: tuple[ToolSchema, ...]
    sampling: Sampling
    system: str = ""
    constrain: bool = True


class Examiner:
    """Put the examples of a suite to one model."""

    def __init__(
        self,
        engine: Engine,
        suite: Suite,
        terms: Terms,
        tryout: TryOut,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._suite = suite
        self._terms = terms
        self._tryout = tryout
        self._clock = clock

    async def answer(self, example: Example) -> Answer:
        """Return what the model did.

        Raises:
            EngineError: it cannot be used; a prompt that does not fit is part of the answer instead.
        """
        started = self._clock()
        turns: list[AnsweredTurn] = []
        error = ""
        try:
            await self._converse(example, turns)
        except ContextOverflowError as overflow:
            error = overflow.message
        return Answer(example.id, tuple(turns), round(self._clock() - started, 3), error)

    async def _converse(self, example: Example, turns: list[AnsweredTurn]) -> None:
        messages = self._opening(example)
        for step in example.steps:
            if step.given:
                messages += _played(step, len(messages))
                continue
            turn, message = await self._turn(example, step, messages)
            turns.append(turn)
            taken = accepted(step, turn, self._suite.free)
            if taken is None:
                return
            messages.append(message)
            messages += [_recorded(step, call, place) for call, place in zip(message.calls, taken, strict=True)]

    def _opening(self, example: Example) -> list[Message]:
        messages: list[Message] = [SystemMessage(self._terms.system)] if self._terms.system else []
        for said, answered in example.before:
            messages += [UserMessage(said), AssistantMessage(answered)]
        return [*messages, UserMessage(example.request)]

    async def _turn(
        self, example: Example, step: Step, messages: list[Message]
    ) -> tuple[AnsweredTurn, AssistantMessage]:
        """Let the model take one turn; return it judged-ready and as the message the next turn begins after."""
        tools = self._offered(example)
        asked = Round(tools=tools, first_call=len(messages), context_size=0, clock=self._clock)
        terms = self._terms
        request = GenerationRequest(tuple(messages), tools, terms.sampling, constrain=terms.constrain)
        content, reasoning, malformed = list[str](), list[str](), list[Unreadable]()
        async with aclosing(asked.events(self._engine, request)) as events:
            async for event in events:
                match event:
                    case ContentDelta(text):
                        content.append(text)
                    case ReasoningDelta(text):
                        reasoning.append(text)
                    case MalformedCall(raw=raw, kind=kind):
                        malformed.append(Unreadable(kind, raw))
                    case _:
                        pass
        calls = [MadeCall(call.name, call.arguments, call.repaired) for call in asked.calls]
        results = await self._tryout.results(example, step, calls)
        finished = asked.finished
        turn = AnsweredTurn(
            tuple(replace(call, result=result) for call, result in zip(calls, results, strict=True)),
            tuple(malformed),
            "".join(content),
            "".join(reasoning),
            finished.usage.prompt_tokens if finished else 0,
            finished.usage.completion_tokens if finished else 0,
            cut=finished is not None and finished.reason == "length",
        )
        return turn, AssistantMessage(turn.content, turn.reasoning, tuple(asked.calls))

    def _offered(self, example: Example) -> tuple[ToolSchema, ...]:
        if example.schemas:
            return example.schemas
        if example.tools is None:
            return self._terms.tools
        return tuple(tool for tool in self._terms.tools if tool.name in example.tools)


def _played(step: Step, first_call: int) -> list[Message]:
    """Return a step that is on record as the messages it left."""
    calls = tuple(
        ToolCall(f"call_{number}", tool, arguments) for number, (tool, arguments) in enumerate(step.given, first_call)
    )
    names = [call.name for call in calls]
    results = [_recorded(step, call, names[:place].count(call.name)) for place, call in enumerate(calls)]
    return [AssistantMessage("", calls=calls), *results]


def _recorded(step: Step, call: ToolCall, place: int) -> ToolMessage:
    """Return the result on record: the one of this place, or the last there is."""
    texts = step.results.get(call.name, ("",))
    return ToolMessage(call.id, call.name, texts[min(place, len(texts) - 1)])
