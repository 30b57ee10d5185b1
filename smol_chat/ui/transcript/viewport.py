"""The part of a conversation that is on the screen: which rows, what keeps its place, what arrived below."""

from __future__ import annotations

from smol_chat.ui.transcript.document import Document, Place, Row

_AHEAD = 2
"""Screens before and after the view whose heights are known, so that scrolling meets no estimates."""
_START = Place(0, 0, 0, 0)


class Viewport:
    """A window of some height onto a document. It stays at the end or keeps the row at its top where it is."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.height = 0
        self.top = 0
        self.rows: list[Row] = []
        """What is on the screen, from the top."""
        self._place = _START
        self._last_seen = _START

    def reset(self) -> None:
        """Begin anew, for another conversation or size."""
        self.rows = []

    def lay_out(self, *, at_end: bool) -> None:
        """Find out which row is at the top now, from the end or from the row that keeps its place."""
        document, height = self.document, self.height
        if not document.turns:
            self.top = 0
            self._place = self._last_seen = _START
        elif at_end:
            document.measure_end(height * (1 + _AHEAD))
            self.top = max(0, document.height - height)
        else:
            self._measure_around(self._place)
            self.top = max(0, min(document.row_of(self._place), document.height - height))

    def update_rows(self, *, at_end: bool) -> list[int]:
        """Take up the rows of the view and return the numbers of those that look different."""
        before, self.rows = self.rows, self.document.rows(self.top, self.height)
        if self.rows:
            self._place = self.rows[0].place
            if at_end:
                self._last_seen = self.rows[-1].place
        common = min(len(before), len(self.rows))
        stale = [number for number in range(common) if before[number].line is not self.rows[number].line]
        return [*stale, *range(common, max(len(before), len(self.rows)))]

    def move_to(self, row: int) -> None:
        """Let the row with this number, counted from the top of the document, be the one that keeps its place."""
        self._place = self.document.place_at(row)

    def reveal(self, place: Place, *, lead: int = 0) -> bool:
        """Move so that a place is in view, `lead` rows below the top if it was not; tell whether that is at the end."""
        self._measure_around(place)
        row, last_top = self.document.row_of(place), self.document.height - self.height
        target = self.top
        if not self.top <= row < self.top + self.height - 2:
            target = row - lead if row < self.top else min(row - lead, last_top)
        self.move_to(max(0, target))
        return target >= last_top

    @property
    def at_end(self) -> bool:
        """Whether the last row is in view."""
        return self.top >= self.document.height - self.height

    def keep_header(self, header: Place) -> None:
        """Keep a block's header in view although what is below it changes."""
        if header < self._place:
            self._place = header

    def end_shows(self, place: Place) -> bool:
        """Tell whether a place is in view when the view is at the end."""
        self._measure_around(place)
        return self.document.row_of(place) >= self.document.height - self.height

    def lines_below(self) -> int:
        """Return how many lines arrived below the view since it was last at the end."""
        if not self.rows:
            return 0
        seen = max(self.top + self.height, self.document.row_of(self._last_seen) + 1)
        return max(0, self.document.height - seen)

    def _measure_around(self, place: Place) -> None:
        self.document.measure(place, self.height * _AHEAD, self.height * (1 + _AHEAD))
