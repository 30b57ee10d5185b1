"""Write an event into the calendar folder; what it collides with is shown before."""

from __future__ import annotations

import difflib
import uuid
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from smol_chat.tools import (
    Effect,
    JsonObject,
    Origin,
    Preview,
    Range,
    ToolContext,
    ToolError,
    ToolOutput,
    setting,
    tool,
)

if TYPE_CHECKING:
    from smol_chat.tools.caldav import CalDavCalendar
    from smol_chat.tools.calendars import Schedule
    from smol_chat.tools.event import PlannedEvent

_YEARS = range(1970, 2200)
_SHOWN = 10
_MAX_ATTENDEES = 100


@dataclass(frozen=True)
class CalendarSettings:
    """Where events are written."""

    folder: str = setting("", "Folder of .ics files; empty: calendar in the data folder.")
    timezone: str = setting("", 'Time zone of times without one, as in "Europe/Oslo"; empty: this machine\'s.')
    duration_minutes: int = setting(60, "Length of an event that names no end.", minimum=1, maximum=1440)
    caldav_url: str = setting(
        "",
        'Address of a calendar on a CalDAV server, which events are sent to instead: "https://…/calendars/me/home/".',
    )
    caldav_user: str = setting("", "Name to log in with there; empty: no login.")
    caldav_password_env: str = setting(
        "", "Name of the environment variable that holds the password; empty: the system's keyring."
    )


def _effect(arguments: JsonObject, settings: object) -> Effect:
    return Effect.SEND if isinstance(settings, CalendarSettings) and settings.caldav_url else Effect.WRITE


def _hosts(settings: CalendarSettings) -> Sequence[str]:
    return [urlsplit(settings.caldav_url).netloc.rpartition("@")[2]] if settings.caldav_url else []


@tool(
    effect=Effect.WRITE,
    effect_of=_effect,
    hosts=_hosts,
    settings=CalendarSettings,
    keywords="calendar event meeting appointment schedule remind reminder invite book plan",
)
async def create_calendar_event(
    title: str,
    start: str,
    end: str | None = None,
    duration_minutes: int | None = None,
    location: str | None = None,
    attendees: list[str] | None = None,
    timezone: str | None = None,
    reminder_minutes: Annotated[int, Range(0, 40_320)] | None = None,
    recurrence: Annotated[str | None, "weekly, or an RRULE"] = None,
    *,
    ctx: ToolContext,
) -> ToolOutput:
    """Add an event to the calendar. Times are ISO 8601 local times."""
    from smol_chat.tools.calendars import here
    from smol_chat.tools.event import written

    planned = await _planned(
        ctx, title, start, end, duration_minutes, location, attendees, timezone, reminder_minutes, recurrence
    )
    name = uuid.uuid4().hex
    event = written(planned, f"{name}@smol-chat")
    data: JsonObject = {"start": planned.start.isoformat(), "end": planned.end.isoformat()}
    server = _server(ctx)
    if server is None:
        path = await ctx.calendar(_folder(ctx)).save(f"{name}.ics", event)
        return ToolOutput(f"Added {planned.title!r}, {_when(planned)}, as {path}.", data={"file": str(path), **data})
    url = await server.save(f"{name}.ics", event)
    lines = [f"Added {planned.title!r}, {_when(planned)}, to the calendar at {server.host}."]
    try:
        schedule = await server.between(_utc(planned.start), _utc(planned.end), but=url)
        lines += _collisions(schedule, here(planned.start).tzinfo)
    except ToolError as error:  # the event is there all the same
        lines.append(f"What it collides with is not known: {error.message}")
    return ToolOutput("\n".join(lines), data={"url": url, **data}, origin=Origin.WEB)


@create_calendar_event.preview
async def _preview(
    title: str,
    start: str,
    end: str | None = None,
    duration_minutes: int | None = None,
    location: str | None = None,
    attendees: list[str] | None = None,
    timezone: str | None = None,
    reminder_minutes: int | None = None,
    recurrence: str | None = None,
    *,
    ctx: ToolContext,
) -> Preview:
    from smol_chat.tools.calendars import here
    from smol_chat.tools.event import written

    planned = await _planned(
        ctx, title, start, end, duration_minutes, location, attendees, timezone, reminder_minutes, recurrence
    )
    written(planned, "preview@smol-chat")
    lines = [planned.title, _when(planned)]
    lines += [f"where: {planned.location}"] if planned.location else []
    lines += [f"with: {person}" for person in (*map(str, planned.attendees), *planned.names)]
    lines += ["Nobody is invited by mail; the names are only written down."] if attendees else []
    lines += [f"reminder {reminder_minutes} minutes before"] if reminder_minutes is not None else []
    lines += [f"repeats: {planned.recurrence} (collisions are looked for at the first time only)"] if recurrence else []
    server = _server(ctx)
    if server is not None:  # it is not asked before the person allows it
        await server.check()
        told = "it is asked for collisions only then."
        return Preview(f"Send an event to the calendar at {server.host}; {told}", "\n".join(lines))
    calendar = ctx.calendar(_folder(ctx))
    schedule = await calendar.between(_utc(planned.start), _utc(planned.end))
    lines += _collisions(schedule, here(planned.start).tzinfo)
    busy = f" It collides with {len(schedule.taken)} of your events." if schedule.taken else ""
    return Preview(f"Add an event to {calendar.folder}.{busy}", "\n".join(lines))


def _collisions(schedule: Schedule, zone: tzinfo | None) -> list[str]:
    lines = [
        f"! collides with {busy.title}, {_span(busy.start.astimezone(zone), busy.end.astimezone(zone))}"
        for busy in schedule.taken[:_SHOWN]
    ]
    if len(schedule.taken) > _SHOWN:
        lines.append(f"! and {len(schedule.taken) - _SHOWN} more")
    if schedule.unread:
        lines.append(f"{schedule.unread} calendar files could not be read and were not looked at.")
    return lines


def _server(ctx: ToolContext) -> CalDavCalendar | None:
    """Return the calendar on a server, None where events are files here."""
    from smol_chat.tools.caldav import CalDavAccount

    own = ctx.settings(CalendarSettings)
    if not own.caldav_url:
        return None
    return ctx.caldav(CalDavAccount(own.caldav_url, own.caldav_user, own.caldav_password_env))


def _folder(ctx: ToolContext) -> str:
    return ctx.settings(CalendarSettings).folder


# --- what is meant --------------------------------------------------------------------------------


async def _planned(
    ctx: ToolContext,
    title: str,
    start: str,
    end: str | None,
    minutes: int | None,
    location: str | None,
    attendees: list[str] | None,
    timezone: str | None,
    reminder: int | None,
    recurrence: str | None,
) -> PlannedEvent:
    from smol_chat.tools.event import PlannedEvent, read_rule

    if not title.strip():
        raise ToolError("invalid_arguments", "Give the event a title.")
    zone = _zone(timezone or ctx.settings(CalendarSettings).timezone)
    begins, ends = _times(start, end, minutes, zone, ctx.settings(CalendarSettings).duration_minutes)
    planned = PlannedEvent(title.strip(), begins, ends, (location or "").strip(), reminder_minutes=reminder)
    if recurrence:
        planned = replace(planned, recurrence=read_rule(recurrence, zone))
    return await _with(planned, attendees or [], ctx)


async def _with(planned: PlannedEvent, attendees: list[str], ctx: ToolContext) -> PlannedEvent:
    """Add the people: by their address where they have one, else by name."""
    from smol_chat.tools.mail_message import Recipient, read_recipients

    if len(attendees) > _MAX_ATTENDEES:
        raise ToolError("limit", f"An event may have at most {_MAX_ATTENDEES} attendees.")
    book = await ctx.mail.address_book() if attendees else None
    found: list[Recipient] = []
    names: list[str] = []
    for person in attendees:
        if book is not None and ("@" in person or book.find(person) is not None):
            found += read_recipients(person, book)
        elif person.strip():
            names.append(person.strip())
    return replace(planned, attendees=tuple(dict.fromkeys(found)), names=tuple(dict.fromkeys(names)))


def _times(
    start: str, end: str | None, minutes: int | None, zone: zoneinfo.ZoneInfo | None, usual: int
) -> tuple[date, date]:
    """Return the beginning and the end: days where the start is a day, else times with a zone."""
    if minutes is not None and not 1 <= minutes <= 366 * 1440:
        raise ToolError("invalid_arguments", "duration_minutes must be from 1 to 527040.")
    begins = _time(start, zone, "start")
    if not isinstance(begins, datetime):
        last = _time(end, zone, "end") if end else begins
        if minutes is not None or isinstance(last, datetime):
            raise ToolError(
                "invalid_arguments", "A whole day ends with a day: give `end` as a date, or `start` a time."
            )
        ends: date = last + timedelta(days=1)  # the file names the day after the last
    else:
        ends = begins + timedelta(minutes=minutes or usual) if not zone else _later(begins, minutes or usual)
        if end:
            given = _time(end, zone, "end")
            if not isinstance(given, datetime):
                raise ToolError("invalid_arguments", "`end` needs a time, as `start` has one.")
            if minutes is not None and given != ends:
                raise ToolError("invalid_arguments", "`end` and duration_minutes contradict each other; give one.")
            ends = given
    if _utc(ends) <= _utc(begins):
        raise ToolError("invalid_arguments", "The event would end before it begins.")
    return begins, ends


def _later(begins: datetime, minutes: int) -> datetime:
    """Add minutes as a watch counts them, whatever clocks do meanwhile."""
    return (begins.astimezone(timezone.utc) + timedelta(minutes=minutes)).astimezone(begins.tzinfo)


def _time(text: str, zone: zoneinfo.ZoneInfo | None, what: str) -> date:
    plain = text.strip()
    plain = f"{plain[:-1]}+00:00" if plain[-1:] in ("Z", "z") else plain
    try:
        if len(plain) == 10:
            found: date = date.fromisoformat(plain)
        else:
            found = datetime.fromisoformat(plain)
    except ValueError:
        raise ToolError(
            "invalid_arguments", f"{what}: {text[:60]!r} is no time; write it as 2026-01-31T15:00, or 2026-01-31."
        ) from None
    if found.year not in _YEARS:
        raise ToolError("invalid_arguments", f"{what}: the year must be from 1970 to 2199.")
    return _in_zone(found, zone, what) if isinstance(found, datetime) else found


def _in_zone(found: datetime, zone: zoneinfo.ZoneInfo | None, what: str) -> datetime:
    if zone is None:  # this machine's zone has no name that a file could give: UTC is right everywhere
        return found.astimezone(timezone.utc)
    if found.tzinfo is not None:
        return found.astimezone(zone)
    aware = found.replace(tzinfo=zone)
    if aware.astimezone(timezone.utc).astimezone(zone).replace(tzinfo=None) != found:
        raise ToolError(
            "invalid_arguments", f"{what}: {found:%Y-%m-%d %H:%M} does not exist in {zone.key}: clocks are put forward."
        )
    return aware


def _zone(name: str) -> zoneinfo.ZoneInfo | None:
    from smol_chat.tools.calendars import local_zone

    if not name:
        return local_zone()
    known = zoneinfo.available_timezones()
    wanted = next((zone for zone in known if zone.casefold() == name.strip().replace(" ", "_").casefold()), None)
    if wanted is None:
        near = difflib.get_close_matches(name, known, n=2)
        hint = f" Did you mean {' or '.join(near)}?" if near else ' Use a name such as "Europe/Oslo".'
        raise ToolError("not_found", f"No time zone is known as {name[:60]!r}.{hint}")
    return zoneinfo.ZoneInfo(wanted)


def _utc(value: date) -> datetime:
    from smol_chat.tools.calendars import here

    return here(value).astimezone(timezone.utc)


def _when(planned: PlannedEvent) -> str:
    start, end = planned.start, planned.end
    if isinstance(start, datetime) and isinstance(end, datetime):
        return f"{_span(start, end)} ({start.tzinfo})"
    last = end - timedelta(days=1)
    return f"{start:%A, %Y-%m-%d}, whole day" if last == start else f"{start:%a %Y-%m-%d} to {last:%a %Y-%m-%d}"


def _span(start: datetime, end: datetime) -> str:
    if start.date() == end.date():
        return f"{start:%A, %Y-%m-%d %H:%M} to {end:%H:%M}"
    return f"{start:%a %Y-%m-%d %H:%M} to {end:%a %Y-%m-%d %H:%M}"
