"""One calendar on a CalDAV server (RFC 4791), reached by the guarded client."""

from __future__ import annotations

import base64
import ipaddress
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from xml.etree import ElementTree

from smol_chat.errors import ToolError
from smol_chat.tools.calendars import Busy, Schedule, busy_times
from smol_chat.tools.passwords import account_password

if TYPE_CHECKING:
    from smol_chat.tools.http_response import HttpResponse
    from smol_chat.tools.network import GuardedClient

_CALENDAR = "text/calendar; charset=utf-8"
_DATA = "{urn:ietf:params:xml:ns:caldav}calendar-data"
_MAX_BYTES = 2 * 1024 * 1024
_MARGIN = timedelta(days=1)
"""Asked for on both sides: servers read time zones in more than one way, and what overlaps is decided here."""
_BETWEEN = """<?xml version="1.0" encoding="utf-8"?>
<c:calendar-query xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav">
<d:prop><c:calendar-data/></d:prop>
<c:filter><c:comp-filter name="VCALENDAR"><c:comp-filter name="VEVENT">
<c:time-range start="{start:%Y%m%dT%H%M%SZ}" end="{end:%Y%m%dT%H%M%SZ}"/>
</c:comp-filter></c:comp-filter></c:filter>
</c:calendar-query>"""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CalDavAccount:
    """Where the calendar is, and as whom it is reached."""

    url: str
    """Of the calendar itself, which events are put beneath."""
    user: str = ""
    password_env: str = ""


class CalDavCalendar:
    """What one call can do with the calendar."""

    def __init__(self, account: CalDavAccount, http: GuardedClient) -> None:
        self._account = account
        self._http = http

    @property
    def host(self) -> str:
        """Host of the server, and its port where it is named.

        Raises:
            ToolError: the address cannot be used.
        """
        return self._http.host(self._account.url)

    async def check(self) -> None:
        """Refuse what could not be sent anyway; contacts nobody.

        Raises:
            ToolError: `blocked` (offline, or without encryption) or `unavailable` (no password).
        """
        self._http.require_online()
        await self._headers()

    async def save(self, name: str, data: bytes) -> str:
        """Put a new event there and return its address.

        Raises:
            ToolError: it is not there.
        """
        url = f"{self._account.url.rstrip('/')}/{name}"
        headers = await self._headers()
        headers |= {"content-type": _CALENDAR, "if-none-match": "*"}  # it never replaces one
        response = await self._http.request("PUT", url, headers=headers, content=data)
        if response.status not in (201, 204):
            self._refuse(response)
        return url

    async def between(self, start: datetime, end: datetime, *, but: str) -> Schedule:
        """Return what overlaps a time, without the event at the address `but`.

        Raises:
            ToolError: the server does not tell.
        """
        headers = await self._headers()
        headers |= {"content-type": "application/xml; charset=utf-8", "depth": "1"}
        around = start.astimezone(timezone.utc) - _MARGIN, end.astimezone(timezone.utc) + _MARGIN
        query = _BETWEEN.format(start=around[0], end=around[1])
        response = await self._http.request(
            "REPORT", self._account.url, headers=headers, content=query.encode(), max_bytes=_MAX_BYTES
        )
        if response.status != 207:
            self._refuse(response)
        taken: list[Busy] = []
        unread = 0
        for path, calendar in _calendars(response):
            if path.rpartition("/")[2] == but.rpartition("/")[2]:
                continue
            try:
                taken += busy_times(calendar, start, end)
            except Exception:  # the border to events of other programs: whatever is wrong with one costs only that one
                _log.warning("An event of %s could not be read", response.host, exc_info=True)
                unread += 1
        return Schedule(sorted(taken, key=lambda busy: busy.start), unread)

    async def _headers(self) -> dict[str, str]:
        from smol_chat.tools.context import run_in_thread

        account = self._account
        if urlsplit(account.url).scheme.lower() != "https" and not _is_here(account.url):
            raise ToolError(
                "blocked", "The calendar's address (tools.create_calendar_event.caldav_url) must begin with https://."
            )
        if not account.user:
            return {}
        setting = "tools.create_calendar_event.caldav_password_env"
        password = await run_in_thread(account_password, account.user, account.password_env, setting)
        token = base64.b64encode(f"{account.user}:{password}".encode()).decode("ascii")
        return {"authorization": f"Basic {token}"}

    def _refuse(self, response: HttpResponse) -> None:
        """Say why the server did not do it.

        Raises:
            ToolError: always.
        """
        if response.status in (401, 403):
            raise ToolError("failed", f"{response.host} refused the login or this calendar (HTTP {response.status}).")
        if response.status in (404, 405, 409, 410):
            raise ToolError(
                "not_found", f"There is no calendar at {self._account.url!r} (tools.create_calendar_event.caldav_url)."
            )
        response.require_success()
        raise ToolError("failed", f"{response.host} did not take it (HTTP {response.status}); is this a calendar?")


def _is_here(url: str) -> bool:
    """Tell whether the server is on this machine, where nothing needs to be encrypted."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _calendars(response: HttpResponse) -> Iterator[tuple[str, str]]:
    """Yield path and text of each event in the answer to a query.

    Raises:
        ToolError: `failed` where it is none.
    """
    wrong = ToolError("failed", f"{response.host} answered in a form that is not CalDAV's.")
    try:
        text = response.content.decode("utf-8")
        if "<!" in text.partition("<![CDATA[")[0]:  # a document type, whose entities can grow without end
            raise wrong
        answers = ElementTree.fromstring(text).findall("{DAV:}response")
    except (UnicodeDecodeError, ElementTree.ParseError, ValueError, RecursionError):
        raise wrong from None
    for answer in answers:
        for data in answer.iter(_DATA):
            yield answer.findtext("{DAV:}href") or "", data.text or ""
