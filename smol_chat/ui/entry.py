"""A line of input: what is pasted into it is made visible first."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input
from typing_extensions import override

from smol_chat.sanitise import visible

_LONGEST = 4000
"""Characters a line may have; enough for any path, address or reason."""


class Entry(Input):
    """Ask for one line. Esc leaves it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Back", show=False)]
    DEFAULT_CSS = """
    Entry {
        height: 1;
        border: none;
        padding: 0 1;
        background: $panel;
        &:focus { border: none; }
        &>.input--placeholder { color: $text-muted; }
        &:ansi>.input--placeholder { color: ansi_default; text-style: none; }
    }
    """

    class Left(Message):
        """Esc was pressed."""

    def __init__(self, *, placeholder: str, classes: str | None = None, id: str | None = None) -> None:
        super().__init__(placeholder=placeholder, classes=classes, id=id, max_length=_LONGEST, select_on_focus=False)
        self.cursor_blink = False

    @override
    def _on_paste(self, event: events.Paste) -> None:
        """Insert one line; controls in it would otherwise reach the terminal."""
        event.prevent_default()
        event.stop()
        self.insert_text_at_cursor(visible(" ".join(event.text[:_LONGEST].split()), prose=True))

    def action_leave(self) -> None:
        """Leave without an answer."""
        self.post_message(self.Left())
