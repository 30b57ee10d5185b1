"""Text selection by place, so that what is selected stays selected while heights elsewhere change.

Textual's selection compares offsets of a column and a row. The row we give it is a number made from a place: in the
order of the screen, but the same wherever the place is on it.
"""

from __future__ import annotations

from textual.geometry import Offset
from textual.selection import Selection

from smol_chat.ui.transcript.document import Document, Place, Row

_BITS = 24
_MASK = (1 << _BITS) - 1


def row_number(place: Place) -> int:
    """Return a number for a place that sorts like it."""
    turn, block, piece, row = place
    return ((turn << _BITS | block) << _BITS | piece) << _BITS | row


def place_of(number: int) -> Place:
    """Return the place that has this number."""
    number = max(0, number)
    return Place(number >> 3 * _BITS, number >> 2 * _BITS & _MASK, number >> _BITS & _MASK, number & _MASK)


def selected_range(selection: Selection, row: Row) -> tuple[int, int] | None:
    """Return the first and the last selected character of a row's text."""
    length = len(row.line.text) if row.line else 0
    number = row_number(row.place)
    start, end = selection.start, selection.end
    if (start and number < start.y) or (end and number > end.y):
        return None
    first = max(0, start.x) if start and start.y == number else 0
    last = min(length, max(0, end.x)) if end and end.y == number else length
    return (first, last) if first < last else None


def selected_text(document: Document, selection: Selection) -> str:
    """Return the selected text without margins, bars and padding; lines that were wrapped are whole again."""
    first = place_of(selection.start.y) if selection.start else Place(0, 0, 0, 0)
    last = place_of(selection.end.y) if selection.end else Place(len(document.turns), 0, 0, 0)
    text: list[str] = []
    for row in document.between(first, last):
        span = selected_range(selection, row)
        if row.line is None:
            text.append("\n")
            continue
        if span:
            text.append(row.line.text[span[0] : span[1]])
        text.append("\n" if row.line.joint is None else row.line.joint)
    return "".join(text[:-1])


def block_selection(place: Place) -> Selection:
    """Return the selection of a whole block."""
    start = Place(place.turn, place.block, 0, 0)
    end = Place(place.turn, place.block + 1, 0, 0)
    return Selection(Offset(0, row_number(start)), Offset(0, row_number(end) - 1))
