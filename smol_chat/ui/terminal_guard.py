"""Take the terminal back when the program is killed and cannot do so itself.

A shell of a few lines waits for a word. At an orderly end it gets it and does nothing; when the program is gone without
one, its end of the pipe closes, and the shell switches off what the screen had switched on. The line settings (echo and
the like) are left to the user's own shell, which sets them for its prompt.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys

_SCRIPT = "trap '' HUP INT QUIT TERM TSTP; read -r word || printf %b \"$1\""
_SAID = r"\r\nsmol-chat was killed; what was said is kept. Press Enter for the prompt.\r\n"


class TerminalGuard:
    """The waiting shell of one program."""

    def __init__(self, clean: str) -> None:
        """Wait for nothing yet; `clean` is what the terminal is sent, in printable escapes of `printf %b`."""
        self._clean = clean
        self._shell: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Start waiting, where there is a terminal and a shell."""
        terminal = sys.__stderr__
        if terminal is None or not terminal.isatty():
            return
        with contextlib.suppress(OSError):
            # In a session of its own: what ends or stops the program must not end or stop this.
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", _SCRIPT, "sh", self._clean + _SAID],
                stdin=subprocess.PIPE,
                stdout=terminal.fileno(),
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
            )

    def release(self) -> None:
        """End the wait: the terminal is the user's again already."""
        shell, self._shell = self._shell, None
        if shell is not None and shell.stdin is not None:
            with contextlib.suppress(OSError):
                shell.stdin.write(b"done\n")
                shell.stdin.close()
            shell.wait()
