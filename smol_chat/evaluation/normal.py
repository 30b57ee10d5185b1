"""Forms in which two ways of writing the same thing are equal: text, numbers in a text, dates, addresses, paths."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from datetime import datetime
from urllib.parse import urlsplit

from smol_chat.messages import JsonValue

_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'}
)
"""Letters that Unicode does not take apart, and the quotes that editors make."""
_NUMBER = re.compile(r"-?\d+(?:,\d{3})+(?:\.\d+)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{1,2}:\d{2})(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def plain(value: JsonValue) -> str:
    """Return a text without what no reader would call a difference: case, accents, spacing, outer punctuation."""
    text = value if isinstance(value, str) else str(value)
    letters = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(bare.split()).strip(" .!?\"'")


def numbers(text: str) -> list[float]:
    """Return the numbers a text shows; a comma is read as the separator of thousands."""
    return [float(found.replace(",", "")) for found in _NUMBER.findall(text)]


def moment(text: str) -> datetime | None:
    """Return the local time an ISO 8601 text names, to the minute; None where it is none. A zone is left aside."""
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        return None
    day, time = found.groups()
    try:
        return datetime.fromisoformat(f"{day}T{(time or '00:00').zfill(5)}")
    except ValueError:
        return None


def path(text: str) -> str:
    """Return a relative path in one form; the workspace itself is `.`."""
    return posixpath.normpath(text.strip().replace("\\", "/"))


def address(text: str) -> tuple[str, str, str, str] | None:
    """Return a URL's scheme (empty where it has none), host with port, path and query; None where it is no URL."""
    given = text.strip()
    try:
        parts = urlsplit(given if "://" in given else f"//{given}")
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname:
        return None
    host = parts.hostname if port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f"{parts.hostname}:{port}"
    return parts.scheme, host, parts.path.rstrip("/"), parts.query
