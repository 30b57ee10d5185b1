"""Long tool results as the model sees them when the context window gets tight: both ends, and how to read the rest."""

from __future__ import annotations

RESULT_SCHEME = "result:"
"""What stands before a call's id where `read_file` is given an earlier result for a path."""

LEAST = 400
"""Characters that are kept at least: fewer say nothing, and the pointer alone takes a hundred."""


def shortened(text: str, call_id: str, keep: int) -> str:
    """Return about `keep` characters of a result, three quarters from its beginning, with a pointer to the rest.

    A text that is hardly longer than that is left as it is.
    """
    if len(text) <= keep + 200:
        return text
    head = _whole_lines(text[: keep * 3 // 4])
    tail = text[len(text) - keep // 4 :]
    line = head.count("\n") + 1
    missing = len(text) - len(head) - len(tail)
    pointer = f'[{missing:,} characters left out; read_file with path "{RESULT_SCHEME}{call_id}" and start_line {line}'
    return f"{head}\n{pointer} reads on]\n{tail}"


def _whole_lines(text: str) -> str:
    """Cut the last line off where it is short against the rest: half a line of a table misleads."""
    end = text.rfind("\n")
    return text[:end] if end > len(text) // 2 else text
