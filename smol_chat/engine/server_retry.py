"""When a request that a server did not take is sent again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

BACKOFF = (0.5, 1.0)
"""Seconds before the second and the third try; there is no fourth."""

LONGEST_WAIT = 10.0
"""Seconds. A server that asks for more is not asked again: the user hears of it now instead."""

_BUSY = frozenset({429, 502, 503, 504})


def seconds_to_wait(status: int, headers: Mapping[str, str], usual: float) -> float | None:
    """Return how long to wait before the next try, None where there should be none."""
    if status not in _BUSY:
        return None
    asked = _asked_for(headers.get("retry-after", "").strip())
    wait = usual if asked is None else max(asked, usual)
    return wait if wait <= LONGEST_WAIT else None


def _asked_for(written: str) -> float | None:
    """Return the seconds of a `Retry-After`: a number or a date; None where it is neither."""
    try:
        seconds = float(written)
    except ValueError:
        pass
    else:
        return seconds if math.isfinite(seconds) else None
    try:
        moment = parsedate_to_datetime(written)
    except (ValueError, TypeError, IndexError, OverflowError):  # older Pythons raise more than ValueError
        return None
    if moment.tzinfo is None:  # "-0000": universal time, from nowhere in particular
        moment = moment.replace(tzinfo=timezone.utc)
    return (moment - datetime.now(timezone.utc)).total_seconds()
