"""A conversation's events cut into its turns."""

from __future__ import annotations

from collections.abc import Sequence

from smol_chat.events import TurnEvent, TurnStarted


def split_turns(events: Sequence[TurnEvent]) -> list[list[TurnEvent]]:
    """Return the turns; each begins with `TurnStarted`."""
    turns: list[list[TurnEvent]] = []
    for event in events:
        if isinstance(event, TurnStarted) or not turns:
            turns.append([])
        turns[-1].append(event)
    return turns
