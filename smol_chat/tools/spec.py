"""What a tool is: its effect, its schema, what it returns, what it would do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from smol_chat.messages import JsonValue, Origin


class Effect(str, Enum):
    """The strongest thing a tool does to the world; consent and isolation are chosen by it."""

    PURE = "pure"
    READ = "read"
    WRITE = "write"
    NETWORK = "network"
    EXECUTE = "execute"
    SEND = "send"


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """What a tool returns: text for the model, the same as data for programs, where it came from."""

    content: str
    data: JsonValue = None
    origin: Origin = Origin.LOCAL


@dataclass(frozen=True, slots=True)
class Preview:
    """What a call would do, shown on the approval card. Making one has no effect on anything."""

    summary: str
    """The effect in words: "Write 12 lines to notes.txt (new file)"."""
    body: str = ""
    """What is worth seeing whole: a diff, the code, the request."""
    language: str = ""
    """Pygments lexer name of `body`; empty for plain text."""
    hosts: tuple[str, ...] = ()
    """Hosts the call would contact; empty: nothing leaves this machine."""
    isolation: str = ""
    """What it would run in, and what that blocks."""
