"""One message, result, reasoning or code on the whole screen; it is found in, selected and copied as in the chat."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from smol_chat.ui.transcript.blocks import Block
from smol_chat.ui.transcript.view import Transcript

if TYPE_CHECKING:
    from smol_chat.ui.search_bar import SearchBar


class ZoomScreen(Screen[None]):
    """Show one block, everything in it unfolded."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f4", "back", "Back to the conversation", show=False),
        Binding("ctrl+f", "find", "Find words in it", show=False),
        Binding("ctrl+y", "copy", "Copy all of it", show=False),
    ]
    AUTO_FOCUS = "Transcript"
    DEFAULT_CSS = """
    ZoomScreen { layout: vertical; }
    ZoomScreen .zoom--title { height: 1; padding: 0 1; background: $panel; color: $text-muted; }
    ZoomScreen Transcript { height: 1fr; }
    """

    def __init__(self, title: str, block: Block) -> None:
        super().__init__()
        self._title = title
        self._block = block
        self._transcript = Transcript()
        self._search: SearchBar | None = None

    def compose(self) -> ComposeResult:
        """Lay out the title and the block."""
        yield Static(
            Content.assemble((self._title, "bold $text-primary"), "  Esc goes back · ctrl+f finds · ctrl+y copies"),
            classes="zoom--title",
        )
        yield self._transcript

    def on_mount(self) -> None:
        """Show the block from its beginning."""
        self._transcript.show_block(self._block)

    def on_transcript_copy_requested(self, event: Transcript.CopyRequested) -> None:
        """Copy what the cursor stands on."""
        self._copy(event.text)

    async def action_find(self) -> None:
        """Search it."""
        if self._search is None:
            from smol_chat.ui.search_bar import SearchBar  # late: as in the chat

            self._search = SearchBar(self._transcript)
            await self.mount(self._search, after=self._transcript)
        self._search.open()

    def action_copy(self) -> None:
        """Copy all of it."""
        self._copy(self._block.copy_text())

    def action_back(self) -> None:
        """End a search, or go back."""
        if self._search is not None and self._search.is_open:
            self._search.close()
        else:
            self.dismiss()

    def _copy(self, text: str) -> None:
        self.app.copy_to_clipboard(text)
        self.app.notify(f"Copied {len(text):,} characters.", markup=False, timeout=2)
