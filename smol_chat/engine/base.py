"""What every engine can do, and what it is asked."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Protocol

from smol_chat.events import EngineEvent
from smol_chat.messages import Message, ToolSchema


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen.

    `temperature` 0 is greedy; `seed` None draws one; `max_tokens` None means "to the end of the context window".
    """

    temperature: float = 0.7
    top_p: float = 0.95
    top_k: int = 40
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    seed: int | None = None
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One generation: the whole conversation, the tools on offer, how to sample."""

    messages: tuple[Message, ...]
    tools: tuple[ToolSchema, ...] = ()
    sampling: Sampling = field(default_factory=Sampling)
    tool_choice: str = "auto"
    """Whether to call one: `auto` leaves it to the model, `none`, `required`, or the name of the tool to call."""
    constrain: bool = True
    """Let a model on this machine write no call that does not fit its tool's schema."""


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What is loaded. `context_size` in tokens, 0 where a server does not tell."""

    name: str
    context_size: int
    detail: str
    """Architecture, quantisation, threads or the server's address: one short line."""
    template_has_tools: bool = True
    """The chat template knows tools; one that does not hints at a model that was never trained to call any."""


class Engine(Protocol):
    """A model that can be asked. One generation at a time; used from one event loop."""

    async def start(self) -> EngineInfo:
        """Load the model or reach the server; return at once when that is done already.

        Raises:
            EngineError: it cannot be used; the sentence says what to do.
        """
        ...

    def generate(self, request: GenerationRequest) -> AsyncGenerator[EngineEvent, None]:
        """Stream one generation: `PromptReady` first (but for notices), `GenerationFinished` last.

        Consume inside `aclosing`; leaving early stops the generation.

        Raises:
            ContextOverflowError: the prompt does not fit; found by counting, before anything is evaluated.
            EngineError: it failed; what was streamed stays valid as a partial answer.
        """
        ...

    async def stop(self) -> None:
        """End the running generation soon (0.2 s): it finishes with reason `cancelled`. Without one: do nothing."""
        ...

    async def count_prompt(self, request: GenerationRequest) -> int | None:
        """Return how many tokens the request's prompt has; None where the engine cannot tell."""
        ...

    async def warm(self, request: GenerationRequest) -> None:
        """Prepare for the prompt that comes after this conversation, in the background; any other request ends it.

        An engine that cannot, or is busy, does nothing. Returns when the preparation has begun, not when it is done.
        """
        ...

    async def close(self) -> None:
        """Free the model and end the worker; the engine cannot be used afterwards."""
        ...
