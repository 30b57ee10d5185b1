"""get_weather against a server that answers as Open-Meteo does."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from smol_chat.messages import Origin, ToolResult
from smol_chat.tools import ToolWorkbench, preview_call
from support.http_servers import LoopbackServer, Reply, Request, serve
from support.tool_context import call, failure, the_tool, workbench
from tool_impls.get_weather import WeatherSettings

LOOPBACK = ("127.0.0.1",)
TODAY = date(2026, 3, 4)  # a Wednesday

OSLO = {
    "id": 3143244, "name": "Oslo", "latitude": 59.91273, "longitude": 10.74609, "elevation": 26.0,
    "feature_code": "PPLC", "country_code": "NO", "timezone": "Europe/Oslo", "population": 580000,
    "country": "Norway", "admin1": "Oslo",
}  # fmt: skip
PARIS = {
    **OSLO,
    "name": "Paris",
    "country": "France",
    "country_code": "FR",
    "admin1": "Île-de-France",
    "latitude": 48.85,
}
TEXAS = {
    **OSLO, "name": "Paris", "country": "United States", "country_code": "US", "admin1": "Texas", "latitude": 33.66,
}  # fmt: skip


def json_reply(content: object, status: int = 200) -> Reply:
    return Reply(json.dumps(content).encode(), status, {"Content-Type": "application/json; charset=utf-8"})


def forecast(query: dict[str, str]) -> dict[str, Any]:
    """Answer as the service does: one list a quantity, as many days as were asked for."""
    if "start_date" in query:
        first, count = date.fromisoformat(query["start_date"]), 1
    else:
        first, count = TODAY, int(query["forecast_days"])
    degree = "°F" if query.get("temperature_unit") == "fahrenheit" else "°C"
    wind = "mp/h" if query.get("wind_speed_unit") == "mph" else "km/h"
    days = [(first + timedelta(days=day)).isoformat() for day in range(count)]
    answer: dict[str, Any] = {
        "latitude": 59.9, "longitude": 10.75, "utc_offset_seconds": 3600, "timezone": "Europe/Oslo",
        "daily_units": {
            "time": "iso8601", "weather_code": "wmo code", "temperature_2m_max": degree, "temperature_2m_min": degree,
            "precipitation_sum": "mm", "precipitation_probability_max": "%", "wind_speed_10m_max": wind,
            "sunrise": "iso8601", "sunset": "iso8601",
        },
        "daily": {
            "time": days, "weather_code": [61] * count, "temperature_2m_max": [5.5 + day for day in range(count)],
            "temperature_2m_min": [-1.5] * count, "precipitation_sum": [2.4] * count,
            "precipitation_probability_max": [80] * (count - 1) + [None], "wind_speed_10m_max": [17.3] * count,
            "sunrise": [f"{day}T06:58" for day in days], "sunset": [f"{day}T17:48" for day in days],
        },
    }  # fmt: skip
    if "hourly" in query:
        hours = [f"{day}T{hour:02}:00" for day in days for hour in range(24)]
        answer["hourly_units"] = {
            "time": "iso8601", "temperature_2m": degree, "precipitation_probability": "%", "weather_code": "wmo code",
        }  # fmt: skip
        answer["hourly"] = {
            "time": hours, "temperature_2m": [float(int(hour[11:13]) // 2) for hour in hours],
            "precipitation_probability": [40] * len(hours), "weather_code": [2] * len(hours),
        }  # fmt: skip
    if "current" in query:
        answer["current_units"] = {
            "time": "iso8601", "temperature_2m": degree, "apparent_temperature": degree, "relative_humidity_2m": "%",
            "precipitation": "mm", "weather_code": "wmo code", "wind_speed_10m": wind,
        }  # fmt: skip
        answer["current"] = {
            "time": "2026-03-04T14:15", "interval": 900, "temperature_2m": 3.2, "apparent_temperature": -0.4,
            "relative_humidity_2m": 71, "precipitation": 0.0, "weather_code": 3, "wind_speed_10m": 11.9,
        }  # fmt: skip
    return answer


def open_meteo(*places: dict[str, Any]) -> Callable[[Request], Reply]:
    def handle(request: Request) -> Reply:
        if request.path == "/v1/search":
            named = [place for place in places if place["name"].casefold() == request.query["name"].casefold()]
            return json_reply({"results": named, "generationtime_ms": 0.5} if named else {"generationtime_ms": 0.5})
        if request.query.get("start_date", "") > "2026-03-20":
            reason = "Parameter 'start_date' is out of allowed range from 2016-01-01 to 2026-03-20"
            return json_reply({"error": True, "reason": reason}, 400)
        return json_reply(forecast(request.query))

    return handle


async def ask(
    tmp_path: Path, handler: Callable[[Request], Reply], **arguments: object
) -> tuple[ToolResult, LoopbackServer]:
    async with serve(handler) as server:
        settings = {WeatherSettings: WeatherSettings(server.url, server.url)}
        async with workbench(tmp_path, allow=LOOPBACK, settings=settings) as bench:
            return await call(bench, "get_weather", **arguments), server


async def test_the_weather_now_and_the_next_days_are_told(tmp_path: Path) -> None:
    result, server = await ask(tmp_path, open_meteo(OSLO), location="Oslo")
    lines = result.content.split("\n")
    assert lines[:3] == [
        "Weather in Oslo, Norway",
        "Now (2026-03-04 14:15 local): 3.2°C, feels like -0.4°C, overcast, humidity 71%, wind 11.9 km/h, "
        "precipitation 0.0 mm",
        "Wed 2026-03-04: -1.5°C to 5.5°C, light rain, precipitation 2.4 mm (chance 80%), wind up to 17.3 km/h, "
        "sun 06:58 to 17:48",
    ]
    assert len(lines) == 8
    assert "chance unknown" in lines[-2]
    assert lines[-1] == "Temperature 14:00 to 13:00: ▅▆▇▇█▁▂▂▃▄▄▅ (0 to 11°C)"
    assert result.origin is Origin.WEB
    sent = server.requests[1].query
    assert (sent["latitude"], sent["longitude"], sent["timezone"]) == ("59.91273", "10.74609", "auto")


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("today", "Wed 2026-03-04"),
        ("Tomorrow", "Thu 2026-03-05"),
        ("wednesday", "Wed 2026-03-04"),
        ("Tuesday", "Tue 2026-03-10"),
        ("2026-03-07", "Sat 2026-03-07"),
    ],
)
async def test_one_day_is_told(tmp_path: Path, text: str, day: str) -> None:
    result, _ = await ask(tmp_path, open_meteo(OSLO), location="Oslo", date=text)
    lines = result.content.split("\n")
    assert len(lines) == 3
    assert lines[1].startswith(f"{day}: ")
    assert lines[2] == "Temperature 00:00 to 23:00: ▁▂▂▃▄▄▅▅▆▇▇█ (0 to 11°C)"


async def test_fahrenheit_brings_miles_too(tmp_path: Path) -> None:
    result, _ = await ask(tmp_path, open_meteo(OSLO), location="Oslo", units="fahrenheit")
    assert "3.2°F" in result.content
    assert "11.9 mph" in result.content


async def test_of_several_places_the_one_taken_and_the_others_are_said(tmp_path: Path) -> None:
    result, _ = await ask(tmp_path, open_meteo(PARIS, TEXAS), location="Paris")
    assert result.content.startswith("Weather in Paris, Île-de-France, France\n")
    assert result.content.endswith("\n(Other places of that name: Paris, Texas, United States.)")


@pytest.mark.parametrize("location", ["Paris, Texas", "Paris, US", "Paris, USA", "paris,united states"])
async def test_what_follows_a_comma_chooses_the_place(tmp_path: Path, location: str) -> None:
    result, server = await ask(tmp_path, open_meteo(PARIS, TEXAS), location=location)
    assert result.content.startswith("Weather in Paris, Texas, United States\n")
    assert server.requests[1].query["latitude"] == "33.66"


async def test_coordinates_need_no_search(tmp_path: Path) -> None:
    result, server = await ask(tmp_path, open_meteo(), location="59.9, 10.7")
    assert result.content.startswith("Weather in 59.9, 10.7\n")
    assert [request.path for request in server.requests] == ["/v1/forecast"]


@pytest.mark.parametrize(
    ("arguments", "kind", "part"),
    [
        ({"location": "Nowhere"}, "not_found", "No place is known as 'Nowhere'"),
        ({"location": " , "}, "invalid_arguments", "Name a place."),
        ({"location": "Oslo", "date": "next year"}, "invalid_arguments", "'next year' is no date"),
        ({"location": "Oslo", "date": "2026-99-01"}, "invalid_arguments", "is no date"),
        ({"location": "Oslo", "date": "2027-01-01"}, "failed", "out of allowed range"),
        ({"location": "Oslo", "units": "kelvin"}, "invalid_arguments", "units"),
    ],
)
async def test_wrong_requests_have_their_kind(tmp_path: Path, arguments: dict[str, str], kind: str, part: str) -> None:
    result, _ = await ask(tmp_path, open_meteo(OSLO), **arguments)
    found, message = failure(result)
    assert found == kind
    assert part in message


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(b"<html>", headers={"Content-Type": "text/html"}), "failed"),
        (json_reply([1]), "failed"),
        (json_reply({"results": [{"name": "Oslo"}]}), "failed"),
        (json_reply({"results": "none"}), "not_found"),
        (json_reply({}, 503), "unavailable"),
        (json_reply({}, 429), "unavailable"),
        (json_reply({"error": True, "reason": "broken"}, 400), "failed"),
    ],
)
async def test_answers_in_no_known_form_have_their_kind(tmp_path: Path, reply: Reply, kind: str) -> None:
    result, _ = await ask(tmp_path, lambda _: reply, location="Oslo")
    assert failure(result)[0] == kind


async def test_a_forecast_that_lacks_everything_is_no_crash(tmp_path: Path) -> None:
    def handle(request: Request) -> Reply:
        if request.path == "/v1/search":
            return json_reply({"results": [OSLO]})
        return json_reply({"daily": {"time": ["soon"], "weather_code": ["x"]}, "current": {"weather_code": 999}})

    result, _ = await ask(tmp_path, handle, location="Oslo")
    assert result.ok
    assert "unknown conditions" in result.content


async def test_the_card_names_the_hosts_of_the_settings(tmp_path: Path) -> None:
    settings = {WeatherSettings: WeatherSettings("http://weather.lan:8080", "http://places.lan")}
    async with workbench(tmp_path, settings=settings) as bench:
        own = await preview_call(the_tool("get_weather"), {"location": "Oslo", "date": "today"}, bench)
    async with workbench(tmp_path) as bench:
        usual = await preview_call(the_tool("get_weather"), {"location": "Oslo"}, bench)
    assert own.hosts == ("places.lan", "weather.lan:8080")
    assert own.summary == "Ask Open-Meteo for the weather in 'Oslo' for today."
    assert usual.hosts == ("geocoding-api.open-meteo.com", "api.open-meteo.com")


async def test_as_many_days_as_are_asked_for_are_told(tmp_path: Path) -> None:
    result, server = await ask(tmp_path, open_meteo(OSLO), location="Oslo", days=2)
    assert server.requests[1].query["forecast_days"] == "2"
    assert [line[:14] for line in result.content.split("\n")[2:4]] == ["Wed 2026-03-04", "Thu 2026-03-05"]
    assert failure((await ask(tmp_path, open_meteo(OSLO), location="Oslo", days=17))[0])[0] == "invalid_arguments"


async def test_the_hours_of_a_day_are_told_every_third(tmp_path: Path) -> None:
    result, _ = await ask(tmp_path, open_meteo(OSLO), location="Oslo", date="tomorrow", hourly=True)
    lines = result.content.split("\n")
    assert lines[2:4] == ["00:00 0.0°C, partly cloudy, rain 40%", "03:00 1.0°C, partly cloudy, rain 40%"]
    assert len(lines) == 2 + 8 + 1
    assert isinstance(result.data, dict) and isinstance(result.data["hourly"], list)
    assert len(result.data["hourly"]) == 24


async def weather_twice(tmp_path: Path, between: Callable[[ToolWorkbench], None]) -> ToolResult:
    """Ask once; then with a server that is gone, in another start of the program."""
    cache = tmp_path / "cache"
    async with serve(open_meteo(OSLO)) as server:
        settings = {WeatherSettings: WeatherSettings(server.url, server.url)}
        async with workbench(tmp_path, allow=LOOPBACK, settings=settings, cache_folder=cache) as bench:
            assert (await call(bench, "get_weather", location="Oslo")).ok
    async with workbench(tmp_path, allow=LOOPBACK, settings=settings, cache_folder=cache) as bench:
        between(bench)
        return await call(bench, "get_weather", location=" oslo ")


def an_hour_earlier(folder: Path) -> None:
    file = folder / "get_weather.json"
    stored = json.loads(file.read_text())
    file.write_text(json.dumps({key: [when - 3 * 3600 - 5, value] for key, (when, value) in stored.items()}))


async def test_the_last_answer_is_served_with_its_age_when_the_service_is_gone(tmp_path: Path) -> None:
    result = await weather_twice(tmp_path, lambda _: an_hour_earlier(tmp_path / "cache"))
    first, second, *_ = result.content.split("\n")
    assert first.startswith("[an earlier answer, 3 hours old: Could not reach 127.0.0.1")
    assert second == "Weather in Oslo, Norway"
    assert isinstance(result.data, dict) and result.data["place"] == "Oslo, Norway"
    assert stat.S_IMODE((tmp_path / "cache" / "get_weather.json").stat().st_mode) == 0o600


async def test_the_last_answer_is_served_when_offline(tmp_path: Path) -> None:
    result = await weather_twice(tmp_path, lambda bench: setattr(bench.egress, "offline", True))
    assert result.content.startswith("[an earlier answer, less than a minute old: smol-chat is set to offline")


@pytest.mark.parametrize("damage", ["", "{", "[1]", '{"x": 3}'])
async def test_a_damaged_store_of_answers_is_as_good_as_none(tmp_path: Path, damage: str) -> None:
    def spoil(_: ToolWorkbench) -> None:
        (tmp_path / "cache" / "get_weather.json").write_text(damage)

    result = await weather_twice(tmp_path, spoil)
    assert failure(result)[0] == "unavailable"


async def test_an_answer_of_last_week_is_not_served(tmp_path: Path) -> None:
    def age(_: ToolWorkbench) -> None:
        for _hour in range(60):
            an_hour_earlier(tmp_path / "cache")

    assert failure(await weather_twice(tmp_path, age))[0] == "unavailable"


async def test_offline_without_an_earlier_answer_is_refused(tmp_path: Path) -> None:
    async with workbench(tmp_path) as bench:
        bench.egress.offline = True
        kind, message = failure(await call(bench, "get_weather", location="Oslo"))
        shown = await preview_call(the_tool("get_weather"), {"location": "Oslo"}, bench)
    assert kind == "blocked"
    assert message.startswith("smol-chat is set to offline")
    assert "nothing is asked" in shown.summary
