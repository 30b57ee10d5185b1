"""Messages that were sent while an answer was being written, waiting for their turn."""

from __future__ import annotations

from collections import deque

from textual.content import Content
from textual.widgets import Static

from smol_chat.sanitise import single_line

_SHOWN = 3


class MessageQueue(Static):
    """Hold the waiting messages and show the first of them, one line each."""

    DEFAULT_CSS = """
    MessageQueue {
        height: auto;
        padding: 0 1;
        color: $text-muted;
        display: none;
        &.-filled { display: block; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(Content(""), id=id)
        self._waiting: deque[str] = deque()
        self._held = False

    def __len__(self) -> int:
        return len(self._waiting)

    def __bool__(self) -> bool:
        return True  # a widget is there even when nothing waits in it

    @property
    def waiting(self) -> list[str]:
        """The messages, the first to be sent first."""
        return list(self._waiting)

    def add(self, text: str) -> None:
        """Put a message at the end; sending again is wanted now."""
        self._waiting.append(text)
        self._held = False
        self._paint()

    def add_first(self, text: str) -> None:
        """Put a message before all others; sending again is wanted now."""
        self._waiting.appendleft(text)
        self._held = False
        self._paint()

    def next(self) -> str | None:
        """Take the first message, unless the queue is held."""
        if self._held or not self._waiting:
            return None
        text = self._waiting.popleft()
        self._paint()
        return text

    def recall(self) -> str | None:
        """Take the last message back."""
        if not self._waiting:
            return None
        text = self._waiting.pop()
        self._paint()
        return text

    def hold(self) -> None:
        """Keep the messages until the user sends again: the turn before them was stopped."""
        self._held = bool(self._waiting)
        self._paint()

    def release(self) -> None:
        """Send on."""
        self._held = False
        self._paint()

    def clear(self) -> None:
        """Forget the messages: they belong to a conversation that was left."""
        self._waiting.clear()
        self._paint()

    def on_resize(self) -> None:
        """Shorten to the new width."""
        self._paint()

    def _paint(self) -> None:
        width = max(10, self.size.width - 12)
        rows = [f"↳ queued  {single_line(text, width)}" for text in list(self._waiting)[:_SHOWN]]
        if len(self._waiting) > _SHOWN:
            rows.append(f"  and {len(self._waiting) - _SHOWN} more")
        if self._held:
            rows.append("  held after the stop: Enter sends them, ↑ edits the last")
        self.set_class(bool(rows), "-filled")
        self.update(Content("\n".join(rows)))
