"""What a conversation consists of on the screen: messages, reasoning, notices. Each block becomes pieces of lines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial

from smol_chat.sanitise import visible
from smol_chat.ui.transcript.lines import Line, Span, plain, wrap
from smol_chat.ui.transcript.markdown import PROSE_WIDTH, render
from smol_chat.ui.transcript.parts import Part, PartStream
from smol_chat.ui.transcript.pieces import Piece, TextStream, chunks, measure

WINDOW = 6
"""Rows of reasoning that are shown while it streams."""
VERSION = "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK} {}/{} \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
"""What is below a message that has other versions; a click on either half goes to the next one there."""
_TAIL = 4_000
"""Characters of reasoning the window is made from."""


class Block(ABC):
    """One entry of the transcript. Its pieces keep their identity until the block changes."""

    foldable = False
    """Enter and a click on its header fold or unfold it."""
    unfolded = True
    """Whether all of it is shown."""

    @abstractmethod
    def pieces(self) -> Sequence[Piece]:
        """Return the pieces in order; the same objects as long as nothing changed."""

    @abstractmethod
    def copy_text(self) -> str:
        """Return the original text, as it was before it was laid out."""

    def find_text(self) -> str:
        """Return the text in which words are looked for: all that unfolding would show."""
        return self.copy_text()

    def toggle(self) -> None:  # noqa: B027  most blocks have nothing to fold
        """Fold or unfold."""


class UserBlock(Block):
    """What the user sent; where there are other versions of it, which one this is."""

    def __init__(self, text: str, version: tuple[int, int] = (1, 1)) -> None:
        self._text = text
        self._version = version
        self._pieces: list[Piece] = []

    def pieces(self) -> Sequence[Piece]:
        """Return the message in chunks."""
        if not self._pieces:
            for number, chunk in enumerate(chunks(self._text)):
                label = None if number else Span("you", "you")
                make = partial(_plain, chunk, "user")
                self._pieces.append(Piece(self, make, size=measure(chunk), gap=not number, label=label))
            number, total = self._version
            if total > 1:
                self._pieces.append(Piece(self, partial(_plain, VERSION.format(number, total), "muted")))
        return self._pieces

    def show_version(self, number: int, total: int) -> None:
        """Say which of how many versions this is, counted from 1."""
        self._version = number, total
        self._pieces = []

    def step_at(self, piece: Piece, column: int) -> int:
        """Return what a click there means: -1 the version before, 1 the next one, 0 nothing."""
        number, total = self._version
        if total == 1 or piece is not self._pieces[-1]:
            return 0
        width = len(VERSION.format(number, total))
        return -1 if 0 <= column < width // 2 else 1 if column < width else 0

    def copy_text(self) -> str:
        """Return what was sent."""
        return self._text


class AnswerBlock(Block):
    """Answer text of one round, as Markdown."""

    def __init__(self) -> None:
        self._source: list[str] = []
        self._unread: list[str] = []
        self._finished = False
        self._parts = PartStream()
        self._settled: list[Piece] = []
        self._open: list[Piece] = []
        self._stale = False

    def feed(self, text: str) -> None:
        """Add text as it arrives."""
        self._source.append(text)
        self._unread.append(text)  # a turn is also built only to be searched: then nobody asks for its parts
        self._stale = True

    def finish(self) -> None:
        """Settle the last part."""
        self._finished = True
        self._stale = True

    def pieces(self) -> Sequence[Piece]:
        """Return settled pieces, then those that may still change."""
        if self._stale:
            self._stale = False
            self._parts.feed("".join(self._unread))
            self._unread = []
            if self._finished:
                self._parts.finish()
            for part in self._parts.closed[len(self._settled) :]:
                self._settled.append(self._piece(part, first=not self._settled))
            ahead = self._parts.open_parts()
            self._open = [self._piece(part, first=not (self._settled or n)) for n, part in enumerate(ahead)]
        return [*self._settled, *self._open]

    def copy_text(self) -> str:
        """Return the Markdown as the model wrote it."""
        text = "".join(self._source)
        self._source = [text]
        return text.strip("\n")

    def _piece(self, part: Part, *, first: bool) -> Piece:
        return Piece(self, partial(render, part), size=measure(part.source), gap=first or part.gap)


class ReasoningBlock(Block):
    """Reasoning: a header, and below it the last rows while it streams, everything when unfolded."""

    foldable = True

    def __init__(self, *, unfolded: bool = False) -> None:
        self.unfolded = unfolded
        self.streaming = True
        self._windowed = True
        self._text: list[str] = []
        self._stream = TextStream()
        self._tail = ""
        self._seconds = 0
        self._header = ""
        self._settled: list[Piece] = []
        self._pieces: list[Piece] | None = None

    def feed(self, text: str) -> None:
        """Add text as it arrives."""
        if not self._text:
            text = text.lstrip("\n")
        self._text.append(text)
        self._stream.feed(text)
        self._tail = (self._tail + text)[-_TAIL:]
        self._pieces = None

    def elapse(self, seconds: int) -> bool:
        """Say how long it has been going on; tell whether that changed what is shown."""
        if seconds == self._seconds:
            return False
        self._seconds = seconds
        self._pieces = None
        return True

    def finish(self, duration_ms: int | None = None, tokens: int = 0, *, keep_window: bool = False) -> None:
        """End it; without a duration it was interrupted. `keep_window` leaves on the screen what is there."""
        self.streaming = False
        self._windowed = keep_window
        self._tail = self._tail if keep_window else ""
        self._pieces = None
        if duration_ms is None:
            self._header = "thought, interrupted"
        else:
            count = f" · {tokens:,} token{'' if tokens == 1 else 's'}" if tokens else ""
            self._header = f"thought for {duration_ms / 1000:.1f} s{count}"

    def fold(self, folded: bool) -> None:
        """Fold or unfold."""
        self.unfolded = not folded
        self._windowed = self.streaming
        self._pieces = None

    def toggle(self) -> None:
        """Fold what is unfolded and the other way round."""
        self.fold(self.unfolded or (self._windowed and not self.streaming))

    def pieces(self) -> Sequence[Piece]:
        """Return the header and what is shown below it."""
        if self._pieces is None:
            self._pieces = [self._head(), *self._body()]
        return self._pieces

    def copy_text(self) -> str:
        """Return the whole reasoning."""
        return "".join(self._text).strip("\n")

    def _head(self) -> Piece:
        text = self._header if not self.streaming else "thinking" + (f" · {self._seconds} s" if self._seconds else "")
        shown = self.unfolded or self._windowed
        label = Span("▾" if shown else "▸", "fold")
        return Piece(self, partial(_plain, text, "muted"), gap=True, label=label, toggles=True)

    def _body(self) -> list[Piece]:
        if self.unfolded:
            for chunk in self._stream.closed[len(self._settled) :]:
                self._settled.append(self._chunk(chunk))
            rest = self._stream.open_text()
            return [*self._settled, *([self._chunk(rest)] if rest else [])]
        return [Piece(self, partial(_window, self._tail), toggles=True)] if self._windowed else []

    def _chunk(self, text: str) -> Piece:
        return Piece(self, partial(_plain, text, "reasoning"), size=measure(text))


class NoticeBlock(Block):
    """One sentence beside the conversation: a notice, why the turn ended, an error."""

    def __init__(self, message: str, *, symbol: str = "·", style: str = "muted") -> None:
        self._message = message
        self._pieces = [Piece(self, partial(_plain, message, style), gap=True, label=Span(symbol, style))]

    def pieces(self) -> Sequence[Piece]:
        """Return the sentence."""
        return self._pieces

    def copy_text(self) -> str:
        """Return the sentence."""
        return self._message


def _plain(text: str, style: str, width: int) -> list[Line]:
    return plain(visible(text, prose=True), min(width, PROSE_WIDTH), style)


def _window(tail: str, width: int) -> list[Line]:
    """Show the last rows of a text that is still growing."""
    shown = visible(tail.rstrip("\n"), prose=True)
    rows = shown.split("\n")[-WINDOW:]
    lines: list[Line] = []
    for row in rows:
        lines += wrap((Span(row.expandtabs(4), "reasoning"),), min(width, PROSE_WIDTH))
    return lines[-WINDOW:]
