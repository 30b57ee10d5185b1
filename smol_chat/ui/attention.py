"""Ask for the user's attention: the bell, the window's title, a notification of the desktop.

Everything that is written is a constant: nothing a model or a tool says gets into a title or a notification.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Literal

from smol_chat.config.settings import UiSettings
from smol_chat.ui.clipboard import in_tmux

Reason = Literal["question", "answer"]

TITLE = "\x1b]2;smol-chat\x07"
_TITLES = {"question": "\x1b]2;(?) smol-chat asks you\x07", "answer": "\x1b]2;(!) smol-chat is done\x07"}
_NOTES = {
    "question": "\x1b]9;smol-chat: a question waits for you\x07",
    "answer": "\x1b]9;smol-chat: the answer is there\x07",
}
_BARE = frozenset(("linux", "dumb", "vt100", "vt220", "cons25", ""))
"""Values of TERM of terminals that would print a notification instead of showing it."""


class Attention:
    """Tell a user who looks elsewhere that something waits; quiet while the terminal is in front."""

    def __init__(
        self, write: Callable[[str], None], in_front: Callable[[], bool], settings: Callable[[], UiSettings]
    ) -> None:
        """Say nothing yet.

        Args:
            write: Writes to the terminal.
            in_front: Tells whether the user has the terminal in front; where a terminal does not report it, always.
            settings: Tell whether to ring and whether to notify.
        """
        self._write = write
        self._in_front = in_front
        self._settings = settings
        self._titled = False

    def ask(self, reason: Reason) -> None:
        """Ask for attention: ring in front or not, all else only while the terminal is not in front."""
        settings = self._settings()
        if settings.bell:
            self._write("\x07")
        if settings.notify and not self._in_front() and os.environ.get("TERM", "") not in _BARE:
            self._write(_TITLES[reason] + _passed_on(_NOTES[reason]))
            self._titled = True

    def given(self) -> None:
        """The user looks at the terminal again."""
        if self._titled:
            self._titled = False
            self._write(TITLE)


def _passed_on(sequence: str) -> str:
    """Wrap a sequence so that tmux passes it on, where that is allowed (allow-passthrough)."""
    return f"\x1bPtmux;{sequence.replace(chr(27), chr(27) * 2)}\x1b\\" if in_tmux() else sequence
