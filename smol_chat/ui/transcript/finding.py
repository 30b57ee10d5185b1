"""Find words in a conversation: in the text of its turns, without laying them out.

A match is known by its turn and its number among the matches of that turn. Only the turn that is gone to is laid out;
in rows that are on the screen the words are looked for again, which is what makes them stand out.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import NamedTuple

from smol_chat.ui.transcript.document import Document, Place
from smol_chat.ui.transcript.lines import Line

_SLICE_S = 0.008
"""Seconds of counting between two looks at the keyboard."""
LONGEST = 200
"""Characters that are looked for at most."""


class Hit(NamedTuple):
    """One match: its turn, and how many matches of that turn come before it."""

    turn: int
    number: int


Found = tuple[int, int, bool]
"""Number of the current match (0: none), matches in all, whether all turns have been looked at."""


def pattern_of(words: str) -> re.Pattern[str] | None:
    """Return what finds the words, whatever white space is between them; capitals count where there are any."""
    parts = words[:LONGEST].split()
    if not parts:
        return None
    return re.compile(r"\s+".join(map(re.escape, parts)), 0 if words != words.lower() else re.IGNORECASE)


class Finder:
    """Matches of one search in one document, counted turn by turn, the view's turn first."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.pattern: re.Pattern[str] | None = None
        self.hit: Hit | None = None
        """The match that was gone to last."""
        self._counts: dict[int, int] = {}

    def begin(self, words: str) -> None:
        """Look for other words; nothing to look for ends the search."""
        self.pattern = pattern_of(words)
        self.hit = None
        self._counts = {}

    def found(self) -> Found:
        """Return how the search stands."""
        before = sum(count for turn, count in self._counts.items() if self.hit and turn < self.hit.turn)
        number = before + self.hit.number + 1 if self.hit else 0
        complete = self.pattern is None or len(self._counts) >= len(self._document.turns)
        return number, sum(self._counts.values()), complete

    async def search(self, place: Place) -> AsyncGenerator[Hit | None, None]:
        """Count in every turn, a slice at a time: on from a place, then back from it.

        Yields the first match at or after the place, else the last one before it, as soon as it is known; and None
        after each slice.
        """
        first: Hit | None = None
        pause = time.monotonic() + _SLICE_S
        turns = len(self._document.turns)
        here = min(place.turn, turns - 1)
        for turn, step in (*((t, 1) for t in range(here, turns)), *((t, -1) for t in range(here, -1, -1))):
            count = self._count(turn)
            if count and first is None:
                first = self._first(turn, count, step, place)
                if first is not None:
                    yield first
            if time.monotonic() > pause:
                yield None
                await asyncio.sleep(0)
                pause = time.monotonic() + _SLICE_S
        yield None

    def step(self, step: int) -> Hit | None:
        """Return the next (1) or the previous (-1) match, around the ends."""
        turns = len(self._document.turns)
        if self.hit is None or not turns:
            return None
        for turn in {self.hit.turn, turns - 1, turns - 2} - {-1}:
            self._counts.pop(turn, None)  # it may have grown, or just have come
            self._count(turn)
        number = self.hit.number + step
        if 0 <= number < self._count(self.hit.turn):
            return Hit(self.hit.turn, number)
        for distance in range(1, turns + 1):
            turn = (self.hit.turn + step * distance) % turns
            if count := self._count(turn):
                return Hit(turn, 0 if step > 0 else count - 1)
        return None

    def place(self, hit: Hit) -> tuple[Place, int]:
        """Return where a match stands and its column there (-1: it is not shown); what hides it is unfolded."""
        document, pattern = self._document, self.pattern
        left = hit.number
        if pattern is not None:
            for number, block in enumerate(document.turns[hit.turn].blocks):
                count = len(pattern.findall(block.find_text()))
                if left < count:
                    shown = self._in_block(hit.turn, number, left)
                    if len(shown) <= left and block.foldable and not block.unfolded:
                        block.toggle()
                        document.turns[hit.turn].invalidate()
                        document.update(hit.turn)
                        shown = self._in_block(hit.turn, number, left)
                    return shown[-1] if shown else (Place(hit.turn, number, 0, 0), -1)
                left -= count
        return Place(hit.turn, 0, 0, 0), -1

    def _count(self, turn: int) -> int:
        if turn not in self._counts and self.pattern is not None:
            find = self.pattern.findall
            self._counts[turn] = sum(len(find(text)) for text in self._document.turns[turn].texts())
        return self._counts.get(turn, 0)

    def _first(self, turn: int, count: int, step: int, place: Place) -> Hit | None:
        """Return the match of a turn to go to first, if it has one on this side of the place."""
        if step < 0:
            return Hit(turn, count - 1)
        if turn > place.turn or self.pattern is None:
            return Hit(turn, 0)
        blocks_before = self._document.turns[turn].texts()[: place.block]
        before = sum(len(self.pattern.findall(text)) for text in blocks_before)
        return Hit(turn, before) if before < count else None

    def _in_block(self, turn: int, block: int, last: int) -> list[tuple[Place, int]]:
        """Return where the block's matches stand as it is shown, up to the one with this number."""
        shown: list[tuple[Place, int]] = []
        for slot in self._document.turns[turn].slots():
            if slot.block != block or self.pattern is None or len(shown) > last:
                continue
            lines = slot.piece.lines(self._document.width)
            for row, column, _ in starts(lines, self.pattern):
                shown.append((Place(turn, block, slot.number, row + slot.piece.gap), column))
        return shown[: last + 1]


def starts(lines: Sequence[Line], pattern: re.Pattern[str]) -> Iterator[tuple[int, int, int]]:
    """Yield where matches begin in lines: number of the line, first character, length over all lines it goes on in."""
    text, offsets = _joined(lines)
    row = 0
    for match in pattern.finditer(text):
        while row + 1 < len(offsets) and offsets[row + 1] <= match.start():
            row += 1
        yield row, match.start() - offsets[row], match.end() - match.start()


def ranges(lines: Sequence[Line], pattern: re.Pattern[str]) -> dict[int, list[tuple[int, int]]]:
    """Return for each line with a match the ranges of its characters that belong to one."""
    _, offsets = _joined(lines)
    result: dict[int, list[tuple[int, int]]] = {}
    for start_row, start, length in starts(lines, pattern):
        begin = offsets[start_row] + start
        end = begin + length
        row = start_row
        while row < len(lines) and offsets[row] < end:
            first, last = max(0, begin - offsets[row]), min(len(lines[row].text), end - offsets[row])
            if first < last:
                result.setdefault(row, []).append((first, last))
            row += 1
    return result


def _joined(lines: Sequence[Line]) -> tuple[str, list[int]]:
    """Return the text of lines as it was before it was wrapped, and where in it each line begins."""
    parts: list[str] = []
    offsets: list[int] = []
    length = 0
    for line in lines:
        offsets.append(length)
        part = line.text + ("\n" if line.joint is None else line.joint)
        parts.append(part)
        length += len(part)
    return "".join(parts), offsets
