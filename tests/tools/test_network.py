from __future__ import annotations

import asyncio
import gzip
import ssl
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import httpcore
import pytest

from smol_chat.errors import ToolError
from smol_chat.tools.http_response import HttpResponse
from smol_chat.tools.network import GuardedClient
from support.http_servers import Reply, Request, serve
from support.tool_context import Names

LOOPBACK = ("127.0.0.1",)
CERTIFICATE = Path(__file__).parents[1] / "support" / "loopback_certificate.pem"
"""For the name right.test, with its key; trusted by nobody but these tests."""


def client(**names: tuple[str, ...]) -> GuardedClient:
    return GuardedClient(allow=LOOPBACK, resolver=Names(**names))


async def problem(request: Awaitable[object]) -> tuple[str, str]:
    with pytest.raises(ToolError) as caught:
        await request
    return caught.value.kind, caught.value.message


def answer(reply: Reply) -> Callable[[Request], Reply]:
    return lambda request: reply


async def test_a_page_is_fetched_with_status_headers_and_content() -> None:
    async with serve(answer(Reply(b"hello", 203, {"Content-Type": "text/plain; charset=utf-8", "X-A": "1"}))) as server:
        response = await client().get(server.url + "/a?b=c", params={"d": "e f"}, headers={"X-Mine": "yes"})
    assert (response.status, response.text, response.media_type) == (203, "hello", "text/plain")
    assert response.headers["x-a"] == "1"
    request = server.requests[0]
    assert (request.method, request.path, request.query) == ("GET", "/a", {"b": "c", "d": "e f"})
    assert request.headers["x-mine"] == "yes"
    assert request.headers["host"] == server.address
    assert request.headers["accept-encoding"] == "identity"


async def test_a_body_is_sent() -> None:
    async with serve(answer(Reply(b"ok"))) as server:
        await client().request("POST", server.url, content=b"a=b", headers={"content-type": "text/x"})
    assert (server.requests[0].method, server.requests[0].body) == ("POST", b"a=b")


async def test_nothing_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve(answer(Reply(b"direct"))) as server, serve(answer(Reply(b"proxied"))) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert (await client().get(server.url)).content == b"direct"
    assert proxy.requests == []


# --- where it connects ----------------------------------------------------------------------------


class Connections:
    """A connector that never connects: it remembers where it was sent."""

    def __init__(self) -> None:
        self.made: list[str] = []

    async def __call__(self, address: str, port: int, timeout: float | None) -> httpcore.AsyncNetworkStream:
        self.made.append(address)
        raise httpcore.ConnectError("nothing is there")


FORBIDDEN = [
    "http://127.0.0.1/",
    "http://localhost/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://017700000001/",
    "http://127.1/",
    "http://0/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[fe80::1]/",
    "http://169.254.169.254/latest/meta-data/",
    "http://192.0.0.192/",
    "http://metadata.internal/",
    "http://10.0.0.1/",
    "http://192.168.1.1:8080/",
    "http://mixed.test/",
    "http://sixtofour.test/",
]


@pytest.mark.parametrize("url", FORBIDDEN)
async def test_no_private_address_is_connected_to(url: str) -> None:
    """Odd notations of an address all end in the resolver, so what it answers is what is judged."""
    loopback = ("127.0.0.1",)
    names = Names(mixed_test=("93.184.216.34", "10.0.0.1"), sixtofour_test=("2002:7f00:1::",))
    for odd in ("localhost", "2130706433", "0x7f000001", "017700000001", "127.1"):
        names.names[odd] = list(loopback)
    names.names |= {"metadata.internal": ["169.254.169.254"], "0": ["0.0.0.0"]}
    connections = Connections()
    guarded = GuardedClient(resolver=names, connector=connections)
    kind, message = await problem(guarded.get(url))
    assert kind == "blocked"
    assert "not on the public internet" in message
    assert connections.made == []
    assert (await problem(guarded.check(url)))[0] == "blocked"


async def test_the_address_that_was_checked_is_the_one_connected_to() -> None:
    """The name answers with a public address first and a private one afterwards."""
    answers = [["93.184.216.34"], ["127.0.0.1"]]

    async def rebinding(host: str, port: int) -> list[str]:
        return answers.pop(0)

    connections = Connections()
    guarded = GuardedClient(resolver=rebinding, connector=connections)
    assert (await problem(guarded.get("http://rebind.test/")))[0] == "unavailable"
    assert connections.made == ["93.184.216.34"]
    assert (await problem(guarded.get("http://rebind.test/")))[0] == "blocked"
    assert connections.made == ["93.184.216.34"]


async def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    connections = Connections()
    guarded = GuardedClient(resolver=Names(two_test=("93.184.216.34", "1.1.1.1")), connector=connections)
    expected = "Could not reach two.test: the connection failed. Is this machine online?"
    assert await problem(guarded.get("http://two.test/")) == ("unavailable", expected)
    assert connections.made == ["93.184.216.34", "1.1.1.1"]


async def test_the_host_is_named_when_there_is_no_network() -> None:
    expected = "Could not reach nowhere.test: its name was not found. Is this machine online?"
    assert await problem(client().get("https://nowhere.test/page")) == ("unavailable", expected)


async def test_a_closed_port_is_said() -> None:
    async with serve(answer(Reply())) as server:
        url = server.url
    assert (await problem(client().get(url)))[0] == "unavailable"


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("file:///etc/passwd", "invalid_arguments"),
        ("ftp://example.org/", "invalid_arguments"),
        ("gopher://example.org/", "invalid_arguments"),
        ("example.org", "invalid_arguments"),
        ("http://", "invalid_arguments"),
        ("http:///path", "invalid_arguments"),
        ("", "invalid_arguments"),
        ("http://exa mple.org/", "invalid_arguments"),
        ("http://example.org:99999/", "invalid_arguments"),
        ("http://a\r\nb/", "invalid_arguments"),
        ("http://example.org/" + "x" * 9000, "invalid_arguments"),
        ("http://①②⑦.⓪.⓪.①/", "invalid_arguments"),
        ("http://user:pass@example.org/", "blocked"),
        ("http://example.org@127.0.0.1/", "blocked"),
    ],
)
async def test_what_is_no_plain_web_address_is_refused(url: str, kind: str) -> None:
    connections = Connections()
    guarded = GuardedClient(resolver=Names(example_org=("93.184.216.34",)), connector=connections)
    assert (await problem(guarded.get(url)))[0] == kind
    assert connections.made == []


async def test_a_header_cannot_smuggle_another_one() -> None:
    async with serve(answer(Reply())) as server:
        assert (await problem(client().get(server.url, headers={"x-a": "b\r\nx-c: d"})))[0] == "invalid_arguments"
        assert (await problem(client().get(server.url, headers={"x-ä": "b"})))[0] == "invalid_arguments"
        assert (await problem(client().get(server.url, headers={"x-a": "€"})))[0] == "invalid_arguments"
    assert server.requests == []


# --- redirects ------------------------------------------------------------------------------------


async def test_redirects_are_followed_and_the_last_address_is_told() -> None:
    def handle(request: Request) -> Reply:
        return Reply(b"end") if request.path == "/end" else Reply(status=302, headers={"Location": "/end"})

    async with serve(handle) as server:
        response = await client().get(server.url + "/start")
    assert (response.url, response.content) == (server.url + "/end", b"end")


async def test_a_redirect_to_a_private_address_is_refused() -> None:
    async with serve(answer(Reply(status=302, headers={"Location": "http://169.254.169.254/"}))) as server:
        assert (await problem(client().get(server.url)))[0] == "blocked"


async def test_a_redirect_to_another_scheme_is_refused() -> None:
    async with serve(answer(Reply(status=302, headers={"Location": "file:///etc/passwd"}))) as server:
        assert (await problem(client().get(server.url)))[0] == "invalid_arguments"


async def test_redirects_without_end_are_stopped() -> None:
    async with serve(answer(Reply(status=302, headers={"Location": "/again"}))) as server:
        kind, message = await problem(client().get(server.url))
    assert (kind, message) == ("failed", "127.0.0.1 redirected more than 5 times.")
    assert len(server.requests) == 6


async def test_secrets_do_not_follow_to_another_origin() -> None:
    secrets = {"authorization": "Bearer x", "cookie": "a=b", "x-api-key": "k", "accept": "text/x"}
    async with serve(answer(Reply(b"end"))) as other:
        redirect = Reply(status=307, headers={"Location": f"http://other.test:{other.port}/"})
        async with serve(answer(redirect)) as server:
            await client(other_test=("127.0.0.1",)).get(server.url, headers=secrets)
    assert server.requests[0].headers["authorization"] == "Bearer x"
    received = other.requests[0].headers
    assert not {"authorization", "cookie", "x-api-key"} & set(received)
    assert received["accept"] == "text/x"


@pytest.mark.parametrize(("status", "method"), [(302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")])
async def test_a_redirected_post_keeps_to_the_rules_of_its_status(status: int, method: str) -> None:
    def handle(request: Request) -> Reply:
        return Reply(b"end") if request.path == "/end" else Reply(status=status, headers={"Location": "/end"})

    async with serve(handle) as server:
        await client().request("POST", server.url + "/start", content=b"body")
    assert (server.requests[1].method, server.requests[1].body) == (method, b"body" if method == "POST" else b"")


async def test_a_body_is_not_passed_on_to_another_origin() -> None:
    redirect = Reply(status=307, headers={"Location": "http://other.test/"})
    async with serve(answer(redirect)) as server:
        kind, message = await problem(client().request("POST", server.url, content=b"secret"))
    assert (kind, message) == ("blocked", "127.0.0.1 passes what was sent on to other.test; that is refused.")


# --- sizes and times ------------------------------------------------------------------------------


def gzip_bomb() -> Iterator[bytes]:
    """200 MB of zeros, compressed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = bytes(1024 * 1024)
    for _ in range(200):
        yield packer.compress(block)
    yield packer.flush()


async def test_a_compression_bomb_stops_at_the_cap() -> None:
    bomb = b"".join(gzip_bomb())
    assert len(bomb) < 1_000_000
    async with serve(answer(Reply(bomb, headers={"Content-Encoding": "gzip"}))) as server:
        kind, message = await problem(client().get(server.url, max_bytes=1_000_000))
    assert (kind, message) == ("limit", "127.0.0.1 sent more than 1,000,000 bytes; the rest was not read.")


async def test_a_body_without_end_stops_at_the_cap() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield bytes(65536)

    async with serve(answer(Reply(endless()))) as server:
        assert (await problem(client().get(server.url, max_bytes=300_000)))[0] == "limit"


async def test_the_cap_itself_is_allowed() -> None:
    async with serve(answer(Reply(bytes(1000)))) as server:
        assert len((await client().get(server.url, max_bytes=1000)).content) == 1000
        assert (await problem(client().get(server.url, max_bytes=999)))[0] == "limit"


@pytest.mark.parametrize("packed", [gzip.compress(b"text" * 100), zlib.compress(b"text" * 100)])
async def test_compressed_answers_nobody_asked_for_are_read(packed: bytes) -> None:
    encoding = "gzip" if packed[:1] == b"\x1f" else "deflate"
    async with serve(answer(Reply(packed, headers={"Content-Encoding": encoding}))) as server:
        assert (await client().get(server.url)).content == b"text" * 100


@pytest.mark.parametrize(("encoding", "body"), [("br", b"x"), ("gzip", b"no gzip"), ("gzip, gzip", b"x")])
async def test_compression_that_cannot_be_read_is_said(encoding: str, body: bytes) -> None:
    async with serve(answer(Reply(body, headers={"Content-Encoding": encoding}))) as server:
        kind, message = await problem(client().get(server.url))
    assert kind == "failed"
    assert "compressed answer" in message


@pytest.mark.parametrize("reply", [Reply(b"", stall=True), Reply(b"some", stall=True)])
async def test_a_server_that_stalls_is_left(reply: Reply) -> None:
    async with serve(answer(reply)) as server:
        kind, message = await problem(client().get(server.url, timeout=0.2))
    assert (kind, message) == ("timeout", "127.0.0.1 did not answer within 0.2 seconds.")


async def test_cancelling_leaves_no_connection() -> None:
    async with serve(answer(Reply(b"some", stall=True))) as server:
        request = asyncio.create_task(client().get(server.url))
        while not server.requests:
            await asyncio.sleep(0)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request


async def test_an_unwanted_type_is_refused_before_its_body() -> None:
    reply = Reply(b"%PDF", headers={"Content-Type": "application/pdf"}, stall=True)
    async with serve(answer(reply)) as server:
        kind, message = await problem(client().get(server.url + "/a.pdf", media_types=("text/",)))
    assert (kind, message) == ("failed", f"{server.url}/a.pdf is application/pdf, which cannot be read as text.")


async def test_an_answer_that_is_no_http_is_said() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.test ESMTP\r\n")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        kind, message = await problem(client().get(f"http://127.0.0.1:{port}/"))
    finally:
        server.close()
        await server.wait_closed()
    assert (kind, message) == ("failed", "127.0.0.1 broke off or did not answer in HTTP.")


# --- TLS ------------------------------------------------------------------------------------------


async def tls_request(name: str, trusted: bool) -> HttpResponse:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    trust = ssl.create_default_context(cafile=str(CERTIFICATE)) if trusted else None
    async with serve(answer(Reply(b"private")), tls=context) as server:
        guarded = GuardedClient(
            allow=LOOPBACK, resolver=Names(**{name.replace(".", "_"): ("127.0.0.1",)}), ssl_context=trust
        )
        return await guarded.get(f"https://{name}:{server.port}/")


async def test_the_certificate_is_checked_against_the_name_not_the_address() -> None:
    assert (await tls_request("right.test", trusted=True)).content == b"private"


@pytest.mark.parametrize(("name", "trusted"), [("wrong.test", True), ("right.test", False)])
async def test_a_certificate_of_another_name_or_nobody_is_refused(name: str, trusted: bool) -> None:
    kind, message = await problem(tls_request(name, trusted))
    assert kind == "unavailable"
    assert message.startswith(f"Could not reach {name}: its secure connection cannot be trusted")


# --- what an answer says --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, "not_found"), (410, "not_found"), (403, "failed"), (429, "unavailable"), (500, "unavailable")],
)
def test_a_status_that_is_no_success_has_its_kind(status: int, kind: str) -> None:
    response = HttpResponse("http://a.test/x", status, {}, b"")
    with pytest.raises(ToolError) as caught:
        response.require_success()
    assert caught.value.kind == kind
    assert str(status) in caught.value.message
    HttpResponse("http://a.test/x", 204, {}, b"").require_success()


@pytest.mark.parametrize(
    ("content", "content_type", "text"),
    [
        ("grüße".encode(), "text/plain", "grüße"),
        ("grüße".encode("latin-1"), "text/plain", "grüße"),
        ("grüße".encode("cp1252"), "text/html; charset=windows-1252", "grüße"),
        ("grüße".encode(), "text/html; charset=no-such-charset", "grüße"),
        ("\u0433".encode("koi8-r"), 'text/html; charset="KOI8-R"', "\u0433"),
        (b"plain", "text/html; charset=hex", "plain"),
    ],
)
def test_text_is_decoded_by_what_the_answer_says_or_what_it_is(content: bytes, content_type: str, text: str) -> None:
    headers: Mapping[str, str] = {"content-type": content_type}
    assert HttpResponse("http://a.test/", 200, headers, content).text == text


def test_an_answer_that_is_no_json_is_said() -> None:
    for body in (b"<html>", b"", b"[" * 100_000):
        with pytest.raises(ToolError, match=r"a\.test did not answer with JSON"):
            HttpResponse("http://a.test/", 200, {}, body).json()
