"""What was being written when a conversation was left, or when the program ended, however it did."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path

from smol_chat.paths import open_private
from smol_chat.sanitise import visible

log = logging.getLogger(__name__)

NEW = "new"
"""Stands for a conversation that nothing was sent in yet: its id may never be used."""
_KEPT = 200
"""Drafts that are kept; the oldest go."""
_MOST = 1_000_000
"""Bytes of a draft that are read back."""


class Drafts:
    """One file for each conversation with a draft, in a folder only the user can read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._saved: dict[str, str] = {}

    def read(self, conversation: str) -> str:
        """Return the draft; empty where there is none."""
        try:
            with self._file(conversation).open(encoding="utf-8", errors="replace") as stream:
                text = visible(stream.read(_MOST), prose=True)
        except FileNotFoundError:
            text = ""
        except OSError as error:
            log.warning("a draft was not read: %s", error)
            text = ""
        self._saved[conversation] = text
        return text

    def save(self, conversation: str, text: str) -> None:
        """Keep a draft, or drop it when it is empty; whoever looks sees the old one or the new one."""
        if self._saved.get(conversation) == text:
            return
        file = self._file(conversation)
        try:
            if text:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                temporary = file.with_name(f".{file.name}.{os.getpid()}")
                with open(temporary, "w", encoding="utf-8", errors="replace", opener=open_private) as stream:
                    stream.write(text)
                temporary.replace(file)
                self._forget_the_oldest()
            else:
                file.unlink(missing_ok=True)
            self._saved[conversation] = text
        except OSError as error:
            log.warning("a draft was not kept: %s", error)

    def _file(self, conversation: str) -> Path:
        return self._folder / f"{''.join(c for c in conversation if c.isalnum() or c in '-_')}.txt"

    def _forget_the_oldest(self) -> None:
        files = list(self._folder.glob("*.txt"))
        if len(files) <= _KEPT:
            return
        with contextlib.suppress(OSError):  # another instance may have been quicker
            for file in sorted(files, key=lambda file: file.stat().st_mtime)[:-_KEPT]:
                file.unlink(missing_ok=True)
