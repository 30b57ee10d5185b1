"""One turn on the screen: its events become blocks, its blocks a list of pieces with known or estimated heights."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from functools import cached_property
from itertools import accumulate
from operator import length_hint
from typing import NamedTuple

from typing_extensions import assert_never

from smol_chat.errors import SmolChatError
from smol_chat.events import (
    CUT,
    ContentDelta,
    Decided,
    FileAttached,
    GenerationProgress,
    MalformedCall,
    Notice,
    Pinned,
    PromptProgress,
    ReasoningDelta,
    ReasoningFinished,
    RoundStarted,
    Summarised,
    ToolCallProposed,
    ToolFinished,
    ToolProgress,
    ToolStarted,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnResumed,
    TurnSettings,
    TurnStarted,
)
from smol_chat.ui.transcript.attachment import AttachmentBlock
from smol_chat.ui.transcript.blocks import AnswerBlock, Block, NoticeBlock, ReasoningBlock, UserBlock
from smol_chat.ui.transcript.calls import CallBlock, MalformedBlock
from smol_chat.ui.transcript.pieces import Piece

_ENDINGS = {
    "length": "stopped: the answer reached the length limit",
    "limit": "stopped: a limit of this turn was reached",
    "refused": "stopped: a call was refused",
    "error": "stopped by an error",
}
_SUMMARISED = "In place of the first {} turn{} the model now reads this summary; the whole text stays here.\n{}"
_PINNED = "pinned: the model always reads this turn whole"


RESUMED = "The program ended here. What ran then is not run again; what waited for you waits again."


class Slot(NamedTuple):
    """A piece and where it stands: the number of its block in the turn, its own number in the block."""

    block: int
    number: int
    piece: Piece


class Turn:
    """What one turn shows. A stored turn keeps its events and builds its blocks when somebody looks."""

    def __init__(self, events: Iterable[TurnEvent] | None = None, *, unfolded: bool = False) -> None:
        self.unfolded = unfolded
        """Whether new reasoning blocks begin unfolded."""
        self.keeps_windows = False
        """Whether reasoning that ends keeps its window, because somebody reads and nothing may move."""
        self._version = (1, 1)
        self._events = events
        self._blocks: list[Block] = []
        self._calls: dict[str, CallBlock] = {}
        self._open: AnswerBlock | ReasoningBlock | None = None
        self._slots: list[Slot] | None = None
        self._tops: list[int] | None = None
        self._width = 0
        self._writing_call = False
        self._cut = False

    @cached_property
    def _hint_block(self) -> NoticeBlock:
        return NoticeBlock("writing a tool call…", symbol="○")

    @classmethod
    def of(cls, block: Block) -> Turn:
        """Return a turn that shows one block and nothing else."""
        turn = cls()
        turn._blocks.append(block)
        return turn

    @property
    def is_built(self) -> bool:
        """Whether the blocks exist."""
        return self._events is None

    @property
    def begins(self) -> bool:
        """Whether it begins with a message of the user, and is not only something said beside the conversation."""
        if self._events is not None:
            return True
        return bool(self._blocks) and isinstance(self._blocks[0], UserBlock)

    @property
    def message(self) -> UserBlock | None:
        """What the user sent; builds the blocks."""
        first = self.blocks[0] if self.blocks else None
        return first if isinstance(first, UserBlock) else None

    @property
    def version(self) -> tuple[int, int]:
        """Which of how many versions of the message this is, counted from 1."""
        return self._version

    @version.setter
    def version(self, version: tuple[int, int]) -> None:
        self._version = version
        if self._events is None and (message := self.message):
            message.show_version(*version)
            self.invalidate()

    @property
    def blocks(self) -> list[Block]:
        """The blocks, built now if need be."""
        if self._events is not None:
            events, self._events = self._events, None
            try:
                for event in events:
                    self.feed(event)
            except SmolChatError as error:  # what is stored cannot be read any more
                self._add(NoticeBlock(error.message, symbol="✕", style="error"))
            self.close()
        return self._blocks

    def texts(self) -> list[str]:
        """Return the text of each block, to look for words in; a turn nobody has looked at stays unbuilt."""
        blocks = self._blocks if self._events is None else Turn(self._events).blocks
        return [block.find_text() for block in blocks]

    @property
    def live_reasoning(self) -> ReasoningBlock | None:
        """The reasoning that is streaming."""
        return self._open if isinstance(self._open, ReasoningBlock) else None

    def invalidate(self) -> None:
        """Take note that blocks changed."""
        self._slots = None
        self._tops = None

    # --- layout -----------------------------------------------------------------------------

    def slots(self) -> list[Slot]:
        """Return all pieces in order."""
        if self._slots is None:
            blocks = [*self.blocks, self._hint_block] if self._writing_call else self.blocks
            self._slots = [
                Slot(block_number, number, piece)
                for block_number, block in enumerate(blocks)
                for number, piece in enumerate(block.pieces())
            ]
        return self._slots

    def tops(self, width: int) -> list[int]:
        """Return the row at which each piece begins, and the height of the turn at the end."""
        if self._tops is None or self._width != width:
            self._width = width
            self._tops = list(accumulate((slot.piece.height(width) for slot in self.slots()), initial=0))
        return self._tops

    def height(self, width: int) -> int:
        """Return the rows it takes; a guess as long as the blocks are not built."""
        if self._events is not None:
            return 8 + min(length_hint(self._events), 400) // 4
        return self.tops(width)[-1]

    def measured(self) -> None:
        """Take note that a piece was laid out, so that heights are added up again."""
        self._tops = None

    def slot_at(self, row: int, width: int) -> int:
        """Return the index of the piece that covers a row."""
        return max(0, min(bisect_right(self.tops(width), row), len(self.slots())) - 1)

    def index_of(self, block: int, number: int) -> int:
        """Return the index of a piece by its block, the nearest one where it is gone."""
        slots = self.slots()
        return max(0, bisect_right(slots, (block, number), key=lambda slot: (slot.block, slot.number)) - 1)

    # --- events -----------------------------------------------------------------------------

    def feed(self, event: TurnEvent) -> None:
        """Show one event."""
        match event:
            case ContentDelta():
                self._content(event.text)
            case ReasoningDelta():
                self._reasoning(event.text)
            case GenerationProgress():
                self._hint(event.writing_call)
                return
            case TurnResumed():
                self._resume()
            case ToolCallProposed() | MalformedCall() | Decided() | ToolStarted() | ToolProgress() | ToolFinished():
                self._about_call(event)
            case _:
                self._about_turn(event)
        self.invalidate()

    def close(self) -> None:
        """End what is still open: no more events will come."""
        self._settle()
        self._hint(False)
        for call in self._calls.values():
            call.end()
        self.invalidate()

    def _content(self, text: str) -> None:
        if not isinstance(self._open, AnswerBlock):
            text = text.lstrip("\n")
            if not text.strip():
                return
            self._settle()
            self._open = AnswerBlock()
            self._blocks.append(self._open)
        self._open.feed(text)

    def _reasoning(self, text: str) -> None:
        if not isinstance(self._open, ReasoningBlock):
            if not text.strip():
                return
            self._settle()
            self._open = ReasoningBlock(unfolded=self.unfolded)
            self._blocks.append(self._open)
        self._open.feed(text)

    def _about_turn(
        self,
        event: TurnStarted
        | TurnSettings
        | FileAttached
        | RoundStarted
        | PromptProgress
        | ReasoningFinished
        | Notice
        | Summarised
        | Pinned
        | TurnFinished
        | TurnFailed,
    ) -> None:
        match event:
            case TurnStarted():
                self._add(UserBlock(event.text, self._version))
            case FileAttached():
                self._add(AttachmentBlock(event.attachment))
            case RoundStarted():
                self._settle()
            case PromptProgress() | TurnSettings():
                pass
            case ReasoningFinished():
                if isinstance(self._open, ReasoningBlock):
                    self._open.finish(event.duration_ms, event.tokens, keep_window=self.keeps_windows)
                    self._open = None
            case Notice():
                self._add(NoticeBlock(event.message))
            case Summarised():
                self._add(NoticeBlock(_SUMMARISED.format(event.turns, "" if event.turns == 1 else "s", event.text)))
            case Pinned(on=on):
                self._add(NoticeBlock(_PINNED if on else "no longer pinned", symbol="◆"))
            case TurnFinished():
                self.close()
                self._end(event)
            case TurnFailed():
                self.close()
                self._add(NoticeBlock(event.message, symbol="✕", style="error"))
                self._cut = event.kind == CUT
            case _:
                assert_never(event)

    def _about_call(
        self, event: ToolCallProposed | MalformedCall | Decided | ToolStarted | ToolProgress | ToolFinished
    ) -> None:
        match event:
            case ToolCallProposed():
                block = CallBlock(event.call)
                self._calls[event.call.id] = block
                self._add(block)
            case MalformedCall():
                self._add(MalformedBlock(event))
            case ToolFinished():
                if call := self._calls.get(event.result.call_id):
                    call.finish(event.result)
            case Decided() | ToolStarted() | ToolProgress():
                if call := self._calls.get(event.call_id):
                    _advance(call, event)
            case _:
                assert_never(event)

    def _resume(self) -> None:
        """Take back the end that stood where the program ended: the turn goes on."""
        if self._cut:
            self._blocks.pop()
            self._cut = False
        for call in self._calls.values():
            call.reopen()
        self._add(NoticeBlock(RESUMED))

    def _end(self, event: TurnFinished) -> None:
        if event.reason == "cancelled":
            self._add(NoticeBlock("stopped here", symbol="■"))
        elif event.reason != "stop" or event.message:
            self._add(NoticeBlock(event.message or _ENDINGS[event.reason], symbol="■"))

    def _add(self, block: Block) -> None:
        self._settle()
        self._hint(False)
        self._blocks.append(block)

    def _settle(self) -> None:
        if isinstance(self._open, ReasoningBlock):
            self._open.finish(keep_window=self.keeps_windows)
        elif self._open is not None:
            self._open.finish()
        self._open = None

    def _hint(self, writing: bool) -> None:
        if writing != self._writing_call:
            self._writing_call = writing
            self.invalidate()


def _advance(call: CallBlock, event: Decided | ToolStarted | ToolProgress) -> None:
    match event:
        case Decided():
            call.decide(event)
        case ToolStarted():
            call.start()
        case ToolProgress():
            call.progress(event.message)
        case _:
            assert_never(event)
