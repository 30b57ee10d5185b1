"""What a tool remembers of its answers: for a while in memory, and on disk where they are worth serving later."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from smol_chat.messages import JsonValue
from smol_chat.paths import open_private

_MOST = 100
"""Answers that are kept for one tool; the oldest goes first."""
_MAX_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Remembered:
    """An answer and how old it is in seconds."""

    value: JsonValue
    age: float


class ToolCache:
    """Answers of one tool by key. `file` holds those that are kept; a damaged file is as good as none."""

    def __init__(self, file: Path | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self._file = file
        self._clock = clock
        self._kept: dict[str, tuple[float, JsonValue]] | None = None
        self._passing: dict[str, tuple[float, JsonValue]] = {}

    def get(self, key: str, *, max_age: float) -> Remembered | None:
        """Return the answer to `key` that is at most `max_age` seconds old."""
        found = self._passing.get(key) or self._from_disk().get(key)
        if found is None:
            return None
        age = max(0.0, self._clock() - found[0])
        return Remembered(found[1], age) if age <= max_age else None

    def put(self, key: str, value: JsonValue, *, keep: bool = False) -> None:
        """Remember an answer until the program ends; `keep`: beyond its end."""
        answers = self._from_disk() if keep else self._passing
        answers.pop(key, None)
        answers[key] = (self._clock(), value)
        while len(answers) > _MOST:
            del answers[next(iter(answers))]
        if keep:
            self._write(answers)

    def _from_disk(self) -> dict[str, tuple[float, JsonValue]]:
        if self._kept is None:
            self._kept = {}
            if self._file is not None:
                with contextlib.suppress(OSError, ValueError, TypeError, AttributeError, RecursionError):
                    with self._file.open("rb") as file:
                        stored = json.loads(file.read(_MAX_BYTES))
                    self._kept = {str(key): (float(when), value) for key, (when, value) in stored.items()}
        return self._kept

    def _write(self, answers: dict[str, tuple[float, JsonValue]]) -> None:
        """Write the file in one step. A disk that cannot be written only makes the cache forget."""
        if self._file is None:
            return
        temporary = self._file.with_name(f".{self._file.name}.{secrets.token_hex(4)}")
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                descriptor = open_private(str(temporary), os.O_CREAT | os.O_EXCL | os.O_WRONLY)
                with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
                    json.dump(answers, file)
                temporary.replace(self._file)
            finally:
                temporary.unlink(missing_ok=True)
