"""What every tool must be: ours, and anybody's that is installed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import pytest

from smol_chat.messages import JsonObject
from smol_chat.protocol.schema import problems
from smol_chat.tools import Effect, ToolRegistry, ToolWorkbench, preview_call, run_tool
from support.http_servers import Reply, serve
from support.tool_context import Names, the_tool, workbench
from tool_impls.create_calendar_event import CalendarSettings
from tool_impls.get_weather import WeatherSettings
from tool_impls.translate import TranslateSettings
from tool_impls.web_search import WebSearchSettings

REQUIRED: dict[str, list[str]] = {
    "web_search": ["query"],
    "get_webpage": ["url"],
    "execute_python": ["code"],
    "shell_command": ["command"],
    "read_file": ["path"],
    "write_file": ["path", "content"],
    "list_directory": ["path"],
    "get_current_datetime": [],
    "calculate": ["expression"],
    "get_weather": ["location"],
    "http_request": ["method", "url"],
    "database_query": ["query"],
    "send_email": ["to", "subject", "body"],
    "create_calendar_event": ["title", "start"],
    "translate": ["text", "target_language"],
}
"""The names and required arguments that the model was trained on."""

ARGUMENTS: dict[str, JsonObject] = {
    "web_search": {"query": "words"},
    "get_webpage": {"url": "http://page.test/"},
    "execute_python": {"code": "print('x' * 5000)"},
    "shell_command": {"command": "cat long.txt"},
    "read_file": {"path": "long.txt"},
    "write_file": {"path": "new.txt", "content": "text"},
    "list_directory": {"path": "."},
    "get_current_datetime": {"timezone": "Asia/Tokyo"},
    "calculate": {"expression": "1 + 1"},
    "get_weather": {"location": "Oslo"},
    "http_request": {"method": "GET", "url": "http://page.test/"},
    "database_query": {"query": "SELECT line FROM lines"},
    "translate": {"text": "Good morning", "target_language": "French"},
    "create_calendar_event": {"title": "Tea", "start": "2026-05-01T15:00"},
    "send_email": {"to": "ana@example.org", "subject": "Hello", "body": "How are you?"},
}

NAMES = ToolRegistry.load().names()


def fill(workspace: Path) -> None:
    with contextlib.closing(sqlite3.connect(workspace / "lines.db")) as database, database:
        database.execute("CREATE TABLE lines (line)")
        database.executemany("INSERT INTO lines VALUES (?)", [("line",)] * 2000)
    (workspace / "long.txt").write_text("line\n" * 2000)
    for number in range(30):
        (workspace / f"file-{number:02}.txt").write_text("x")


def snapshot(workspace: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(workspace.rglob("*")) if path.is_file()}


def test_the_tools_the_model_knows_are_there_with_their_required_arguments() -> None:
    assert {name: the_tool(name).schema.parameters["required"] for name in REQUIRED} == REQUIRED


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_is_short_closed_and_takes_the_example(name: str) -> None:
    schema = the_tool(name).schema
    assert schema.name == name
    assert 10 <= len(schema.description) <= 120
    assert schema.description.endswith(".")
    assert schema.parameters["additionalProperties"] is False
    properties = cast("dict[str, JsonObject]", schema.parameters["properties"])
    assert all(len(str(each.get("description", ""))) <= 80 for each in properties.values())
    assert len(json.dumps(schema.as_openai())) <= 700, "the prompt pays for it in every conversation"
    assert problems(schema.parameters, ARGUMENTS[name]) == []
    assert problems(schema.parameters, {**ARGUMENTS[name], "no_such_argument": 1}) != []


@pytest.mark.parametrize("name", NAMES)
async def test_a_preview_tells_something_and_changes_and_contacts_nothing(name: str, tmp_path: Path) -> None:
    fill(tmp_path)
    before = snapshot(tmp_path)
    names = Names()
    async with workbench(tmp_path, names=names) as bench:
        shown = await preview_call(the_tool(name), ARGUMENTS[name], bench)
        again = await preview_call(the_tool(name), ARGUMENTS[name], bench)
    assert again == shown, "what was allowed is compared with what would run"
    assert shown.summary
    assert "could not be shown" not in shown.summary
    assert "would fail" not in shown.summary
    assert snapshot(tmp_path) == before
    assert names.asked == []
    assert bool(shown.hosts) == (the_tool(name).effect is Effect.NETWORK)
    assert bool(shown.isolation) == (the_tool(name).effect is Effect.EXECUTE)


# The others need a service that answers in its own form, or a model; their tests have these.
@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("web_search", "get_weather", "translate")])
async def test_what_the_model_reads_is_capped(name: str, tmp_path: Path) -> None:
    fill(tmp_path)
    html = "<html><title>T</title><body><article>" + "<p>Some words to read here.</p>" * 500
    async with serve(lambda _: Reply(html.encode(), headers={"Content-Type": "text/html"})) as server:
        names = Names(page_test=("127.0.0.1",))
        async with workbench(tmp_path, allow=("127.0.0.1",), names=names, result_limit=500) as bench:
            arguments = dict(ARGUMENTS[name])
            if name in ("get_webpage", "http_request"):
                arguments["url"] = f"http://page.test:{server.port}/"
            result = await run_tool(the_tool(name), arguments, bench)
    assert result.ok, result.content
    assert len(result.content.encode()) < 600
    if result.full_content is not None:
        assert len(result.full_content) > 500
        assert "[cut: the first" in result.content


@pytest.mark.parametrize("name", NAMES)
async def test_wrong_types_are_refused_before_anything_happens(name: str, tmp_path: Path) -> None:
    async with workbench(tmp_path) as bench:
        of_wrong_type: JsonObject = {key: [1] for key in REQUIRED[name]} if REQUIRED[name] else {"timezone": 3}
        for wrong in (of_wrong_type, {"surprise": True}):
            result = await run_tool(the_tool(name), cast("JsonObject", wrong), bench)
            assert result.error is not None
            assert result.error.kind == "invalid_arguments"
    assert list(tmp_path.iterdir()) == []


WAITING: dict[str, Callable[[str], JsonObject]] = {
    "web_search": lambda url: {"query": "words"},
    "get_webpage": lambda url: {"url": url},
    "get_weather": lambda url: {"location": "Oslo"},
    "http_request": lambda url: {"method": "GET", "url": url},
    "translate": lambda url: {"text": "Good morning", "target_language": "French"},
    "create_calendar_event": lambda url: {"title": "Tea", "start": "2026-05-01T15:00"},
    "execute_python": lambda url: {"code": "while True: pass"},
    "shell_command": lambda url: {"command": "sleep 1000"},
}


@pytest.mark.parametrize("name", WAITING)
async def test_a_running_call_can_be_cancelled(name: str, tmp_path: Path) -> None:
    async with serve(lambda _: Reply(b"x", stall=True)) as server:
        settings: dict[type[object], object] = {
            WeatherSettings: WeatherSettings(server.url, server.url),
            WebSearchSettings: WebSearchSettings((f"duckduckgo={server.url}",)),
            TranslateSettings: TranslateSettings(libretranslate_url=server.url),
            CalendarSettings: CalendarSettings(caldav_url=f"{server.url}/me/"),
        }
        async with workbench(tmp_path, allow=("127.0.0.1",), settings=settings) as bench:
            call = asyncio.create_task(run_tool(the_tool(name), WAITING[name](server.url), bench))
            await _started(bench, server.requests, name)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call


async def _started(bench: ToolWorkbench, requests: Sequence[object], name: str) -> None:
    """Wait until the call is in the middle of its work."""
    rounds = 0
    while not requests and rounds < 20:
        await asyncio.sleep(0.01)
        rounds += name in ("execute_python", "shell_command")


@pytest.mark.parametrize("name", ["web_search", "get_webpage", "get_weather", "http_request"])
async def test_without_a_network_the_host_is_named_in_one_sentence(name: str, tmp_path: Path) -> None:
    settings = {WebSearchSettings: WebSearchSettings(engines=("duckduckgo",))}
    host = {
        "web_search": "html.duckduckgo.com",
        "get_webpage": "page.test",
        "http_request": "page.test",
        "get_weather": "geocoding-api.open-meteo.com",
    }[name]
    async with workbench(tmp_path, settings=settings) as bench:
        result = await run_tool(the_tool(name), ARGUMENTS[name], bench)
    assert result.error is not None
    assert result.error.kind == "unavailable"
    assert result.content == f"Could not reach {host}: its name was not found. Is this machine online?"
