"""Real .ics files: zones, whole days, series, people, collisions, and nothing smuggled into a line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from smol_chat.messages import ToolResult
from smol_chat.tools import Effect, Preview, ToolWorkbench, preview_call
from smol_chat.tools.calendars import local_zone
from support.tool_context import call, failure, the_tool, workbench
from tool_impls.create_calendar_event import CalendarSettings

OSLO = ZoneInfo("Europe/Oslo")


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TZ", "Europe/Oslo")
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
async def bench(work: Path) -> AsyncIterator[ToolWorkbench]:
    async with workbench(work) as made:
        yield made


def calendar(work: Path) -> Path:
    return work.with_name("work-data") / "calendar"


def event(work: Path) -> Any:  # noqa: ANN401  # icalendar's component
    (path,) = calendar(work).glob("*.ics")
    (found,) = Calendar.from_ical(path.read_bytes()).walk("VEVENT")
    return found


async def add(bench: ToolWorkbench, **arguments: Any) -> ToolResult:  # noqa: ANN401  # a model's JSON
    return await call(bench, "create_calendar_event", **{"title": "Tea", "start": "2026-05-01T15:00", **arguments})


async def shown(bench: ToolWorkbench, **arguments: Any) -> Preview:  # noqa: ANN401  # a model's JSON
    given = {"title": "Tea", "start": "2026-05-01T15:00", **arguments}
    return await preview_call(the_tool("create_calendar_event"), given, bench)


def existing(work: Path, name: str, *lines: str) -> None:
    calendar(work).mkdir(parents=True, exist_ok=True)
    text = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", "BEGIN:VEVENT", f"UID:{name}", "DTSTAMP:20260101T000000Z"]
    (calendar(work) / f"{name}.ics").write_bytes(
        "\r\n".join([*text, *lines, "END:VEVENT", "END:VCALENDAR", ""]).encode()
    )


# --- what is written ------------------------------------------------------------------------------


async def test_an_event_is_a_private_file_named_by_its_uid(bench: ToolWorkbench, work: Path) -> None:
    result = await add(bench, title="../../Tea; with, \\Ana", location="Café, 1st floor")
    (path,) = calendar(work).iterdir()
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    made = event(work)
    assert path.name == f"{str(made['UID']).removesuffix('@smol-chat')}.ics"
    assert (str(made["SUMMARY"]), str(made["LOCATION"])) == ("../../Tea; with, \\Ana", "Café, 1st floor")
    assert made["DTSTART"].dt == datetime(2026, 5, 1, 15, tzinfo=OSLO)
    assert made["DTEND"].dt == datetime(2026, 5, 1, 16, tzinfo=OSLO)
    assert "Friday, 2026-05-01 15:00 to 16:00 (Europe/Oslo)" in result.content
    assert b"BEGIN:VTIMEZONE" in path.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "start", "end"),
    [
        ({"end": "2026-05-01T15:45"}, "2026-05-01T15:00+02:00", "2026-05-01T15:45+02:00"),
        ({"duration_minutes": 90}, "2026-05-01T15:00+02:00", "2026-05-01T16:30+02:00"),
        ({"start": "2026-05-01 15:00:30"}, "2026-05-01T15:00:30+02:00", "2026-05-01T16:00:30+02:00"),
        ({"start": "2026-01-01T15:00"}, "2026-01-01T15:00+01:00", "2026-01-01T16:00+01:00"),
        ({"start": "2026-05-01T15:00Z"}, "2026-05-01T17:00+02:00", "2026-05-01T18:00+02:00"),
        ({"start": "2026-05-01T15:00-04:00"}, "2026-05-01T21:00+02:00", "2026-05-01T22:00+02:00"),
        ({"timezone": "Asia/Tokyo"}, "2026-05-01T15:00+09:00", "2026-05-01T16:00+09:00"),
        ({"timezone": "america/new york"}, "2026-05-01T15:00-04:00", "2026-05-01T16:00-04:00"),
        # The night the clocks are put back: three hours on a watch are two on the wall.
        ({"start": "2026-10-25T01:30", "duration_minutes": 180}, "2026-10-25T01:30+02:00", "2026-10-25T03:30+01:00"),
        ({"start": "2026-10-25T01:30", "end": "2026-10-25T03:30"}, "2026-10-25T01:30+02:00", "2026-10-25T03:30+01:00"),
    ],
)
async def test_times_and_zones(
    bench: ToolWorkbench, work: Path, arguments: dict[str, Any], start: str, end: str
) -> None:
    result = await add(bench, **arguments)
    assert result.ok, result.content
    made = event(work)
    assert (made["DTSTART"].dt, made["DTEND"].dt) == (datetime.fromisoformat(start), datetime.fromisoformat(end))


async def test_whole_days_include_the_last_one(bench: ToolWorkbench, work: Path) -> None:
    result = await add(bench, start="2026-05-01", end="2026-05-03")
    made = event(work)
    assert (made["DTSTART"].dt, made["DTEND"].dt) == (date(2026, 5, 1), date(2026, 5, 4))
    assert "Fri 2026-05-01 to Sun 2026-05-03" in result.content


async def test_a_machine_whose_zone_has_no_name_writes_utc(
    bench: ToolWorkbench, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "CET-1")
    assert local_zone() is None
    assert (await add(bench, start="2026-05-01T15:00Z")).ok
    assert event(work)["DTSTART"].dt.isoformat() == "2026-05-01T15:00:00+00:00"


async def test_people_are_written_and_those_without_an_address_described(bench: ToolWorkbench, work: Path) -> None:
    book = work.with_name("work-data") / "address-book.toml"
    book.parent.mkdir()
    book.write_text('"Ana Berg" = "ana@example.org"\n')
    preview = await shown(bench, attendees=["Ana Berg", "bo@example.com", "Cy"])
    assert "with: Ana Berg <ana@example.org>" in preview.body
    assert "Nobody is invited by mail" in preview.body
    assert (await add(bench, attendees=["Ana Berg", "bo@example.com", "Cy"])).ok
    made = event(work)
    assert [str(each) for each in made["ATTENDEE"]] == ["mailto:ana@example.org", "mailto:bo@example.com"]
    assert made["ATTENDEE"][0].params["CN"] == "Ana Berg"
    assert str(made["DESCRIPTION"]) == "With Cy"
    assert "METHOD" not in made


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("weekly", "FREQ=WEEKLY"),
        ("RRULE:FREQ=WEEKLY;BYDAY=MO,WE;COUNT=10", "FREQ=WEEKLY;COUNT=10;BYDAY=MO,WE"),
        ("freq=monthly;byday=-1FR;interval=2", "FREQ=MONTHLY;INTERVAL=2;BYDAY=-1FR"),
        ("FREQ=DAILY;UNTIL=20260510", "FREQ=DAILY;UNTIL=20260510T215959Z"),
        ("FREQ=DAILY;UNTIL=20260510T120000Z", "FREQ=DAILY;UNTIL=20260510T120000Z"),
    ],
)
async def test_reminders_and_series(bench: ToolWorkbench, work: Path, text: str, rule: str) -> None:
    result = await add(bench, recurrence=text, reminder_minutes=15)
    assert result.ok, result.content
    made = event(work)
    assert made["RRULE"].to_ical().decode() == rule
    (alarm,) = made.walk("VALARM")
    assert alarm["TRIGGER"].dt == timedelta(minutes=-15)


async def test_the_settings_choose_folder_zone_and_length(work: Path, tmp_path: Path) -> None:
    own = CalendarSettings(folder=str(tmp_path / "mine"), timezone="Asia/Tokyo", duration_minutes=30)
    async with workbench(work, settings={CalendarSettings: own}) as bench:
        result = await add(bench)
    (path,) = (tmp_path / "mine").glob("*.ics")
    assert str(path) in result.content
    assert b"DTEND;TZID=Asia/Tokyo:20260501T153000" in path.read_bytes()


def test_it_changes_something() -> None:
    assert the_tool("create_calendar_event").effect is Effect.WRITE


# --- collisions -----------------------------------------------------------------------------------


async def test_what_it_collides_with_is_shown_and_nothing_written(bench: ToolWorkbench, work: Path) -> None:
    existing(work, "a", "SUMMARY:Lunch", "DTSTART:20260501T123000Z", "DTEND:20260501T133000Z")
    existing(work, "b", "SUMMARY:Over by then", "DTSTART:20260501T120000Z", "DTEND:20260501T130000Z")
    existing(work, "c", "SUMMARY:Begins after", "DTSTART:20260501T140000Z", "DURATION:PT1H")
    existing(work, "d", "SUMMARY:Free", "DTSTART:20260501T123000Z", "DURATION:PT1H", "TRANSP:TRANSPARENT")
    existing(work, "e", "SUMMARY:Off", "DTSTART:20260501T123000Z", "DURATION:PT1H", "STATUS:CANCELLED")
    existing(work, "f", "SUMMARY:Fair", "DTSTART;VALUE=DATE:20260430", "DTEND;VALUE=DATE:20260502")
    before = sorted(calendar(work).iterdir())
    preview = await shown(bench)
    assert preview.summary == f"Add an event to {calendar(work)}. It collides with 2 of your events."
    assert [line for line in preview.body.splitlines() if line.startswith("!")] == [
        "! collides with Fair, Thu 2026-04-30 00:00 to Sat 2026-05-02 00:00",
        "! collides with Lunch, Friday, 2026-05-01 14:30 to 15:30",
    ]
    assert sorted(calendar(work).iterdir()) == before


@pytest.mark.parametrize(
    ("lines", "collides"),
    [
        (["DTSTART;TZID=Europe/Oslo:20250103T150000", "RRULE:FREQ=WEEKLY;BYDAY=FR"], True),
        (["DTSTART;TZID=Europe/Oslo:20250102T150000", "RRULE:FREQ=WEEKLY;BYDAY=TH"], False),
        (["DTSTART:20260101T130000Z", "RRULE:FREQ=MONTHLY"], True),
        (["DTSTART:20260101T130000Z", "RRULE:FREQ=MONTHLY;UNTIL=20260430T000000Z"], False),
        (["DTSTART:20260101T130000Z", "RRULE:FREQ=MONTHLY;COUNT=5"], True),
        (["DTSTART:20260101T130000Z", "RRULE:FREQ=MONTHLY;COUNT=4"], False),
        (["DTSTART:20260101T130000Z", "RRULE:FREQ=MONTHLY", "EXDATE:20260501T130000Z"], False),
        (["DTSTART:20260401T130000Z", "RRULE:FREQ=DAILY;INTERVAL=2"], True),
        (["DTSTART:20260402T130000Z", "RRULE:FREQ=DAILY;INTERVAL=2"], False),
        (["DTSTART;VALUE=DATE:20200501", "RRULE:FREQ=YEARLY"], True),
    ],
)
async def test_series_are_followed(bench: ToolWorkbench, work: Path, lines: list[str], collides: bool) -> None:
    existing(work, "s", "SUMMARY:Again", "DURATION:PT30M" if "VALUE=DATE" not in lines[0] else "CLASS:PUBLIC", *lines)
    preview = await shown(bench)
    assert ("! collides with Again" in preview.body) is collides, preview.body
    assert "could not be read" not in preview.body


async def test_files_that_cannot_be_read_are_counted_and_cost_nothing_else(bench: ToolWorkbench, work: Path) -> None:
    existing(work, "a", "SUMMARY:Lunch", "DTSTART:20260501T123000Z", "DTEND:20260501T133000Z")
    existing(work, "bomb", "SUMMARY:x", "DTSTART:20000101T000000Z", "RRULE:FREQ=SECONDLY")
    existing(work, "old", "SUMMARY:x", "DTSTART:00010101T000000Z", "RRULE:FREQ=DAILY")
    existing(work, "never", "SUMMARY:x", "DTSTART:20200101T000000Z", "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30")
    (calendar(work) / "binary.ics").write_bytes(bytes(range(256)) * 10)
    (calendar(work) / "large.ics").write_bytes(b"x" * (1024 * 1024 + 1))
    (calendar(work) / "folder.ics").mkdir()
    preview = await shown(bench)
    assert "collides with Lunch" in preview.body
    assert "5 calendar files could not be read" in preview.body
    assert (await add(bench)).ok


# --- what is refused ------------------------------------------------------------------------------

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"start": "tomorrow"}, "is no time"),
    ({"start": ""}, "is no time"),
    ({"start": "2026-13-01T10:00"}, "is no time"),
    ({"start": "2026-05-01T25:00"}, "is no time"),
    ({"start": "20260501T150000\r\nRRULE:FREQ=DAILY"}, "is no time"),
    ({"start": "1066-10-14T09:00"}, "the year must be"),
    ({"start": "9999-12-31"}, "the year must be"),
    ({"start": "2026-03-29T02:30"}, "does not exist in Europe/Oslo"),
    ({"end": "2026-05-01T14:00"}, "end before it begins"),
    ({"end": "2026-05-01T15:00"}, "end before it begins"),
    ({"end": "2026-05-01"}, "needs a time"),
    ({"end": "2026-05-01T17:00", "duration_minutes": 30}, "contradict"),
    ({"duration_minutes": 0}, "duration_minutes must be"),
    ({"duration_minutes": 10**9}, "duration_minutes must be"),
    ({"start": "2026-05-01", "duration_minutes": 30}, "whole day ends with a day"),
    ({"start": "2026-05-02", "end": "2026-05-01"}, "end before it begins"),
    ({"timezone": "Mars/Base"}, "No time zone is known"),
    ({"timezone": "../../etc/passwd"}, "No time zone is known"),
    ({"timezone": "Europe/Olso"}, "Did you mean Europe/Oslo"),
    ({"reminder_minutes": -1}, "reminder_minutes"),
    ({"reminder_minutes": 10**9}, "reminder_minutes"),
    ({"title": "  "}, "a title"),
    ({"title": "Tea\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nSUMMARY:Evil"}, "line breaks"),
    ({"title": "Tea\nATTENDEE:mailto:evil@example.com"}, "line breaks"),
    ({"title": "Tea\rX"}, "line breaks"),
    ({"title": "Tea\u2028X"}, "line breaks"),
    ({"title": "Tea\x00"}, "line breaks"),
    ({"title": "Tea\ud800"}, "line breaks"),
    ({"title": "x" * 1001}, "at most 1,000"),
    ({"location": "here\r\nBEGIN:VALARM"}, "line breaks"),
    ({"attendees": ["Cy\r\nX-EVIL:1"]}, "line breaks"),
    ({"attendees": ["a@example.org\r\nX-EVIL:1"]}, "no mail address"),
    ({"attendees": ["a@b"]}, "no mail address"),
    ({"attendees": ['"boss@example.org" <evil@example.com>']}, "looks like another address"),
    ({"attendees": [f"a{number}" for number in range(101)]}, "at most 100"),
    ({"recurrence": "sometimes"}, "is no recurrence"),
    ({"recurrence": "FREQ=SECONDLY"}, "is no recurrence"),
    ({"recurrence": "FREQ=DAILY;COUNT=5000"}, "is no recurrence"),
    ({"recurrence": "FREQ=DAILY;COUNT=5;UNTIL=20270101"}, "is no recurrence"),
    ({"recurrence": "FREQ=DAILY;FREQ=WEEKLY"}, "is no recurrence"),
    ({"recurrence": "COUNT=5"}, "is no recurrence"),
    ({"recurrence": "FREQ=DAILY;UNTIL=20269999"}, "is no recurrence"),
    ({"recurrence": "FREQ=DAILY\r\nX-EVIL:1"}, "is no recurrence"),
    ({"recurrence": "FREQ=DAILY;X=1"}, "is no recurrence"),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
async def test_what_cannot_be_is_refused_and_nothing_written(number: int, bench: ToolWorkbench, work: Path) -> None:
    arguments, part = WRONG[number]
    kind, message = failure(await add(bench, **arguments))
    assert kind in ("invalid_arguments", "not_found", "limit")
    assert part in message
    assert "\n" not in message
    assert (await shown(bench, **arguments)).summary == f"This call would fail: {message}"
    assert not calendar(work).exists()


@pytest.mark.parametrize(
    "title",
    [
        "a;b,c:d",
        'say "hi"',
        "BEGIN:VEVENT",
        "\\n\\nEND:VEVENT",
        "\\",
        "ATTENDEE;CN=x:mailto:y@example.com",
        "日本" * 100,
    ],
)
async def test_odd_texts_stay_texts(bench: ToolWorkbench, work: Path, title: str) -> None:
    assert (await add(bench, title=title, location=title, attendees=[title] if "@" not in title else [])).ok
    made = event(work)
    assert (str(made["SUMMARY"]), str(made["LOCATION"])) == (title, title)
    assert "ATTENDEE" not in made


async def test_a_folder_that_cannot_be_written_is_one_sentence(work: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = {CalendarSettings: CalendarSettings(folder=str(tmp_path / "file"))}
    async with workbench(work, settings=settings) as bench:
        kind, message = failure(await add(bench))
    assert (kind, "could not be written" in message) == ("failed", True)
