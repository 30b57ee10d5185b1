"""The tour of the first start: six cards above the composer, a minute to read, in nobody's way.

It never takes the keys: Enter with nothing written goes on, Esc ends it, and whatever is typed goes to the composer.
"""

from __future__ import annotations

from typing import NamedTuple

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widgets import Static


class Card(NamedTuple):
    """One step: what it is about, and what to know."""

    title: str
    text: str


CARDS = (
    Card(
        "Write",
        "Write below and press Enter; ctrl+j begins a new line. While an answer is being written you can go on: what "
        "you send then waits for its turn. Esc stops the answer.",
    ),
    Card(
        "Nothing happens without you",
        "When the model wants to use a tool, a card shows what would run, with what, and where it goes: y allows it "
        "once, n denies it. Keys meant for your message never answer a card.",
    ),
    Card(
        "Look into it",
        "ctrl+r opens the reasoning, ctrl+f finds words, alt+↑ and alt+↓ go from message to message, F4 shows a long "
        "result or code on the whole screen. The mouse selects and copies.",
    ),
    Card(
        "Give it files",
        "@ and a few letters attach a file of this folder; ctrl+g opens your editor for a long message. Tools reach "
        "this folder and nothing else.",
    ),
    Card(
        "Everything has a command",
        "/ lists the commands and ctrl+p finds one: /model for another model, /open for an earlier conversation, "
        "/theme for other colours, /undo for the last file a tool wrote.",
    ),
    Card("Your way", "F2 shows every setting, F1 every key. ctrl+q leaves; all of it is kept. /tour shows this again."),
)


class Tour(Static):
    """Show the cards one after the other; keys go on to the composer as ever."""

    DEFAULT_CSS = """
    Tour {
        height: auto;
        margin: 0 1;
        padding: 0 1;
        border: round $primary;
        border-title-color: $text-primary;
        border-subtitle-color: $text-muted;
        background: $surface;
    }
    """

    class Ended(Message):
        """The last card was read, or the tour was skipped."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(Content(""), id=id)
        self._at = 0

    def on_mount(self) -> None:
        """Show the first card."""
        self._paint()

    def on_click(self, event: events.Click) -> None:
        """Go on; a click on the lower right ends the tour."""
        if event.y >= self.outer_size.height - 1 and event.x > self.outer_size.width // 2:
            self.end()
        else:
            self.go_on()

    def go_on(self) -> None:
        """Show the next card; after the last one the tour has ended."""
        self._at += 1
        if self._at >= len(CARDS):
            self.end()
        else:
            self._paint()

    def end(self) -> None:
        """End the tour."""
        self.post_message(self.Ended())

    def _paint(self) -> None:
        card = CARDS[self._at]
        self.border_title = Content(f"{card.title} · {self._at + 1} of {len(CARDS)}")
        self.border_subtitle = Content("Enter or a click goes on · Esc ends the tour")
        self.update(Content(card.text))
