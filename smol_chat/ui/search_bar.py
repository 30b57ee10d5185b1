"""The line in which the conversation is searched: what is looked for, which match is shown, of how many."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from smol_chat.ui.entry import Entry
from smol_chat.ui.transcript.finding import LONGEST, Found
from smol_chat.ui.transcript.view import Transcript


class SearchBar(Horizontal):
    """Search one transcript while its words are typed. Enter goes on in the transcript, where n and N step."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "step(1)", "Next match", show=False),
        Binding("up", "step(-1)", "Previous match", show=False),
        Binding("tab", "leave_to_matches", "Go to the conversation; n and N step through the matches", show=False),
    ]
    DEFAULT_CSS = """
    SearchBar {
        height: 1;
        padding: 0 1;
        background: $panel;
        display: none;
        &.-open { display: block; }
        Static { width: auto; color: $text-muted; background: $panel; }
        Entry { width: 1fr; }
        .search--count { padding: 0 1; &.-none { color: $text-warning; } }
        .search--button { padding: 0 1; &:hover { color: $foreground; } }
    }
    """

    def __init__(self, transcript: Transcript, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._transcript = transcript
        self._before: Widget | None = None

    @property
    def is_open(self) -> bool:
        """Whether a search goes on."""
        return self.has_class("-open")

    def compose(self) -> ComposeResult:
        """Lay out the words, the count and what can be clicked."""
        yield Static("find")
        yield Entry(placeholder="words; capitals count where you write some")
        yield Static("", classes="search--count")
        yield Static("↑", classes="search--button search--back")
        yield Static("↓", classes="search--button search--on")
        yield Static("✕", classes="search--button search--close")

    def on_mount(self) -> None:
        """Follow the search."""
        self.watch(self._transcript, "found", self._show, init=False)

    def open(self, words: str = "") -> None:
        """Begin a search, or go back to the words of the one that goes on."""
        entry = self.query_one(Entry)
        if not self.is_open:
            self._before = self.screen.focused
            self.add_class("-open")
            entry.value = words
        entry.focus()
        entry.action_select_all()

    def close(self) -> None:
        """End the search; the conversation stays where it is."""
        if not self.is_open:
            return
        self.remove_class("-open")
        self.query_one(Entry).value = ""
        self._transcript.find("")
        if self._before is not None and self._before.is_attached:
            self._before.focus()

    def on_input_changed(self, event: Entry.Changed) -> None:
        """Look for what is written now."""
        event.stop()
        if self.is_open:
            self._transcript.find(event.value[:LONGEST])

    def on_input_submitted(self, event: Entry.Submitted) -> None:
        """Go to the matches."""
        event.stop()
        self.action_leave_to_matches()

    def on_entry_left(self, event: Entry.Left) -> None:
        """End the search."""
        event.stop()
        self.close()

    def on_click(self, event: events.Click) -> None:
        """Step or close."""
        for name, act in (("back", -1), ("on", 1)):
            if event.widget is not None and event.widget.has_class(f"search--{name}"):
                self.action_step(act)
        if event.widget is not None and event.widget.has_class("search--close"):
            self.close()

    def action_step(self, step: int) -> None:
        """Show the next or the previous match."""
        self._transcript.action_find_step(step)

    def action_leave_to_matches(self) -> None:
        """Go to the conversation, the search still on."""
        self._transcript.focus()

    def _show(self, found: Found) -> None:
        number, total, complete = found
        more = "" if complete else "+"
        text = f"{number:,} of {total:,}{more}" if total or not complete else "nothing"
        if not self._transcript.is_finding:
            text = ""
        count = self.query_one(".search--count", Static)
        count.set_class(text == "nothing", "-none")
        count.update(Content(text))
