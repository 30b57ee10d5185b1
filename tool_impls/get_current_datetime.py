"""Tell the date and time, here or in a named time zone."""

from __future__ import annotations

import difflib
import re
import zoneinfo
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Annotated

from smol_chat.tools import Effect, JsonObject, ToolContext, ToolError, ToolOutput, tool

_PLACES = {
    "abu dhabi": "Asia/Dubai", "ankara": "Europe/Istanbul", "atlanta": "America/New_York", "austin": "America/Chicago",
    "bangalore": "Asia/Kolkata", "barcelona": "Europe/Madrid", "beijing": "Asia/Shanghai", "bengaluru": "Asia/Kolkata",
    "boston": "America/New_York", "brasilia": "America/Sao_Paulo", "california": "America/Los_Angeles",
    "cape town": "Africa/Johannesburg", "chennai": "Asia/Kolkata", "china": "Asia/Shanghai",
    "cologne": "Europe/Berlin", "dallas": "America/Chicago", "delhi": "Asia/Kolkata", "england": "Europe/London",
    "florence": "Europe/Rome", "france": "Europe/Paris", "frankfurt": "Europe/Berlin", "geneva": "Europe/Zurich",
    "germany": "Europe/Berlin", "glasgow": "Europe/London", "hamburg": "Europe/Berlin", "hanoi": "Asia/Ho_Chi_Minh",
    "houston": "America/Chicago", "hyderabad": "Asia/Kolkata", "india": "Asia/Kolkata", "italy": "Europe/Rome",
    "kyoto": "Asia/Tokyo", "las vegas": "America/Los_Angeles", "miami": "America/New_York", "milan": "Europe/Rome",
    "montreal": "America/Toronto", "mumbai": "Asia/Kolkata", "munich": "Europe/Berlin", "new delhi": "Asia/Kolkata",
    "netherlands": "Europe/Amsterdam", "osaka": "Asia/Tokyo", "ottawa": "America/Toronto",
    "philadelphia": "America/New_York", "rio de janeiro": "America/Sao_Paulo", "san diego": "America/Los_Angeles",
    "san francisco": "America/Los_Angeles", "seattle": "America/Los_Angeles", "shenzhen": "Asia/Shanghai",
    "spain": "Europe/Madrid", "st petersburg": "Europe/Moscow", "sweden": "Europe/Stockholm",
    "switzerland": "Europe/Zurich", "tel aviv": "Asia/Jerusalem", "texas": "America/Chicago", "uk": "Europe/London",
    "washington": "America/New_York", "washington dc": "America/New_York", "wellington": "Pacific/Auckland",
    "z": "UTC", "pst": "America/Los_Angeles", "pdt": "America/Los_Angeles", "pt": "America/Los_Angeles",
    "mdt": "America/Denver", "mt": "America/Denver", "cst": "America/Chicago", "cdt": "America/Chicago",
    "ct": "America/Chicago", "edt": "America/New_York", "et": "America/New_York", "est": "America/New_York",
    "mst": "America/Denver", "bst": "Europe/London", "cest": "Europe/Berlin", "eest": "Europe/Helsinki",
    "ist": "Asia/Kolkata", "jst": "Asia/Tokyo", "kst": "Asia/Seoul", "aest": "Australia/Sydney",
    "aedt": "Australia/Sydney", "nzst": "Pacific/Auckland", "nzdt": "Pacific/Auckland", "msk": "Europe/Moscow",
}  # fmt: skip
"""What people say that is no name of a zone."""

_LONGEST, _SHOWN = 200, 60
_OFFSET = re.compile(r"(?:utc|gmt)?\s*([+-])\s*(\d{1,2})(?::?(\d{2}))?")


@tool(effect=Effect.PURE, keywords="time date today now day clock week weekday hour tomorrow timezone zone")
async def get_current_datetime(
    timezone: Annotated[str | None, 'City, IANA zone or offset such as "UTC+2"; local time if absent'] = None,
    *,
    ctx: ToolContext,
) -> ToolOutput:
    """Current date and time, optionally in a named time zone."""
    zone = _zone(timezone) if timezone and timezone.strip().lower() not in ("local", "here") else None
    now = datetime.now(zone) if zone else datetime.now().astimezone()
    name = str(zone) if isinstance(zone, zoneinfo.ZoneInfo) else (now.tzname() or "local time")
    offset = now.strftime("%z")
    offset = f"UTC{offset[:3]}:{offset[3:5]}"
    label = offset if name.startswith("UTC+") or name.startswith("UTC-") else f"{name}, {offset}"
    week = now.isocalendar()[1]
    iso = now.isoformat(timespec="seconds")
    content = f"{now:%A}, {now.day} {now:%B %Y}, {now:%H:%M:%S} ({label})\n{iso}, week {week}"
    data: JsonObject = {"iso": iso, "timezone": name, "weekday": f"{now:%A}", "week": week}
    return ToolOutput(content, data=data)


def _zone(text: str) -> tzinfo:
    if len(text) > _LONGEST:  # no place has such a name, and looking for one like it would take long
        raise ToolError("invalid_arguments", f"{text[:_SHOWN]!r}… is too long for a time zone.")
    wanted = " ".join(text.replace("_", " ").replace(".", "").split()).casefold()
    offset = _OFFSET.fullmatch(wanted)
    if offset:
        return _fixed(text, *offset.groups())
    names = _names()
    # "Tokyo, Japan" and "Paris time" name a place too.
    for part in (wanted, wanted.partition(",")[0].strip(), wanted.removesuffix(" time").strip()):
        name = _PLACES.get(part) or names.get(part)
        if name:
            return zoneinfo.ZoneInfo(name)
    near = [names[found] for found in difflib.get_close_matches(wanted, names, n=3, cutoff=0.7)]
    hint = f" Did you mean {', '.join(dict.fromkeys(near))}?" if near else ' Use a name such as "Europe/Oslo".'
    raise ToolError("not_found", f"No time zone is known as {text[:_SHOWN]!r}.{hint}")


def _fixed(text: str, sign: str, hours: str, minutes: str | None) -> tzinfo:
    offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
    if offset > timedelta(hours=14):
        raise ToolError("invalid_arguments", f"{text[:_SHOWN]!r} is no time zone: offsets go from -14 to +14 hours.")
    return timezone(-offset if sign == "-" else offset)


def _names() -> dict[str, str]:
    """Return every zone by what it may be called: its whole name, and its city."""
    names: dict[str, str] = {}
    # A city in several regions ("Indiana/Knox", "Etc/...") belongs to the shortest name.
    for name in sorted(zoneinfo.available_timezones(), key=lambda name: (name.startswith("Etc/"), len(name), name)):
        spoken = name.replace("_", " ").casefold()
        names.setdefault(spoken, name)
        names.setdefault(spoken.rpartition("/")[2], name)
    return names
