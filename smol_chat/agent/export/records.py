"""What every export is made from: a turn as a question, its rounds, and what became of their calls."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from smol_chat.events import (
    ContentDelta,
    Decided,
    FileAttached,
    MalformedCall,
    Notice,
    ReasoningDelta,
    RoundStarted,
    ToolCallProposed,
    ToolFinished,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnStarted,
)
from smol_chat.messages import Attachment, ToolCall, ToolResult


@dataclass(slots=True)
class CallRecord:
    """One call: what the model wrote, what was decided, what came of it; None where it did not come to that."""

    call: ToolCall
    decision: Decided | None = None
    result: ToolResult | None = None

    @property
    def ran(self) -> ToolCall:
        """The call as it ran: with the arguments that were allowed."""
        if self.decision is None:
            return self.call
        return ToolCall(self.call.id, self.call.name, self.decision.arguments, self.call.repaired)

    @property
    def is_edited(self) -> bool:
        """Whether it was allowed with other arguments than the model wrote."""
        decision = self.decision
        return decision is not None and decision.decision == "allow" and decision.arguments != self.call.arguments


@dataclass(slots=True)
class RoundRecord:
    """One message of the model and the outcomes of its calls."""

    reasoning: str = ""
    content: str = ""
    calls: list[CallRecord] = field(default_factory=list)
    malformed: list[MalformedCall] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was said in it."""
        return not (self.reasoning or self.content or self.calls or self.malformed)


@dataclass(slots=True)
class TurnRecord:
    """One turn."""

    question: str = ""
    attachments: list[Attachment] = field(default_factory=list)
    rounds: list[RoundRecord] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    finished: bool = False
    """Whether the model came to an end by itself."""


def turn_records(events: Iterable[TurnEvent]) -> list[TurnRecord]:
    """Return the turns of a branch."""
    turns: list[TurnRecord] = []
    for event in events:
        if isinstance(event, TurnStarted):
            turns.append(TurnRecord(event.text))
        elif turns:
            _add(turns[-1], event)
    for turn in turns:
        turn.rounds = [one for one in turn.rounds if not one.is_empty]
    return turns


def _add(turn: TurnRecord, event: TurnEvent) -> None:
    match event:
        case RoundStarted():
            turn.rounds.append(RoundRecord())
        case FileAttached(attachment=attachment):
            turn.attachments.append(attachment)
        case Notice(message=message):
            turn.notices.append(message)
        case TurnFinished(reason=reason, message=message):
            turn.finished = reason == "stop"
            turn.notices += [message] if message else []
        case TurnFailed(message=message):
            turn.finished = False
            turn.notices.append(message)
        case _:
            if not turn.rounds:
                turn.rounds.append(RoundRecord())
            _add_to_round(turn.rounds[-1], event)


def _add_to_round(one: RoundRecord, event: TurnEvent) -> None:
    match event:
        case ReasoningDelta(text=text):
            one.reasoning += text
        case ContentDelta(text=text):
            one.content += text
        case ToolCallProposed(call=call):
            one.calls.append(CallRecord(call))
        case MalformedCall():
            one.malformed.append(event)
        case Decided(call_id=call_id):
            for record in one.calls:
                if record.call.id == call_id:
                    record.decision = event
        case ToolFinished(result=result):
            for record in one.calls:
                if record.call.id == result.call_id:
                    record.result = result
        case _:
            pass
