"""Events sent to a real CalDAV server on loopback, and how that fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import icalendar
import pytest

from smol_chat.messages import Origin, ToolResult
from smol_chat.tools import Effect, preview_call
from smol_chat.tools.egress import OFFLINE, Egress, Ledger
from support.caldav_server import PASSWORD, USER, calendar_server
from support.http_servers import Reply, serve
from support.tool_context import Names, call, failure, the_tool, workbench
from tool_impls.create_calendar_event import CalendarSettings

EVENT = {"title": "Tea", "start": "2026-05-01T15:00", "timezone": "Europe/Oslo"}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CalendarSettings]:
    monkeypatch.setenv("CALENDAR_PASSWORD", PASSWORD)
    (tmp_path / "server").mkdir()
    with calendar_server(tmp_path / "server") as url:
        yield CalendarSettings(caldav_url=url, caldav_user=USER, caldav_password_env="CALENDAR_PASSWORD")


async def add(folder: Path, own: CalendarSettings, egress: Egress | None = None, **arguments: object) -> ToolResult:
    given = {CalendarSettings: own}
    async with workbench(folder, allow=("127.0.0.1",), settings=given, egress=egress) as bench:
        return await call(bench, "create_calendar_event", **{**EVENT, **arguments})


def stored(tmp_path: Path) -> list[str]:
    found = (tmp_path / "server").rglob("*.ics")
    return [path.read_text() for path in found if ".Radicale.cache" not in path.parts]


async def test_an_event_is_put_on_the_server_as_it_was_meant(tmp_path: Path, settings: CalendarSettings) -> None:
    ledger = Ledger(tmp_path / "egress.db")
    result = await add(tmp_path, settings, Egress(ledger), location="Here", recurrence="weekly", reminder_minutes=10)
    host = settings.caldav_url.split("/")[2]
    when = "Friday, 2026-05-01 15:00 to 16:00 (Europe/Oslo)"
    assert result.content == f"Added 'Tea', {when}, to the calendar at {host}."
    assert result.origin is Origin.WEB
    (text,) = stored(tmp_path)
    (event,) = icalendar.Calendar.from_ical(text).walk("VEVENT")
    assert (str(event["SUMMARY"]), str(event["LOCATION"])) == ("Tea", "Here")
    assert str(event.decoded("DTSTART")) == "2026-05-01 15:00:00+02:00"
    assert not list(tmp_path.with_name(f"{tmp_path.name}-data").glob("calendar/*")), "it is not kept here too"
    assert {made.state for made in ledger.read(10)} == {"closed"}
    ledger.close()


async def test_what_it_collides_with_is_told_once_it_is_there(tmp_path: Path, settings: CalendarSettings) -> None:
    await add(tmp_path, settings, title="Standing meeting", start="2026-04-03T15:30", recurrence="weekly")
    await add(tmp_path, settings, title="Another day", start="2026-05-02T15:00")
    result = await add(tmp_path, settings)
    assert result.content.splitlines()[1:] == ["! collides with Standing meeting, Friday, 2026-05-01 15:30 to 16:30"]
    assert len(stored(tmp_path)) == 3


async def test_the_server_is_told_to_invite_nobody(tmp_path: Path, settings: CalendarSettings) -> None:
    await add(tmp_path, settings, attendees=["ana@example.org"])
    assert "ATTENDEE;SCHEDULE-AGENT=NONE:mailto:ana@example.org" in stored(tmp_path)[0].replace("\r\n ", "")


async def test_the_card_says_where_it_goes_and_asks_nobody_before(tmp_path: Path, settings: CalendarSettings) -> None:
    names = Names()
    tool = the_tool("create_calendar_event")
    async with workbench(tmp_path, names=names, settings={CalendarSettings: settings}) as bench:
        shown = await preview_call(tool, {**EVENT}, bench)
    host = settings.caldav_url.split("/")[2]
    assert shown.summary == f"Send an event to the calendar at {host}; it is asked for collisions only then."
    assert shown.hosts == (host,)
    assert (names.asked, stored(tmp_path)) == ([], [])
    assert tool.effect_of({**EVENT}, settings) is Effect.SEND
    assert tool.effect_of({**EVENT}, CalendarSettings()) is Effect.WRITE


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"caldav_user": "other"}, "failed", "127.0.0.1 refused the login or this calendar (HTTP 401)."),
        ({"caldav_password_env": "NO_SUCH"}, "unavailable", "The environment variable 'NO_SUCH'"),
        ({"caldav_password_env": ""}, "unavailable", "There is no password for me: name an environment variable in"),
        ({"caldav_url": "http://calendar.test/me/"}, "blocked", "must begin with https://."),
        ({"caldav_url": "https://10.0.0.1/me/"}, "blocked", "is not on the public internet"),
        ({"caldav_url": "calendar"}, "blocked", "must begin with https://."),
    ],
)
async def test_each_way_to_fail_has_its_kind_and_leaves_nothing(
    change: dict[str, Any], kind: str, message: str, tmp_path: Path, settings: CalendarSettings
) -> None:
    result = await add(tmp_path, replace(settings, **change))
    assert failure(result)[0] == kind
    assert message in result.content
    assert PASSWORD not in result.content
    assert stored(tmp_path) == []


async def test_offline_nothing_is_sent(tmp_path: Path, settings: CalendarSettings) -> None:
    result = await add(tmp_path, settings, Egress(offline=True))
    assert failure(result) == ("blocked", OFFLINE)
    assert stored(tmp_path) == []


# --- servers that are none ------------------------------------------------------------------------

_BOMB = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "cccc"><!ENTITY d "&b;&b;">]><d:multistatus xmlns:d="DAV:"/>'


@pytest.mark.parametrize(
    "answer",
    [
        Reply(_BOMB, status=207),
        Reply(b"<d:multistatus", status=207),
        Reply(b"\xff\xfe<\0", status=207),
        Reply(b"<p>no calendar</p>", status=200),
        Reply(b"x" * 3_000_000, status=207),
    ],
    ids=["entities", "half", "another encoding", "a page", "too much"],
)
async def test_an_event_that_is_there_stays_there_whatever_the_server_says_next(answer: Reply, tmp_path: Path) -> None:
    async with serve(lambda request: Reply(status=201) if request.method == "PUT" else answer) as server:
        result = await add(tmp_path, CalendarSettings(caldav_url=f"{server.url}/me/"))
        put = server.requests[0]
    assert result.ok
    assert result.content.splitlines()[1].startswith("What it collides with is not known: ")
    assert (put.method, put.headers["if-none-match"]) == ("PUT", "*")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(200, "failed"), (302, "failed"), (412, "failed"), (404, "not_found"), (409, "not_found"), (503, "unavailable")],
)
async def test_only_a_server_that_says_so_has_the_event(status: int, kind: str, tmp_path: Path) -> None:
    async with serve(lambda request: Reply(status=status)) as server:
        result = await add(tmp_path, CalendarSettings(caldav_url=f"{server.url}/me/"))
        assert [request.method for request in server.requests] == ["PUT"]
    assert failure(result)[0] == kind
