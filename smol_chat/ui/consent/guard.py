"""Keep stray keys from giving consent: when a waiting card may listen, and what counts as an answer.

Pure logic over an injected clock. Three rules, each a pause that typing does not leave and a decision does:

* A card takes focus by itself only when the composer is empty and no key was pressed for `QUIET_S`.
* A key that arrives within `READ_S` of that, or within `SETTLE_S` of another key, was typing and goes to the composer.
* An answer counts once `ANSWER_S` has passed without another key. What changes something needs a second, separate key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

QUIET_S = 1.0
"""Seconds without any key before a card takes focus. Pauses between words stay well below it."""
READ_S = 0.5
"""Seconds a card listens without taking an answer: nobody has read it yet."""
SETTLE_S = 0.25
"""Seconds in which no other key may come before an answer, and after what only changes looks: more than key repeat."""
REACHED_S = 0.6
"""Seconds after an answer in which no other key may come on a card the user went to."""
ANSWER_S = 1.0
"""The same for what decides on a card that took the focus by itself: longer than the pauses of typists between two keys
(0.24 s in the mean, 0.48 s for slow ones: Dhakal et al., Observations on Typing from 136 Million Keystrokes)."""
CONFIRM_S = 5.0
"""Seconds in which the second key of a confirmation is expected."""

Count = Literal["2", "3", "4", "5", "6", "7", "8", "9"]
"""How many calls of a tool are allowed, the one that is asked about included."""
Choice = Literal[
    "once", "session", "pattern", "always", "next", Count,
    "deny", "why", "edit", "explain", "columns", "tick", "help", "scroll",
]  # fmt: skip
"""What a key or a click can mean; `next` asks how many, `scroll` is a grant of what has not been seen to its end."""
COUNTS: tuple[Count, ...] = get_args(Count)
_QUICK: frozenset[Choice] = frozenset(("tick", "next"))
"""What only changes how a card looks, and no message begins with."""
GRANTS: frozenset[Choice] = frozenset(("once", "session", "pattern", "always", *COUNTS))


class Keystrokes:
    """Remember when keys were pressed, whatever had the focus."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._last = float("-inf")
        self._gap = float("inf")

    def note(self) -> None:
        """Count a key or a paste; to be called before it is handled."""
        now = self.clock()
        self._gap, self._last = now - self._last, now

    @property
    def alone(self) -> bool:
        """Tell whether the last key came `SETTLE_S` or more after the one before it."""
        return self._gap >= SETTLE_S

    @property
    def quiet_s(self) -> float:
        """Return the seconds since the last key."""
        return self.clock() - self._last


def may_take_focus(keystrokes: Keystrokes, *, composer_empty: bool) -> bool:
    """Tell whether a waiting card may take the focus without having been asked to."""
    return composer_empty and keystrokes.quiet_s >= QUIET_S


@dataclass(frozen=True, slots=True)
class Typed:
    """The key was typing: `text` belongs to the composer, and the card stops listening."""

    text: str


@dataclass(frozen=True, slots=True)
class Held:
    """The same key came again too soon (a held key, a double tap): nothing is answered."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The key is taken as `choice`; it counts when `Answering.settled` says so."""

    choice: Choice


@dataclass(slots=True)
class _Pending:
    choice: Choice
    text: str
    at: float
    settles_in: float
    confirms: bool


class Answering:
    """The answer to one card, on its way from keys or clicks to a choice."""

    def __init__(self, keystrokes: Keystrokes, *, twice: Callable[[Choice], bool]) -> None:
        """Begin without an answer.

        Args:
            keystrokes: when keys were pressed.
            twice: tells whether a choice needs a second key, because the call changes something or it lasts.
        """
        self._keys = keystrokes
        self._twice = twice
        self._listening_since = float("inf")
        self._reached = False
        self._shown_at = keystrokes.clock()
        self._pending: _Pending | None = None
        self._armed: Choice | None = None
        self._armed_at = 0.0
        self._first_key = ""

    @property
    def armed(self) -> Choice | None:
        """Return the grant that waits for its second key."""
        if self._armed is not None and self._keys.clock() - self._armed_at > CONFIRM_S:
            self._armed = None
        return self._armed

    def listen(self, *, reached: bool) -> None:
        """Begin to listen. `reached`: the user went to the card, so it has been seen."""
        now = self._keys.clock()
        self._listening_since = now - READ_S if reached else now
        self._reached = reached
        self.forget()

    def ignore(self) -> None:
        """Stop listening: the focus went elsewhere."""
        self._listening_since = float("inf")
        self.forget()

    def press(self, choice: Choice | None, text: str) -> Typed | Held | Taken | None:
        """Judge one key. `choice` is what it stands for, None for a key that answers nothing; `text` what it types."""
        pending, self._pending = self._pending, None
        now = self._keys.clock()
        if pending is not None and now - pending.at < pending.settles_in:
            if pending.text == text:
                self._armed = None
                return Held()
            return self._typed(pending.text + text)
        if now - self._listening_since < READ_S or not self._keys.alone:
            return self._typed(text)
        if choice is None:
            return self._typed(text)
        confirms = self._needs_second(choice)
        settles_in = REACHED_S if self._reached else ANSWER_S
        settles_in = SETTLE_S if choice in _QUICK else settles_in
        self._pending = _Pending(choice, text, now, settles_in, confirms)
        return Taken(choice)

    def _typed(self, text: str) -> Typed | None:
        """Take the first of two keys back; where it came a moment ago, it was the beginning of what is typed now."""
        recent = self._armed is not None and self._keys.clock() - self._armed_at < ANSWER_S
        whole = self._first_key + text if recent and text else text
        self._armed = None
        return Typed(whole) if whole else None

    def click(self, choice: Choice) -> Choice | None:
        """Judge a click on `choice`; return it when it counts at once."""
        now = self._keys.clock()
        self._pending = None
        if now - self._shown_at < READ_S:
            return None  # the card appeared under a click that was meant for something else
        if not self._needs_second(choice):
            if self._twice(choice) and now - self._armed_at < SETTLE_S:
                return None  # the second half of a double click
            return choice
        self._armed, self._armed_at, self._first_key = choice, now, ""
        return None

    def settled(self) -> Choice | None:
        """Return the choice that counts by now. To be asked a few times a second."""
        pending = self._pending
        if pending is None or self._keys.clock() - pending.at < pending.settles_in:
            return None
        self._pending = None
        if pending.confirms:
            self._armed, self._armed_at, self._first_key = pending.choice, self._keys.clock(), pending.text
            return None
        self._armed = None
        return pending.choice

    def _needs_second(self, choice: Choice) -> bool:
        return self._twice(choice) and self.armed != choice

    def interrupt(self) -> None:
        """Take back the answer that has not settled: another key came, if one that answers nothing."""
        self._pending = None

    def forget(self) -> None:
        """Take back everything, a first key too: something else is asked about now."""
        self._pending = None
        self._armed = None
