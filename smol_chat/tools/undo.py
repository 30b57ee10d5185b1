"""What writes have replaced, kept so that the last of them can be taken back."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from smol_chat.errors import ToolError
from smol_chat.paths import open_private

MOST_ENTRIES = 200
MOST_BYTES = 64 * 1024 * 1024
"""Of old contents together; what is older than fits is forgotten."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Replaced:
    """One write: where it was, and what tells whether the file is still as the write left it."""

    id: str
    root: str
    path: str
    """Beneath `root`, without links."""
    time: float
    """Seconds since 1970."""
    created: bool
    """There was no file before."""
    mode: int | None
    new_digest: str


def digest(content: bytes) -> str:
    """Return what tells one content from another."""
    return hashlib.sha256(content).hexdigest()


class UndoStore:
    """One folder: a JSON file for each write, and beside it the content that was replaced; for this user alone."""

    def __init__(self, folder: Path, *, most_entries: int = MOST_ENTRIES, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most_entries = most_entries
        self._most_bytes = most_bytes

    def keep(self, root: str, path: str, *, old: bytes | None, mode: int | None, new: bytes) -> Replaced:
        """Write down, before it happens, that `new` replaces `old` (None: there is no file yet).

        Raises:
            ToolError: `unavailable` where it cannot be kept: what cannot be taken back is not done.
        """
        entry = Replaced(
            f"{time.time_ns():020d}-{secrets.token_hex(4)}", root, path, time.time(), old is None, mode, digest(new)
        )
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if old is not None:
                self._write(self._content_file(entry), old)
            self._write(self._entry_file(entry), json.dumps(asdict(entry)).encode())
            self._forget_what_is_too_much()
        except OSError as error:
            raise ToolError(
                "unavailable",
                f"{path!r} was not written: what it replaces could not be kept for undo in {self._folder} "
                f"({error.strerror or error}).",
            ) from error
        return entry

    def drop(self, entry: Replaced) -> None:
        """Forget a write."""
        # The content goes last: an entry without it would look as if there was something to put back.
        for file in (self._entry_file(entry), self._content_file(entry)):
            with contextlib.suppress(OSError):
                file.unlink()

    def latest(self, root: str) -> Replaced | None:
        """Return the last write beneath a folder."""
        for entry in reversed(self._entries()):
            if entry.root == root:
                return entry
        return None

    def old_content(self, entry: Replaced) -> bytes | None:
        """Return what the file was, None where there was no file.

        Raises:
            ToolError: `not_found` where it is not kept any more.
        """
        if entry.created:
            return None
        try:
            return self._content_file(entry).read_bytes()
        except OSError:
            raise ToolError("not_found", f"What {entry.path!r} was before is not kept any more.") from None

    def _entries(self) -> list[Replaced]:
        """Return all entries, the oldest first; a file that is none is passed over."""
        entries = []
        for file in sorted(self._folder.glob("*.json")):
            try:
                entries.append(Replaced(**json.loads(file.read_bytes())))
            except (OSError, ValueError, TypeError):
                _log.warning("%s is no record of a write", file)
        return entries

    def _forget_what_is_too_much(self) -> None:
        entries = self._entries()
        sizes = [self._size(entry) for entry in entries]
        while len(entries) > 1 and (len(entries) > self._most_entries or sum(sizes) > self._most_bytes):
            self.drop(entries.pop(0))
            sizes.pop(0)

    def _size(self, entry: Replaced) -> int:
        try:
            return self._content_file(entry).stat().st_size
        except OSError:
            return 0

    def _entry_file(self, entry: Replaced) -> Path:
        return self._folder / f"{entry.id}.json"

    def _content_file(self, entry: Replaced) -> Path:
        return self._folder / f"{entry.id}.old"

    @staticmethod
    def _write(file: Path, content: bytes) -> None:
        with os.fdopen(open_private(str(file), os.O_CREAT | os.O_EXCL | os.O_WRONLY), "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
