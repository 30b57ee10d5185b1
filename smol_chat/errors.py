"""Every error a user can meet, as one family.

SmolChatError                what went wrong and what to do, in one sentence
├── UsageError               wrong command, option or configuration          exit code 2
│   └── ConfigError          a setting in a file: names file, line, allowed values
├── EngineError              no model, or the model could not run            exit code 1
│   ├── ModelFileError       not a usable GGUF file
│   ├── EngineCrashedError   the worker process ended
│   ├── ServerError          an OpenAI-compatible server refused or vanished
│   └── ContextOverflowError the conversation does not fit the context window
├── HubError                 a model could not be fetched
├── JournalError             the history could not be opened or written
└── ToolError                a tool's expected failure (kind, sentence)
"""

from __future__ import annotations

from smol_chat.messages import ToolErrorKind


class SmolChatError(Exception):
    """Carry one sentence for the user that says what to do."""

    kind: str = "error"
    """Short name for programs (`error.kind` in JSON output)."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UsageError(SmolChatError):
    """Report a wrong command, option or argument."""

    kind = "usage"


class ConfigError(UsageError):
    """Report a setting that cannot be used; the sentence names file, line and allowed values."""

    kind = "config"


class EngineError(SmolChatError):
    """Report that the model could not be loaded or could not answer."""

    kind = "engine"


class ModelFileError(EngineError):
    """Report a file that is no usable model."""

    kind = "model_file"


class EngineCrashedError(EngineError):
    """Report that the worker process ended while it was needed."""

    kind = "engine_crashed"


class ServerError(EngineError):
    """Report a failure of an OpenAI-compatible server."""

    kind = "server"


class ContextOverflowError(EngineError):
    """Report a prompt that does not fit; counts are tokens."""

    kind = "context_overflow"

    def __init__(self, message: str, *, prompt_tokens: int, context_size: int) -> None:
        super().__init__(message)
        self.prompt_tokens = prompt_tokens
        self.context_size = context_size


class HubError(SmolChatError):
    """Report a model that cannot be fetched."""

    kind = "hub"


class JournalError(SmolChatError):
    """Report that the conversation history cannot be opened, read or written."""

    kind = "journal"


class ToolError(SmolChatError):
    """Fail a tool call in an expected way: the model and the user read the sentence."""

    def __init__(self, kind: ToolErrorKind, message: str) -> None:
        super().__init__(message)
        self.kind: ToolErrorKind = kind
