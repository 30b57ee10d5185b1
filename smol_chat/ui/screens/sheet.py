"""A page to read: help, the tools. Any of the usual keys closes it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from smol_chat.ui.screens.box import BoxScreen


class SheetScreen(BoxScreen[None]):
    """Show one text in a box that scrolls."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter,f1", "dismiss", "Close", show=False)]
    DEFAULT_CSS = """
    SheetScreen .box {
        width: 90%;
        max-width: 92;
        height: auto;
        max-height: 90%;
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
        with VerticalScroll(classes="box") as box:
            box.border_title = Content(self._title)
            box.border_subtitle = Content("Esc closes")
            yield Static(self._text)
