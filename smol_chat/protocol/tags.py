"""The tags of the wire format, and what is left of one where the output was cut."""

from __future__ import annotations

THINK = "<think>"
THINK_END = "</think>"
CALL = "<tool_call>"
CALL_END = "</tool_call>"


def without_cut_end(body: str) -> str:
    """Return the text of a call without the beginning of a closing tag that the output broke off in."""
    start = body.rfind("<")
    return body[:start] if start >= 0 and CALL_END.startswith(body[start:].rstrip()) else body


def kept_back(text: str, start: int, tags: tuple[str, ...]) -> int:
    """Return where the end of `text` could be the beginning of one of `tags`; its length where it could not.

    No tag holds a second `<`, so only the last one counts.
    """
    longest = max(map(len, tags)) - 1
    last = text.rfind("<", max(start, len(text) - longest))
    if last >= 0 and any(tag.startswith(text[last:]) for tag in tags):
        return last
    return len(text)
