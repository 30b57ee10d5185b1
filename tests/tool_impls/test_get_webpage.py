from __future__ import annotations

from pathlib import Path

import pytest

from smol_chat.messages import Origin
from smol_chat.tools import preview_call
from support.http_servers import Reply, Request, serve
from support.tool_context import Names, call, failure, the_tool, workbench

LOOPBACK = ("127.0.0.1",)

WORDS = "<p>Some words with a <a href='/more'>link</a> that are <b>long</b> enough to be what the page is about.</p>"
PAGE = f"""<!DOCTYPE html><html><head><title>A  page &amp; more</title></head><body>
<nav><a href="/">Home</a> <a href="/about">About us</a></nav><script>alert("script")</script>
<article><h1>Heading</h1>{WORDS * 3}<h2>List</h2><ul><li>first</li><li>second</li></ul>
<table><tr><th>Name</th><th>Value</th></tr><tr><td>a</td><td>1</td></tr></table></article>
<footer>Copyright footer</footer></body></html>"""


def answers(body: str | bytes, content_type: str = "text/html; charset=utf-8", status: int = 200) -> Reply:
    data = body.encode() if isinstance(body, str) else body
    return Reply(data, status, {"Content-Type": content_type} if content_type else {})


async def test_a_page_becomes_markdown_with_its_title_and_address(tmp_path: Path) -> None:
    def handle(request: Request) -> Reply:
        return answers(PAGE) if request.path == "/page" else Reply(status=301, headers={"Location": "/page"})

    async with serve(handle) as server, workbench(tmp_path, allow=LOOPBACK) as bench:
        result = await call(bench, "get_webpage", url=f"{server.url}/old")
    lines = result.content.split("\n")
    assert lines[:3] == ["# Heading", f"{server.url}/page", ""]
    for part in (f"[link]({server.url}/more)", "**long**", "## List", "- first", "| Name | Value |"):
        assert part in result.content
    for part in ("alert", "<p>", "Copyright footer"):
        assert part not in result.content
    assert result.origin is Origin.WEB
    assert isinstance(result.data, dict)
    assert result.data["url"] == f"{server.url}/page"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ('{"a": [1, 2]}', "application/json"),
        ("plain\ntext", "text/plain"),
        ("a,b\n1,2", "text/csv"),
        ("# Markdown", "text/markdown"),
        ("<feed><title>x</title></feed>", "application/xml"),
        ("no type at all", ""),
    ],
)
async def test_other_text_is_passed_on_as_it_is(tmp_path: Path, body: str, content_type: str) -> None:
    async with serve(lambda _: answers(body, content_type)) as server, workbench(tmp_path, allow=LOOPBACK) as bench:
        result = await call(bench, "get_webpage", url=server.url)
    assert result.content == f"{server.url}\n\n{body}"


@pytest.mark.parametrize(
    ("reply", "kind", "part"),
    [
        (answers(b"%PDF-1.7", "application/pdf"), "failed", "is application/pdf, which cannot be read as text."),
        (answers(b"\x89PNG", "image/png"), "failed", "is image/png, which cannot be read as text."),
        (answers(b"\0\1\2", "text/plain"), "failed", "is not text."),
        (answers("<html><body></body></html>"), "failed", "has no text to read"),
        (answers("<html><script>run()</script><div id=root></div></html>"), "failed", "has no text to read"),
        (answers("gone", status=404), "not_found", "has no such page (HTTP 404)."),
        (answers("no", status=403), "failed", "refused the request (HTTP 403)."),
        (answers("slow", status=429), "unavailable", "refuses more requests for now (HTTP 429)"),
        (answers("broken", status=503), "unavailable", "has a problem of its own (HTTP 503)."),
        (Reply(status=302, headers={"Location": "http://10.0.0.1/"}), "blocked", "not on the public internet"),
        (Reply(bytes(9 * 1024 * 1024), headers={"Content-Type": "text/plain"}), "limit", "sent more than 8,388,608"),
    ],
)
async def test_each_way_to_fail_has_its_kind(tmp_path: Path, reply: Reply, kind: str, part: str) -> None:
    async with serve(lambda _: reply) as server, workbench(tmp_path, allow=LOOPBACK) as bench:
        found, message = failure(await call(bench, "get_webpage", url=server.url))
    assert found == kind
    assert part in message
    assert "\n" not in message


async def test_a_private_address_is_not_fetched(tmp_path: Path) -> None:
    async with serve(lambda _: answers("secret")) as server, workbench(tmp_path) as bench:
        kind, message = failure(await call(bench, "get_webpage", url=server.url))
    assert kind == "blocked"
    assert "network.allow" in message
    assert server.requests == []


async def test_an_address_without_a_scheme_is_taken_as_https(tmp_path: Path) -> None:
    names = Names()
    async with workbench(tmp_path, names=names) as bench:
        assert failure(await call(bench, "get_webpage", url="page.test/x"))[0] == "unavailable"
        shown = await preview_call(the_tool("get_webpage"), {"url": "page.test/x"}, bench)
    assert names.asked == ["page.test"]
    assert (shown.hosts, shown.body) == (("page.test",), "https://page.test/x")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "javascript://x", "http://user:pw@page.test/", "not an address"])
async def test_the_preview_says_that_an_address_cannot_be_fetched(tmp_path: Path, url: str) -> None:
    async with workbench(tmp_path) as bench:
        shown = await preview_call(the_tool("get_webpage"), {"url": url}, bench)
    assert shown.summary.startswith("This call would fail: ")


async def test_a_name_that_only_looks_like_another_is_shown_in_its_true_form(tmp_path: Path) -> None:
    async with workbench(tmp_path) as bench:
        shown = await preview_call(the_tool("get_webpage"), {"url": "https://\u0430pple.test/"}, bench)
    assert shown.hosts == ("xn--pple-43d.test",)


async def test_a_long_page_is_read_part_by_part_and_fetched_once(tmp_path: Path) -> None:
    paragraphs = [f"paragraph {number}: " + "word " * 30 for number in range(60)]
    body = "\n\n".join(text.strip() for text in paragraphs)
    async with (
        serve(lambda _: answers(body, "text/plain")) as server,
        workbench(tmp_path, allow=LOOPBACK, result_limit=4000) as bench,
    ):
        results = [await call(bench, "get_webpage", url=server.url)]
        assert isinstance(results[0].data, dict)
        pages = results[0].data["pages"]
        assert isinstance(pages, int) and 3 <= pages <= 6
        results += [await call(bench, "get_webpage", url=server.url, page=page) for page in range(2, pages + 1)]
        beyond = failure(await call(bench, "get_webpage", url=server.url, page=pages + 1))
    assert len(server.requests) == 1
    assert all(result.full_content is None and len(result.content.encode()) <= 4000 for result in results)
    assert results[0].content.endswith(f"[page 1 of {pages}; page=2 reads on]")
    assert results[-1].content.endswith(f"[page {pages} of {pages}]")
    texts = [result.data["text"] for result in results if isinstance(result.data, dict)]
    assert "\n\n".join(str(text) for text in texts) == body
    assert beyond == ("not_found", f"{server.url} has only {pages} pages.")


async def test_a_paragraph_longer_than_a_part_is_cut_and_nothing_of_it_lost(tmp_path: Path) -> None:
    body = "\u00e4\u20ac\U0001f600" * 1500
    async with (
        serve(lambda _: answers(body, "text/plain; charset=utf-8")) as server,
        workbench(tmp_path, allow=LOOPBACK, result_limit=3000) as bench,
    ):
        first = await call(bench, "get_webpage", url=server.url)
        assert isinstance(first.data, dict)
        rest = [
            await call(bench, "get_webpage", url=server.url, page=page)
            for page in range(2, int(str(first.data["pages"])) + 1)
        ]
    texts = [str(result.data["text"]) for result in (first, *rest) if isinstance(result.data, dict)]
    assert "".join(texts).replace("\n\n", "") == body
    assert all(len(result.content.encode()) <= 3000 for result in (first, *rest))


async def test_the_program_says_who_it_is(tmp_path: Path) -> None:
    async with serve(lambda _: answers("x", "text/plain")) as server, workbench(tmp_path, allow=LOOPBACK) as bench:
        await call(bench, "get_webpage", url=server.url)
    assert "smol-chat/" in server.requests[0].headers["user-agent"]


async def test_nothing_is_fetched_when_offline(tmp_path: Path) -> None:
    async with serve(lambda _: answers("x", "text/plain")) as server, workbench(tmp_path, allow=LOOPBACK) as bench:
        bench.egress.offline = True
        kind, message = failure(await call(bench, "get_webpage", url=server.url))
    assert (kind, server.requests) == ("blocked", [])
    assert "\n" not in message
