"""Long tool results as the model sees them when the context window gets tight: both ends, and how to read the rest."""

from __future__ import annotations

from smol_chat.tools.earlier import in_lines, pointer

LEAST = 400
"""Characters that are kept at least: fewer say nothing, and the pointer alone takes a hundred."""

WORTH = 200
"""A text that would lose no more characters than this is left as it is."""


def shortened(text: str, call_id: str, keep: int) -> str:
    """Return about `keep` characters of a result, three quarters from its beginning, with a pointer to the rest."""
    if len(text) <= keep + WORTH:
        return text
    text = in_lines(text)
    head = _whole_lines(text[: keep * 3 // 4])
    tail = text[len(text) - keep // 4 :]
    missing = len(text) - len(head) - len(tail)
    next_line = len(head.splitlines()) + (text[len(head)] == "\n")
    return f"{head}\n[{missing:,} characters left out; {pointer(call_id, next_line)}]\n{tail}"


def _whole_lines(text: str) -> str:
    """Cut the last line off where it is short against the rest: half a line of a table misleads."""
    end = text.rfind("\n")
    return text[:end] if end > len(text) // 2 else text
