"""A program on a terminal of its own, and somebody who reads and types."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

# The new session's first terminal becomes the one that /dev/tty and Ctrl+C are about.
_TAKE_THE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class OnTerminal:
    """Run a command whose standard input is a new terminal; `output` is for its answer, the terminal where None."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        output: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._person, terminal = os.openpty()
        self._looked = 0
        self.seen = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_THE_TERMINAL, *command],
            stdin=terminal,
            stdout=terminal if output is None else output,
            stderr=terminal,
            start_new_session=True,
            cwd=cwd,
            env=None if environment is None else dict(environment),
            text=True,
        )
        os.close(terminal)

    def sees(self, text: str) -> None:
        """Read until the text has appeared after what was looked for before."""
        while (found := self.seen.find(text, self._looked)) < 0:
            self.seen += os.read(self._person, 4096).decode(errors="replace")
        self._looked = found + len(text)

    def types(self, text: str) -> None:
        """Press keys."""
        os.write(self._person, text.encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.process.kill()
        self.process.__exit__(kind, error, trace)
        os.close(self._person)
