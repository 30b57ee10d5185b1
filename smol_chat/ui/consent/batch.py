"""Several calls at once: which are ticked, which have been read, and the list that shows them in their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from smol_chat.agent.consent import ApprovalRequest
from smol_chat.sanitise import single_line
from smol_chat.ui.consent.contents import argument_text
from smol_chat.ui.consent.effects import EFFECTS

_MOST_ROWS = 5
"""Rows of the list on a large screen; it scrolls with the call that is shown."""
_MARK_CELLS = 6


class Batch:
    """The calls of one card. All are ticked at first, and none has been read; a grant takes only what has been."""

    def __init__(self, requests: Sequence[ApprovalRequest]) -> None:
        self.requests = list(requests)
        self.at = 0
        """Index of the call whose question is shown."""
        self._unticked: set[str] = set()
        self._read: set[tuple[str, str]] = set()

    @property
    def current(self) -> ApprovalRequest:
        """The call whose question is shown."""
        return self.requests[self.at]

    @property
    def several(self) -> bool:
        """Whether there is more than one call."""
        return len(self.requests) > 1

    @property
    def ticked(self) -> list[ApprovalRequest]:
        """The calls an answer for several is about; a single call needs no tick."""
        if not self.several:
            return [*self.requests]
        return [request for request in self.requests if request.call.id not in self._unticked]

    def is_ticked(self, request: ApprovalRequest) -> bool:
        """Tell whether a call is ticked."""
        return request.call.id not in self._unticked

    def is_read(self, request: ApprovalRequest) -> bool:
        """Tell whether the question, as it is now, has been shown to its end."""
        return (request.call.id, request.digest) in self._read

    def read(self, request: ApprovalRequest) -> None:
        """Note that a question has been shown to its end."""
        self._read.add((request.call.id, request.digest))

    def first_unread(self) -> int | None:
        """Return the index of the first ticked call that has not been read."""
        ticked = {request.call.id for request in self.ticked}
        return next(
            (
                index
                for index, request in enumerate(self.requests)
                if request.call.id in ticked and not self.is_read(request)
            ),
            None,
        )

    def toggle(self) -> None:
        """Tick the call that is shown, or untick it."""
        self._unticked ^= {self.current.call.id}

    def replace(self, old: ApprovalRequest, new: ApprovalRequest) -> None:
        """Ask about other arguments of a call."""
        self.requests = [new if request is old else request for request in self.requests]

    def rows(self, width: int) -> list[Content]:
        """Return a row for each call: tick, number, what it is, and when it would run."""
        notes = [_order(self.requests, index) for index in range(len(self.requests))]
        widest = max(map(len, notes), default=0)
        return [self._row(index, note, width, widest) for index, note in enumerate(notes)]

    def _row(self, index: int, note: str, width: int, widest: int) -> Content:
        request = self.requests[index]
        tick = "☑" if self.is_ticked(request) else "☐"
        here = index == self.at
        room = max(10, width - _MARK_CELLS - widest - 2)
        words = single_line(f"{request.call.name} {_arguments(request)}", room)
        text = Content(f"{'▸' if here else ' '}{tick} {index + 1} ").stylize("bold" if here else "")
        name = Content(words).stylize("bold $text-primary" if here else "$foreground")
        unread = Content.styled("" if self.is_read(request) else "•", "$text-warning")
        gap = " " * max(1, width - text.cell_length - name.cell_length - unread.cell_length - len(note) - 1)
        return Content("").join([text, name, unread, Content(gap), Content.styled(note, "$text-muted")])


def _arguments(request: ApprovalRequest) -> str:
    return ", ".join(argument_text(value)[0] for value in request.call.arguments.values())


def _order(requests: Sequence[ApprovalRequest], index: int) -> str:
    """Say what a call does and when: side by side with its neighbours, or after those before it."""
    request = requests[index]
    symbol = EFFECTS[request.effect]
    beside = [number for number, other in enumerate(requests, 1) if other.step == request.step and other is not request]
    before = [number for number, other in enumerate(requests, 1) if other.step < request.step]
    when = f"beside {_numbers(beside)}" if beside else ""
    after = f"after {_numbers(before)}" if before else ""
    return " · ".join(filter(None, [symbol, when, after]))


def _numbers(numbers: list[int]) -> str:
    if len(numbers) > 2:
        return (
            f"{numbers[0]}-{numbers[-1]}" if numbers[-1] - numbers[0] == len(numbers) - 1 else f"{len(numbers)} others"
        )
    return " and ".join(map(str, numbers))


class BatchList(Static):
    """The rows, to be clicked: on the tick, or on the call to read it."""

    DEFAULT_CSS = """
    BatchList {
        height: auto;
        display: none;
        border-bottom: solid $border-blurred;
        pointer: pointer;
        &.-several { display: block; }
    }
    """

    @dataclass
    class Picked(Message):
        """A call was clicked."""

        index: int
        tick: bool

    def __init__(self, batch: Batch) -> None:
        super().__init__(Content(""))
        self._batch = batch
        self._first = 0
        self._rows = _MOST_ROWS

    def fit(self, rows: int) -> int:
        """Take at most so many rows, the rule beneath the list included; return how many it takes."""
        if not self._batch.several:
            return 0
        self._rows = max(1, min(_MOST_ROWS, rows - 1))
        return min(self._rows, len(self._batch.requests)) + 1

    def show(self) -> None:
        """Draw the calls as they are now."""
        self.set_class(self._batch.several, "-several")
        if self._batch.several:
            last = len(self._batch.requests) - self._rows
            self._first = max(0, min(self._batch.at - self._rows // 2, last))
            rows = self._batch.rows(self.content_size.width or 76)
            self.update(Content("\n").join(rows[self._first : self._first + self._rows]))

    def on_resize(self) -> None:
        """Fit the rows to the width."""
        self.show()

    def on_click(self, event: events.Click) -> None:
        """Report what was clicked."""
        event.stop()
        index = self._first + event.y
        if index < len(self._batch.requests) and event.y < self._rows:
            self.post_message(self.Picked(index, tick=event.x < _MARK_CELLS - 2))
