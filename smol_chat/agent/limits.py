"""How far one turn may go: rounds, calls, and the same call over and over."""

from __future__ import annotations

import json
from dataclasses import dataclass

from smol_chat.messages import ToolCall


@dataclass(frozen=True, slots=True)
class TurnLimits:
    """Limits of one turn. A round is one request to the model."""

    max_rounds: int = 12
    max_calls: int = 32
    repeat_limit: int = 3
    """The same call with the same arguments is stopped when it comes this often in a row."""


class RepeatBreaker:
    """Count how often the same call came in a row within one turn."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._last = ""
        self._count = 0

    def stops(self, call: ToolCall) -> bool:
        """Note the call and return whether it repeats too often to be run."""
        key = json.dumps([call.name, call.arguments], sort_keys=True)
        self._count = self._count + 1 if key == self._last else 1
        self._last = key
        return self._count >= self._limit

    @property
    def count(self) -> int:
        """How often the last call came in a row."""
        return self._count
