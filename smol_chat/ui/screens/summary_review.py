"""A summary that is about to stand for earlier turns: read it, change it, use it."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static, TextArea

from smol_chat.agent.summary import SummaryProposal
from smol_chat.sanitise import visible
from smol_chat.ui.screens.box import BoxScreen


class SummaryReview(BoxScreen[str]):
    """Show one summary. Nothing has the focus at first: keys that were meant for the composer change nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "use", "Use it", show=False, priority=True),
        Binding("escape", "leave", "Use the model's own words", show=False, priority=True),
        Binding("tab", "edit", "Change it", show=False),
    ]
    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    SummaryReview .box {
        width: 90%;
        max-width: 100;
        height: auto;
        max-height: 90%;
        padding: 0 2;
    }
    SummaryReview Static { height: auto; margin-bottom: 1; }
    SummaryReview TextArea { height: auto; min-height: 5; max-height: 16; border: none; padding: 0; }
    SummaryReview .review--use { width: auto; color: $text-accent; margin: 1 0 0 0; pointer: pointer; }
    """

    def __init__(self, proposal: SummaryProposal) -> None:
        super().__init__()
        self._proposal = proposal

    def compose(self) -> ComposeResult:
        """Lay out what it is about, the text, and what can be done."""
        turns = "turn" if self._proposal.replaced == 1 else f"{self._proposal.replaced} turns"
        with Vertical(classes="box") as box:
            box.border_title = Content("Summary")
            box.border_subtitle = Content("Tab changes it · ctrl+s uses it · Esc uses the model's words")
            yield Static(
                Content(
                    f"The conversation no longer fits the context window. For the oldest {turns} the model will read "
                    "this instead; here and in the history everything stays as it is."
                )
            )
            yield TextArea(visible(self._proposal.text, prose=True), soft_wrap=True)
            yield Static(Content.styled("[ctrl+s] use it", "underline"), classes="review--use")

    def action_edit(self) -> None:
        """Go to the text."""
        self.query_one(TextArea).focus()

    def action_use(self) -> None:
        """Use the text as it stands."""
        self.dismiss(self.query_one(TextArea).text.strip() or self._proposal.text)

    def action_leave(self) -> None:
        """Use the text as the model wrote it."""
        self.dismiss(self._proposal.text)

    def on_click(self, event: events.Click) -> None:
        """Use the text where the words for that were clicked."""
        if event.widget is not None and event.widget.has_class("review--use"):
            self.action_use()
