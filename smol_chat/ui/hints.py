"""The list of commands that opens above the composer when a message begins with a slash."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static

from smol_chat.ui.command_list import Command

_SHOWN = 6


class CommandHints(Static):
    """Show the commands that fit what is written, one of them chosen."""

    DEFAULT_CSS = """
    CommandHints {
        height: auto;
        padding: 0 1;
        background: $panel;
        display: none;
        &.-open { display: block; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(Content(""), id=id)
        self._commands: Sequence[Command] = ()
        self._chosen = 0

    @property
    def chosen(self) -> Command | None:
        """Return the chosen command; None while the list is closed."""
        return self._commands[self._chosen] if self._commands else None

    def show(self, commands: Sequence[Command]) -> None:
        """List `commands`; an empty list closes."""
        if list(commands) == list(self._commands):
            return
        self._commands = commands
        self._chosen = 0
        self.set_class(bool(commands), "-open")
        self._paint()

    def move(self, step: int) -> None:
        """Choose the next (1) or the previous (-1) command, around the ends."""
        if self._commands:
            self._chosen = (self._chosen + step) % len(self._commands)
            self._paint()

    def _paint(self) -> None:
        first = max(0, min(self._chosen - _SHOWN + 1, len(self._commands) - _SHOWN))
        rows = []
        for index, command in enumerate(self._commands[first : first + _SHOWN], first):
            style = "bold $text-primary" if index == self._chosen else "$foreground"
            mark = "▸ " if index == self._chosen else "  "
            usage = f"/{command.name} {command.argument}".rstrip()
            rows.append(Content.assemble((f"{mark}{usage:<22}", style), (command.summary, "$text-muted")))
        self.update(Content("\n").join(rows))
