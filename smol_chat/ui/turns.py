"""Run a conversation's turns for the screen: every event goes to one router, and the end is waited for."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from smol_chat.events import TurnEvent, TurnFailed
from smol_chat.ui.backend import OpenConversation

log = logging.getLogger(__name__)

_BREATH_S = 0.02
"""Seconds for which a flood of events may keep the screen from its other work."""
_WIND_DOWN_S = 3.0
"""Seconds a cancelled turn gets for its orderly end."""
_OUR_FAULT = "This turn ended because of a fault in smol-chat; the log file has the details."


class TurnRunner:
    """One turn at a time."""

    def __init__(self, route: Callable[[TurnEvent], None]) -> None:
        self._route = route
        self._conversation: OpenConversation | None = None
        self._over = asyncio.Event()
        self._over.set()

    @property
    def running(self) -> bool:
        """Whether a turn is running."""
        return not self._over.is_set()

    def begin(self, conversation: OpenConversation) -> None:
        """Count the turn as running from now on, before its task has had a chance to."""
        self._conversation = conversation
        self._over.clear()

    def abandon(self) -> None:
        """Take back that a turn was begun."""
        self._over.set()

    async def run(self, turn: AsyncGenerator[TurnEvent, None]) -> None:
        """Run the turn that was begun, to its last event."""
        breath = time.perf_counter()
        try:
            async with aclosing(turn) as events:
                async for event in events:
                    self._route(event)
                    if time.perf_counter() - breath > _BREATH_S:
                        await asyncio.sleep(0)
                        breath = time.perf_counter()
        except Exception:  # the border to everything a turn runs: the chat survives it
            log.exception("turn failed")
            self._route(TurnFailed("internal", _OUR_FAULT))
        finally:
            self._over.set()

    async def cancel(self) -> None:
        """End the running turn in an orderly way; its last event still comes."""
        if self.running and self._conversation is not None:
            await self._conversation.cancel()

    async def wind_down(self) -> None:
        """Cancel, and wait for the last event within reason."""
        await self.cancel()
        try:
            await asyncio.wait_for(self._over.wait(), _WIND_DOWN_S)
        except asyncio.TimeoutError:
            log.warning("the turn did not end within %s s", _WIND_DOWN_S)
