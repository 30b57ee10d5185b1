"""web_search against a server that answers as the search engines do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smol_chat.messages import Origin, ToolResult
from smol_chat.tools import preview_call
from smol_chat.tools.egress import Egress, Ledger
from support.http_servers import LoopbackServer, Reply, serve
from support.tool_context import call, failure, the_tool, workbench
from tool_impls.web_search import WebSearchSettings

LOOPBACK = ("127.0.0.1",)

RESULT = """
<div class="result results_links results_links_deep web-result"><div class="links_main links_deep result__body">
<h2 class="result__title"><a rel="nofollow" class="result__a" href="{url}">{title}</a></h2>
<div class="result__extras"><div class="result__extras__url"><a class="result__url" href="{url}">{url}</a></div></div>
<a class="result__snippet" href="{url}">{snippet}</a></div></div>"""

FOUND = [
    {"url": "https://one.test/a", "title": "First <b>hit</b>", "snippet": "What the <b>first</b> says &amp; more."},
    {"url": "https://two.test/", "title": "Second hit", "snippet": "word " * 200},
    {"url": "https://duckduckgo.com/y.js?ad=1", "title": "An advertisement", "snippet": "Buy."},
    {"url": "https://three.test/", "title": "Third hit", "snippet": "Third."},
]


def page(results: list[dict[str, str]]) -> Reply:
    body = "".join(RESULT.format(**result) for result in results)
    return Reply(
        f"<html><body><div id='links'>{body}</div></body></html>".encode(), headers={"Content-Type": "text/html"}
    )


NOTHING = Reply(b'<html><body><div class="no-results">No results.</div></body></html>')
CHALLENGE = Reply(
    b'<html><body><div class="anomaly-modal__title">Unfortunately, bots use DuckDuckGo too.</div></body></html>'
)


async def test_titles_links_and_snippets_come_back(tmp_path: Path) -> None:
    async with serve(lambda _: page(FOUND)) as server:
        settings = {WebSearchSettings: WebSearchSettings((f"duckduckgo={server.url}/html/",), "de-de")}
        async with workbench(tmp_path, allow=LOOPBACK, settings=settings) as bench:
            result = await call(bench, "web_search", query="some wörds", max_results=2)
    lines = result.content.split("\n")
    assert lines[:4] == [
        "1. First hit", "   https://one.test/a", "   What the first says & more.", "2. Second hit",
    ]  # fmt: skip
    assert len(lines) == 6
    assert lines[5].endswith("word …")
    assert len(lines[5]) < 310
    assert result.origin is Origin.WEB
    assert isinstance(result.data, list)
    assert len(result.data) == 2
    sent = server.requests[0]
    assert (sent.method, sent.path) == ("POST", "/html/")
    assert (sent.form["q"], sent.form["l"]) == ("some wörds", "de-de")


async def test_advertisements_are_left_out(tmp_path: Path) -> None:
    async with serve(lambda _: page(FOUND)) as server:
        settings = {WebSearchSettings: WebSearchSettings((f"duckduckgo={server.url}",))}
        async with workbench(tmp_path, allow=LOOPBACK, settings=settings) as bench:
            result = await call(bench, "web_search", query="x")
    assert "advertisement" not in result.content
    assert "3. Third hit" in result.content


async def test_the_next_engine_is_asked_when_one_refuses(tmp_path: Path) -> None:
    mojeek = (
        "<html><ul class='results-standard'><li><h2><a href='https://m.test/'>From mojeek</a></h2>"
        "<p class='s'>Its text.</p></li></ul></html>"
    )
    async with serve(lambda _: CHALLENGE) as first, serve(lambda _: Reply(mojeek.encode())) as second:
        engines = (f"duckduckgo={first.url}", f"mojeek={second.url}/search")
        settings = {WebSearchSettings: WebSearchSettings(engines)}
        async with workbench(tmp_path, allow=LOOPBACK, settings=settings) as bench:
            result = await call(bench, "web_search", query="x")
    assert result.content == "1. From mojeek\n   https://m.test/\n   Its text."
    assert second.requests[0].query["q"] == "x"


@pytest.mark.parametrize(
    ("reply", "kind", "part"),
    [
        (NOTHING, "not_found", "Nothing was found for 'x'; try other words."),
        (CHALLENGE, "unavailable", "asks whether a person is searching"),
        (Reply(b"", 202), "unavailable", "refuses searches by programs (HTTP 202)"),
        (Reply(b"", 403), "unavailable", "refuses searches by programs (HTTP 403)"),
        (Reply(b"", 429), "unavailable", "refuses more searches for now (HTTP 429)"),
        (Reply(b"", 500), "unavailable", "did not answer the search (HTTP 500)"),
        (Reply(b"", 404), "failed", "did not answer the search (HTTP 404)"),
        (Reply(b"\xff\xfe\0nonsense"), "not_found", "Nothing was found"),
    ],
)
async def test_refused_limited_and_nothing_found_are_told_apart(
    tmp_path: Path, reply: Reply, kind: str, part: str
) -> None:
    async with serve(lambda _: reply) as server:
        settings = {WebSearchSettings: WebSearchSettings((f"duckduckgo={server.url}",))}
        async with workbench(tmp_path, allow=LOOPBACK, settings=settings) as bench:
            found, message = failure(await call(bench, "web_search", query="x"))
    assert found == kind
    assert part in message
    assert "\n" not in message


async def test_an_engine_that_is_not_there_is_named(tmp_path: Path) -> None:
    async with serve(lambda _: NOTHING) as server:
        address = server.address
    settings = {WebSearchSettings: WebSearchSettings((f"duckduckgo=http://{address}/",))}
    async with workbench(tmp_path, allow=LOOPBACK, settings=settings) as bench:
        kind, message = failure(await call(bench, "web_search", query="x"))
    assert (kind, message) == (
        "unavailable", f"Could not reach {address}: the connection failed. Is this machine online?",
    )  # fmt: skip


async def test_an_engine_at_a_private_address_is_refused(tmp_path: Path) -> None:
    async with serve(lambda _: page(FOUND)) as server:
        settings = {WebSearchSettings: WebSearchSettings((f"duckduckgo={server.url}",))}
        async with workbench(tmp_path, settings=settings) as bench:
            assert failure(await call(bench, "web_search", query="x"))[0] == "blocked"
    assert server.requests == []


async def test_a_redirect_is_not_followed_past_the_check(tmp_path: Path) -> None:
    async with serve(lambda _: page(FOUND)) as secret:
        redirect = Reply(status=302, headers={"Location": secret.url})
        async with serve(lambda _: redirect) as server:
            settings = {WebSearchSettings: WebSearchSettings((f"duckduckgo={server.url}",))}
            async with workbench(tmp_path, allow=(server.address,), settings=settings) as bench:
                kind, _ = failure(await call(bench, "web_search", query="x"))
    assert kind == "failed"
    assert secret.requests == []


@pytest.mark.parametrize("link", ["javascript:alert(1)", "file:///etc/passwd", "/relative", ""])
async def test_only_web_links_come_back(tmp_path: Path, link: str) -> None:
    reply = page([{"url": link, "title": "T", "snippet": "S"}])
    async with serve(lambda _: reply) as server:
        settings = {WebSearchSettings: WebSearchSettings((f"duckduckgo={server.url}",))}
        async with workbench(tmp_path, allow=LOOPBACK, settings=settings) as bench:
            result = await call(bench, "web_search", query="x")
    assert failure(result)[0] == "not_found"


@pytest.mark.parametrize("query", ["", "   ", "x" * 401])
async def test_an_empty_or_endless_query_is_refused(tmp_path: Path, query: str) -> None:
    async with workbench(tmp_path) as bench:
        assert failure(await call(bench, "web_search", query=query))[0] == "invalid_arguments"


async def test_an_unknown_engine_is_said(tmp_path: Path) -> None:
    async with workbench(tmp_path, settings={WebSearchSettings: WebSearchSettings(("altavista",))}) as bench:
        kind, message = failure(await call(bench, "web_search", query="x"))
    assert (kind, message) == (
        "unavailable", "There is no engine 'altavista': set engines to duckduckgo, brave, mojeek.",
    )  # fmt: skip


async def test_the_card_names_who_is_asked(tmp_path: Path) -> None:
    async with workbench(tmp_path) as bench:
        shown = await preview_call(the_tool("web_search"), {"query": "x"}, bench)
    assert shown.summary == "Search the web for 'x' with duckduckgo (mojeek, then brave if it does not answer)."
    assert shown.hosts == ("html.duckduckgo.com", "www.mojeek.com", "search.brave.com")


DATED = """<html><body><div class="result results_links results_links_deep web-result">
<div class="links_main links_deep result__body">
<h2 class="result__title"><a class="result__a" href="https://dated.test/">Dated</a></h2>
<div class="result__extras"><div class="result__extras__url"><a class="result__url" href="https://dated.test/">x</a>
<span>&nbsp; &nbsp; 2024-12-04T00:00:00.0000000</span></div></div>
<a class="result__snippet" href="https://dated.test/">Text.</a></div></div></body></html>"""


async def test_a_date_that_is_given_is_told(tmp_path: Path) -> None:
    async with serve(lambda _: Reply(DATED.encode())) as server:
        settings = {WebSearchSettings: WebSearchSettings((f"duckduckgo={server.url}",))}
        async with workbench(tmp_path, allow=LOOPBACK, settings=settings) as bench:
            result = await call(bench, "web_search", query="x")
    assert result.content == "1. Dated\n   https://dated.test/\n   (2024-12-04) Text."


async def test_the_same_search_is_answered_from_memory(tmp_path: Path) -> None:
    async with serve(lambda _: page(FOUND)) as server:
        settings = {WebSearchSettings: WebSearchSettings((f"duckduckgo={server.url}",))}
        async with workbench(tmp_path, allow=LOOPBACK, settings=settings) as bench:
            first = await call(bench, "web_search", query="x", max_results=3)
            again = await call(bench, "web_search", query="x", max_results=2)
            await call(bench, "web_search", query="y")
    assert first.content.startswith(again.content)
    assert [request.form["q"] for request in server.requests] == ["x", "y"]


async def test_nothing_is_asked_when_offline(tmp_path: Path) -> None:
    async with serve(lambda _: page(FOUND)) as server:
        settings = {WebSearchSettings: WebSearchSettings((f"duckduckgo={server.url}",))}
        async with workbench(tmp_path, allow=LOOPBACK, settings=settings) as bench:
            bench.egress.offline = True
            kind, message = failure(await call(bench, "web_search", query="x"))
            shown = await preview_call(the_tool("web_search"), {"query": "x"}, bench)
    assert (kind, server.requests) == ("blocked", [])
    assert message.startswith("smol-chat is set to offline")
    assert shown.summary.startswith("This call would fail: smol-chat is set to offline")


async def test_what_the_library_sends_is_recorded_as_far_as_it_can_be_seen(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "egress.db")
    async with serve(lambda _: page(FOUND)) as server:
        settings = {WebSearchSettings: WebSearchSettings((f"duckduckgo={server.url}",))}
        async with workbench(tmp_path, allow=LOOPBACK, settings=settings, egress=Egress(ledger)) as bench:
            await call(bench, "web_search", query="words to look for")
            [made] = ledger.read(10)
    assert (made.host, made.port, made.address) == ("127.0.0.1", server.port, "127.0.0.1")
    assert (made.caller.tool, made.state, made.exact) == ("web_search", "closed", False)
    assert made.sent >= len("words to look for")
    assert made.received > 500


# --- SearXNG --------------------------------------------------------------------------------------

SEARXNG = {
    "query": "x",
    "number_of_results": 0,
    "results": [
        {
            "url": "https://one.test/",
            "title": "One",
            "content": "First  text.",
            "publishedDate": "2025-02-03T10:00:00",
            "engine": "bing",
            "score": 4.0,
        },
        {"url": "javascript:x", "title": "No link", "content": "", "publishedDate": None},
        "not a result",
        {"url": "https://two.test/", "title": "Two", "content": None, "publishedDate": None},
    ],
    "answers": [],
    "unresponsive_engines": [],
}


async def search_searxng(tmp_path: Path, reply: Reply, region: str = "de-de") -> tuple[ToolResult, LoopbackServer]:
    async with serve(lambda _: reply) as server:
        settings = {WebSearchSettings: WebSearchSettings(region=region, searxng_url=server.url + "/")}
        async with workbench(tmp_path, allow=LOOPBACK, settings=settings) as bench:
            return await call(bench, "web_search", query="some words"), server


async def test_a_searxng_server_is_asked_alone_and_in_its_form(tmp_path: Path) -> None:
    result, server = await search_searxng(tmp_path, Reply(json.dumps(SEARXNG).encode()))
    expected = "1. One\n   https://one.test/\n   (2025-02-03) First text.\n2. Two\n   https://two.test/"
    assert result.content == expected
    [sent] = server.requests
    assert (sent.method, sent.path) == ("GET", "/search")
    assert sent.query == {"q": "some words", "format": "json", "language": "de-DE"}


@pytest.mark.parametrize(
    ("reply", "kind", "part"),
    [
        (Reply(b"", 403), "unavailable", "its setting search.formats must name json"),
        (Reply(b"<html>"), "failed", "did not answer with JSON"),
        (Reply(b"[]"), "failed", "in a form that is not SearXNG's"),
        (Reply(b'{"results": 3}'), "failed", "in a form that is not SearXNG's"),
        (Reply(b'{"results": []}'), "not_found", "Nothing was found for 'some words'"),
        (Reply(b"", 429), "unavailable", "refuses more requests"),
    ],
)
async def test_what_a_searxng_server_cannot_answer_has_its_kind(
    tmp_path: Path, reply: Reply, kind: str, part: str
) -> None:
    result, _ = await search_searxng(tmp_path, reply)
    found, message = failure(result)
    assert found == kind
    assert part in message


async def test_the_card_names_the_searxng_server_and_no_other(tmp_path: Path) -> None:
    settings = {WebSearchSettings: WebSearchSettings(searxng_url="https://search.lan:8888")}
    async with workbench(tmp_path, settings=settings) as bench:
        shown = await preview_call(the_tool("web_search"), {"query": "x"}, bench)
    assert (shown.summary, shown.hosts) == ("Search the web for 'x' with searxng.", ("search.lan:8888",))
