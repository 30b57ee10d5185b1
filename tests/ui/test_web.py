"""Who may see the screen in a browser: one window, with the token, of a page that this server has sent."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from aiohttp import WSMsgType

from smol_chat.errors import UsageError
from smol_chat.ui.web import ScreenServer

# Says what a screen says first, one packet with its process id, then nothing until it is to end.
STAND_IN = """
import os, sys
out = lambda data: os.write(1, b"D%s%s" % (len(data).to_bytes(4, "big"), data))
print("__GANGLION__", flush=True)
out(b"hello %d" % os.getpid())
sys.stdin.buffer.read(1)
"""
COMMAND = (sys.executable, "-c", STAND_IN)


class Site:
    """A server that runs, and a client without a browser's manners."""

    def __init__(self, server: ScreenServer, address: str, session: aiohttp.ClientSession) -> None:
        self.address = address
        self.origin = address.rsplit("/", 2)[0]
        self.port = server.port
        self._session = session

    async def status(self, path: str = "", *, token: str | None = None, **headers: str) -> int:
        address = self.address if token is None else f"{self.origin}/{token}/"
        async with self._session.get(address + path, headers=headers) as answer:
            return answer.status

    async def headers(self) -> dict[str, str]:
        async with self._session.get(self.address) as answer:
            return dict(answer.headers)

    async def text(self) -> str:
        async with self._session.get(self.address) as answer:
            return await answer.text()

    async def window(self, origin: str | None = "") -> aiohttp.ClientWebSocketResponse[bool]:
        return await self._session.ws_connect(f"{self.address}ws", origin=self.origin if origin == "" else origin)


@asynccontextmanager
async def serving(address: str = "127.0.0.1", command: Sequence[str] = COMMAND) -> AsyncIterator[Site]:
    server = ScreenServer(command, address, 0, wait=0.2)
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(server.run(ready.set_result))
    try:
        async with aiohttp.ClientSession() as session:
            yield Site(server, await ready, session)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_the_page_is_there_for_who_has_the_address() -> None:
    async with serving() as site:
        assert await site.status() == 200
        assert await site.status("static/js/textual.js") == 200
        assert f'data-session-websocket-url="ws://127.0.0.1:{site.port}/' in await site.text()
        assert "http" not in (await site.text()).replace("http-equiv", "")


@pytest.mark.parametrize("token", ["", "x", "%2e%2e", "\u20ac"])
async def test_without_the_token_nothing_is_there(token: str) -> None:
    async with serving() as site:
        for path in ("", "ws", "static/js/textual.js"):
            assert await site.status(path, token=token) == 404


async def test_two_servers_have_two_tokens() -> None:
    tokens = {ScreenServer(COMMAND, "127.0.0.1", 0).token for _ in range(9)}
    assert len(tokens) == 9
    assert all(len(token) >= 32 for token in tokens)


HOSTS: list[tuple[str, Callable[[int], str], int]] = [
    ("127.0.0.1", lambda port: f"127.0.0.1:{port}", 200),
    ("127.0.0.1", lambda port: f"localhost:{port}", 200),
    ("127.0.0.1", lambda port: f"rebound.example:{port}", 403),
    ("127.0.0.1", lambda port: f"127.0.0.1.example:{port}", 403),
    ("127.0.0.1", lambda port: f"127.0.0.2:{port}", 403),
    ("127.0.0.1", lambda port: f"127.0.0.1:{port + 1}", 403),
    ("127.0.0.1", lambda port: "127.0.0.1", 403),
    ("127.0.0.1", lambda port: f"[::1]:{port}", 403),
    ("0.0.0.0", lambda port: f"127.0.0.1:{port}", 200),
    ("0.0.0.0", lambda port: f"192.168.0.7:{port}", 200),
    ("0.0.0.0", lambda port: f"rebound.example:{port}", 403),
]


@pytest.mark.parametrize(("address", "host", "status"), HOSTS)
async def test_a_name_that_only_resolves_to_this_machine_is_refused(
    address: str, host: Callable[[int], str], status: int
) -> None:
    async with serving(address) as site:
        assert await site.status(Host=host(site.port)) == status


async def test_a_page_of_another_site_may_not_connect() -> None:
    async with serving() as site:
        for origin in ("https://mal.example", f"http://localhost:{site.port}", "null", None):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await site.window(origin)
            assert refused.value.status == 403
        assert await site.status(Origin="https://mal.example") == 403
        assert await site.status(Origin=site.origin) == 200


async def test_the_page_keeps_to_itself() -> None:
    async with serving() as site:
        headers = await site.headers()
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["static/../server.py", "static/%2e%2e/server.py", "static/..%2fserver.py", "static/"])
async def test_no_other_file_is_served(path: str) -> None:
    async with serving() as site:
        assert await site.status(path) == 404


async def test_a_second_window_is_turned_away_and_let_in_when_the_first_is_gone() -> None:
    async with serving() as site:
        first = await site.window()
        assert (await first.receive()).data.startswith(b"hello ")
        second = await site.window()
        turned_away = await second.receive()
        assert (turned_away.type, turned_away.extra) == (WSMsgType.CLOSE, "another window has the screen")
        await first.close()
        third = await site.window()
        assert (await third.receive()).data.startswith(b"hello ")


async def test_the_program_behind_a_window_ends_with_it_and_with_the_server() -> None:
    async with serving() as site:
        window = await site.window()
        process = int((await window.receive()).data.split()[1])
        assert _lives(process)
        await window.close()
        again = await site.window()
        ended, process = process, int((await again.receive()).data.split()[1])
        assert not _lives(ended)
        reading = asyncio.create_task(again.receive())  # a browser answers when it is told that the end has come
    await reading
    assert not _lives(process)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_port_that_is_taken_is_one_sentence() -> None:
    async with serving() as site:
        with pytest.raises(UsageError, match=rf"^Port {site.port} of 127.0.0.1 cannot be used \(.*\); choose another"):
            await ScreenServer(COMMAND, "127.0.0.1", site.port).run(print)
