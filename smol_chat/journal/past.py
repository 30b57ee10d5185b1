"""The turns of a branch as they are stored, each read when somebody looks: a long history is opened, not loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from smol_chat.events import Pinned, Summarised, TurnEvent
from smol_chat.journal.recording import Turn


class PastTurn:
    """The events of one turn, with deltas joined, ended where it has no end. Each iteration reads them anew."""

    def __init__(self, read: Callable[[], list[TurnEvent]], rows: int, marks: Sequence[Summarised | Pinned]) -> None:
        """Remember how to read them; reading raises `JournalError`."""
        self._read = read
        self._rows = rows
        self.marks = marks
        """What in it decides how much of the conversation the model is shown; known without reading the rest."""

    def __iter__(self) -> Iterator[TurnEvent]:
        return iter(self._read())

    def __length_hint__(self) -> int:
        return self._rows


@dataclass(frozen=True, slots=True)
class Branch:
    """The turns from the beginning of a conversation to the end of one branch."""

    turns: list[Turn] = field(default_factory=list)
    past: list[PastTurn] = field(default_factory=list)
    """What was said and done in each of them."""
    calls_made: int = 0
    """How many calls all branches of the conversation have proposed."""

    @property
    def last(self) -> list[TurnEvent]:
        """Return the events of the last turn; none where there is no turn.

        Raises:
            JournalError: the history cannot be read.
        """
        return list(self.past[-1]) if self.past else []
