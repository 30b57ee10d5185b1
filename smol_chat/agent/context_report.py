"""What fills the context window, counted by the engine itself: each part is what the prompt loses without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from smol_chat.engine.base import Engine, GenerationRequest
from smol_chat.messages import AssistantMessage, Message, SystemMessage, ToolMessage, UserMessage


@dataclass(frozen=True, slots=True)
class ContextReport:
    """Tokens of a prompt by what they are for, and what the model is not shown whole."""

    window: int
    """The context window; 0 where it is not known."""
    system: int
    tools: int
    history: int
    """Messages and calls, a summary included."""
    reasoning: int
    results: int
    reserve: int
    """Room kept for the answer."""
    exact: bool
    """False where the engine cannot count and the numbers are estimates."""
    turns: int = 0
    summarised: int = 0
    pinned: tuple[str, ...] = ()
    """How the pinned turns begin."""
    shortened: int = 0
    """Results that are shown shortened."""
    offered: tuple[str, ...] = ()
    """Names of the tools that are offered where not all have room; empty where they have, or none is offered."""

    @property
    def used(self) -> int:
        """Tokens of the whole prompt."""
        return self.system + self.tools + self.history + self.reasoning + self.results


async def measure_context(
    engine: Engine,
    request: GenerationRequest,
    *,
    window: int,
    reserve: int,
    estimate: Callable[[GenerationRequest], int],
) -> ContextReport:
    """Count the parts of a prompt.

    Args:
        engine: what counts.
        request: the prompt as it would be sent now.
        window: context window in tokens.
        reserve: tokens kept for the answer.
        estimate: counts where the engine cannot.

    Raises:
        EngineError: the model cannot be used.
    """
    exact = True

    async def count(request: GenerationRequest) -> int:
        nonlocal exact
        counted = await engine.count_prompt(request)
        exact = exact and counted is not None
        return estimate(request) if counted is None else counted

    system = tuple(message for message in request.messages if isinstance(message, SystemMessage))
    empty = UserMessage(".")  # templates want a question
    nothing = await count(replace(request, messages=(empty,), tools=()))
    bare = await count(replace(request, messages=(*system, empty), tools=()))
    with_tools = await count(replace(request, messages=(*system, empty)))
    spoken = tuple(message for message in request.messages if not isinstance(message, SystemMessage))
    total = await count(request) if spoken else with_tools
    without_results = (
        await count(replace(request, messages=tuple(map(_no_result, request.messages)))) if spoken else total
    )
    without_thought = (
        await count(replace(request, messages=tuple(map(_no_thought, request.messages)))) if spoken else total
    )
    own_system = max(0, bare - nothing)  # a template may have words of its own where there are none
    results, reasoning = total - without_results, total - without_thought
    return ContextReport(
        window=window,
        system=own_system,
        tools=with_tools - bare,
        history=max(0, total - own_system - (with_tools - bare) - results - reasoning),
        reasoning=reasoning,
        results=results,
        reserve=reserve,
        exact=exact,
    )


def _no_result(message: Message) -> Message:
    return replace(message, text="") if isinstance(message, ToolMessage) else message


def _no_thought(message: Message) -> Message:
    return replace(message, reasoning="") if isinstance(message, AssistantMessage) else message
