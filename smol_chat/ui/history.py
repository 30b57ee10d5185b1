"""What was typed before, kept in a file that only its user can read."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from smol_chat.paths import open_private
from smol_chat.sanitise import visible

log = logging.getLogger(__name__)

KEPT = 500
"""Entries kept in the file."""
_LONGEST = 100_000
"""Characters of one entry that are kept; longer ones are for this session only."""


class InputHistory:
    """Walk back and forth through earlier input; the draft that was being written waits at the end."""

    def __init__(self, file: Path) -> None:
        """Remember where the file is; it is read when the history is first walked."""
        self._file = file
        self._entries: list[str] | None = None
        self._position = 0
        self._draft = ""

    @property
    def walking(self) -> bool:
        """Whether an earlier entry is shown instead of the draft."""
        return self._entries is not None and self._position < len(self._entries)

    def back(self, current: str) -> str | None:
        """Return the entry before the one shown, None at the first; `current` is the draft when the walk begins."""
        entries = self._load()
        if not self.walking:
            self._position, self._draft = len(entries), current
        if self._position == 0:
            return None
        self._position -= 1
        return entries[self._position]

    def forward(self) -> str | None:
        """Return the entry after the one shown, the draft after the last; None when the draft is shown."""
        if not self.walking:
            return None
        entries = self._load()
        self._position += 1
        return entries[self._position] if self._position < len(entries) else self._draft

    def newest(self, most: int) -> list[str]:
        """Return the last entries, the newest last."""
        return self._load()[-most:]

    def add(self, text: str) -> None:
        """Append what was sent; the same text twice in a row counts once."""
        entries = self._load()
        if not entries or entries[-1] != text:
            entries.append(text)
            self._append(text)
        self._position, self._draft = len(entries), ""

    def _load(self) -> list[str]:
        if self._entries is None:
            self._entries = self._read()
            self._position = len(self._entries)
        return self._entries

    def _read(self) -> list[str]:
        try:
            lines = self._file.read_text("utf-8", "replace").splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            log.warning("input history not read: %s", error)
            return []
        entries = [entry for line in lines if (entry := _decoded(line))]
        if len(entries) > 2 * KEPT:
            entries = entries[-KEPT:]
            self._rewrite(entries)
        return entries

    def _append(self, text: str) -> None:
        if len(text) > _LONGEST:
            return
        try:
            with open(self._file, "a", encoding="utf-8", opener=open_private) as stream:
                stream.write(json.dumps(text) + "\n")
        except OSError as error:
            log.warning("input history not written: %s", error)

    def _rewrite(self, entries: list[str]) -> None:
        new = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        try:
            with open(new, "w", encoding="utf-8", opener=open_private) as stream:
                stream.writelines(json.dumps(entry) + "\n" for entry in entries)
            new.replace(self._file)
        except OSError as error:
            log.warning("input history not shortened: %s", error)


def _decoded(line: str) -> str:
    """Return one entry; nothing for a line that is damaged."""
    try:
        entry = json.loads(line)
    except ValueError:
        return ""
    return visible(entry, prose=True) if isinstance(entry, str) else ""
