"""The list that opens above the composer while a command or a file's name is being written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from smol_chat.sanitise import single_line

_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Hint:
    """One row: what it stands for, what it is called, what is said beside it."""

    value: str
    title: str
    detail: str = ""


class Hints(Static):
    """Show what fits what is written, one of it chosen."""

    DEFAULT_CSS = """
    Hints {
        height: auto;
        padding: 0 1;
        background: $panel;
        display: none;
        &.-open { display: block; }
    }
    """

    class Clicked(Message):
        """The chosen row was clicked, or another one, which is chosen now."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(Content(""), id=id)
        self._rows: Sequence[Hint] = ()
        self._note = ""
        self._chosen = 0

    @property
    def chosen(self) -> Hint | None:
        """Return the chosen row; None while the list is closed."""
        return self._rows[self._chosen] if self._rows else None

    def show(self, rows: Sequence[Hint], note: str = "") -> None:
        """List `rows`, and a note beneath; neither of them closes the list."""
        if list(rows) == list(self._rows) and note == self._note:
            return
        self._rows, self._note = rows, note
        self._chosen = 0
        self.set_class(bool(rows or note), "-open")
        self._paint()

    def move(self, step: int) -> None:
        """Choose the next (1) or the previous (-1) row, around the ends."""
        if self._rows:
            self._chosen = (self._chosen + step) % len(self._rows)
            self._paint()

    def on_resize(self) -> None:
        """Shorten to the new width."""
        self._paint()

    def on_click(self, event: events.Click) -> None:
        """Choose the row."""
        index = self._first() + event.y
        if index < len(self._rows) and event.y < _SHOWN:
            self._chosen = index
            self._paint()
            self.post_message(self.Clicked())

    def _first(self) -> int:
        return max(0, min(self._chosen - _SHOWN + 1, len(self._rows) - _SHOWN))

    def _paint(self) -> None:
        first = self._first()
        width = max(20, self.content_size.width - 3)
        rows = []
        for index, row in enumerate(self._rows[first : first + _SHOWN], first):
            style = "bold $text-primary" if index == self._chosen else "$foreground"
            mark = "▸ " if index == self._chosen else "  "
            title = single_line(row.title, width)
            rows.append(Content.assemble((f"{mark}{title:<22}", style), (row.detail, "$text-muted")))
        if self._note:
            rows.append(Content.styled(f"  {single_line(self._note, width)}", "$text-muted"))
        self.update(Content("\n").join(rows))
