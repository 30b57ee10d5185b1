"""Summaries go past the person in front of the screen before the model reads them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from smol_chat.agent.summary import SummaryProposal

if TYPE_CHECKING:
    from textual.app import App


class ScreenReviewer:
    """Show each summary to the person in front of the screen."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app

    async def review(self, proposal: SummaryProposal) -> str:
        """Wait for the person; a cancelled wait takes the question down."""
        decided: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        from smol_chat.ui.screens.summary_review import SummaryReview  # late: start-up; seldom needed

        screen = SummaryReview(proposal)

        def settle(text: str | None) -> None:
            if not decided.done():
                decided.set_result(proposal.text if text is None else text)

        await self._app.push_screen(screen, settle)
        try:
            return await decided
        finally:
            if screen.is_attached and decided.cancelled():
                screen.dismiss(proposal.text)
