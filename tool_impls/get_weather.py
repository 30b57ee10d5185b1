"""Weather from Open-Meteo: current conditions, days, and the hours of a day."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass
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
    Range,
    ToolContext,
    ToolError,
    ToolOutput,
    setting,
    tool,
)

_DAYS = 5
_KEPT_SECONDS = 7 * 86_400.0
"""For which an answer is worth serving when the service cannot be reached."""
_BARS = "▁▂▃▄▅▆▇█"
_HOURLY = "temperature_2m,precipitation_probability,weather_code"
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


@tool(
    effect=Effect.NETWORK,
    hosts=_hosts,
    settings=WeatherSettings,
    keywords="weather rain umbrella forecast temperature snow wind cold warm sunny jacket degrees",
)
async def get_weather(
    location: Annotated[str, "City or place"],
    units: Literal["celsius", "fahrenheit"] = "celsius",
    date: Annotated[str | None, "YYYY-MM-DD, today, tomorrow or a weekday; absent: now and the next days"] = None,
    days: Annotated[int, Range(min=1, max=16)] = _DAYS,
    hourly: bool = False,
    *,
    ctx: ToolContext,
) -> ToolOutput:
    """Current weather or short forecast for a place."""
    wanted = _Wanted(_check_date(date), date, units, days, hourly)
    key = json.dumps([" ".join(location.casefold().split()), *astuple(wanted)])
    try:
        output = await _ask(location, wanted, ctx)
    except ToolError as error:
        served = _served_again(key, error, ctx)
        if served is None:
            raise
        return served
    ctx.cache.put(key, [output.content, output.data], keep=True)
    return output


@get_weather.preview
async def _preview(
    location: str,
    units: str = "celsius",
    date: str | None = None,
    days: int = _DAYS,
    hourly: bool = False,
    *,
    ctx: ToolContext,
) -> Preview:
    if ctx.http.offline:
        return Preview(f"Look for an earlier answer about the weather in {location!r}; offline, nothing is asked.")
    when = f" for {date}" if date else ""
    return Preview(f"Ask Open-Meteo for the weather in {location!r}{when}.")


@dataclass(frozen=True)
class _Wanted:
    """What is asked: a day or now, and how much around it."""

    day: str | None
    as_written: str | None
    units: str
    days: int
    hourly: bool


async def _ask(location: str, wanted: _Wanted, ctx: ToolContext) -> ToolOutput:
    ctx.http.require_online()
    own = ctx.settings(WeatherSettings)
    place = await _find(location, own, ctx)
    ctx.progress(f"forecast for {place.name}")
    answer = await _forecast(place, wanted, own, ctx)
    daily = _rows(answer.get("daily"))
    if wanted.day is not None:
        daily = [row for row in daily if row["time"] == _on_calendar(wanted.day, daily)]
        if not daily:
            raise ToolError("not_found", f"There is no forecast for {wanted.as_written}; it reaches 15 days ahead.")
    lines = [f"Weather in {place.name}"]
    current = answer.get("current") if wanted.day is None else None
    if isinstance(current, dict):
        lines.append(_now(current, _units(answer, "current_units")))
    lines += [_day(row, _units(answer, "daily_units")) for row in daily]
    hours = _hours(_rows(answer.get("hourly")), current, daily)
    hourly_units = _units(answer, "hourly_units")
    chart = _chart(hours, hourly_units)
    if wanted.hourly:
        lines += [_hour(row, hourly_units) for row in hours[::3]]
    lines += [chart] if chart else []
    if place.others:
        lines.append(f"(Other places of that name: {'; '.join(place.others)}.)")
    data: JsonObject = {"place": place.name, "latitude": place.latitude, "longitude": place.longitude}
    data |= {"current": cast("JsonObject | None", current), "daily": cast("list[JsonValue]", daily)}
    data |= {"hourly": cast("list[JsonValue]", hours), "chart": chart}
    return ToolOutput("\n".join(lines), data=data, origin=Origin.WEB)


def _served_again(key: str, error: ToolError, ctx: ToolContext) -> ToolOutput | None:
    """Return the last answer to the same question where the service cannot be reached now."""
    if error.kind not in ("unavailable", "timeout") and not ctx.http.offline:
        return None
    known = ctx.cache.get(key, max_age=_KEPT_SECONDS)
    if known is None or not isinstance(known.value, list) or len(known.value) != 2:
        return None
    content, data = known.value
    note = f"[an earlier answer, {_age(known.age)} old: {error.message}]"
    return ToolOutput(f"{note}\n{content}", data=data, origin=Origin.WEB)


def _age(seconds: float) -> str:
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if count != 1 else ''}"
    return "less than a minute"


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


async def _forecast(place: _Place, wanted: _Wanted, own: WeatherSettings, ctx: ToolContext) -> dict[str, Any]:
    params = {
        "latitude": str(place.latitude),
        "longitude": str(place.longitude),
        "timezone": "auto",
        "daily": _DAILY,
        "hourly": _HOURLY,
    }
    if wanted.day is None:
        params |= {"current": _CURRENT, "forecast_days": str(wanted.days)}
    elif wanted.day[0].isdigit():
        params |= {"start_date": wanted.day, "end_date": wanted.day}
    else:
        params |= {"forecast_days": "8"}
    if wanted.units == "fahrenheit":
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


def _hours(rows: list[dict[str, Any]], current: object, daily: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the next 24 hours, or those of the one day that is told."""
    times = [row for row in rows if isinstance(row.get("time"), str)]
    if isinstance(current, dict):
        now = str(current.get("time", ""))[:13]
        return [row for row in times if row["time"][:13] >= now][:24]
    days = {str(row.get("time")) for row in daily}
    return [row for row in times if row["time"][:10] in days][:24]


def _chart(hours: list[dict[str, Any]], units: dict[str, str]) -> str:
    """Draw the temperature of the hours, one sign for each two, for the person who reads along."""
    values = [row.get("temperature_2m") for row in hours[::2]]
    known = [float(value) for value in values if isinstance(value, (int, float))]
    if len(known) < 4 or len(known) != len(values):
        return ""
    low, high = min(known), max(known)
    step = (high - low) / (len(_BARS) - 1) or 1.0
    bars = "".join(_BARS[round((value - low) / step)] for value in known)
    unit = _spaced(units.get("temperature_2m", ""))
    first, last = hours[0]["time"][11:16], hours[-1]["time"][11:16]
    return f"Temperature {first} to {last}: {bars} ({low:g} to {high:g}{unit})"


def _hour(row: dict[str, Any], units: dict[str, str]) -> str:
    return (
        f"{row['time'][11:16]} {_quantity(row, 'temperature_2m', units)}, {_conditions(row)}, "
        f"rain {_quantity(row, 'precipitation_probability', units)}"
    )


def _rows(daily: object) -> list[dict[str, Any]]:
    """Turn columns (one list a quantity) into one row a day or hour."""
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
