from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, cast

import pytest

from support.tool_context import call, failure, workbench


async def ask(tmp_path: Path, **arguments: str) -> dict[str, Any]:
    async with workbench(tmp_path) as bench:
        result = await call(bench, "get_current_datetime", **arguments)
    data = cast("dict[str, Any]", result.data)
    assert data["iso"] in result.content
    assert data["weekday"] in result.content
    return data


async def test_it_tells_the_local_time_between_before_and_after(tmp_path: Path) -> None:
    before = datetime.now(timezone.utc).replace(microsecond=0)
    told = datetime.fromisoformat((await ask(tmp_path))["iso"])
    after = datetime.now(timezone.utc)
    assert before <= told <= after
    assert told.utcoffset() == datetime.now().astimezone().utcoffset()


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("Asia/Tokyo", "Asia/Tokyo"),
        ("asia/tokyo", "Asia/Tokyo"),
        ("Tokyo", "Asia/Tokyo"),
        ("new york", "America/New_York"),
        ("New_York", "America/New_York"),
        ("Paris, France", "Europe/Paris"),
        ("London time", "Europe/London"),
        ("San Francisco", "America/Los_Angeles"),
        ("Beijing", "Asia/Shanghai"),
        ("PST", "America/Los_Angeles"),
        ("UTC", "UTC"),
        ("Germany", "Europe/Berlin"),
    ],
)
async def test_zones_and_cities_are_found(text: str, zone: str, tmp_path: Path) -> None:
    assert (await ask(tmp_path, timezone=text))["timezone"] == zone


@pytest.mark.parametrize(
    ("text", "hours"), [("UTC+2", 2), ("GMT-5", -5), ("+05:30", 5.5), ("utc +0530", 5.5), ("-3", -3), ("UTC+14", 14)]
)
async def test_offsets_are_read(text: str, hours: float, tmp_path: Path) -> None:
    told = datetime.fromisoformat((await ask(tmp_path, timezone=text))["iso"])
    assert told.utcoffset() == timedelta(hours=hours)


async def test_a_zone_that_is_none_is_said_with_what_is_near(tmp_path: Path) -> None:
    async with workbench(tmp_path) as bench:
        near = failure(await call(bench, "get_current_datetime", timezone="Tokio"))
        far = failure(await call(bench, "get_current_datetime", timezone="qqqqqqqq"))
        wrong = failure(await call(bench, "get_current_datetime", timezone="UTC+99"))
    assert near == ("not_found", "No time zone is known as 'Tokio'. Did you mean Asia/Tokyo?")
    assert far == ("not_found", "No time zone is known as 'qqqqqqqq'. Use a name such as \"Europe/Oslo\".")
    assert wrong[0] == "invalid_arguments"
