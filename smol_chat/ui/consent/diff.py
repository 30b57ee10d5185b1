"""What would change, line by line: one column or two, always with the signs, never by colour alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest
from typing import Literal

from textual.content import Content

from smol_chat.sanitise import visible
from smol_chat.ui.consent.lines import MANY_BLANKS, Line, blank_run, folded, marked

_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")
_STYLES = {"+": "$text-success", "-": "$text-error", "@": "$text-muted", "": "$text-muted"}
_BAR = " │ "
NARROWEST_SPLIT = 60
"""Cells below which two columns are of no use."""

Sign = Literal["+", "-", " ", "@", ""]


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a diff: its sign (`@` a heading, empty for what belongs to no hunk), its number, its text."""

    sign: Sign
    number: int | None
    text: str


def parsed(diff: str) -> list[Change]:
    """Return the lines of a unified diff, or of rows with signs; the two lines that name the file are left out."""
    lines = diff.split("\n")
    named = len(lines) > 1 and lines[0].startswith("--- ") and lines[1].startswith("+++ ")
    return list(_changes(lines[2:] if named else lines))


def _changes(lines: Sequence[str]) -> Iterator[Change]:
    old: int | None = None
    new: int | None = None
    for line in lines:
        sign, text = line[:1], line[1:]
        if line.startswith("@@"):
            found = _HUNK.match(line)
            old, new = (int(found[1]), int(found[2])) if found else (None, None)
            yield Change("@", None, line)
        elif sign == "-":
            yield Change("-", old, text)
            old = None if old is None else old + 1
        elif sign in ("+", " "):
            yield Change("+" if sign == "+" else " ", new, text)
            new = None if new is None else new + 1
            old = old if old is None or sign == "+" else old + 1
        else:
            yield Change("", None, line)


def unified(changes: Sequence[Change]) -> list[Line]:
    """Return the changes in one column."""
    width = max((len(str(change.number)) for change in changes if change.number is not None), default=0)
    lines: list[Line] = []
    for change, blanks in _without_blank_runs(changes):
        gutter = f"{change.number or '':>{width}} " if width else ""
        lines.append(Line(gutter, blank_run(blanks) if blanks else _text(change)))
    return lines


def split(changes: Sequence[Change], width: int) -> list[Line]:
    """Return the changes in two columns, before and after, in rows of `width` cells."""
    room = (width - len(_BAR)) // 2
    rows: list[Content] = []
    waiting: dict[str, list[Content]] = {"-": [], "+": []}
    for change, blanks in _without_blank_runs(changes):
        text = blank_run(blanks) if blanks else _text(change)
        if change.sign in waiting:
            waiting[change.sign] += folded(text, room)
            continue
        rows += _side_by_side(waiting, room)
        if change.sign == " ":
            parts = folded(text, room)
            rows += [_row(part, part, room) for part in parts]
        else:
            rows += folded(text, width)
    rows += _side_by_side(waiting, room)
    return [Line("", row) for row in rows]


def _side_by_side(waiting: dict[str, list[Content]], room: int) -> list[Content]:
    rows = [_row(old, new, room) for old, new in zip_longest(waiting["-"], waiting["+"])]
    for side in waiting.values():
        side.clear()
    return rows


def _row(old: Content | None, new: Content | None, room: int) -> Content:
    left = old or Content("")
    gap = " " * (room - left.cell_length)
    return Content.assemble(left, gap, (_BAR, "$text-disabled"), new or Content(""))


def _text(change: Change) -> Content:
    sign = "" if change.sign in ("@", "") else change.sign
    shown = marked(Content(f"{sign}{visible(change.text.expandtabs(4))}"))
    style = _STYLES.get(change.sign)
    return shown.stylize_before(style) if style else shown


def _without_blank_runs(changes: Sequence[Change]) -> Iterator[tuple[Change, int]]:
    """Go through the changes; of many blank ones in a row the last stands for the rest, with their number."""
    for (blank, _), run in groupby(changes, lambda change: (not change.text.strip(), change.sign)):
        group = list(run)
        shown = group[:MANY_BLANKS] if blank else group
        yield from ((change, 0) for change in shown)
        if len(group) > len(shown):
            yield group[-1], len(group) - len(shown)
