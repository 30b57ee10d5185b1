"""Rows of the transcript as strips of styled cells, kept for as long as they are likely to be drawn again."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.cache import LRUCache
from textual.strip import Strip
from textual.widget import Widget

from smol_chat.ui.transcript.document import Row
from smol_chat.ui.transcript.lines import Line, Span, cells
from smol_chat.ui.transcript.palette import Palette

MARGIN = 6
"""Cells left of the text, where labels and the cursor stand."""
RIGHT_MARGIN = 2
_KEPT_STRIPS = 400
_GAP = Line()


class Painter:
    """Draws rows at the width of one widget, in its colours."""

    def __init__(self, widget: Widget) -> None:
        self._palette = Palette(widget)
        self._widget = widget
        self._strips: LRUCache[tuple[Line, Span | None, bool], Strip] = LRUCache(_KEPT_STRIPS)

    def clear(self) -> None:
        """Forget every strip: the width, the theme or a style sheet changed."""
        self._strips.clear()
        self._palette.clear()

    def strip(
        self,
        row: Row | None,
        *,
        marked: bool = False,
        selection: tuple[int, int] | None = None,
        found: Sequence[tuple[int, int, str]] = (),
    ) -> Strip:
        """Return a row at full width.

        Args:
            row: What to draw; None draws an empty row.
            marked: Put the cursor beside it.
            selection: Range of its text that is selected.
            found: Ranges of its text that were looked for, each with the name of its style.
        """
        line = row.line if row and row.line else _GAP
        label = row.piece.label if row and row.is_first else None
        key = (line, label, marked)
        strip = self._strips.get(key)
        if strip is None:
            strip = self._strips[key] = self._draw(line, label, marked=marked)
        for start, end, style in found:
            strip = self._over(strip, line, (start, end), self._palette.style(style))
        return self._over(strip, line, selection, self._palette.selection) if selection and row else strip

    def with_hint(self, strip: Strip, text: str) -> Strip:
        """Return the strip with a short text over its right end."""
        hint = Segment(f" {text} ", self._palette.style("hint"))
        start = max(0, strip.cell_length - hint.cell_length - 1)
        return Strip.join(
            [strip.crop(0, start), Strip([hint]), strip.crop(start + hint.cell_length, strip.cell_length)]
        )

    def text_start(self, row: Row) -> int:
        """Return the column at which the text of a row begins."""
        return MARGIN + (cells(row.line.gutter) if row.line else 0)

    def _draw(self, line: Line, label: Span | None, *, marked: bool) -> Strip:
        palette = self._palette
        width = self._widget.size.width
        segments = [Segment("▌", palette.style("cursor")) if marked else palette.blank(1)]
        if label:
            segments += [Segment(label.text.rjust(3), palette.style(label.style)), palette.blank(2)]
        else:
            segments.append(palette.blank(MARGIN - 1))
        body = [*palette.segments(line.gutter), *palette.segments(line.spans)]
        used = MARGIN + cells(line.gutter) + cells(line.spans)
        if line.fill and used < width - RIGHT_MARGIN:
            body.append(palette.blank(width - RIGHT_MARGIN - used, line.fill))
            used = width - RIGHT_MARGIN
        if used < width:
            body.append(palette.blank(width - used))
        # Neighbours in one style become one segment: fewer bytes to the terminal, fewer objects to keep.
        return Strip([*segments, *Segment.simplify(body)], max(used, width)).crop(0, width)

    def _over(self, strip: Strip, line: Line, span: tuple[int, int], style: Style) -> Strip:
        begin = MARGIN + cells(line.gutter)
        start = min(begin + cell_len(line.text[: span[0]]), strip.cell_length)
        end = min(begin + cell_len(line.text[: span[1]]), strip.cell_length)
        if end <= start:
            return strip
        middle = strip.crop(start, end)
        chosen = Strip(Segment.apply_style(middle, post_style=style), middle.cell_length)
        return Strip.join([strip.crop(0, start), chosen, strip.crop(end, strip.cell_length)])
