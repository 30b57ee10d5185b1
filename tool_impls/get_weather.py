"""Weather from Open-Meteo: current conditions, or a day of the forecast."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date as Date
from datetime import timedelta
from typing import Annotated, Any, Literal, cast
from urllib.parse import urlsplit

from smol_chat.tools import (
    Effect,
    JsonObject,
    JsonValue,
    Origin,
    Preview,
    ToolContext,
    ToolError,
    ToolOutput,
    setting,
    tool,
)

_DAYS = 5
_PLACE = re.compile(r"\s*(-?\d{1,2}(?:\.\d+)?)\s*,\s*(-?\d{1,3}(?:\.\d+)?)\s*")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CURRENT = "temperature_2m,apparent_temperature,relative_humidity_2m,precipitation,weather_code,wind_speed_10m"
_DAILY = (
    "weather_code,temperature_2m_max,temperature_2m_min,precipitation_sum,precipitation_probability_max,"
    "wind_speed_10m_max,sunrise,sunset"
)
_CODES = {
    0: "clear sky", 1: "mainly clear", 2: "partly cloudy", 3: "overcast", 45: "fog", 48: "freezing fog",
    51: "light drizzle", 53: "drizzle", 55: "heavy drizzle", 56: "light freezing drizzle", 57: "freezing drizzle",
    61: "light rain", 63: "rain", 65: "heavy rain", 66: "light freezing rain", 67: "freezing rain",
    71: "light snow", 73: "snow", 75: "heavy snow", 77: "snow grains", 80: "light showers", 81: "showers",
    82: "violent showers", 85: "light snow showers", 86: "snow showers", 95: "thunderstorm",
    96: "thunderstorm with light hail", 99: "thunderstorm with hail",
}  # fmt: skip
"""WMO weather interpretation codes as Open-Meteo documents them."""


@dataclass(frozen=True)
class WeatherSettings:
    """Where the weather comes from."""

    forecast_url: str = setting("https://api.open-meteo.com", "Address of the Open-Meteo forecast service.")
    geocoding_url: str = setting("https://geocoding-api.open-meteo.com", "Address of its place search.")


def _hosts(settings: WeatherSettings) -> Sequence[str]:
    return [urlsplit(url).netloc for url in (settings.geocoding_url, settings.forecast_url)]


@dataclass(frozen=True)
class _Place:
    name: str
    latitude: float
    longitude: float
    others: tuple[str, ...] = ()


@tool(effect=Effect.NETWORK, hosts=_hosts, settings=WeatherSettings)
async def get_weather(
    location: Annotated[str, "City or place"],
    units: Literal["celsius", "fahrenheit"] = "celsius",
    date: Annotated[str | None, "YYYY-MM-DD, today, tomorrow or a weekday; absent: now and the next days"] = None,
    *,
    ctx: ToolContext,
) -> ToolOutput:
    """Current weather or short forecast for a place."""
    own = ctx.settings(WeatherSettings)
    wanted = _check_date(date)
    place = await _find(location, own, ctx)
    ctx.progress(f"forecast for {place.name}")
    answer = await _forecast(place, units, wanted, own, ctx)
    daily = _rows(answer.get("daily"))
    if wanted is not None:
        daily = [row for row in daily if row["time"] == _on_calendar(wanted, daily)]
        if not daily:
            raise ToolError("not_found", f"There is no forecast for {date}; it reaches 15 days ahead.")
    lines = [f"Weather in {place.name}"]
    current = answer.get("current") if wanted is None else None
    if isinstance(current, dict):
        lines.append(_now(current, _units(answer, "current_units")))
    lines += [_day(row, _units(answer, "daily_units")) for row in daily]
    if place.others:
        lines.append(f"(Other places of that name: {'; '.join(place.others)}.)")
    data: JsonObject = {"place": place.name, "latitude": place.latitude, "longitude": place.longitude}
    data |= {"current": cast("JsonObject | None", current), "daily": cast("list[JsonValue]", daily)}
    return ToolOutput("\n".join(lines), data=data, origin=Origin.WEB)


@get_weather.preview
async def _preview(location: str, units: str = "celsius", date: str | None = None, *, ctx: ToolContext) -> Preview:
    when = f" for {date}" if date else ""
    return Preview(f"Ask Open-Meteo for the weather in {location!r}{when}.")


# --- when -----------------------------------------------------------------------------------------


def _check_date(text: str | None) -> str | None:
    """Return the day in lower case: an ISO date, a day relative to today there, a weekday; None: now."""
    wanted = (text or "").strip().lower()
    if wanted in ("", "now", "current"):
        return None
    if wanted in ("today", "tomorrow", *_WEEKDAYS):
        return wanted
    try:
        Date.fromisoformat(wanted)
    except ValueError:
        raise ToolError(
            "invalid_arguments", f"{text!r} is no date; write it as 2026-01-31, today, tomorrow or a weekday."
        ) from None
    return wanted


def _on_calendar(wanted: str, daily: list[dict[str, Any]]) -> str:
    """Return the ISO date that is meant; the first day of the answer is today at the place."""
    if wanted not in ("today", "tomorrow", *_WEEKDAYS) or not daily:
        return wanted
    today = Date.fromisoformat(str(daily[0]["time"]))
    if wanted in _WEEKDAYS:
        ahead = (_WEEKDAYS.index(wanted) - today.weekday()) % 7
    else:
        ahead = ("today", "tomorrow").index(wanted)
    return (today + timedelta(days=ahead)).isoformat()


# --- where ----------------------------------------------------------------------------------------


async def _find(location: str, own: WeatherSettings, ctx: ToolContext) -> _Place:
    coordinates = _PLACE.fullmatch(location)
    if coordinates:
        return _Place(location.strip(), float(coordinates[1]), float(coordinates[2]))
    name, *wider = [part.strip() for part in location.split(",") if part.strip()] or [""]
    if not name:
        raise ToolError("invalid_arguments", "Name a place.")
    ctx.progress(f"looking for {name}")
    found = await _json(ctx, f"{own.geocoding_url}/v1/search", {"name": name, "count": "10", "language": "en"})
    results = found.get("results")
    places = [place for place in results if isinstance(place, dict)] if isinstance(results, list) else []
    fitting = [place for place in places if _lies_in(place, wider)] or places
    if not fitting:
        raise ToolError("not_found", f"No place is known as {location!r}; try the name of a city near it.")
    others = [_title(place) for place in fitting[1:4] if _title(place) != _title(fitting[0])]
    best = fitting[0]
    try:
        return _Place(_title(best), float(best["latitude"]), float(best["longitude"]), tuple(dict.fromkeys(others)))
    except (KeyError, TypeError, ValueError):
        raise _strange(own.geocoding_url) from None


def _lies_in(place: dict[str, Any], wider: list[str]) -> bool:
    known = {str(place.get(key, "")).casefold() for key in ("country", "country_code", "admin1", "admin2", "admin3")}
    return all(part.casefold() in known or _ALIASES.get(part.casefold()) in known for part in wider)


_ALIASES = {"usa": "united states", "us": "united states", "uk": "united kingdom", "england": "united kingdom"}


def _title(place: dict[str, Any]) -> str:
    parts = [str(place[key]) for key in ("name", "admin1", "country") if place.get(key)]
    return ", ".join(dict.fromkeys(parts))


# --- what -----------------------------------------------------------------------------------------


async def _forecast(
    place: _Place, units: str, wanted: str | None, own: WeatherSettings, ctx: ToolContext
) -> dict[str, Any]:
    params = {
        "latitude": str(place.latitude),
        "longitude": str(place.longitude),
        "timezone": "auto",
        "daily": _DAILY,
    }
    if wanted is None:
        params |= {"current": _CURRENT, "forecast_days": str(_DAYS)}
    elif wanted[0].isdigit():
        params |= {"start_date": wanted, "end_date": wanted}
    else:
        params |= {"forecast_days": "8"}
    if units == "fahrenheit":
        params |= {"temperature_unit": "fahrenheit", "wind_speed_unit": "mph", "precipitation_unit": "inch"}
    return await _json(ctx, f"{own.forecast_url}/v1/forecast", params)


async def _json(ctx: ToolContext, url: str, params: dict[str, str]) -> dict[str, Any]:
    response = await ctx.http.get(url, params=params, headers={"accept": "application/json"})
    if response.status == 400:
        answer = response.json()
        reason = answer.get("reason") if isinstance(answer, dict) else None
        raise ToolError("failed", f"{response.host} refused the request: {str(reason or 'no reason given')[:300]}")
    response.require_success()
    answer = response.json()
    if not isinstance(answer, dict):
        raise _strange(url)
    return cast("dict[str, Any]", answer)


def _strange(url: str) -> ToolError:
    return ToolError("failed", f"{urlsplit(url).netloc} answered in a form that is not Open-Meteo's.")


def _rows(daily: object) -> list[dict[str, Any]]:
    """Turn columns (one list a quantity) into one row a day."""
    if not isinstance(daily, dict) or not isinstance(daily.get("time"), list):
        return []
    count = len(daily["time"])
    columns = {key: values for key, values in daily.items() if isinstance(values, list) and len(values) == count}
    return [{key: values[index] for key, values in columns.items()} for index in range(count)]


def _units(answer: dict[str, Any], key: str) -> dict[str, str]:
    units = answer.get(key)
    return {str(name): str(unit) for name, unit in units.items()} if isinstance(units, dict) else {}


def _quantity(row: dict[str, Any], key: str, units: dict[str, str]) -> str:
    value = row.get(key)
    return "unknown" if value is None else f"{value}{_spaced(units.get(key, ''))}"


def _spaced(unit: str) -> str:
    return unit if unit.startswith(("°", "%")) or not unit else f" {'mph' if unit == 'mp/h' else unit}"


def _conditions(row: dict[str, Any]) -> str:
    code = row.get("weather_code")
    return _CODES.get(code, "unknown conditions") if isinstance(code, int) else "unknown conditions"


def _now(current: dict[str, Any], units: dict[str, str]) -> str:
    time = str(current.get("time", "")).replace("T", " ")
    return (
        f"Now ({time} local): {_quantity(current, 'temperature_2m', units)}, feels like "
        f"{_quantity(current, 'apparent_temperature', units)}, {_conditions(current)}, humidity "
        f"{_quantity(current, 'relative_humidity_2m', units)}, wind {_quantity(current, 'wind_speed_10m', units)}, "
        f"precipitation {_quantity(current, 'precipitation', units)}"
    )


def _day(row: dict[str, Any], units: dict[str, str]) -> str:
    day = str(row.get("time", ""))
    try:
        weekday = f"{Date.fromisoformat(day):%a} "
    except ValueError:
        weekday = ""
    sun = [str(row.get(key) or "").rpartition("T")[2] for key in ("sunrise", "sunset")]
    return (
        f"{weekday}{day}: {_quantity(row, 'temperature_2m_min', units)} to "
        f"{_quantity(row, 'temperature_2m_max', units)}, {_conditions(row)}, precipitation "
        f"{_quantity(row, 'precipitation_sum', units)} (chance "
        f"{_quantity(row, 'precipitation_probability_max', units)}), wind up to "
        f"{_quantity(row, 'wind_speed_10m_max', units)}, sun {sun[0]} to {sun[1]}"
    )
