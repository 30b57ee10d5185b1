"""Cut a growing Markdown text into parts that can be laid out one by one.

A reply arrives in small pieces and can be long. Everything but its end is settled: a paragraph after its blank line,
an item of a list when the next begins, the lines of a fence and the rows of a table in groups. Each part is rendered
once; only what is still open is rendered again. The parts depend on the text alone, not on how it was cut on the way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from typing_extensions import Self

CODE_ROWS = 24
"""A part of a fence ends at the first blank line before unindented code after so many lines …"""
CODE_ROWS_MAX = 80
"""… or here. Between parts the highlighter starts afresh."""
TABLE_ROWS = 32
"""The first so many rows of a table settle the widths of its columns."""
TEXT_ROWS = 48
"""A part of a paragraph ends after so many lines; only text that was never meant as a paragraph has more."""
QUOTE_ROWS = 24
"""A part of a block quote ends at the first empty quoted line after so many lines."""

_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})\s*(.*)")
_HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t]|$)")
_RULE = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
_ITEM = re.compile(r"( {0,3})(?:([-+*])|(\d{1,9})([.)]))([ \t]+|$)(.*)")
_QUOTE = re.compile(r" {0,3}>")
_DELIMITERS = re.compile(r" {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")

Kind = Literal["text", "quote", "item", "code", "table"]


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of Markdown that is laid out as a whole."""

    kind: Kind
    source: str
    """Markdown; of a fence only the code."""
    gap: bool = False
    """A blank line belongs before it (code, tables and headings always get one)."""
    number: int | None = None
    """Number of an item of an ordered list; the list's first item decides where counting starts."""
    language: str = ""
    """What the fence says about itself."""
    first: bool = True
    """Begins its fence, quote or table; False for the parts that go on with one."""
    head: str = ""
    """Of a table that goes on: header, delimiter row and the rows that settle its widths."""


@dataclass(slots=True)
class _List:
    marker: str
    offset: int
    number: int | None


class PartStream:
    """Splits Markdown as it grows: `closed` only ever gets longer, `open_parts` is what may still change."""

    def __init__(self) -> None:
        self.closed: list[Part] = []
        self._pending: list[str] = []
        self._rows: list[str] = []
        self._kind: Kind | None = None
        self._gap = False
        self._blanks = 0
        self._fence = ""
        self._fence_indent = 0
        self._language = ""
        self._first = True
        self._head = ""
        self._list: _List | None = None

    def feed(self, text: str) -> None:
        """Add text; whole lines are settled as far as they can be."""
        if "\n" not in text:
            self._pending.append(text)
            return
        *whole, rest = "".join([*self._pending, text]).split("\n")
        self._pending = [rest] if rest else []
        for row in whole:
            self._take(row)

    def finish(self) -> None:
        """Settle everything: no more text will come."""
        rest = "".join(self._pending)
        self._pending = []
        if rest:
            self._take(rest)
        self._close()

    def open_parts(self) -> list[Part]:
        """Return how the unsettled end would look if the text ended here."""
        if not self._rows and not self._pending and self._kind != "code":
            return []
        ahead = self._copy()
        ahead.finish()
        return ahead.closed

    def _copy(self) -> Self:
        twin = type(self)()
        for name, value in vars(self).items():
            setattr(twin, name, value)
        twin.closed = []
        twin._pending = self._pending.copy()
        twin._rows = self._rows.copy()
        twin._list = replace(self._list) if self._list else None
        return twin

    # --- one line ---------------------------------------------------------------------------

    def _take(self, row: str) -> None:
        if self._kind == "code":
            self._take_code(row)
        elif not row.strip():
            self._take_blank()
        elif self._kind == "item" and self._list and self._continues_item(row, self._list):
            self._rows += [""] * self._blanks
            self._blanks = 0
            self._rows.append(row)
        elif not self._starts(row):
            self._continue(row)

    def _take_blank(self) -> None:
        if self._kind == "item":
            self._blanks += 1
            return
        self._close()
        self._gap = True

    def _continues_item(self, row: str, item: _List) -> bool:
        expanded = row.expandtabs(4)
        depth = len(expanded) - len(expanded.lstrip(" "))
        if depth >= item.offset:
            return True
        lazy = not self._blanks and not self._opens_block(row)
        return lazy and not _RULE.match(row)

    def _opens_block(self, row: str) -> bool:
        return bool(_FENCE.match(row) or _HEADING.match(row) or _QUOTE.match(row) or _ITEM.match(row))

    def _starts(self, row: str) -> bool:
        """Begin a new part if the line does; tell whether it did."""
        if fence := _FENCE.match(row):
            self._close()
            self._kind, self._fence, self._language = "code", fence[1], fence[2].strip()
            self._fence_indent = len(row) - len(row.lstrip(" "))
            return True
        if _HEADING.match(row):
            self._close()
            self._kind, self._rows = "text", [row]
            self._close()
            return True
        if _RULE.match(row) and not (self._kind == "text" and row.lstrip()[0] == "-"):
            self._close()
            self._kind, self._rows = "text", [row]
            self._close()
            return True
        if item := _ITEM.match(row):
            return self._start_item(row, item)
        if _QUOTE.match(row):
            self._take_quote(row)
            return True
        return False

    def _start_item(self, row: str, item: re.Match[str]) -> bool:
        marker = item[2] or item[4]
        if self._kind == "text" and (not item[6] or item[3] not in (None, "1")):
            return False  # inside a paragraph "1986." is no list
        before, gap = self._list, bool(self._blanks)
        self._close()
        number = int(item[3]) if item[3] else None
        if before and before.marker == marker:
            self._gap = gap
            if number is not None and before.number is not None:
                number = before.number + 1
        spaces = len(item[5].expandtabs(4)) if item[6] and len(item[5]) < 5 else 1
        width = len(item[1]) + len(item[2] or item[3] + item[4])
        self._kind, self._rows = "item", [row]
        self._list = _List(marker, width + spaces, number)
        return True

    def _take_quote(self, row: str) -> None:
        if self._kind != "quote":
            self._close()
            self._kind = "quote"
        elif len(self._rows) >= QUOTE_ROWS and row.strip() == ">":
            self._flush()
        self._rows.append(row)

    def _continue(self, row: str) -> None:
        if self._kind is None or self._kind == "item":
            self._close()
            self._kind = "text"
        elif self._kind == "text" and len(self._rows) == 1 and "|" in self._rows[0] and _DELIMITERS.match(row):
            self._kind = "table"
        elif (self._kind == "table" and len(self._rows) >= TABLE_ROWS + 2) or len(self._rows) >= TEXT_ROWS:
            self._flush()
        self._rows.append(row)

    def _take_code(self, row: str) -> None:
        bare = row.strip()
        indented = len(row) - len(row.lstrip(" "))
        if indented < 4 and len(bare) >= len(self._fence) and bare == self._fence[0] * len(bare):
            self._close()
            return
        count = len(self._rows)
        calm = count >= CODE_ROWS and not self._rows[-1].strip() and bare and not row[:1].isspace()
        if calm or count >= CODE_ROWS_MAX:
            self._flush()
        self._rows.append(row[min(indented, self._fence_indent) :])

    # --- settling ---------------------------------------------------------------------------

    def _flush(self) -> None:
        """Settle the lines so far as a part of something that goes on."""
        if self._kind == "table" and not self._head:
            self._head = "\n".join(self._rows)
        self._emit(head="" if self._first else self._head)
        self._first = False

    def _emit(self, head: str = "") -> None:
        if self._kind is None:
            return
        number = self._list.number if self._kind == "item" and self._list else None
        roomy = self._kind in ("code", "table") or _HEADING.match(self._rows[0] if self._rows else "") is not None
        gap = (self._gap or roomy) and self._first
        source = "\n".join(self._rows)
        self.closed.append(Part(self._kind, source, gap, number, self._language, self._first, head))
        self._rows = []
        self._gap = False

    def _close(self) -> None:
        """Settle the open part; the next line begins another."""
        if self._kind is None:
            return
        if self._rows or (self._kind == "code" and self._first):
            self._emit(head="" if self._first else self._head)
        self._gap = self._blanks > 0 or self._kind in ("code", "table")
        self._blanks = 0
        self._kind, self._list, self._first = None, None, True
        self._language = self._head = self._fence = ""
