"""The conversation as plain data: messages, tool calls, tool results, where text came from, token counts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal, Union

JsonValue = Union[None, bool, int, float, str, list["JsonValue"], dict[str, "JsonValue"]]
JsonObject = dict[str, JsonValue]

ToolErrorKind = Literal[
    "invalid_arguments",  # the arguments do not fit the tool's schema
    "denied",  # the user, a rule or a flag refused the call
    "blocked",  # a guard refused: address, path, language policy
    "timeout",
    "limit",  # memory, output, size
    "not_found",
    "unavailable",  # no network, no server, no such feature on this machine
    "failed",  # the tool's own error
    "unknown",  # the program ended while the call ran
]
"""Why a call gave no result; the set is part of the command line's contract."""

FinishReason = Literal["stop", "length", "cancelled", "limit", "refused", "error"]
"""Why a turn ended; the set is part of the command line's contract."""


class Origin(str, Enum):
    """Where a piece of text came from. Anything but USER and MODEL is untrusted input to the model."""

    USER = "user"
    MODEL = "model"
    LOCAL = "local"
    FILE = "file"
    WEB = "web"
    MAIL = "mail"
    DATABASE = "database"
    PROGRAM = "program"


@dataclass(frozen=True, slots=True)
class OriginSpan:
    """The characters `start` to `end` (not included) of an argument, and where they came from.

    `source` names the place: a file's path, a host, a mailbox, a tool; empty for what the user wrote.
    """

    start: int
    end: int
    origin: Origin
    source: str = ""


@dataclass(frozen=True, slots=True)
class ArgumentOrigin:
    """Where the parts of one argument came from. What no span covers is the model's own.

    `argument` is its path, such as "to" or "attendees/0"; the spans lie in its text, a number's as JSON writes it.
    """

    argument: str
    spans: tuple[OriginSpan, ...]


@dataclass(frozen=True, slots=True)
class ToolSchema:
    """What a model is told about one tool: `parameters` is a JSON Schema of type object."""

    name: str
    description: str
    parameters: JsonObject
    keywords: tuple[str, ...] = ()
    """Words of requests the tool is for, where its description has others; no model reads them."""

    def as_openai(self) -> JsonObject:
        """Return the schema in the form of OpenAI's `tools` array."""
        function: JsonObject = {
            "name": self.name,
            "description": self.description,
            "parameters": self.parameters,
        }
        return {"type": "function", "function": function}


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call the model asked for. `repaired`: syntax noise was removed to read it."""

    id: str
    name: str
    arguments: JsonObject
    repaired: bool = False


@dataclass(frozen=True, slots=True)
class ToolFailure:
    """Why a call gave no result: a kind for programs, one sentence for people and the model."""

    kind: ToolErrorKind
    message: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The outcome of one call."""

    call_id: str
    name: str
    ok: bool = True
    content: str = ""
    """What the model reads, already capped; the failure's sentence where `ok` is false."""
    error: ToolFailure | None = None
    data: JsonValue = None
    """The same result for programs, where the tool gives one."""
    origin: Origin = Origin.LOCAL
    duration_ms: int = 0
    full_content: str | None = None
    """The whole text where `content` was cut; kept in the journal."""
    sandbox: str | None = None
    """Name of the isolation the call ran in, where it ran in one."""


@dataclass(frozen=True, slots=True)
class SystemMessage:
    """Instructions that open the conversation."""

    text: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that was sent along with a message. The user chose it; what it says is as untrusted as any file's text."""

    path: str
    text: str
    size: int
    """Bytes of the whole file; `text` may be its beginning only."""
    cut: bool = False


@dataclass(frozen=True, slots=True)
class UserMessage:
    """What the user sent."""

    text: str
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class AssistantMessage:
    """One round of the model's output, split by the parser."""

    content: str
    reasoning: str = ""
    calls: tuple[ToolCall, ...] = ()
    malformed: tuple[str, ...] = ()
    """Raw text of calls that could not be read, so the model sees what it wrote."""


@dataclass(frozen=True, slots=True)
class ToolMessage:
    """A tool's result or refusal on its way back to the model.

    `call_id` and `name` are empty where it diagnoses a malformed call: there is no call it could answer.
    """

    call_id: str
    name: str
    text: str


Message = Union[SystemMessage, UserMessage, AssistantMessage, ToolMessage]


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts, of one generation or summed over the rounds of a turn.

    `prompt_tokens - reused_tokens` were evaluated; `completion_tokens` were generated.
    """

    prompt_tokens: int = 0
    reused_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Timings:
    """Speed of a turn: `ttft_ms` from sending to the first token of the first round; rates in tokens per second."""

    ttft_ms: int = 0
    prompt_tok_s: float = 0.0
    decode_tok_s: float = 0.0
