"""What happens, as plain data: events of an engine while it generates, and of a session during a turn.

The screen, `smol-chat ask` and the journal read the same stream of turn events. Every consumer matches on the type and
ends in `assert_never`, so a new event is a type error until all of them handle it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Union

from smol_chat.messages import Attachment, FinishReason, JsonObject, Timings, ToolCall, ToolResult, Usage

# --- engine -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PromptReady:
    """First event of a generation: the prompt is rendered and counted.

    `starts_in_reasoning`: the chat template already opened `<think>`, so the stream begins inside reasoning.
    """

    prompt_tokens: int
    starts_in_reasoning: bool


@dataclass(frozen=True, slots=True)
class PromptProgress:
    """Prefill: `done` of `total` prompt tokens are in memory, `reused` of them from before this request."""

    done: int
    total: int
    reused: int


@dataclass(frozen=True, slots=True)
class TextDelta:
    """Raw output of the model, tags included; `tokens` is how many tokens it took."""

    text: str
    tokens: int = 1


@dataclass(frozen=True, slots=True)
class ServerReasoning:
    """Reasoning that a server already separated (`reasoning_content`)."""

    text: str
    tokens: int = 1


@dataclass(frozen=True, slots=True)
class ServerToolCall:
    """A whole tool call that a server already separated; `arguments` is JSON text as the server sent it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class EngineNotice:
    """One sentence about the engine the user should see, such as a restart after a crash."""

    message: str


@dataclass(frozen=True, slots=True)
class GenerationFinished:
    """Last event of a generation. Without it the generation failed with an `EngineError`."""

    reason: Literal["stop", "length", "cancelled"]
    usage: Usage
    timings: Timings


EngineEvent = Union[
    PromptReady,
    PromptProgress,
    TextDelta,
    ServerReasoning,
    ServerToolCall,
    EngineNotice,
    GenerationFinished,
]

# --- turn ---------------------------------------------------------------------------------------

Scope = Literal["once", "session", "next", "pattern", "always"]
"""What an answer holds for: this call; calls of the tool in this conversation, all or the next few; calls like this one
in this conversation; calls like this one from now on."""


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """First event of a turn: what the user sent."""

    conversation: str
    text: str


@dataclass(frozen=True, slots=True)
class TurnResumed:
    """First event of the rest of a turn that the program's end had cut: what comes now belongs to the same turn."""

    conversation: str


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """What the model is asked with from here on: for whoever wants to know later how an answer came about."""

    model: str
    engine: str
    """Architecture, quantisation and threads, or the server's address."""
    context_size: int
    """Tokens; 0 where a server does not tell."""
    sampling: JsonObject
    tools: list[str]
    """Names of those on offer."""
    adapter: str
    """Path of the LoRA adapter; empty for none."""
    isolation: str
    """What keeps code and commands in."""
    version: str
    """Of this program."""


@dataclass(frozen=True, slots=True)
class FileAttached:
    """A file goes with what the user sent: its path and text, from `Origin.FILE`. Follows `TurnStarted`."""

    attachment: Attachment


@dataclass(frozen=True, slots=True)
class RoundStarted:
    """The model is asked again; `number` counts from 1. What follows belongs to a new assistant message."""

    number: int


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """Reasoning text, in stream order."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningFinished:
    """The reasoning block that was open has ended."""

    duration_ms: int
    tokens: int


@dataclass(frozen=True, slots=True)
class ContentDelta:
    """Answer text, in stream order."""

    text: str


@dataclass(frozen=True, slots=True)
class GenerationProgress:
    """Where the running generation stands; sent with every batch of output, also while a call is being written."""

    completion_tokens: int
    tok_s: float
    context_used: int
    context_size: int
    writing_call: bool


@dataclass(frozen=True, slots=True)
class ToolCallProposed:
    """A readable call. It is not yet decided whether it may run."""

    call: ToolCall


@dataclass(frozen=True, slots=True)
class MalformedCall:
    """A call that would need a guess: shown, reported to the model, never run."""

    raw: str
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Decided:
    """Whether one call may run, who said so, and the arguments it will run with."""

    call_id: str
    decision: Literal["allow", "deny"]
    by: Literal["user", "policy", "flag"]
    arguments: JsonObject
    """What will run; `ToolCallProposed` has what the model wrote."""
    scope: Scope = "once"
    reason: str = ""
    """Of a denial: why, in the words the model will read. Where a rule allowed the call: which."""
    effect: str = ""
    """What the call does, as it was known then: an `Effect`'s value."""


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """The call is about to run. The journal has this before any effect happens."""

    call_id: str


@dataclass(frozen=True, slots=True)
class ToolProgress:
    """A running tool says what it is doing, in one short line."""

    call_id: str
    message: str


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """The call has an outcome (also when it was denied, invalid or stopped)."""

    result: ToolResult


@dataclass(frozen=True, slots=True)
class Notice:
    """One sentence the user should see in the conversation."""

    message: str


@dataclass(frozen=True, slots=True)
class Summarised:
    """From now on the model reads `text` in place of the first `turns` turns, but for those that are pinned."""

    turns: int
    text: str


@dataclass(frozen=True, slots=True)
class Pinned:
    """The turn this event belongs to is never summarised, or may be again. Comes after the turn's last event."""

    on: bool


@dataclass(frozen=True, slots=True)
class TurnFinished:
    """The turn ended in an orderly way. `message` explains reasons other than `stop`."""

    reason: FinishReason
    usage: Usage
    timings: Timings
    message: str = ""


CUT = "interrupted"
"""Kind of the failure that stands where the program ended within a turn; a `TurnResumed` may follow it."""


@dataclass(frozen=True, slots=True)
class TurnFailed:
    """The turn could not go on; what was said so far is kept."""

    kind: str
    message: str
    usage: Usage = field(default_factory=Usage)
    timings: Timings = field(default_factory=Timings)


TurnEvent = Union[
    TurnStarted,
    TurnResumed,
    TurnSettings,
    FileAttached,
    RoundStarted,
    PromptProgress,
    ReasoningDelta,
    ReasoningFinished,
    ContentDelta,
    GenerationProgress,
    ToolCallProposed,
    MalformedCall,
    Decided,
    ToolStarted,
    ToolProgress,
    ToolFinished,
    Notice,
    Summarised,
    Pinned,
    TurnFinished,
    TurnFailed,
]
