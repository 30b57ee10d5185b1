"""From events to messages: what the model is told of everything that happened so far.

A running session and a conversation reopened from the journal go through the same fold, so the model sees the same
history in both cases.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from smol_chat.agent.edits import edit_note
from smol_chat.agent.shorten import shortened
from smol_chat.errors import UsageError
from smol_chat.events import (
    ContentDelta,
    Decided,
    FileAttached,
    MalformedCall,
    Pinned,
    ReasoningDelta,
    RoundStarted,
    Summarised,
    ToolCallProposed,
    ToolFinished,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnStarted,
)
from smol_chat.messages import AssistantMessage, Message, ToolCall, ToolMessage, ToolResult, UserMessage

UNKNOWN_OUTCOME = "This call was interrupted. Whether it had any effect is not known."

SUMMARY = """\
[Earlier in this conversation, as summarised by the assistant:
{summary}
The conversation goes on with this message:]

{text}"""
"""How a user's message begins where a summary stands for the turns before it: a message of its own would break the
alternation of roles that many chat templates insist on."""

_WHOLE: Mapping[str, int] = MappingProxyType({})


class History:
    """The messages of a conversation, built event by event."""

    def __init__(self, events: Iterable[TurnEvent] = ()) -> None:
        self._turns: list[list[Message]] = []
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._calls: list[ToolCall] = []
        self._malformed: list[MalformedCall] = []
        self._edits: dict[str, str] = {}
        self._results: dict[str, str] = {}
        self._outcomes: dict[str, ToolResult] = {}
        self.calls_seen = 0
        """How many calls the conversation has proposed, in branches that were left too; numbers the next one."""
        self.summary = Summarised(0, "")
        """What stands for the first turns; no turns at the beginning."""
        self.pinned: set[int] = set()
        """Numbers, from 0, of the turns that no summary may replace."""
        self._summaries: list[Summarised] = []
        """For each turn the summary before it."""
        for event in events:
            self.add(event)

    def add(self, event: TurnEvent) -> None:
        """Take in the next event."""
        match event:
            case TurnStarted(text=text):
                self._close_round()
                self._summaries.append(self.summary)
                self._turns.append([UserMessage(text)])
            case FileAttached():
                self._attach(event)
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
            case Decided():
                self._note_edit(event)
            case ToolFinished(result=result):
                self._results[result.call_id] = result.content
                self._outcomes[result.call_id] = result
            case Summarised() | Pinned():
                self._keep(event)
            case _:  # what only people see
                pass

    def rewind(self, turns: int) -> None:
        """Go back to where the conversation had so many turns."""
        self._close_round()
        if turns < len(self._turns):
            self.summary = self._summaries[turns]
            self.pinned = {turn for turn in self.pinned if turn < turns}
            del self._turns[turns:], self._summaries[turns:]

    def _attach(self, event: FileAttached) -> None:
        sent = self._turns[-1][0] if self._turns else None
        if isinstance(sent, UserMessage):
            self._turns[-1][0] = replace(sent, attachments=(*sent.attachments, event.attachment))

    def _keep(self, event: Summarised | Pinned) -> None:
        if isinstance(event, Pinned):
            self.pin(len(self._turns) - 1, event.on)
        else:
            self.summary = event

    def _note_edit(self, decided: Decided) -> None:
        """Keep what the model is told of arguments that were changed; its own message keeps what it wrote."""
        call = next((call for call in self._calls if call.id == decided.call_id), None)
        if call is not None:
            self._edits[call.id] = edit_note(call.arguments, decided.arguments)

    def pin(self, turn: int, on: bool) -> None:
        """Keep a turn, counted from 0, from being summarised, or no longer.

        Raises:
            UsageError: there is no such turn.
        """
        if not 0 <= turn < len(self._turns):
            raise UsageError(f"There is no turn {turn + 1} to pin; the conversation has {len(self._turns)}.")
        (self.pinned.add if on else self.pinned.discard)(turn)

    @property
    def turns(self) -> int:
        """How many turns there are, the running one included."""
        return len(self._turns)

    @property
    def last_request(self) -> str:
        """What the user wrote last; empty before the first turn."""
        first = self._turns[-1][0] if self._turns else None
        return first.text if isinstance(first, UserMessage) else ""

    def turn(self, number: int) -> tuple[Message, ...]:
        """Return the messages of one turn, counted from 0, whole."""
        unfinished = self._round_messages() if number == len(self._turns) - 1 else []
        return (*self._turns[number], *unfinished)

    def outcome(self, call_id: str) -> ToolResult | None:
        """Return what a call gave, whole."""
        return self._outcomes.get(call_id)

    def messages(self, kept: Mapping[str, int] = _WHOLE) -> tuple[Message, ...]:
        """Return what the model is shown: the summary and the turns it does not stand for, to the unfinished round.

        Args:
            kept: characters to keep of a call's result, by the call's id; results of other calls are shown whole.
        """
        shown = [
            message
            for number in range(len(self._turns))
            if number >= self.summary.turns or number in self.pinned
            for message in self.turn(number)
        ]
        if self.summary.turns and shown and isinstance(first := shown[0], UserMessage):
            shown[0] = replace(first, text=SUMMARY.format(summary=self.summary.text, text=first.text))
        return tuple(_kept(message, kept) for message in shown)

    def _close_round(self) -> None:
        if self._turns:
            self._turns[-1].extend(self._round_messages())
        self._content, self._reasoning, self._calls, self._malformed = [], [], [], []
        self._edits, self._results = {}, {}

    def _round_messages(self) -> list[Message]:
        if not (self._content or self._reasoning or self._calls or self._malformed):
            return []
        assistant = AssistantMessage(
            content="".join(self._content),
            reasoning="".join(self._reasoning),
            calls=tuple(self._calls),
            malformed=tuple(bad.raw for bad in self._malformed),
        )
        results = [ToolMessage(call.id, call.name, self._told(call)) for call in self._calls]
        diagnoses = [ToolMessage("", "", _diagnosis(bad)) for bad in self._malformed]
        return [assistant, *results, *diagnoses]

    def _told(self, call: ToolCall) -> str:
        result = self._results.get(call.id, UNKNOWN_OUTCOME)
        note = self._edits.get(call.id)
        return f"{note}\n{result}" if note else result


def _kept(message: Message, kept: Mapping[str, int]) -> Message:
    if isinstance(message, ToolMessage) and message.call_id in kept:
        return ToolMessage(
            message.call_id, message.name, shortened(message.text, message.call_id, kept[message.call_id])
        )
    return message


def _diagnosis(bad: MalformedCall) -> str:
    return f"That tool call could not be read and was not run ({bad.kind}): {bad.message}"
