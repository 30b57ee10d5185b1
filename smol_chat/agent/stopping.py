"""Wait for something only as long as the turn is not stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def unless_stopped(work: Awaitable[T], stopped: asyncio.Event) -> T | None:
    """Return what the work gives; None, with the work cancelled, once the event is set."""
    working = asyncio.ensure_future(work)
    stop = asyncio.ensure_future(stopped.wait())
    try:
        await asyncio.wait({working, stop}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        stop.cancel()
        if not working.done():
            working.cancel()
