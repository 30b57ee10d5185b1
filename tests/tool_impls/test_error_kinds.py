"""Every tool that asks somebody else fails in each of the ways there are, with the kind that says which."""

from __future__ import annotations

from pathlib import Path

import httpcore
import pytest

from smol_chat.messages import JsonObject, ToolErrorKind
from smol_chat.tools import run_tool
from smol_chat.tools.egress import Egress
from smol_chat.tools.network import MAX_BYTES
from support.http_servers import Reply, Request, serve
from support.tool_context import Names, failure, the_tool, workbench
from tool_impls.create_calendar_event import CalendarSettings
from tool_impls.get_weather import WeatherSettings
from tool_impls.translate import TranslateSettings
from tool_impls.web_search import WebSearchSettings

URL = "http://server.test"
SETTINGS: dict[type[object], object] = {
    WeatherSettings: WeatherSettings(URL, URL),
    WebSearchSettings: WebSearchSettings(searxng_url=URL),
    TranslateSettings: TranslateSettings(libretranslate_url=URL),
    CalendarSettings: CalendarSettings(caldav_url="https://server.test/me/"),
}
CALLS: dict[str, JsonObject] = {
    "get_webpage": {"url": f"{URL}/"},
    "http_request": {"method": "GET", "url": f"{URL}/"},
    "get_weather": {"location": "Oslo"},
    "web_search": {"query": "words"},
    "translate": {"text": "Good morning", "target_language": "French"},
}
EVENT: JsonObject = {"title": "Tea", "start": "2026-05-01T15:00"}
WRONG: dict[str, JsonObject] = {
    "get_webpage": {"url": "ftp://server.test/"},
    "http_request": {"method": "GET", "url": f"{URL}/", "body": "none is sent"},
    "get_weather": {"location": " "},
    "web_search": {"query": " "},
    "translate": {"text": " ", "target_language": "French"},
}
HTML = {"Content-Type": "text/html"}


class Server:
    """A connector to a loopback server under a public address, or one that fails."""

    def __init__(self, port: int = 0, error: Exception | None = None) -> None:
        self._port = port
        self._error = error

    async def __call__(self, address: str, port: int, timeout: float | None) -> httpcore.AsyncNetworkStream:
        if self._error is not None:
            raise self._error
        return await httpcore.AnyIOBackend().connect_tcp("127.0.0.1", self._port, timeout)


async def kind(
    tool: str, arguments: JsonObject, folder: Path, server: Server, *, names: Names | None = None, offline: bool = False
) -> str:
    names = names or Names(server_test=("93.184.216.34",))
    async with workbench(
        folder, settings=SETTINGS, names=names, connector=server, egress=Egress(offline=offline)
    ) as bench:
        return failure(await run_tool(the_tool(tool), arguments, bench))[0]


@pytest.mark.parametrize("tool", CALLS)
@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(b"x" * (MAX_BYTES + 1), headers=HTML), "limit"),
        (Reply(status=404, headers=HTML), "not_found"),
        (Reply(status=503, headers=HTML), "unavailable"),
        (Reply(status=400, headers=HTML), "failed"),
        (Reply(status=302, headers={"Location": "http://10.0.0.1/"}), "blocked"),
    ],
    ids=["limit", "not_found", "unavailable", "failed", "blocked"],
)
async def test_an_answer_that_is_none_has_its_kind(
    reply: Reply, expected: ToolErrorKind, tool: str, tmp_path: Path
) -> None:
    def answer(request: Request) -> Reply:
        return reply

    async with serve(answer) as server:
        if (
            tool == "http_request" and reply.status >= 400
        ):  # whoever asks for one answer wants to see it, whatever it is
            async with workbench(
                tmp_path, names=Names(server_test=("93.184.216.34",)), connector=Server(server.port)
            ) as bench:
                assert (await run_tool(the_tool(tool), CALLS[tool], bench)).ok
            return
        assert await kind(tool, CALLS[tool], tmp_path, Server(server.port)) == expected


@pytest.mark.parametrize("tool", CALLS)
async def test_what_never_gets_out_has_its_kind(tool: str, tmp_path: Path) -> None:
    call, refusing = CALLS[tool], Server(error=httpcore.ConnectError("refused"))
    assert await kind(tool, WRONG[tool], tmp_path, refusing) == "invalid_arguments"
    assert await kind(tool, call, tmp_path, refusing) == "unavailable"
    assert await kind(tool, call, tmp_path, refusing, names=Names()) == "unavailable"
    assert await kind(tool, call, tmp_path, refusing, names=Names(server_test=("10.0.0.1",))) == "blocked"
    assert await kind(tool, call, tmp_path, refusing, offline=True) == "blocked"


async def test_a_calendar_on_a_server_has_the_same_kinds(tmp_path: Path) -> None:
    refusing = Server(error=httpcore.ConnectError("refused"))
    tool = "create_calendar_event"
    assert await kind(tool, {**EVENT, "start": "soon"}, tmp_path, refusing) == "invalid_arguments"
    assert await kind(tool, EVENT, tmp_path, refusing) == "unavailable"
    assert await kind(tool, EVENT, tmp_path, refusing, names=Names(server_test=("10.0.0.1",))) == "blocked"
    assert await kind(tool, EVENT, tmp_path, refusing, offline=True) == "blocked"
