"""The part of a card that scrolls: lines, wrapped to the width, and whether their end has been in view."""

from __future__ import annotations

from collections.abc import Callable

from textual.cache import LRUCache
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from typing_extensions import override

from smol_chat.ui.consent.lines import Line, folded

_BAR = 1
"""Cells of the scroll bar."""

Row = tuple[str, Content]
"""One line after wrapping: gutter and text."""
Lines = Callable[[int], list[Line]]
"""Makes the lines for a width in cells."""


class ConsentBody(ScrollView, can_focus=False):
    """Show the lines, wrapped to the width; tell when the last one has been in view."""

    DEFAULT_CSS = """
    ConsentBody {
        height: auto;
        max-height: 1fr;
        background: transparent;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
    }
    """

    class SeenToTheEnd(Message):
        """The last line has been in view."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = False
        """Whether the last line has been in view."""
        self._lines: Lines = lambda width: []
        self._wrapped: LRUCache[int, list[Row]] = LRUCache(2)
        self._strips: LRUCache[tuple[int, int], Strip] = LRUCache(256)

    def show(self, lines: Lines, *, anew: bool) -> None:
        """Show other lines. `anew`: they are about something else, whose end has not been seen."""
        self._lines = lines
        self._wrapped.clear()
        self._strips.clear()
        if anew:
            self.seen = False
            self.scroll_to(y=0, animate=False)
        self._measure()
        self.refresh(layout=True)

    @override
    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the number of wrapped rows."""
        return len(self._rows(width - _BAR))

    @override
    def notify_style_update(self) -> None:
        """Forget what was rendered in the old colours."""
        super().notify_style_update()
        self._strips.clear()

    @override
    def render_line(self, y: int) -> Strip:
        """Render one visible row."""
        width = self._width
        rows = self._rows(width)
        row = y + self.scroll_offset.y
        if row >= len(rows):
            return Strip.blank(width, self.rich_style)
        if (strip := self._strips.get((row, width))) is None:
            strip = self._strips[row, width] = self._strip(rows[row], width)
        return strip

    def on_resize(self) -> None:
        """Wrap to the new width and see whether everything fits."""
        self._measure()

    def _measure(self) -> None:
        width = self._width
        self.virtual_size = Size(width, len(self._rows(width)))
        self.call_after_refresh(self._look)

    @override
    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Notice when the end comes into view."""
        super().watch_scroll_y(old_value, new_value)
        self._look()

    def _look(self) -> None:
        region = self.scrollable_content_region
        if not self.seen and region.height > 0 and self.scroll_offset.y + region.height >= len(self._rows(self._width)):
            self.seen = True
            self.post_message(self.SeenToTheEnd())

    @property
    def _width(self) -> int:
        """Cells a row may take. The scroll bar's cell is kept free also without one: it must not change the rows."""
        return max(0, self.content_size.width - _BAR)

    def _rows(self, width: int) -> list[Row]:
        """Return the lines folded to `width`."""
        if (known := self._wrapped.get(width)) is not None:
            return known
        rows: list[Row] = []
        for line in self._lines(width):
            first, *others = folded(line.text, max(2, width - len(line.gutter)))
            rows.append((line.gutter, first))
            rows += [(" " * len(line.gutter), part) for part in others]
        self._wrapped[width] = rows
        return rows

    def _strip(self, row: Row, width: int) -> Strip:
        gutter, text = row
        content = Content.styled(gutter, "$text-disabled") + text
        strip = Strip(content.render_segments(self.visual_style))
        return strip.adjust_cell_length(width, self.rich_style)
