"""One calendar event as it is meant, and as an .ics file that says exactly that."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from smol_chat.errors import ToolError
from smol_chat.tools.mail_message import Recipient

_WORDS = {"daily": "DAILY", "weekly": "WEEKLY", "monthly": "MONTHLY", "yearly": "YEARLY"}
_RULE = {
    "FREQ": re.compile(r"DAILY|WEEKLY|MONTHLY|YEARLY"),
    "INTERVAL": re.compile(r"[1-9]\d{0,2}"),
    "COUNT": re.compile(r"[1-9]\d{0,2}"),
    "UNTIL": re.compile(r"\d{8}(?:T\d{6}Z?)?"),
    "BYDAY": re.compile(r"(?:[+-]?[1-5])?(?:MO|TU|WE|TH|FR|SA|SU)(?:,(?:[+-]?[1-5])?(?:MO|TU|WE|TH|FR|SA|SU)){0,6}"),
    "BYMONTHDAY": re.compile(r"-?(?:[1-9]|[12]\d|3[01])(?:,-?(?:[1-9]|[12]\d|3[01])){0,30}"),
    "BYMONTH": re.compile(r"(?:[1-9]|1[0-2])(?:,(?:[1-9]|1[0-2])){0,11}"),
}
_TEXT = 1000


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """An event; `start` and `end` are days (the end is the day after) or times with a zone."""

    title: str
    start: date
    end: date
    location: str = ""
    attendees: tuple[Recipient, ...] = ()
    names: tuple[str, ...] = ()
    """People without an address."""
    reminder_minutes: int | None = None
    recurrence: str = ""


def read_rule(text: str, zone: ZoneInfo | None) -> str:
    """Return a recurrence rule: `weekly`, or an RRULE of the parts that calendars agree on.

    Raises:
        ToolError: `invalid_arguments`.
    """
    plain = text.strip()
    if plain.lower() in _WORDS:
        return f"FREQ={_WORDS[plain.lower()]}"
    wrong = ToolError(
        "invalid_arguments",
        f"{text[:100]!r} is no recurrence; write daily, weekly, monthly, yearly or a rule such as "
        "FREQ=WEEKLY;BYDAY=MO,WE;COUNT=10.",
    )
    parts: dict[str, str] = {}
    for part in plain.upper().removeprefix("RRULE:").split(";"):
        name, _, value = part.partition("=")
        if name in parts or name not in _RULE or not _RULE[name].fullmatch(value):
            raise wrong
        parts[name] = value
    if "FREQ" not in parts or ("COUNT" in parts and "UNTIL" in parts):
        raise wrong
    if "UNTIL" in parts:
        parts["UNTIL"] = _until(parts["UNTIL"], zone, wrong)
    return ";".join(f"{name}={value}" for name, value in parts.items())


def _until(text: str, zone: ZoneInfo | None, wrong: ToolError) -> str:
    """Return the end of a series in UTC, as it has to be written; a day counts to its end."""
    try:
        plain = text.removesuffix("Z")
        end = datetime.strptime(plain, "%Y%m%dT%H%M%S" if "T" in plain else "%Y%m%d")
    except ValueError:
        raise wrong from None
    end = end if "T" in plain else end + timedelta(hours=23, minutes=59, seconds=59)
    if text.endswith("Z"):
        aware = end.replace(tzinfo=timezone.utc)
    else:
        aware = (end.replace(tzinfo=zone) if zone else end).astimezone(timezone.utc)
    return f"{aware:%Y%m%dT%H%M%SZ}"


def written(event: PlannedEvent, uid: str) -> bytes:
    """Return the file.

    Raises:
        ToolError: it would say something else than what is meant.
    """
    from icalendar import Alarm, Calendar, Event, vCalAddress, vRecur, vText

    for what, text in (("title", event.title), ("location", event.location), *(("name", name) for name in event.names)):
        _refuse_controls(what, text)
    made = Event()
    made.add("uid", uid)
    made.add("dtstamp", datetime.now(timezone.utc))
    made.add("dtstart", event.start)
    made.add("dtend", event.end)
    made.add("summary", event.title)
    if event.location:
        made.add("location", event.location)
    if event.names:
        made.add("description", f"With {', '.join(event.names)}")
    for attendee in event.attendees:
        address = vCalAddress(f"mailto:{attendee.address}")
        if attendee.name:
            address.params["CN"] = vText(attendee.name.replace('"', "'"))
        address.params["SCHEDULE-AGENT"] = vText("NONE")  # a server that gets the event invites nobody (RFC 6638)
        made.add("attendee", address, encode=False)
    if event.recurrence:
        made.add("rrule", vRecur.from_ical(event.recurrence))
    if event.reminder_minutes is not None:
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", event.title)
        alarm.add("trigger", -timedelta(minutes=event.reminder_minutes))
        made.add_component(alarm)
    calendar = Calendar()
    calendar.add("prodid", "-//smol-chat//EN")
    calendar.add("version", "2.0")
    calendar.add_component(made)
    calendar.add_missing_timezones()
    data = bytes(calendar.to_ical())
    _check(data, event, uid)
    return data


def _check(data: bytes, event: PlannedEvent, uid: str) -> None:
    """Read the file as another program would: it must hold this one event and nothing else."""
    from icalendar import Calendar

    read = Calendar.from_ical(data)
    events = read.walk("VEVENT")
    kinds = sorted(part.name or "" for part in read.walk() if part.name not in ("VTIMEZONE", "STANDARD", "DAYLIGHT"))
    reminders = event.reminder_minutes is not None
    meant = ["VALARM"] * reminders + ["VCALENDAR", "VEVENT"]
    said = events[0] if events else read
    names = {"UID", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY"}
    names |= {"LOCATION"} if event.location else set()
    names |= {"DESCRIPTION"} if event.names else set()
    names |= {"ATTENDEE"} if event.attendees else set()
    names |= {"RRULE"} if event.recurrence else set()
    same = (
        kinds == meant
        and set(said.keys()) == names
        and (str(said["SUMMARY"]), str(said["UID"])) == (event.title, uid)
        and str(said.get("LOCATION", "")) == event.location
        and _addresses(said) == [attendee.address for attendee in event.attendees]
    )
    if not same:
        raise ToolError("blocked", "The event would not be what it seems; write its texts plainly.")


def _addresses(event: Any) -> list[str]:  # noqa: ANN401  # icalendar's component
    found: Sequence[object] | object = event.get("ATTENDEE", [])
    return [str(each).removeprefix("mailto:") for each in (found if isinstance(found, list) else [found])]


def _refuse_controls(what: str, text: str) -> None:
    if len(text) > _TEXT:
        raise ToolError("invalid_arguments", f"The {what} may have at most {_TEXT:,} characters.")
    if any(unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") for sign in text):
        raise ToolError("invalid_arguments", f"The {what} may not hold line breaks or control characters.")
