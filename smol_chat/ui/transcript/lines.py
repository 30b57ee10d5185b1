"""Styled lines of text and how they wrap. Pure: no widget, no theme, only names of styles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rich.cells import cell_len, split_graphemes

LINE_LIMIT = 20_000
"""Characters of one source line that are laid out; a longer line says what is missing. Copying gives all of it."""

_NARROW = re.compile(r"[ -~\u00a0-\u02ff\u0370-\u0482\u048a-\u052f\u2010-\u2027\u2190-\u21ff\u2500-\u257f]*\Z")
"""Text of which every character takes one cell: the wrapping without tables of widths applies."""

_CLOSING = frozenset("。，、．！？：；）」』】〉》…—")  # noqa: RUF001  the wide ones are meant
"""Wide punctuation that must not begin a line."""


class Span(NamedTuple):
    """Text in one style. `style` is a list of style names separated by spaces; later ones win."""

    text: str
    style: str = ""


@dataclass(slots=True, eq=False)
class Line:
    """One row of the screen, without the transcript's margin."""

    spans: tuple[Span, ...] = ()
    gutter: tuple[Span, ...] = ()
    """Drawn before the text and no part of it: bars, indentation of wrapped lines."""
    fill: str = ""
    """Style of the rest of the row."""
    joint: str | None = None
    """What was between this line and the next where the text was wrapped; None where the line really ends."""

    @property
    def text(self) -> str:
        """The text that selecting the line gives."""
        return "".join([span.text for span in self.spans])


def cells(spans: Iterable[Span]) -> int:
    """Return how many cells the spans take."""
    return sum([cell_len(span.text) for span in spans])


def indent(lines: Sequence[Line], first: Span, rest: Span, *, as_text: bool = True) -> list[Line]:
    """Put `first` before the first line and `rest` before the others.

    Args:
        lines: What to indent; not changed.
        first: A list marker or the like.
        rest: As wide as `first`.
        as_text: Whether the indentation belongs to the text (copied with it) at the start of each real line. Before
            wrapped lines and lines that have a bar it never does.
    """
    result: list[Line] = []
    wrapped = False
    for number, line in enumerate(lines):
        span = rest if number else first
        if number and as_text and not line.spans and not line.gutter:
            result.append(line)
        elif as_text and not wrapped and not line.gutter:
            result.append(Line((span, *line.spans), (), line.fill, line.joint))
        else:
            result.append(Line(line.spans, (span, *line.gutter), line.fill, line.joint))
        wrapped = line.joint is not None
    return result


def wrap(spans: Sequence[Span], width: int, *, fill: str = "") -> list[Line]:
    """Wrap one logical line at spaces (and between wide characters); words longer than a line are cut."""
    text = "".join([span.text for span in spans])
    if len(text) > LINE_LIMIT:
        rest = len(text) - LINE_LIMIT
        spans = [*_slice(spans, 0, LINE_LIMIT), Span(f" … {rest:,} more characters; copying gives all", "note")]
        text = "".join([span.text for span in spans])
    width = max(width, 2)
    if _NARROW.match(text):
        if len(text) <= width:
            return [Line(tuple(spans), (), fill)]
        cuts = _narrow_cuts(text, width)
    elif cell_len(text) <= width:
        return [Line(tuple(spans), (), fill)]
    else:
        cuts = _wide_cuts(text, width)
    return _cut(spans, text, cuts, fill)


def fold(spans: Sequence[Span], width: int, *, fill: str = "") -> list[Line]:
    """Cut one logical line hard at `width`, as code is: no character is dropped."""
    text = "".join([span.text for span in spans])
    if len(text) <= width and _NARROW.match(text):
        return [Line(tuple(spans), (), fill)]
    if len(text) > LINE_LIMIT:
        return wrap(spans, width, fill=fill)
    width = max(width, 2)
    if _NARROW.match(text):
        cuts = [(start, min(start + width, len(text))) for start in range(0, len(text), width)]
    else:
        cuts = _wide_cuts(text, width, anywhere=True)
    return _cut(spans, text, cuts, fill)


def plain(text: str, width: int, style: str = "") -> list[Line]:
    """Wrap text with its own line ends; tabs become spaces."""
    lines: list[Line] = []
    for row in text.split("\n"):
        lines += wrap((Span(row.expandtabs(4), style),), width)
    return lines


def _narrow_cuts(text: str, width: int) -> list[tuple[int, int]]:
    cuts: list[tuple[int, int]] = []
    start, length = 0, len(text)
    while length - start > width:
        end = text.rfind(" ", start, start + width + 1)
        if end <= start or not text[start:end].strip():
            cuts.append((start, start + width))
            start += width
            continue
        cuts.append((start, end))
        start = end
        while start < length and text[start] == " ":
            start += 1
    if start < length:
        cuts.append((start, length))
    return cuts


def _wide_cuts(text: str, width: int, *, anywhere: bool = False) -> list[tuple[int, int]]:
    """Cut by the width of graphemes: after spaces, around wide characters, or (`anywhere`) where the row is full."""
    cuts: list[tuple[int, int]] = []
    start = used = 0
    chance = _NO_CHANCE
    blank = wide = False
    for begin, end, size in split_graphemes(text)[0]:
        if not anywhere and text[begin] == " " and (blank or text[start:begin].strip()):
            # Spaces hang over the edge; the break is before the first of them and after the last.
            chance = _Chance(chance.end if blank and chance.end >= 0 else begin, end, used + size)
            blank, wide = True, False
            used += size
            continue
        if not anywhere and not blank and begin > start and (wide or size > 1) and text[begin] not in _CLOSING:
            chance = _Chance(begin, begin, used)
        while used + size > width and begin > start:
            if chance.end > start:
                cuts.append((start, chance.end))
                start, used = chance.resume, used - chance.used
            else:
                cuts.append((start, begin))
                start, used = begin, 0
            chance = _NO_CHANCE
        blank, wide = False, size > 1
        used += size
    if start < len(text):
        cuts.append((start, len(text) if used <= width else len(text.rstrip(" "))))
    return cuts


class _Chance(NamedTuple):
    """A place where a line may break: where it ends, where the next resumes, cells used up to there."""

    end: int
    resume: int
    used: int


_NO_CHANCE = _Chance(-1, -1, 0)


def _cut(spans: Sequence[Span], text: str, cuts: list[tuple[int, int]], fill: str) -> list[Line]:
    lines: list[Line] = []
    last = len(cuts) - 1
    position = 0
    offset = 0
    for number, (start, end) in enumerate(cuts):
        row: list[Span] = []
        while position < len(spans) and offset + len(spans[position].text) <= start:
            offset += len(spans[position].text)
            position += 1
        here, at = position, offset
        while here < len(spans) and at < end:
            span = spans[here]
            part = span.text[max(0, start - at) : end - at]
            if part:
                row.append(Span(part, span.style))
            at += len(span.text)
            here += 1
        joint = None if number == last else text[end : cuts[number + 1][0]]
        lines.append(Line(tuple(row), (), fill, joint))
    return lines or [Line((), (), fill)]


def _slice(spans: Sequence[Span], start: int, end: int) -> list[Span]:
    row: list[Span] = []
    at = 0
    for span in spans:
        part = span.text[max(0, start - at) : max(0, end - at)]
        if part:
            row.append(Span(part, span.style))
        at += len(span.text)
    return row
