"""Rows of a result within their limits, as JSON takes them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

CELL = 2000
"""Most characters of one value."""


def collected(columns: list[str], rows: Iterator[tuple[Any, ...]], max_rows: int, max_bytes: int) -> dict[str, Any]:
    """Return the columns and the first rows; `more` tells that there were others."""
    kept: list[list[Any]] = []
    size = 0
    for row in rows:
        shown = [cell(value) for value in row]
        size += sum(len(value) if isinstance(value, str) else 8 for value in shown)
        if len(kept) >= max_rows or (kept and size > max_bytes):
            return {"columns": columns, "rows": kept, "more": True}
        kept.append(shown)
    return {"columns": columns, "rows": kept, "more": False}


def cell(value: Any) -> Any:  # noqa: ANN401  # whatever a database returns
    """Return one value in a form that JSON has."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"<{len(value):,} bytes>"
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= CELL else f"{text[:CELL]}… ({len(text):,} characters)"


def fetched(fetch: Callable[[], Any]) -> Iterator[tuple[Any, ...]]:
    """Yield rows from a function that returns the next one, None at the end."""
    while (row := fetch()) is not None:
        yield row
