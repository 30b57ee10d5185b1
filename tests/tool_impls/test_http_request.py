"""http_request against loopback servers: what is sent, what is shown, what is refused."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from smol_chat.agent.toolbox import RegistryToolbox
from smol_chat.messages import JsonObject, Origin, ToolCall
from smol_chat.tools import Effect, ToolRegistry, preview_call
from smol_chat.tools.egress import Caller, Egress, Ledger
from support.http_servers import Reply, Request, serve
from support.tool_context import Names, call, failure, the_tool, workbench

LOOPBACK = ("127.0.0.1",)


def json_reply(value: object, status: int = 200) -> Reply:
    return Reply(json.dumps(value).encode(), status, {"Content-Type": "application/json", "X-Secret-Trace": "1"})


async def test_status_headers_and_body_come_back(tmp_path: Path) -> None:
    reply = Reply(b"hello", 201, {"Content-Type": "text/plain", "Location": "/made/1", "X-Powered-By": "x"})
    async with serve(lambda _: reply) as server, workbench(tmp_path, allow=LOOPBACK) as bench:
        result = await call(bench, "http_request", method="POST", url=server.url + "/make", body="text")
    assert result.content == (
        f"HTTP 201 Created from {server.url}/make\n"
        "content-type: text/plain\ncontent-length: 5\nlocation: /made/1\n\nhello"
    )
    assert result.origin is Origin.WEB
    assert isinstance(result.data, dict)
    assert (result.data["status"], result.data["body"]) == (201, "hello")
    [sent] = server.requests
    assert (sent.method, sent.body, sent.headers["content-type"]) == ("POST", b"text", "text/plain; charset=utf-8")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"])
async def test_every_method_is_sent(tmp_path: Path, method: str) -> None:
    async with serve(lambda _: Reply(b"")) as server, workbench(tmp_path, allow=LOOPBACK) as bench:
        result = await call(bench, "http_request", method=method, url=server.url, headers={"X-Mine": "a", "Age": 3})
    assert result.content.startswith("HTTP 200 OK")
    [sent] = server.requests
    assert (sent.method, sent.headers["x-mine"], sent.headers["age"]) == (method, "a", "3")


@pytest.mark.parametrize(
    ("body", "headers", "sent", "kind"),
    [
        ({"a": [1, "é"]}, {}, '{"a": [1, "é"]}', "application/json"),
        ('{"a": 1}', {}, '{"a": 1}', "application/json"),
        ("{broken", {}, "{broken", "text/plain; charset=utf-8"),
        ("a=1&b=2", {"Content-Type": "text/form"}, "a=1&b=2", "text/form"),
        ("", {}, "", None),
        (None, {}, "", None),
    ],
)  # fmt: skip
async def test_a_body_is_text_or_json(
    tmp_path: Path, body: object, headers: dict[str, str], sent: str, kind: str | None
) -> None:
    async with serve(lambda _: Reply(b"ok")) as server, workbench(tmp_path, allow=LOOPBACK) as bench:
        arguments = {} if body is None else {"body": body}
        await call(bench, "http_request", method="POST", url=server.url, headers=headers, **arguments)
    [request] = server.requests
    assert (request.body.decode(), request.headers.get("content-type")) == (sent, kind)
    assert request.headers["content-length"] == str(len(sent.encode()))


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
async def test_a_refusal_is_an_answer_too(tmp_path: Path, status: int) -> None:
    reply = json_reply({"error": "why"}, status)
    async with serve(lambda _: reply) as server, workbench(tmp_path, allow=LOOPBACK) as bench:
        result = await call(bench, "http_request", method="GET", url=server.url)
    assert result.ok
    assert result.content.startswith(f"HTTP {status} ")
    assert result.content.endswith('{\n "error": "why"\n}')


async def test_small_json_is_made_readable_and_large_json_left_as_it_is(tmp_path: Path) -> None:
    large = {"items": list(range(5000))}
    replies = {"/small": json_reply({"a": {"b": 1}}), "/large": json_reply(large)}
    async with serve(lambda request: replies[request.path]) as server, workbench(tmp_path, allow=LOOPBACK) as bench:
        small = await call(bench, "http_request", method="GET", url=server.url + "/small")
        cut = await call(bench, "http_request", method="GET", url=server.url + "/large")
    assert small.content.endswith('{\n "a": {\n  "b": 1\n }\n}')
    assert isinstance(cut.data, dict) and cut.data["body"] == large
    assert "[cut: the first" in cut.content
    assert "\n " not in cut.content
    assert "x-secret-trace" not in small.content


@pytest.mark.parametrize(
    ("reply", "part"),
    [
        (Reply(b"\x89PNG\r\n", headers={"Content-Type": "image/png"}), "a PNG image, sent as image/png, 6 bytes; it"),
        (Reply(b"ab\0cd"), "[the body is binary, 5 bytes; it is not shown]"),
        (Reply(b"", 204), "HTTP 204 No Content"),
        (Reply(b"grin\xfc\xdf", headers={"Content-Type": "text/plain; charset=latin-1"}), "grinüß"),
        (Reply(b"odd", 299), "HTTP 299 from "),
        (Reply(b"[broken", headers={"Content-Type": "application/json"}), "[broken"),
    ],
)  # fmt: skip
async def test_a_body_is_shown_where_it_is_text_and_described_where_not(
    tmp_path: Path, reply: Reply, part: str
) -> None:
    async with serve(lambda _: reply) as server, workbench(tmp_path, allow=LOOPBACK) as bench:
        result = await call(bench, "http_request", method="GET", url=server.url)
    assert part in result.content


async def test_a_body_without_end_is_refused(tmp_path: Path) -> None:
    async with serve(lambda _: Reply(bytes(3 * 1024 * 1024))) as server, workbench(tmp_path, allow=LOOPBACK) as bench:
        kind, message = failure(await call(bench, "http_request", method="GET", url=server.url))
    assert kind == "limit"
    assert "sent more than 2,097,152 bytes" in message


async def test_a_server_that_stalls_ends_with_the_call(tmp_path: Path) -> None:
    async with (
        serve(lambda _: Reply(b"x", stall=True)) as server,
        workbench(tmp_path, allow=LOOPBACK, timeout=0.2) as bench,
    ):
        assert failure(await call(bench, "http_request", method="GET", url=server.url))[0] == "timeout"


async def test_cancelling_closes_the_connection(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "egress.db")
    async with (
        serve(lambda _: Reply(b"x", stall=True)) as server,
        workbench(tmp_path, allow=LOOPBACK, egress=Egress(ledger)) as bench,
    ):
        running = asyncio.create_task(call(bench, "http_request", method="GET", url=server.url))
        while not server.requests:
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        [made] = ledger.read(10)
    assert made.state == "closed"
    assert made.sent > 0


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"method": "GET", "body": "x"}, "GET sends no body"),
        ({"method": "HEAD", "body": {"a": 1}}, "HEAD sends no body"),
        ({"method": "TRACE"}, "method"),
        ({"method": "CONNECT"}, "method"),
        ({"method": "get"}, "method"),
        ({"headers": {"Host": "other.test"}}, "The header host is set by the program"),
        ({"headers": {"Content-Length": "0"}}, "content-length is set by the program"),
        ({"headers": {"Transfer-Encoding": "chunked"}}, "transfer-encoding is set by the program"),
        ({"headers": {"X": "a\r\nHost: evil.test"}}, "may not hold line breaks"),
        ({"headers": {"X": "a\x00"}}, "may not hold line breaks"),
        ({"headers": {"X\r\nY": "a"}}, "cannot be the name of a header"),
        ({"headers": {"X Y": "a"}}, "cannot be the name of a header"),
        ({"headers": {"": "a"}}, "cannot be the name of a header"),
        ({"headers": {"X": ["a"]}}, "must be text"),
        ({"headers": {"X": True}}, "must be text"),
        ({"headers": {"a": "1", "A": "2"}}, "is given twice"),
        ({"headers": {"X": "\u4e2d"}}, "only Latin letters"),
        ({"headers": {f"x{number}": "a" for number in range(51)}}, "At most 50 headers"),
        ({"url": "ftp://page.test/"}, "must begin with https:// or http://"),
        ({"url": "page.test"}, "must begin with https:// or http://"),
        ({"url": "http://page.test:99999/"}, "names no host and port that there can be"),
        ({"url": "http://pa ge.test/\r\nX: y"}, "is no web address"),
    ],
)
async def test_what_cannot_be_a_request_is_refused_before_anything_is_sent(
    tmp_path: Path, arguments: JsonObject, part: str
) -> None:
    async with serve(lambda _: Reply(b"reached")) as server, workbench(tmp_path, allow=LOOPBACK) as bench:
        given = {"method": "GET", "url": server.url, **arguments}
        kind, message = failure(await call(bench, "http_request", **given))
    assert (kind, server.requests) == ("invalid_arguments", [])
    assert part in message
    assert "\n" not in message


async def test_a_body_that_is_too_large_is_not_sent(tmp_path: Path) -> None:
    async with serve(lambda _: Reply(b"reached")) as server, workbench(tmp_path, allow=LOOPBACK) as bench:
        given = {"method": "POST", "url": server.url, "body": "x" * (1024 * 1024 + 1)}
        assert failure(await call(bench, "http_request", **given))[0] == "limit"
    assert server.requests == []


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "2130706433", "0x7f000001", "127.1", "[::1]", "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "169.254.169.254", "192.0.0.192", "100.64.0.1", "10.0.0.1",
        "0.0.0.0", "metadata.test", "user:pw@page.test",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_no_private_address_is_reached_in_any_notation(tmp_path: Path, host: str, method: str) -> None:
    names = Names(localhost=("127.0.0.1",), metadata_test=("169.254.169.254", "93.184.216.34"))
    names.names |= {name: ["127.0.0.1"] for name in ("2130706433", "0x7f000001", "127.1")}
    async with serve(lambda _: Reply(b"reached")) as server, workbench(tmp_path, names=names) as bench:
        url = f"http://{host}:{server.port}/"
        kind, message = failure(await call(bench, "http_request", method=method, url=url))
    assert (kind, server.requests) == ("blocked", [])
    assert "\n" not in message


@pytest.mark.parametrize("target", ["http://10.0.0.1/", "http://metadata.test/", "file:///etc/passwd", "gopher://x/"])
async def test_no_redirect_leads_past_the_guard(tmp_path: Path, target: str) -> None:
    reply = Reply(status=302, headers={"Location": target})
    names = Names(metadata_test=("169.254.169.254",))
    async with serve(lambda _: reply) as server, workbench(tmp_path, allow=LOOPBACK, names=names) as bench:
        kind, _ = failure(await call(bench, "http_request", method="GET", url=server.url))
    assert kind in ("blocked", "invalid_arguments")
    assert len(server.requests) == 1


async def test_secrets_do_not_follow_a_redirect_to_another_origin(tmp_path: Path) -> None:
    async with serve(lambda _: Reply(b"end")) as other:
        reply = Reply(status=302, headers={"Location": other.url})
        async with serve(lambda _: reply) as server, workbench(tmp_path, allow=LOOPBACK) as bench:
            headers = {"Authorization": "Bearer abc", "X-Api-Key": "k"}
            await call(bench, "http_request", method="GET", url=server.url, headers=headers)
    [followed] = other.requests
    assert "authorization" not in followed.headers and "x-api-key" not in followed.headers


# --- what is known before -------------------------------------------------------------------------


async def test_the_card_shows_the_request_with_its_secrets_masked(tmp_path: Path) -> None:
    arguments: JsonObject = {
        "method": "POST",
        "url": "https://api.test/v1/items?x=1",
        "headers": {"Authorization": "Bearer abcdefgh", "X-Api-Key": "0123", "Accept": "text/plain", "Cookie": "a=b"},
        "body": {"name": "A thing"},
    }
    async with workbench(tmp_path) as bench:
        shown = await preview_call(the_tool("http_request"), arguments, bench)
    assert shown.summary == "Send 19 bytes to api.test (POST)."
    assert shown.hosts == ("api.test",)
    assert shown.body == (
        "POST https://api.test/v1/items?x=1\n"
        "content-type: application/json\n"
        "authorization: Bearer •••••• (8 characters)\n"
        "x-api-key: •••••• (4 characters)\n"
        "accept: text/plain\n"
        "cookie: •••••• (3 characters)\n"
        '\n{"name": "A thing"}'
    )


@pytest.mark.parametrize(
    ("method", "summary"),
    [
        ("GET", "Ask api.test (GET)."),
        ("HEAD", "Ask api.test (HEAD)."),
        ("DELETE", "Send a request without a body to api.test (DELETE)."),
    ],
)
async def test_the_card_says_what_kind_of_request_it_is(tmp_path: Path, method: str, summary: str) -> None:
    async with workbench(tmp_path) as bench:
        shown = await preview_call(the_tool("http_request"), {"method": method, "url": "http://api.test/"}, bench)
    assert shown.summary == summary


@pytest.mark.parametrize(
    ("method", "effect"),
    [("GET", Effect.NETWORK), ("HEAD", Effect.NETWORK)]
    + [(method, Effect.SEND) for method in ("POST", "PUT", "PATCH", "DELETE")],
)
async def test_whatever_is_not_only_asked_counts_as_sending(tmp_path: Path, method: str, effect: Effect) -> None:
    async with workbench(tmp_path) as bench:
        toolbox = RegistryToolbox(ToolRegistry.load(), bench)
        made = ToolCall("1", "http_request", {"method": method, "url": "http://api.test/"})
        assert toolbox.effect(made) is effect
        assert toolbox.usual_effect("http_request") is Effect.NETWORK


async def test_offline_nothing_is_sent_and_the_card_says_so(tmp_path: Path) -> None:
    async with serve(lambda _: Reply(b"reached")) as server, workbench(tmp_path, allow=LOOPBACK) as bench:
        bench.egress.offline = True
        given: JsonObject = {"method": "POST", "url": server.url, "body": "x"}
        kind, message = failure(await call(bench, "http_request", **given))
        shown = await preview_call(the_tool("http_request"), given, bench)
    assert (kind, server.requests) == ("blocked", [])
    assert message in shown.summary


async def test_what_a_call_of_a_conversation_sent_is_on_record(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "egress.db")

    def handle(request: Request) -> Reply:
        return Reply(b"end") if request.path == "/end" else Reply(status=307, headers={"Location": "/end"})

    async with serve(handle) as server, workbench(tmp_path, allow=LOOPBACK, egress=Egress(ledger)) as bench:
        toolbox = RegistryToolbox(ToolRegistry.load(), bench, "conversation-1")
        made = ToolCall("call_7", "http_request", {"method": "POST", "url": server.url, "body": "x" * 5000})
        assert (await toolbox.run(made, lambda _: None)).ok
        connections = ledger.read(10)
    assert len(connections) == 2  # the redirect is a connection of its own
    for connection in connections:
        assert connection.caller == Caller("http_request", "call_7", "conversation-1")
        assert (connection.host, connection.port, connection.address) == ("127.0.0.1", server.port, "127.0.0.1")
        assert (connection.state, connection.exact) == ("closed", True)
        assert connection.sent > 5000
        assert connection.received > 0
