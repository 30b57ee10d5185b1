"""JSON with the noise models add to it: what cannot change the meaning is removed, anything else is refused.

Noise is: a code fence around the text, a comma before a closing bracket, a raw newline or tab inside a string.
"""

from __future__ import annotations

import re

from smol_chat.messages import JsonValue
from smol_chat.protocol import strict_json
from smol_chat.protocol.events import UnreadableCallError

_FENCE_OPEN = re.compile(r"\s*```[A-Za-z]*[ \t]*\n?")
# Strings first, so that nothing inside one is touched; then commas with no value before them, which stay and fail.
_COMMAS = re.compile(r'(?P<kept>"[^"\\]*(?:\\.[^"\\]*)*"?|[{\[,:]\s*,)|,(?=\s*[}\]])', re.DOTALL)
_NOT_A_LINE_BREAK = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def read_json(text: str) -> tuple[JsonValue, bool]:
    """Read one JSON value; return it and whether noise was removed to read it.

    Raises:
        UnreadableCallError: it would take a guess to read it.
    """
    try:
        return strict_json.decode(text), False
    except UnreadableCallError as error:
        if error.kind != "invalid_json" or _NOT_A_LINE_BREAK.search(text):
            raise
    return strict_json.decode(without_noise(text), control_characters=True), True


def holds_two_objects(text: str) -> bool:
    """Tell whether `text` is at least two readable objects, one after the other or divided by a comma."""
    text = without_noise(text)
    try:
        first, end = strict_json.decode_first(text, control_characters=True)
        second, _ = strict_json.decode_first(text[end:].removeprefix(","), control_characters=True)
    except UnreadableCallError:
        return False
    return isinstance(first, dict) and isinstance(second, dict)


def without_noise(text: str) -> str:
    """Return `text` without a code fence and without trailing commas; nothing inside a string is touched."""
    fence = _FENCE_OPEN.match(text)
    if fence:
        text = text[fence.end() :].rstrip().rstrip("`")
    return _COMMAS.sub(_kept, text)


def _kept(match: re.Match[str]) -> str:
    return match["kept"] or ""
