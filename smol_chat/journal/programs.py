"""Which of the programs that share a history still run: each holds a lock that the system drops when it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from pathlib import Path
from typing import ClassVar

from smol_chat.paths import open_private


class Programs:
    """The programs that have one history open, this one among them.

    The locks are of the kind that a process does not pass on: what it had started may outlive it for a moment.
    """

    _here: ClassVar[set[str]] = set()
    """Names that this process has taken. A process can always have its own lock, and loses it by looking at it."""

    def __init__(self, database: Path) -> None:
        """Take a name for this program and lock it; it keeps the lock until `close`, or until it is killed.

        Raises:
            OSError: no lock can be had there, as on a disk that cannot be written.
        """
        self._folder = database.with_name(f"{database.name}-programs")
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self.own = secrets.token_hex(8)
        """This program's name."""
        self._lock = self._taken()
        self._here.add(self.own)

    def running(self, program: str) -> bool:
        """Tell whether the program of this name has not ended."""
        if program in self._here:
            return True
        file = self._folder / program
        try:
            descriptor = os.open(file, os.O_RDWR)
        except OSError:
            return False
        try:
            if not _lock(descriptor):
                return True
            file.unlink(missing_ok=True)
            return False
        finally:
            os.close(descriptor)

    def others(self) -> bool:
        """Tell whether another program has the history open; forgets those that have ended."""
        return any([self.running(file.name) for file in self._folder.iterdir() if file.name != self.own])

    def close(self) -> None:
        """Let go of the lock."""
        with contextlib.suppress(OSError):
            (self._folder / self.own).unlink(missing_ok=True)
        os.close(self._lock)
        self._here.discard(self.own)

    def _taken(self) -> int:
        """Make and lock the file; whoever tidies up may take it away in the moment between the two."""
        file = self._folder / self.own
        while True:
            descriptor = open_private(str(file), os.O_CREAT | os.O_RDWR)
            if _lock(descriptor) and file.exists():
                return descriptor
            os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # the two that POSIX allows for
        return False
    return True
