"""Run one generation and look at what came."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TypeVar

from smol_chat.engine.base import Engine, GenerationRequest, Sampling
from smol_chat.events import EngineEvent, GenerationFinished, TextDelta
from smol_chat.messages import Message, ToolSchema, UserMessage

Kind = TypeVar("Kind", bound=EngineEvent)


@dataclass
class Collected:
    """The events of a generation."""

    events: list[EngineEvent] = field(default_factory=list)

    def of(self, kind: type[Kind]) -> list[Kind]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.of(TextDelta))

    @property
    def finished(self) -> GenerationFinished:
        last = self.events[-1]
        assert isinstance(last, GenerationFinished)
        return last


def ask(
    *messages: Message | str,
    tools: tuple[ToolSchema, ...] = (),
    temperature: float = 0.0,
    max_tokens: int | None = 16,
    seed: int | None = 1,
) -> GenerationRequest:
    """Return a request; plain texts are user messages, sampling is greedy."""
    chat = tuple(UserMessage(message) if isinstance(message, str) else message for message in messages)
    return GenerationRequest(chat, tools, Sampling(temperature=temperature, max_tokens=max_tokens, seed=seed))


async def collect(engine: Engine, request: GenerationRequest, into: Collected | None = None) -> Collected:
    """Run a generation to its end; `into` keeps what came before an error."""
    collected = into or Collected()
    async with aclosing(engine.generate(request)) as events:
        async for event in events:
            collected.events.append(event)
    return collected
