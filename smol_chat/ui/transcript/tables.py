"""Lay out tables: columns as wide as they need, narrowed until the table fits, cells wrapped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from smol_chat.ui.transcript.lines import Line, Span, cells, wrap

Align = Literal["left", "right", "center"]
Cell = list[Span]

_SEPARATOR = Span(" │ ", "rule")
_NARROWEST = 6
"""Columns narrower than this are no table any more; such a table becomes a list of records."""


class Table(NamedTuple):
    """Header cells, rows of cells, one alignment for each column."""

    head: list[Cell]
    rows: list[list[Cell]]
    aligns: list[Align]


def column_widths(table: Table, width: int) -> list[int] | None:
    """Return the columns' widths, or None where they cannot fit side by side."""
    columns = len(table.head)
    natural = [
        max(3, max(cells(row[column]) for row in (table.head, *table.rows) if column < len(row)))
        for column in range(columns)
    ]
    room = width - (columns - 1) * len(_SEPARATOR.text)
    if sum(natural) <= room:
        return natural
    if room < columns * _NARROWEST:
        return None
    return _share(natural, room)


def _share(natural: list[int], room: int) -> list[int]:
    """Give narrow columns what they need and divide the rest among the wide ones."""
    widths = [0] * len(natural)
    left = len(natural)
    for index in sorted(range(len(natural)), key=natural.__getitem__):
        widths[index] = min(natural[index], room // left)
        room -= widths[index]
        left -= 1
    return widths


def table_lines(table: Table, widths: list[int] | None, width: int, *, head: bool = True) -> list[Line]:
    """Draw the table; `head` False leaves the header out (rows that go on with a table)."""
    if widths is None:
        return _records(table, width)
    lines: list[Line] = []
    if head:
        lines += _row([[Span(s.text, f"strong {s.style}".strip()) for s in cell] for cell in table.head], widths, table)
        lines.append(Line((Span("─┼─".join("─" * size for size in widths), "rule"),)))
    for row in table.rows:
        lines += _row(row, widths, table)
    return lines


def _row(row: Sequence[Cell], widths: list[int], table: Table) -> list[Line]:
    columns = [wrap(row[index] if index < len(row) else (), size) for index, size in enumerate(widths)]
    height = max(map(len, columns))
    lines: list[Line] = []
    for level in range(height):
        spans: list[Span] = []
        for index, size in enumerate(widths):
            inner = columns[index][level].spans if level < len(columns[index]) else ()
            if index:
                spans.append(_SEPARATOR)
            spans += _aligned(inner, size, table.aligns[index], last=index == len(widths) - 1)
        lines.append(Line(tuple(spans)))
    return lines


def _aligned(spans: Sequence[Span], size: int, align: Align, *, last: bool) -> list[Span]:
    space = max(0, size - cells(spans))
    before = space if align == "right" else space // 2 if align == "center" else 0
    after = 0 if last else space - before
    return [*([Span(" " * before)] if before else []), *spans, *([Span(" " * after)] if after else [])]


def _records(table: Table, width: int) -> list[Line]:
    lines: list[Line] = []
    for number, row in enumerate(table.rows):
        if number:
            lines.append(Line((Span("─" * min(width, 12), "rule"),)))
        for title, cell in zip(table.head, row, strict=False):
            name = "".join(span.text for span in title)
            lines += wrap([Span(f"{name}: ", "strong"), *cell], width)
    return lines
