"""From events to messages: what the model is told of everything that happened so far.

A running session and a conversation reopened from the journal go through the same fold, so the model sees the same
history in both cases.
"""

from __future__ import annotations

from collections.abc import Iterable

from smol_chat.events import (
    ContentDelta,
    MalformedCall,
    ReasoningDelta,
    RoundStarted,
    ToolCallProposed,
    ToolFinished,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnStarted,
)
from smol_chat.messages import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage

UNKNOWN_OUTCOME = "This call was interrupted. Whether it had any effect is not known."


class History:
    """The messages of a conversation, built event by event."""

    def __init__(self, events: Iterable[TurnEvent] = ()) -> None:
        self._messages: list[Message] = []
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._calls: list[ToolCall] = []
        self._malformed: list[MalformedCall] = []
        self._results: dict[str, str] = {}
        self.calls_seen = 0
        """How many calls the conversation has proposed; numbers the next one."""
        for event in events:
            self.add(event)

    def add(self, event: TurnEvent) -> None:
        """Take in the next event."""
        match event:
            case TurnStarted(text=text):
                self._close_round()
                self._messages.append(UserMessage(text))
            case RoundStarted() | TurnFinished() | TurnFailed():
                self._close_round()
            case ReasoningDelta(text=text):
                self._reasoning.append(text)
            case ContentDelta(text=text):
                self._content.append(text)
            case ToolCallProposed(call=call):
                self._calls.append(call)
                self.calls_seen += 1
            case MalformedCall():
                self._malformed.append(event)
            case ToolFinished(result=result):
                self._results[result.call_id] = result.content
            case _:  # what only people see
                pass

    def messages(self) -> tuple[Message, ...]:
        """Return all messages so far, those of an unfinished round included."""
        return (*self._messages, *self._round_messages())

    def _close_round(self) -> None:
        self._messages.extend(self._round_messages())
        self._content, self._reasoning, self._calls, self._malformed, self._results = [], [], [], [], {}

    def _round_messages(self) -> list[Message]:
        if not (self._content or self._reasoning or self._calls or self._malformed):
            return []
        assistant = AssistantMessage(
            content="".join(self._content),
            reasoning="".join(self._reasoning),
            calls=tuple(self._calls),
            malformed=tuple(bad.raw for bad in self._malformed),
        )
        results = [ToolMessage(call.id, call.name, self._results.get(call.id, UNKNOWN_OUTCOME)) for call in self._calls]
        diagnoses = [ToolMessage("", "", _diagnosis(bad)) for bad in self._malformed]
        return [assistant, *results, *diagnoses]


def _diagnosis(bad: MalformedCall) -> str:
    return f"That tool call could not be read and was not run ({bad.kind}): {bad.message}"
