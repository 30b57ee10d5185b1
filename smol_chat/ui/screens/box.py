"""What the screens over the chat look like: one box in the middle, the chat dimmed behind it."""

from __future__ import annotations

from typing import TypeVar

from textual.screen import ModalScreen

T = TypeVar("T")


class BoxScreen(ModalScreen[T]):
    """A modal screen with one container of the class `box`; a subclass gives it its size."""

    DEFAULT_CSS = """
    BoxScreen {
        align: center middle;
        background: $background 60%;
        &:ansi { background: ansi_default; }
    }
    BoxScreen .box {
        border: round $primary;
        border-title-color: $text-primary;
        border-subtitle-color: $text-muted;
        background: $surface;
        padding: 0 1;
    }
    BoxScreen OptionList {
        border: none;
        padding: 0;
        margin-top: 1;
        background: transparent;
        scrollbar-size-vertical: 1;
        &:focus { border: none; }
    }
    BoxScreen OptionList > .option-list--option { padding: 0 1; }
    """
