"""Names a reader may have meant, for sentences about unknown tools and parameters."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

_LONGEST_COMPARED = 80
_MOST_LISTED = 20


def closest(name: str, names: Collection[str]) -> str | None:
    """Return the one of `names` that `name` most likely meant, None where nothing is near."""
    if len(name) > _LONGEST_COMPARED:
        return None
    candidates = [candidate for candidate in names if len(candidate) <= _LONGEST_COMPARED]
    matches = get_close_matches(name, candidates, n=1)
    return matches[0] if matches else None


def quoted(text: str, longest: int = 60) -> str:
    """Return `text` as a Python literal: control characters visible, and no longer than a sentence can bear."""
    return repr(text if len(text) <= longest else text[: longest - 1] + "…")


def unknown_tool(name: str, names: Collection[str]) -> str:
    """Return the sentence for a call of a tool that is not on offer."""
    if not names:
        return f"There is no tool {quoted(name)}: no tools are on offer here; answer without one."
    listed = sorted(names)
    shown = ", ".join(listed[:_MOST_LISTED])
    if len(listed) > _MOST_LISTED:
        shown += f" and {len(listed) - _MOST_LISTED} more"
    near = closest(name, names)
    hint = f" Did you mean {quoted(near)}?" if near else ""
    return f"There is no tool {quoted(name)}.{hint} The tools are: {shown}."
