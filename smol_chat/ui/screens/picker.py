"""Choose one of a list; typing narrows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from smol_chat.sanitise import single_line
from smol_chat.ui.entry import Entry
from smol_chat.ui.screens.box import BoxScreen

_LISTED = 500
"""Rows listed at once; typing finds the others."""


@dataclass(frozen=True, slots=True)
class Row:
    """One choice: what it gives, what it is called, and what is said beside it."""

    value: str
    title: str
    detail: str = ""


class PickerScreen(BoxScreen[str | None]):
    """Show rows under a line of input; gives the chosen value, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Back", show=False),
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("enter", "choose", "Choose", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    PickerScreen .box {
        width: 80%;
        min-width: 40;
        max-width: 100;
        height: auto;
        max-height: 80%;
    }
    PickerScreen OptionList {
        height: auto;
        max-height: 20;
    }
    PickerScreen OptionList > .option-list--option-highlighted {
        color: $foreground;
        background: $panel;
        text-style: bold;
    }
    PickerScreen:ansi OptionList > .option-list--option-highlighted { text-style: bold reverse; }
    PickerScreen .picker--empty { color: $text-muted; margin-top: 1; display: none; }
    PickerScreen .-none .picker--empty { display: block; }
    """

    def __init__(self, title: str, rows: Sequence[Row], *, empty: str = "Nothing fits.") -> None:
        super().__init__()
        self._title = title
        self._rows = rows
        self._empty = empty
        self._shown: list[Row] = []

    def compose(self) -> ComposeResult:
        """Lay out input and list."""
        with Vertical(classes="box") as box:
            box.border_title = Content(self._title)
            box.border_subtitle = Content("type to find · Enter chooses · Esc goes back")
            yield Entry(placeholder="find")
            yield OptionList()
            yield Static(Content(self._empty), classes="picker--empty")

    def on_mount(self) -> None:
        """List everything and wait for typing."""
        self.query_one(OptionList).can_focus = False
        self.query_one(Entry).focus()
        self._list("")

    def on_resize(self, event: events.Resize) -> None:
        """Shorten the rows to the new width."""
        self.call_after_refresh(lambda: self._list(self.query_one(Entry).value))

    def on_input_changed(self, event: Entry.Changed) -> None:
        """Narrow the list."""
        event.stop()
        self._list(event.value)

    def on_entry_left(self, event: Entry.Left) -> None:
        """Go back without a choice."""
        event.stop()
        self.dismiss(None)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Take the row that was clicked."""
        event.stop()
        self.dismiss(self._shown[event.option_index].value)

    def action_move(self, step: int) -> None:
        """Go up or down in the list."""
        options = self.query_one(OptionList)
        (options.action_cursor_up if step < 0 else options.action_cursor_down)()

    def action_choose(self) -> None:
        """Take the row the cursor is on."""
        index = self.query_one(OptionList).highlighted
        if index is not None and index < len(self._shown):
            self.dismiss(self._shown[index].value)

    def _list(self, wanted: str) -> None:
        words = wanted.lower().split()
        fitting = (row for row in self._rows if all(word in f"{row.title} {row.detail}".lower() for word in words))
        self._shown = [row for row, _ in zip(fitting, range(_LISTED), strict=False)]
        options = self.query_one(OptionList)
        width = max(20, options.size.width - 3)
        options.clear_options()
        options.add_options([Option(_prompt(row, width)) for row in self._shown])
        if self._shown:
            options.highlighted = 0
        self.query_one(".box").set_class(not self._shown, "-none")


def _prompt(row: Row, width: int) -> Content:
    detail = single_line(row.detail, width // 2)
    room = max(8, width - len(detail) - 2)
    title = single_line(row.title, room)
    gap = " " * max(1, width - Content(title).cell_length - Content(detail).cell_length)
    return Content.assemble(title, gap, (detail, "$text-muted"))
