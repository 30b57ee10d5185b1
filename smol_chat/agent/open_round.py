"""One round as far as it has come: what the model wrote, and what became of its calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from smol_chat.agent.edits import edit_note
from smol_chat.events import (
    ContentDelta,
    Decided,
    MalformedCall,
    ReasoningDelta,
    ToolCallProposed,
    ToolFinished,
    ToolStarted,
    TurnEvent,
)
from smol_chat.messages import AssistantMessage, Message, ToolCall, ToolMessage

UNKNOWN_OUTCOME = "This call was interrupted. Whether it had any effect is not known."
NOT_RUN = "This call was not run: the program ended before it was."


@dataclass(frozen=True, slots=True)
class CutRound:
    """How far a turn had come when the program ended, where it can go on."""

    number: int
    """Of the last round that the model has finished, as far as is known; 0: none."""
    calls: tuple[ToolCall, ...]
    """All the round proposed, in order."""
    started: frozenset[str]
    denied: Mapping[str, Decided]
    """By call id."""
    finished: frozenset[str]
    calls_in_turn: int

    @property
    def waiting(self) -> tuple[ToolCall, ...]:
        """The calls that nobody has refused and that have not run."""
        over = self.finished | self.started | self.denied.keys()
        return tuple(call for call in self.calls if call.id not in over)


class OpenRound:
    """Fold a round's events into the messages it adds to the conversation."""

    def __init__(self, number: int = 0) -> None:
        self.number = number
        """Counted from 1; 0 before the first of a turn."""
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[str, ToolCall] = {}
        self._malformed: list[MalformedCall] = []
        self._decisions: dict[str, Decided] = {}
        self._started: set[str] = set()
        self._results: dict[str, str] = {}

    def add(self, event: TurnEvent) -> None:
        """Take in the next event; what only people see changes nothing."""
        match event:
            case ReasoningDelta(text=text):
                self._reasoning.append(text)
            case ContentDelta(text=text):
                self._content.append(text)
            case ToolCallProposed(call=call):
                self._calls[call.id] = call
            case MalformedCall():
                self._malformed.append(event)
            case Decided():
                self._decisions[event.call_id] = event
            case ToolStarted(call_id):
                self._started.add(call_id)
            case ToolFinished(result=result):
                self._results[result.call_id] = result.content
            case _:
                pass

    def messages(self) -> list[Message]:
        """Return what the model wrote and what it is told of its calls; nothing where it wrote nothing."""
        if not (self._content or self._reasoning or self._calls or self._malformed):
            return []
        assistant = AssistantMessage(
            content="".join(self._content),
            reasoning="".join(self._reasoning),
            calls=tuple(self._calls.values()),
            malformed=tuple(bad.raw for bad in self._malformed),
        )
        results = [ToolMessage(call.id, call.name, self._told(call)) for call in self._calls.values()]
        diagnoses = [ToolMessage("", "", _diagnosis(bad)) for bad in self._malformed]
        return [assistant, *results, *diagnoses]

    def cut(self, calls_in_turn: int) -> CutRound | None:
        """Return how far it had come; None where that is half an answer, which cannot go on."""
        if not (self._calls or self._malformed):
            if self._content or self._reasoning:
                return None
            return CutRound(max(self.number - 1, 0), (), frozenset(), {}, frozenset(), calls_in_turn)
        denied = {name: decided for name, decided in self._decisions.items() if decided.decision == "deny"}
        return CutRound(
            self.number,
            tuple(self._calls.values()),
            frozenset(self._started),
            denied,
            frozenset(self._results),
            calls_in_turn,
        )

    def _told(self, call: ToolCall) -> str:
        result = self._results.get(call.id, UNKNOWN_OUTCOME if call.id in self._started else NOT_RUN)
        decided = self._decisions.get(call.id)
        # Its own message keeps the arguments it wrote; where they were changed it is told so.
        note = edit_note(call.arguments, decided.arguments) if decided is not None else ""
        return f"{note}\n{result}" if note else result


def _diagnosis(bad: MalformedCall) -> str:
    return f"That tool call could not be read and was not run ({bad.kind}): {bad.message}"
