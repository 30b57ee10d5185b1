"""Lines of a card: foreign text made harmless, whole, and folded to a width."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rich.cells import get_character_cell_size
from textual.content import Content

from smol_chat.sanitise import visible

NUMBERED_FROM = 10
"""Lines from which a text gets line numbers."""
_HIGHLIGHT_LIMIT = 32 * 1024
_WIDE_GAP = re.compile(r" {41,}")
MANY_BLANKS = 4
"""Blank lines after which only their number is shown: they push text out of sight."""
_CROWD = 4
"""Characters a cell may have on average, marks that combine with others counted."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line before wrapping: what stands in the gutter, and the text."""

    gutter: str
    text: Content


def exact(text: str) -> str:
    """Return text for one line of a card: nothing in it is hidden, not even a tab."""
    return visible(text, keep_newlines=False).replace("\t", "␉")


def plain_lines(text: str) -> list[Content]:
    """Return a text's lines, nothing in them hidden."""
    return [marked(Content(exact(line))) for line in text.split("\n")]


def text_lines(text: str, language: str = "") -> list[Line]:
    """Return a text's lines in the colours of its language, numbered where there are many."""
    whole = coloured(visible(text.expandtabs(4)), language)
    raw = whole.split("\n", allow_blank=True)
    number_width = len(str(len(raw))) if len(raw) >= NUMBERED_FROM else 0
    lines: list[Line] = []
    blanks = 0
    for number, content in enumerate(raw, 1):
        blanks = 0 if content.plain.strip() else blanks + 1
        if blanks > MANY_BLANKS:
            continue
        gutter = f"{number:>{number_width}} " if number_width else ""
        lines.append(Line(gutter, marked(content)))
        if blanks == MANY_BLANKS:
            run = _blank_run(raw, number - 1)
            if run:
                lines.append(Line(" " * len(gutter), blank_run(run)))
    return lines


def blank_run(count: int) -> Content:
    """Return what stands for so many blank lines."""
    return Content.styled(f"⟨{count} more blank lines⟩", "$text-warning")


def _blank_run(lines: list[Content], index: int) -> int:
    """Count the blank lines that follow `index`."""
    count = 0
    for content in lines[index + 1 :]:
        if content.plain.strip():
            break
        count += 1
    return count


def coloured(text: str, language: str) -> Content:
    """Return the text in the colours of its language; a long one has none."""
    if not language or len(text) > _HIGHLIGHT_LIMIT:
        return Content(text)
    from smol_chat.ui.consent.highlight import highlighted  # late: Pygments is heavy, most cards have no code

    return highlighted(text, language)


def marked(content: Content) -> Content:
    """Replace long runs of spaces, which push text out of sight, by their length."""
    if _WIDE_GAP.search(content.plain) is None:
        return content
    parts: list[Content] = []
    position = 0
    for gap in _WIDE_GAP.finditer(content.plain):
        parts += [content[position : gap.start()], Content.styled(f"⟨{len(gap[0])} spaces⟩", "$text-warning")]
        position = gap.end()
    return Content("").join([*parts, content[position:]])


def folded(text: Content, width: int) -> list[Content]:
    """Return one line as rows of at most `width` cells that together are all of it, broken at a space if one is near.

    `Content.fold` loses the rest of a text after a run of characters without a width of their own.
    """
    plain = text.plain
    breaks: list[int] = []
    begun = 0
    while (end := _row_end(plain, begun, width)) < len(plain):
        space = plain.rfind(" ", begun + (end - begun) * 2 // 3, end)
        begun = end if space < 0 else space + 1
        breaks.append(begun)
    return text.divide(breaks) if breaks else [text]


def _row_end(plain: str, begun: int, width: int) -> int:
    """Return where a row that begins there must end at the latest."""
    if plain.isascii():
        return min(len(plain), begun + width)
    cells = 0
    for index in range(begun, min(len(plain), begun + _CROWD * width)):
        cells += get_character_cell_size(plain[index])
        if cells > width:
            return index
    return min(len(plain), begun + _CROWD * width)
