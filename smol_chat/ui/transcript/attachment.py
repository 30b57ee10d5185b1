"""A file that went along with a message: its name and size, and its text when it is unfolded."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from smol_chat.messages import Attachment
from smol_chat.ui.transcript.blocks import Block
from smol_chat.ui.transcript.calls import foldable_text, header
from smol_chat.ui.transcript.lines import Span
from smol_chat.ui.transcript.pieces import Piece


class AttachmentBlock(Block):
    """One attached file."""

    foldable = True

    def __init__(self, attachment: Attachment) -> None:
        self.unfolded = False
        self._attachment = attachment
        self._pieces: list[Piece] | None = None

    def toggle(self) -> None:
        """Show the text, or the name only."""
        self.unfolded = not self.unfolded
        self._pieces = None

    def copy_text(self) -> str:
        """Return the text that was attached."""
        return self._attachment.text

    def find_text(self) -> str:
        """Return name and text."""
        return f"{self._attachment.path}\n{self._attachment.text}"

    def pieces(self) -> Sequence[Piece]:
        """Return the name, and the text where it is unfolded."""
        if self._pieces is None:
            file = self._attachment
            kept = len(file.text.encode("utf-8", "replace"))
            size = f"attached · {kept:,} of {file.size:,} bytes" if file.cut else f"attached · {file.size:,} bytes"
            make = partial(header, file.path, [Span(size, "muted")])
            self._pieces = [Piece(self, make, label=Span("@", "you"), toggles=True)]
            if self.unfolded and file.text.strip():
                self._pieces += foldable_text(self, file.text, "result")
        return self._pieces
