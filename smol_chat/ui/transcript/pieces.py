"""The unit of layout: a few lines that are laid out together, when they come near the view and not before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from smol_chat.ui.transcript.lines import LINE_LIMIT, Line, Span

if TYPE_CHECKING:
    from smol_chat.ui.transcript.blocks import Block

_CHUNK = 1_500
"""Plain text is cut into pieces of about so many characters, at line ends."""


class Piece:
    """A stretch of lines of one block. Its height is estimated until it is laid out for the width in use."""

    __slots__ = ("_estimate", "_height", "_lines", "_make", "_width", "block", "gap", "label", "toggles")

    def __init__(
        self,
        block: Block,
        make: Callable[[int], list[Line]],
        *,
        size: tuple[int, int] = (0, 1),
        gap: bool = False,
        label: Span | None = None,
        toggles: bool = False,
    ) -> None:
        """Describe a piece.

        Args:
            block: What it belongs to.
            make: Lays it out for a width.
            size: Characters and lines of the source, for the estimate.
            gap: A blank row comes before it.
            label: Drawn in the margin of its first line.
            toggles: A click on it folds or unfolds the block.
        """
        self.block = block
        self.gap = gap
        self.label = label
        self.toggles = toggles
        self._make = make
        self._estimate = size
        self._width = 0
        self._height = 0
        self._lines: list[Line] | None = None

    def is_laid_out(self, width: int) -> bool:
        """Tell whether the height at this width is known."""
        return self._width == width

    def height(self, width: int) -> int:
        """Return how many rows the piece takes, the gap included; an estimate unless it was laid out at this width."""
        if self._width == width:
            return self._height
        characters, lines = self._estimate
        return self.gap + max(1, lines, characters // max(1, width))

    def lines(self, width: int) -> list[Line]:
        """Return the lines, laid out now if need be."""
        if self._lines is None or self._width != width:
            self._lines = self._make(width)
            self._width = width
            self._height = self.gap + len(self._lines)
        return self._lines

    def forget(self) -> None:
        """Drop the lines and keep the height."""
        self._lines = None


class TextStream:
    """Splits plain text as it grows into chunks that end at a line end."""

    def __init__(self) -> None:
        self.closed: list[str] = []
        self._lines: list[str] = []
        self._size = 0
        self._pending: list[str] = []

    def feed(self, text: str) -> None:
        """Add text."""
        if "\n" not in text:
            self._pending.append(text)
            return
        *whole, rest = "".join([*self._pending, text]).split("\n")
        self._pending = [rest] if rest else []
        for line in whole:
            self._lines.append(line)
            self._size += len(line) + 1
            if self._size >= _CHUNK:
                self.closed.append("\n".join(self._lines))
                self._lines = []
                self._size = 0

    def open_text(self) -> str:
        """Return what is not yet in a closed chunk, trailing blank lines left out."""
        return "\n".join([*self._lines, "".join(self._pending)]).rstrip("\n")


def chunks(text: str) -> Iterable[str]:
    """Cut whole text into chunks."""
    stream = TextStream()
    stream.feed(text)
    rest = stream.open_text()
    return [*stream.closed, rest] if rest or not stream.closed else stream.closed


def measure(text: str) -> tuple[int, int]:
    """Return the size that a piece's height is estimated from."""
    lines = text.count("\n") + 1
    return min(len(text), lines * LINE_LIMIT), lines
