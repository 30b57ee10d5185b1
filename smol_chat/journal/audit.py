"""Every call there was: what was asked for, who decided what, what ran, what came of it."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

from smol_chat.events import Decided, ToolCallProposed, ToolFinished, ToolStarted, TurnEvent
from smol_chat.journal.codec import decode
from smol_chat.messages import JsonObject, ToolCall, ToolResult

_CALLS = """
    SELECT events.turn, turns.conversation, coalesce(events.at, turns.started), body
    FROM events JOIN turns ON turns.id = events.turn
    WHERE kind = 'tool_call' AND (?1 IS NULL OR turns.conversation = ?1)
        AND (?2 IS NULL OR json_extract(body, '$.call.name') = ?2)
    ORDER BY events.id DESC LIMIT ?3"""

_REST = """
    SELECT kind, CASE kind WHEN 'tool_finished'
        THEN json_remove(body, '$.result.content', '$.result.full_content', '$.result.data') ELSE body END
    FROM events WHERE turn = ? AND kind IN ('decided', 'tool_started', 'tool_finished') ORDER BY id"""
"""What became of a turn's calls, without what they returned: that can be long."""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call. `time` is when it was proposed, in seconds since 1970."""

    conversation: str
    time: float
    call: ToolCall
    """With the arguments as the model wrote them."""
    decided: Decided | None
    """The last decision, with the arguments that were to run; None where nothing was decided: they did not fit."""
    started: bool
    result: ToolResult | None
    """Without its contents."""

    @property
    def edited(self) -> bool:
        """Whether other arguments were allowed than the model had written."""
        return self.decided is not None and self.decided.arguments != self.call.arguments

    @property
    def executed(self) -> JsonObject | None:
        """The arguments it ran with; None where it did not run."""
        if not self.started:
            return None
        return self.decided.arguments if self.decided is not None else self.call.arguments

    @property
    def outcome(self) -> str:
        """`ok`, the kind of its failure, `unknown` where it began and nobody knows, `waiting` where it has not."""
        if self.result is None:
            return "unknown" if self.started else "waiting"
        return "ok" if self.result.error is None else self.result.error.kind

    @property
    def decision(self) -> Literal["allow", "deny"] | None:
        """What was decided, if anything."""
        return self.decided.decision if self.decided is not None else None


def read_calls(
    connection: sqlite3.Connection, *, conversation: str | None = None, tool: str | None = None, limit: int = 50
) -> list[CallRecord]:
    """Return calls, the latest first; of one conversation or one tool where that is given."""
    found: list[CallRecord] = []
    known: dict[int, dict[str, list[TurnEvent]]] = {}
    for turn, owner, time, body in connection.execute(_CALLS, (conversation, tool, limit)):
        event = decode("tool_call", body)
        if not isinstance(event, ToolCallProposed):
            continue
        if turn not in known:
            known[turn] = _by_call(connection, turn)
        about = known[turn].get(event.call.id, [])
        decided = [one for one in about if isinstance(one, Decided)]
        results = [one.result for one in about if isinstance(one, ToolFinished)]
        found.append(
            CallRecord(
                owner,
                time,
                event.call,
                decided[-1] if decided else None,
                any(isinstance(one, ToolStarted) for one in about),
                results[-1] if results else None,
            )
        )
    return found


def _by_call(connection: sqlite3.Connection, turn: int) -> dict[str, list[TurnEvent]]:
    events: dict[str, list[TurnEvent]] = defaultdict(list)
    for kind, body in connection.execute(_REST, (turn,)):
        match event := decode(kind, body):
            case Decided() | ToolStarted():
                events[event.call_id].append(event)
            case ToolFinished():
                events[event.result.call_id].append(event)
            case _:  # a newer version's, or damaged
                pass
    return events
