"""Search all conversations: what fits is listed while it is typed, with the passage in which it stands."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from smol_chat.errors import SmolChatError
from smol_chat.sanitise import single_line, visible
from smol_chat.ui.entry import Entry
from smol_chat.ui.screens.box import BoxScreen

if TYPE_CHECKING:
    from smol_chat.journal.search import Hit, Search

LISTED = 40
_WHERE = {"title": "title", "question": "you", "answer": "answer", "reasoning": "thought", "tools": "tool"}


class HistorySearch(BoxScreen["Hit | None"]):
    """Give the passage that was chosen, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Back", show=False),
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("enter", "choose", "Open", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    HistorySearch .box {
        width: 90%;
        min-width: 40;
        max-width: 120;
        height: auto;
        max-height: 90%;
    }
    HistorySearch OptionList {
        height: auto;
        max-height: 30;
    }
    HistorySearch .search--state { color: $text-muted; margin-top: 1; }
    """

    def __init__(self, search: Callable[[], Search], words: str = "") -> None:
        """Take what gives the search; it is called in a thread, because the history may have to be opened first."""
        super().__init__()
        self._open = search
        self._search: Search | None = None
        self._words = words
        self._hits: list[Hit] = []
        self._left = False

    def compose(self) -> ComposeResult:
        """Lay out words, list and state."""
        with Vertical(classes="box") as box:
            box.border_title = Content("Search all conversations")
            box.border_subtitle = Content('words · "in this order" · begin* · Enter opens · Esc goes back')
            entry = Entry(placeholder="words")
            entry.value = self._words
            yield entry
            yield OptionList()
            yield Static("", classes="search--state")

    def on_mount(self) -> None:
        """Take in what is new, and wait for typing."""
        self.query_one(OptionList).can_focus = False
        self.query_one(Entry).focus()
        self.run_worker(self._take_in(), group="index")

    def on_unmount(self) -> None:
        """Let the taking in end."""
        self._left = True

    def on_input_changed(self, event: Entry.Changed) -> None:
        """Search for what is written now."""
        event.stop()
        self._look(event.value)

    def on_entry_left(self, event: Entry.Left) -> None:
        """Go back without a choice."""
        event.stop()
        self.dismiss(None)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Open the row that was clicked."""
        event.stop()
        self.dismiss(self._hits[event.option_index])

    def action_move(self, step: int) -> None:
        """Go up or down in the list."""
        options = self.query_one(OptionList)
        (options.action_cursor_up if step < 0 else options.action_cursor_down)()

    def action_choose(self) -> None:
        """Open the row the cursor is on."""
        index = self.query_one(OptionList).highlighted
        if index is not None and index < len(self._hits):
            self.dismiss(self._hits[index])

    async def _take_in(self) -> None:
        """Bring the index up to date; what it has already can be searched meanwhile."""
        app = self.app

        def report(done: int, total: int) -> None:
            if not self._left and total > done:
                app.call_from_thread(self._say, f"reading older turns once: {done:,} of {total:,}")

        try:
            self._search = await asyncio.to_thread(self._open)
            self._look(self.query_one(Entry).value)
            await asyncio.to_thread(self._search.update, lambda: not self._left, report)
        except SmolChatError as error:
            self._say(error.message)
            return
        self._say("")
        self._look(self.query_one(Entry).value)

    def _look(self, words: str) -> None:
        self.run_worker(self._find(words), group="find", exclusive=True)

    async def _find(self, words: str) -> None:
        if self._search is None:
            return
        try:
            hits = await asyncio.to_thread(self._search.find, words, LISTED)
        except SmolChatError as error:
            self._say(error.message)
            return
        self._hits = hits
        options = self.query_one(OptionList)
        width = max(20, options.size.width - 3)
        options.clear_options()
        options.add_options([Option(_prompt(hit, width)) for hit in hits])
        if hits:
            options.highlighted = 0
        elif words.strip():
            self._say("Nothing fits.")
            return
        self._say("")

    def _say(self, sentence: str) -> None:
        self.query_one(".search--state", Static).update(Content(visible(sentence)))


def _prompt(hit: Hit, width: int) -> Content:
    """Return two lines: where it was said, and the passage."""
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(hit.time))
    title = single_line(hit.title or "(no text)", width - len(when) - 2)
    gap = " " * max(1, width - Content(title).cell_length - len(when))
    head = Content.assemble((title, "bold"), gap, (when, "$text-muted"))
    parts: list[tuple[str, str]] = [(f"\n  {_WHERE[hit.field]} ", "$text-muted")]
    room = width - len(_WHERE[hit.field]) - 3
    for text, is_match in hit.passage:
        shown = visible(text, keep_newlines=False)[: max(0, room)]
        room -= Content(shown).cell_length
        parts.append((shown, "bold $text-accent" if is_match else ""))
    return Content.assemble(head, *parts)
