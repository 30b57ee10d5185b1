"""From events to messages: what the model is told of everything that happened so far.

A running session and a conversation reopened from the journal go through the same fold, so the model sees the same
history in both cases.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Protocol

from smol_chat.agent.open_round import CutRound, OpenRound
from smol_chat.agent.shorten import shortened
from smol_chat.errors import UsageError
from smol_chat.events import (
    CUT,
    FileAttached,
    Pinned,
    RoundStarted,
    Summarised,
    ToolCallProposed,
    ToolFinished,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnResumed,
    TurnStarted,
)
from smol_chat.messages import Message, ToolMessage, ToolResult, UserMessage

SUMMARY = """\
[Earlier in this conversation, as summarised by the assistant:
{summary}
The conversation goes on with this message:]

{text}"""
"""How a user's message begins where a summary stands for the turns before it: a message of its own would break the
alternation of roles that many chat templates insist on."""

_WHOLE: Mapping[str, int] = MappingProxyType({})


class EarlierTurn(Protocol):
    """A turn that is read only where the model, or somebody else, needs what was said in it."""

    @property
    def marks(self) -> Sequence[Summarised | Pinned]:
        """What it says about how much of the conversation the model is shown."""
        ...

    def __iter__(self) -> Iterator[TurnEvent]:
        """Read its events."""
        ...


class History:
    """The messages of a conversation, built event by event."""

    def __init__(self, events: Iterable[TurnEvent] = (), earlier: Sequence[EarlierTurn] = ()) -> None:
        """Begin with the turns there were.

        Args:
            events: what happened in the last ones.
            earlier: the turns before those.
        """
        self.begin(events, earlier)

    def begin(self, events: Iterable[TurnEvent], earlier: Sequence[EarlierTurn]) -> None:
        """Begin anew with these turns, as when the object was made."""
        self._earlier = earlier
        self._turns: list[list[Message] | None] = []
        self._round = OpenRound()
        self._calls_in_turn = 0
        self._is_cut = False
        self._outcomes: dict[str, ToolResult] = {}
        self.calls_seen = 0
        """How many calls the conversation has proposed, in branches that were left too; numbers the next one."""
        self.summary = Summarised(0, "")
        """What stands for the first turns; no turns at the beginning."""
        self.pinned: set[int] = set()
        """Numbers, from 0, of the turns that no summary may replace."""
        self._summaries: list[Summarised] = []
        """For each turn the summary before it."""
        for turn in earlier:
            self._summaries.append(self.summary)
            self._turns.append(None)
            for mark in turn.marks:
                self._keep(mark)
        for event in events:
            self.add(event)

    def add(self, event: TurnEvent) -> None:
        """Take in the next event."""
        match event:
            case TurnStarted(text=text):
                self._is_cut = False
                self._close_round()
                self._summaries.append(self.summary)
                self._turns.append([UserMessage(text)])
                self._calls_in_turn = 0
            case FileAttached():
                self._attach(event)
            case RoundStarted(number):
                self._close_round(number)
            case TurnFailed(kind=kind) if kind == CUT:
                self._is_cut = True  # its round may go on
            case TurnResumed():
                self._is_cut = False
            case TurnFinished() | TurnFailed():
                self._close_round()
            case Summarised() | Pinned():
                self._keep(event)
            case _:
                self._add_to_round(event)

    def _add_to_round(self, event: TurnEvent) -> None:
        self._round.add(event)
        if isinstance(event, ToolCallProposed):
            self.calls_seen += 1
            self._calls_in_turn += 1
        elif isinstance(event, ToolFinished):
            self._outcomes[event.result.call_id] = event.result

    @property
    def cut(self) -> CutRound | None:
        """How far the last turn had come, where the program ended in it and it can go on."""
        return self._round.cut(self._calls_in_turn) if self._is_cut else None

    def rewind(self, turns: int) -> None:
        """Go back to where the conversation had so many turns."""
        self._close_round()
        if turns < len(self._turns):
            self._is_cut = False
            self.summary = self._summaries[turns]
            self.pinned = {turn for turn in self.pinned if turn < turns}
            del self._turns[turns:], self._summaries[turns:]
            self._earlier = self._earlier[:turns]

    def _attach(self, event: FileAttached) -> None:
        turn = self._messages_of(-1) if self._turns else []
        if turn and isinstance(sent := turn[0], UserMessage):
            turn[0] = replace(sent, attachments=(*sent.attachments, event.attachment))

    def _keep(self, event: Summarised | Pinned) -> None:
        if isinstance(event, Pinned):
            self.pin(len(self._turns) - 1, event.on)
        else:
            self.summary = event

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
        first = self._messages_of(-1)[:1] if self._turns else []
        return "".join(message.text for message in first if isinstance(message, UserMessage))

    def turn(self, number: int) -> tuple[Message, ...]:
        """Return the messages of one turn, counted from 0, whole."""
        unfinished = self._round.messages() if number == len(self._turns) - 1 else []
        return (*self._messages_of(number), *unfinished)

    def outcome(self, call_id: str) -> ToolResult | None:
        """Return what a call gave, whole."""
        if call_id in self._outcomes:
            return self._outcomes[call_id]
        for number in reversed(range(min(len(self._earlier), len(self._turns)))):
            if self._turns[number] is None:
                for event in self._earlier[number]:
                    if isinstance(event, ToolFinished) and event.result.call_id == call_id:
                        return event.result
        return None

    @property
    def unread(self) -> int:
        """How many turns the model is to be shown that have not been read yet."""
        return sum(self._turns[number] is None for number in self._shown())

    def read(self) -> None:
        """Read them. It can take a moment: call it in a thread."""
        for number in self._shown():
            self._messages_of(number)

    def _shown(self) -> Iterator[int]:
        """Return the numbers of the turns that no summary stands for."""
        return (number for number in range(len(self._turns)) if number >= self.summary.turns or number in self.pinned)

    def _messages_of(self, number: int) -> list[Message]:
        """Return the messages of a turn without those of a round that is open; reads it where nobody has."""
        known = self._turns[number]
        if known is None:
            read = History(self._earlier[number])
            known = self._turns[number] = list(read.turn(0)) if read.turns else []  # damage may have left nothing
            self._outcomes.update(read._outcomes)
        return known

    def messages(self, kept: Mapping[str, int] = _WHOLE) -> tuple[Message, ...]:
        """Return what the model is shown: the summary and the turns it does not stand for, to the unfinished round.

        Args:
            kept: characters to keep of a call's result, by the call's id; results of other calls are shown whole.
        """
        shown = [message for number in self._shown() for message in self.turn(number)]
        if self.summary.turns and shown and isinstance(first := shown[0], UserMessage):
            shown[0] = replace(first, text=SUMMARY.format(summary=self.summary.text, text=first.text))
        return tuple(_kept(message, kept) for message in shown)

    def _close_round(self, next_number: int = 0) -> None:
        if self._turns and (messages := self._round.messages()):
            self._messages_of(-1).extend(messages)
        self._round = OpenRound(next_number)


def _kept(message: Message, kept: Mapping[str, int]) -> Message:
    if isinstance(message, ToolMessage) and message.call_id in kept:
        return ToolMessage(
            message.call_id, message.name, shortened(message.text, message.call_id, kept[message.call_id])
        )
    return message
