"""String formats and patterns of JSON Schema, checked in bounded time whatever the schema says."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from datetime import date

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATE_TIME = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})[Tt ](?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d+)?)?"
    r"(?:[Zz]|[+-](?:[01]\d|2[0-3]):?[0-5]\d)?"
)
_EMAIL = re.compile(
    r"[^\s@<>,;:\"()\[\]\\\x00-\x1f\x7f]+@[^\s@<>,;:\"()\[\]\\\x00-\x1f\x7f.]+(?:\.[^\s@<>,;:\"()\[\]\\\x00-\x1f\x7f.]+)*"
)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`\x00-\x1f\x7f]+")

_LONGEST_PATTERN = 500
_MOST_STEPS = 10_000_000
"""Backtracking steps a pattern may take at worst; beyond, it is not checked here (the tool itself still can)."""

_ESCAPES_AND_CLASSES = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_REPEATED_GROUP = re.compile(r"\)(?:[*+]|\{)")
_REPEAT = re.compile(r"[*+]|\{\d*,?\d*\}")


def format_problem(name: str, text: str) -> str | None:
    """Return what `text` must be to have this format, None where it has it or the format is not one we check."""
    known = _FORMATS.get(name)
    if known is None:
        return None
    holds, expected = known
    return None if holds(text) else expected


def matches(pattern: str, text: str) -> bool | None:
    """Tell whether `pattern` is found in `text`; None where that cannot be told in bounded time."""
    if len(pattern) > _LONGEST_PATTERN or _worst_case(pattern, len(text)) > _MOST_STEPS:
        return None
    try:
        with warnings.catch_warnings():
            # Sets that another dialect reads differently are only warned about; here they are the schema's business.
            warnings.simplefilter("ignore")
            return re.search(pattern, text) is not None
    except (re.error, OverflowError, RecursionError):
        return None


def _worst_case(pattern: str, length: int) -> int:
    """Return an upper bound of the steps a backtracking search takes; a repeated group counts as unbounded."""
    plain = _ESCAPES_AND_CLASSES.sub("x", pattern)
    if _REPEATED_GROUP.search(plain) or re.search(r"\\\d|\(\?P=", pattern):
        return _MOST_STEPS + 1
    repeats = len(_REPEAT.findall(plain)) + (not plain.startswith("^"))
    optional = plain.count("?") - plain.count("(?") + plain.count("|")
    steps = 1
    for factor in [max(length, 2)] * repeats + [2] * optional:
        steps *= factor
        if steps > _MOST_STEPS:
            break
    return steps


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_date_time(text: str) -> bool:
    """Tell whether this is RFC 3339, of which seconds and offset may be missing as they are in local times."""
    match = _DATE_TIME.fullmatch(text)
    if match is None or not _is_date(match["date"]):
        return False
    # Second 60 is a leap second.
    return int(match["hour"]) <= 23 and int(match["minute"]) <= 59 and int(match["second"] or 0) <= 60


def _is_email(text: str) -> bool:
    return _EMAIL.fullmatch(text) is not None


def _is_uri(text: str) -> bool:
    return _URI.fullmatch(text) is not None


_FORMATS: dict[str, tuple[Callable[[str], bool], str]] = {
    "date": (_is_date, "a date like 2026-11-23"),
    "date-time": (_is_date_time, "a date and time like 2026-11-23T14:30:00+01:00"),
    "email": (_is_email, "one email address like ana@example.org"),
    "uri": (_is_uri, "a URI like https://example.org/path"),
}
