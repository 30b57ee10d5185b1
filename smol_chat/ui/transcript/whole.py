"""One block without anything left out, to be looked at alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from smol_chat.sanitise import single_line, visible
from smol_chat.ui.transcript.attachment import AttachmentBlock
from smol_chat.ui.transcript.blocks import AnswerBlock, Block, ReasoningBlock, UserBlock
from smol_chat.ui.transcript.calls import CallBlock, MalformedBlock
from smol_chat.ui.transcript.lines import Line, plain
from smol_chat.ui.transcript.pieces import Piece, chunks, measure


class TextBlock(Block):
    """Text as it is, at the whole width."""

    def __init__(self, text: str, style: str) -> None:
        self._text = text
        self._style = style
        self._pieces: list[Piece] | None = None

    def pieces(self) -> Sequence[Piece]:
        """Return the text in chunks."""
        if self._pieces is None:
            self._pieces = [
                Piece(self, partial(_lines, chunk, self._style), size=measure(chunk)) for chunk in chunks(self._text)
            ]
        return self._pieces

    def copy_text(self) -> str:
        """Return the text."""
        return self._text


def whole(block: Block) -> tuple[str, Block] | None:
    """Return a title and a block that shows all there is; None where there is no more than what is shown anyway."""
    match block:
        case AnswerBlock():
            answer = AnswerBlock()
            answer.feed(block.copy_text())
            answer.finish()
            return "Answer", answer
        case ReasoningBlock():
            return "Reasoning", TextBlock(block.copy_text(), "reasoning")
        case CallBlock():
            return f"Result of {single_line(block.name, 40)}", TextBlock(block.full_text(), "")
        case AttachmentBlock():
            return "Attached file", TextBlock(block.copy_text(), "")
        case MalformedBlock():
            return "Unreadable call", TextBlock(block.copy_text(), "")
        case UserBlock():
            return "Your message", TextBlock(block.copy_text(), "")
        case _:
            return None


def _lines(text: str, style: str, width: int) -> list[Line]:
    return plain(visible(text, prose=True), width, style)
