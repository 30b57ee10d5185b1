"""A page to read: help, the tools. Any of the usual keys closes it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static


class SheetScreen(ModalScreen[None]):
    """Show one text in a box that scrolls."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter,f1", "dismiss", "Close", show=False)]
    DEFAULT_CSS = """
    SheetScreen {
        align: center middle;
        background: $background 60%;
        &:ansi { background: ansi_default; }
    }
    SheetScreen VerticalScroll {
        width: 90%;
        max-width: 92;
        height: auto;
        max-height: 90%;
        border: round $primary;
        border-title-color: $text-primary;
        border-subtitle-color: $text-muted;
        background: $surface;
        padding: 0 2;
        scrollbar-size-vertical: 1;
    }
    SheetScreen Static { height: auto; }
    """

    def __init__(self, title: str, text: Content) -> None:
        super().__init__()
        self._title = title
        self._text = text

    def compose(self) -> ComposeResult:
        """Lay out the box."""
        with VerticalScroll() as box:
            box.border_title = Content(self._title)
            box.border_subtitle = Content("Esc closes")
            yield Static(self._text)
