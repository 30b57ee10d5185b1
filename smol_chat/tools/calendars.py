"""The user's calendar as a folder of .ics files: what is in it, and one more event."""

from __future__ import annotations

import itertools
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from smol_chat.tools.private_files import save_new

_MAX_FILES = 2000
_MAX_BYTES = 1024 * 1024
_MAX_SECONDS = 3.0
"""Longest look at the calendar."""
_MAX_AGE = timedelta(days=60 * 366)
"""A series that began before that is not followed."""
_SERIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_PARTS = ("INTERVAL", "BYDAY", "BYMONTHDAY", "BYMONTH", "WKST")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Busy:
    """A time that is taken; both ends in UTC."""

    title: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Schedule:
    """What was found; `unread` files could not be looked at."""

    taken: list[Busy]
    unread: int = 0


class CalendarFolder:
    """A folder of .ics files, ours and other programs'."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def between(self, start: datetime, end: datetime) -> Schedule:
        """Return what overlaps a time; a file that cannot be read is counted."""
        from smol_chat.tools.context import run_in_thread

        return await run_in_thread(_schedule, self.folder, start, end)

    async def save(self, name: str, data: bytes) -> Path:
        """Write a new event.

        Raises:
            ToolError: that cannot be done.
        """
        from smol_chat.tools.context import run_in_thread

        return await run_in_thread(save_new, self.folder, name, data)


def local_zone() -> ZoneInfo | None:
    """Return this machine's time zone by its name, None where it has none."""
    named = os.environ.get("TZ", "").lstrip(":")
    if not named:
        path = os.path.realpath("/etc/localtime")
        named = path.partition("zoneinfo/")[2]
    try:
        return ZoneInfo(named) if named else None
    except (KeyError, ValueError, OSError):
        return None


def here(value: date) -> datetime:
    """Return a day as its beginning and a time without a zone as a time on this machine's clock."""
    value = _midnight(value)
    return value if value.tzinfo else value.replace(tzinfo=local_zone())


def _schedule(folder: Path, start: datetime, end: datetime) -> Schedule:
    deadline = time.monotonic() + _MAX_SECONDS
    taken: list[Busy] = []
    unread = 0
    try:
        found = sorted(folder.glob("*.ics"))
    except OSError:
        found = []
    for index, path in enumerate(found):
        if index >= _MAX_FILES or time.monotonic() > deadline:
            unread += len(found) - index
            break
        try:
            taken += _busy(path, start, end)
        except Exception:  # the border to files of other programs: whatever is wrong with one costs only that one
            _log.warning("The calendar file %s could not be read", path, exc_info=True)
            unread += 1
    return Schedule(sorted(taken, key=lambda busy: busy.start), unread)


def _busy(path: Path, start: datetime, end: datetime) -> Iterator[Busy]:
    if not path.is_file() or path.stat().st_size > _MAX_BYTES:
        raise ValueError("no file, or too large")
    yield from busy_times(path.read_bytes(), start, end)


def busy_times(calendar: bytes | str, start: datetime, end: datetime) -> Iterator[Busy]:
    """Yield the times that the events of a calendar take between two moments.

    Raises:
        ValueError, KeyError, TypeError and whatever else icalendar raises: the text is not what it should be.
    """
    from icalendar import Calendar

    for event in Calendar.from_ical(calendar).walk("VEVENT"):
        if str(event.get("STATUS", "")) == "CANCELLED" or str(event.get("TRANSP", "")) == "TRANSPARENT":
            continue
        first, length = _first(event)
        for begin in _occurrences(event, first, end):
            begins = _utc(begin)
            if begins < end and begins + length > start:
                yield Busy(str(event.get("SUMMARY", "")) or "(without a title)", begins, begins + length)


def _first(event: Any) -> tuple[datetime, timedelta]:  # noqa: ANN401  # icalendar's component
    """Return the first start as it is on the clock there, and the length."""
    started = event["DTSTART"].dt
    whole_day = not isinstance(started, datetime)
    ended = event["DTEND"].dt if "DTEND" in event else None
    if ended is not None:
        length = _utc(_midnight(ended)) - _utc(_midnight(started))
    elif "DURATION" in event:
        length = event["DURATION"].dt
    else:
        length = timedelta(days=1) if whole_day else timedelta()
    return _midnight(started), length


def _occurrences(event: Any, first: datetime, end: datetime) -> Iterator[datetime]:  # noqa: ANN401  # as above
    """Yield the starts of an event, or of a series up to `end`."""
    if "RRULE" not in event:
        yield first
        return
    from dateutil.rrule import rrulestr

    rule = event["RRULE"]
    rule = rule[0] if isinstance(rule, list) else rule
    frequency = str(rule.get("FREQ", [""])[0])
    if frequency not in _SERIES or datetime.now(timezone.utc) - _utc(first) > _MAX_AGE:
        raise ValueError("a series of a kind that is not followed")
    wall = first.replace(tzinfo=None)  # a series keeps its time on the clock when the offset changes
    last = end.astimezone(first.tzinfo).replace(tzinfo=None)
    for until in rule.get("UNTIL", []):
        until = _midnight(until)
        last = min(last, (until.astimezone(first.tzinfo) if until.tzinfo else until).replace(tzinfo=None))
    parts = [f"FREQ={frequency}", f"UNTIL={last:%Y%m%dT%H%M%S}"]
    parts += [f"{name}={','.join(map(str, rule[name]))}" for name in _PARTS if name in rule]
    series = rrulestr(";".join(parts), dtstart=wall)
    count = int(rule["COUNT"][0]) if "COUNT" in rule else None
    skipped = _skipped(event)
    for start in itertools.islice(series, count):
        if start not in skipped:
            yield start.replace(tzinfo=first.tzinfo)


def _skipped(event: Any) -> set[datetime]:  # noqa: ANN401  # as above
    lists = event.get("EXDATE", [])
    lists = lists if isinstance(lists, list) else [lists]
    return {_midnight(entry.dt).replace(tzinfo=None) for each in lists for entry in each.dts}


def _midnight(value: date) -> datetime:
    """Return a day as its beginning here, and a time as it is."""
    if isinstance(value, datetime):
        return value
    return datetime(value.year, value.month, value.day)


def _utc(value: datetime) -> datetime:
    """Return a time in UTC; one without a zone is a time here."""
    return here(value).astimezone(timezone.utc)
