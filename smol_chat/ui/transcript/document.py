"""All turns of a conversation as rows: finds, measures and lists rows without laying out what nobody looks at."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from smol_chat.events import TurnEvent
from smol_chat.ui.transcript.blocks import Block, ReasoningBlock
from smol_chat.ui.transcript.lines import Line
from smol_chat.ui.transcript.pieces import Piece
from smol_chat.ui.transcript.turns import Turn

KEPT_LINES = 6_000
"""Lines of laid-out pieces that are kept; those looked at least recently are forgotten first."""


class Place(NamedTuple):
    """A row by what it shows: turn, block in the turn, piece in the block, row in the piece.

    Places are in the order of the screen and stay valid while heights elsewhere change.
    """

    turn: int
    block: int
    piece: int
    row: int


class Row(NamedTuple):
    """One row of the screen; `line` is None in the gap before a piece."""

    place: Place
    piece: Piece
    line: Line | None
    is_first: bool
    """The first line of its piece, where its label stands."""


class Document:
    """The rows of a conversation at one width."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.width = 80
        self._heights = _Heights([])
        self._kept: OrderedDict[Piece, int] = OrderedDict()
        self._kept_lines = 0

    @property
    def height(self) -> int:
        """Rows in all, partly estimated."""
        return self._heights.total

    def set_width(self, width: int) -> None:
        """Lay out for another width from now on."""
        self.width = width
        self._heights = _Heights([turn.height(width) for turn in self.turns])

    def load(self, turns: Sequence[Iterable[TurnEvent]], *, unfolded: bool) -> None:
        """Show stored turns instead of what was there; nothing is built yet."""
        self.load_turns([Turn(events, unfolded=unfolded) for events in turns])

    def load_turns(self, turns: list[Turn]) -> None:
        """Show these turns."""
        self.turns = turns
        self._kept.clear()
        self._kept_lines = 0
        self.set_width(self.width)

    def append(self, turn: Turn) -> None:
        """Add a turn at the end."""
        self.turns.append(turn)
        self._heights.append(turn.height(self.width))

    def truncate(self, turn: int) -> None:
        """Leave out a turn and all after it."""
        self.load_turns(self.turns[:turn])

    def messages(self) -> list[int]:
        """Return for each message of the user the number of its turn."""
        return [number for number, turn in enumerate(self.turns) if turn.begins]

    def update(self, turn: int) -> None:
        """Take note that a turn changed."""
        self._heights.set(turn, self.turns[turn].height(self.width))

    def place_at(self, row: int) -> Place:
        """Return what stands at a row counted from the top; builds that turn."""
        index, rest = self._heights.find(row)
        turn = self.turns[index]
        self._blocks(index)
        at = turn.slot_at(rest, self.width)
        slots = turn.slots()
        if not slots:
            return Place(index, 0, 0, 0)
        slot = slots[at]
        offset = rest - turn.tops(self.width)[at]
        return Place(index, slot.block, slot.number, max(0, min(offset, slot.piece.height(self.width) - 1)))

    def row_of(self, place: Place) -> int:
        """Return at which row, counted from the top, a place is; the nearest one where it is gone."""
        self._blocks(place.turn)
        turn = self.turns[place.turn]
        slots = turn.slots()
        if not slots:
            return self._heights.before(place.turn)
        at = turn.index_of(place.block, place.piece)
        slot = slots[at]
        offset = 0
        if (slot.block, slot.number) == (place.block, place.piece):
            offset = min(place.row, slot.piece.height(self.width) - 1)
        return self._heights.before(place.turn) + turn.tops(self.width)[at] + offset

    def measure(self, place: Place, before: int, after: int) -> None:
        """Lay out pieces until the heights of so many rows before and after a place are known."""
        place_top = place.row
        for turn, index in self._backward(place):
            if before <= place_top:
                break
            before -= self._lay_out(turn, index)
        after += place.row
        for turn, index in self._forward(place):
            if after <= 0:
                break
            after -= self._lay_out(turn, index)

    def measure_end(self, rows: int) -> None:
        """Lay out the last pieces until the heights of so many rows are known."""
        if not self.turns:
            return
        last = len(self.turns) - 1
        for turn, index in self._backward(Place(last, len(self._blocks(last)) + 1, 0, 0), inclusive=True):
            if rows <= 0:
                break
            rows -= self._lay_out(turn, index)

    def rows(self, top: int, count: int) -> list[Row]:
        """Return the rows of the view; the places in it should have been measured."""
        if not self.turns:
            return []
        place = self.place_at(top)
        skip = place.row
        result: list[Row] = []
        for turn, index in self._forward(place):
            result += self._piece_rows(turn, index)[skip : skip + count - len(result)]
            skip = 0
            if len(result) >= count:
                break
        return result

    def between(self, start: Place, end: Place) -> Iterator[Row]:
        """Yield the rows from one place to another, laying them out."""
        if not self.turns:
            return
        for turn, index in self._forward(start):
            for row in self._piece_rows(turn, index):
                if row.place > end:
                    return
                if row.place >= start:
                    yield row

    def block_at(self, place: Place) -> Block | None:
        """Return the block a place is in."""
        if place.turn >= len(self.turns):
            return None
        blocks = self._blocks(place.turn)
        return blocks[place.block] if place.block < len(blocks) else None

    def starts(self, place: Place, step: int) -> Place | None:
        """Return the place of the next (`step` 1) or previous (-1) block."""
        turn, block = place.turn, place.block + step
        while 0 <= turn < len(self.turns):
            blocks = self._blocks(turn)
            if 0 <= block < len(blocks):
                return Place(turn, block, 0, 0)
            turn += step
            block = 0 if step > 0 or turn < 0 else len(self._blocks(turn)) - 1
        return None

    def newest_first(self) -> Iterator[Block]:
        """Yield all blocks from the end; turns are built on the way."""
        for index in range(len(self.turns) - 1, -1, -1):
            yield from reversed(self._blocks(index))

    def fold_reasoning(self, folded: bool) -> None:
        """Fold or unfold all reasoning, also what is still to come."""
        for number, turn in enumerate(self.turns):
            turn.unfolded = not folded
            if turn.is_built:
                for block in turn.blocks:
                    if isinstance(block, ReasoningBlock):
                        block.fold(folded)
                turn.invalidate()
                self.update(number)

    # --- layout -----------------------------------------------------------------------------

    def _piece_rows(self, turn: int, index: int) -> list[Row]:
        slot = self.turns[turn].slots()[index]
        lines = self._lines(turn, slot.piece)
        gap = slot.piece.gap
        rows = [Row(Place(turn, slot.block, slot.number, 0), slot.piece, None, False)] if gap else []
        rows += [
            Row(Place(turn, slot.block, slot.number, number + gap), slot.piece, line, not number)
            for number, line in enumerate(lines)
        ]
        return rows

    def _lay_out(self, turn: int, index: int) -> int:
        piece = self.turns[turn].slots()[index].piece
        if not piece.is_laid_out(self.width):
            self._lines(turn, piece)
        return piece.height(self.width)

    def _lines(self, turn: int, piece: Piece) -> list[Line]:
        was = piece.height(self.width)
        lines = piece.lines(self.width)
        if piece.height(self.width) != was:
            self.turns[turn].measured()
            self.update(turn)
        self._kept_lines += len(lines) - self._kept.pop(piece, 0)
        self._kept[piece] = len(lines)
        while self._kept_lines > KEPT_LINES and len(self._kept) > 1:
            oldest, count = self._kept.popitem(last=False)
            oldest.forget()
            self._kept_lines -= count
        return lines

    def _forward(self, place: Place) -> Iterator[tuple[int, int]]:
        self._blocks(place.turn)
        start = self.turns[place.turn].index_of(place.block, place.piece)
        for turn in range(place.turn, len(self.turns)):
            self._blocks(turn)
            for index in range(start, len(self.turns[turn].slots())):
                yield turn, index
            start = 0

    def _backward(self, place: Place, *, inclusive: bool = False) -> Iterator[tuple[int, int]]:
        self._blocks(place.turn)
        start = self.turns[place.turn].index_of(place.block, place.piece) - (not inclusive)
        for turn in range(place.turn, -1, -1):
            self._blocks(turn)
            last = len(self.turns[turn].slots()) - 1
            for index in range(min(start, last) if turn == place.turn else last, -1, -1):
                yield turn, index

    def _blocks(self, turn: int) -> list[Block]:
        """Return the blocks of a turn; if they are built only now, its height is no longer a guess."""
        is_new = not self.turns[turn].is_built
        blocks = self.turns[turn].blocks
        if is_new:
            self.update(turn)
        return blocks


class _Heights:
    """Heights of all turns with fast sums (a Fenwick tree): changing one and finding a row take logarithmic time."""

    def __init__(self, heights: list[int]) -> None:
        self._heights = heights
        self._tree = [0, *heights]
        for index in range(1, len(self._tree)):
            parent = index + (index & -index)
            if parent < len(self._tree):
                self._tree[parent] += self._tree[index]
        self.total = sum(heights)

    def append(self, height: int) -> None:
        index = len(self._tree)
        low = index - (index & -index)
        self._tree.append(height + self._sum(index - 1) - self._sum(low))
        self._heights.append(height)
        self.total += height

    def set(self, index: int, height: int) -> None:
        change = height - self._heights[index]
        if not change:
            return
        self._heights[index] = height
        self.total += change
        index += 1
        while index < len(self._tree):
            self._tree[index] += change
            index += index & -index

    def before(self, index: int) -> int:
        return self._sum(index)

    def find(self, row: int) -> tuple[int, int]:
        """Return the turn that covers a row and the row's number in it; the nearest turn for rows outside."""
        if row >= self.total:
            last = len(self._heights) - 1
            return last, max(0, self._heights[last] - 1)
        index, rest = 0, max(0, row)
        step = 1 << (len(self._heights)).bit_length()
        while step:
            following = index + step
            if following < len(self._tree) and self._tree[following] <= rest:
                index = following
                rest -= self._tree[following]
            step >>= 1
        return min(index, len(self._heights) - 1), rest

    def _sum(self, index: int) -> int:
        result = 0
        while index:
            result += self._tree[index]
            index -= index & -index
        return result
