"""The place above the composer where the questions wait, and the clock that lets them listen."""

from __future__ import annotations

from collections.abc import Sequence

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

    def show(self, requests: Sequence[ApprovalRequest]) -> bool:
        """Show these very requests, or nothing; return whether that is another card than before.

        A card only grows: once one of its calls is answered, the others get a new one that nobody has seen.
        """
        card = self.card
        if card is None and not requests:
            return False
        if card is not None:
            shown = card.calls.requests
            if len(shown) <= len(requests) and all(old is new for old, new in zip(shown, requests)):  # noqa: B905
                if len(shown) < len(requests):
                    card.add(requests[len(shown) :])
                return False
            card.remove()
            self.card = None
        if requests:
            self.card = ApprovalCard(requests, self._keystrokes)
            self.card.fit(self._rows)
            self.mount(self.card)
        self.set_class(bool(requests), "-asking")
        if self._timer is not None:
            self._timer.resume() if requests else self._timer.pause()
        return True

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
        if card.has_focus or card.is_written_in:
            # In the card's own turn: a message made during the dock's would not bubble past the dock.
            card.call_next(card.poll)
        elif (
            self.app.screen is self.screen
            and self.app.app_focus
            and may_take_focus(self._keystrokes, composer_empty=self.composer_empty)
        ):
            card.focus(scroll_visible=False)
