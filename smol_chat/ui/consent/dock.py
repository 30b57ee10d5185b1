"""The place above the composer where one question waits, and the clock that lets it listen."""

from __future__ import annotations

from textual.containers import Vertical
from textual.timer import Timer

from smol_chat.agent.consent import ApprovalRequest
from smol_chat.ui.consent.card import ApprovalCard
from smol_chat.ui.consent.guard import Keystrokes, may_take_focus

_POLLS_PER_S = 10


class ApprovalDock(Vertical):
    """Hold at most one card."""

    DEFAULT_CSS = """
    ApprovalDock {
        height: auto;
        display: none;
        &.-asking { display: block; }
    }
    """

    def __init__(self, keystrokes: Keystrokes, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._keystrokes = keystrokes
        self._timer: Timer | None = None
        self.card: ApprovalCard | None = None
        """The card that is shown."""
        self._rows = 16
        self.composer_empty = True
        """Whether nothing is written in the composer; kept up to date by the screen."""

    def on_mount(self) -> None:
        """Run the clock only while a card waits."""
        self._timer = self.set_interval(1 / _POLLS_PER_S, self.poll, pause=True)

    def show(self, request: ApprovalRequest | None) -> None:
        """Show this very request, or nothing."""
        if self.card is not None:
            if self.card.request is request:
                return
            self.card.remove()
            self.card = None
        if request is not None:
            self.card = ApprovalCard(request, self._keystrokes)
            self.card.fit(self._rows)
            self.mount(self.card)
        self.set_class(request is not None, "-asking")
        if self._timer is not None:
            self._timer.resume() if request is not None else self._timer.pause()

    def fit(self, screen_rows: int) -> None:
        """Leave the conversation and the composer their place on a screen of so many rows."""
        self._rows = max(10, screen_rows * 2 // 3)
        if self.card is not None:
            self.card.fit(self._rows)

    def poll(self) -> None:
        """Give the card the focus when nobody is typing, and let it act on an answer that has settled."""
        card = self.card
        if card is None or not card.is_mounted:
            return
        if card.has_focus or card.asks_reason:
            # In the card's own turn: a message made during the dock's would not bubble past the dock.
            card.call_next(card.poll)
        elif (
            self.app.screen is self.screen
            and self.app.app_focus
            and may_take_focus(self._keystrokes, composer_empty=self.composer_empty)
        ):
            card.focus(scroll_visible=False)
