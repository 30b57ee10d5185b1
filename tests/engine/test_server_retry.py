"""The server engine tries again before the first token, and finds its key in the keyring."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path

import httpx
import keyring
import pytest
from keyring.backend import KeyringBackend

from smol_chat.assembly import Assembly, Options
from smol_chat.config.keyring_secret import keyring_secret
from smol_chat.engine.server import ServerEngine
from smol_chat.engine.server_retry import seconds_to_wait
from smol_chat.errors import ServerError
from smol_chat.events import EngineNotice
from support.generations import Collected, ask, collect
from support.openai_server import Answer, OpenAIServer, Refusal, Stream, content, finish, listed

GOOD = Stream([*content("a"), *finish()])


class Waits(list[float]):
    """Remember how long was to be waited, and do not."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


async def tried(*answers: Answer) -> tuple[Collected, Waits, int, ServerError | None]:
    """Return what came, the waits, the number of requests, and the error it ended with."""
    waits, collected, failed = Waits(), Collected(), None
    async with OpenAIServer([*answers]) as server:
        engine = ServerEngine(server.url, wait=waits)
        try:
            await collect(engine, ask("Hi"), collected)
        except ServerError as error:
            failed = error
        finally:
            await engine.close()
        return collected, waits, len(server.requests), failed


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_busy_server_is_asked_again_and_the_user_is_told_once(status: int) -> None:
    collected, waits, requests, failed = await tried(Refusal(status, {}), Refusal(status, {}), GOOD)
    assert (collected.text, waits, requests, failed) == ("a", [0.5, 1.0], 3, None)
    (notice,) = collected.of(EngineNotice)
    assert "is busy, trying again" in notice.message
    assert collected.events[0] is notice


async def test_the_third_refusal_is_the_last() -> None:
    _, waits, requests, failed = await tried(*[Refusal(503, {"error": {"message": "Loading model"}})] * 3)
    assert failed is not None
    assert (waits, requests, "Loading model" in failed.message) == ([0.5, 1.0], 3, True)


@pytest.mark.parametrize("status", [400, 401, 404, 500])
async def test_other_refusals_are_final(status: int) -> None:
    _, waits, requests, failed = await tried(Refusal(status, {}))
    assert failed is not None
    assert (waits, requests) == ([], 1)


async def test_nothing_is_asked_again_after_the_first_token() -> None:
    collected, waits, requests, failed = await tried(Stream(content("so far"), cut=True))
    assert failed is not None
    assert (collected.text, waits, requests) == ("so far", [], 1)


async def test_a_server_that_restarts_is_found_again() -> None:
    asked = 0

    def respond(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        if request.method == "GET":
            return httpx.Response(200, json=listed("mine"))
        asked += 1
        if asked < 3:
            raise httpx.ConnectError("refused") if asked == 1 else httpx.RemoteProtocolError("disconnected")
        body = b'data: {"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}]}\n\n'
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body)

    waits = Waits()
    engine = ServerEngine("localhost", transport=httpx.MockTransport(respond), wait=waits)
    collected = await collect(engine, ask("Hi"))
    await engine.close()
    assert (collected.text, waits) == ("a", [0.5, 1.0])
    assert [notice.message for notice in collected.of(EngineNotice)] == [
        "The server localhost cannot be reached, trying again …"
    ]


async def test_a_server_that_was_never_there_is_said_at_once() -> None:
    async with OpenAIServer() as server:
        address = server.url
    waits = Waits()
    engine = ServerEngine(address, wait=waits)
    with pytest.raises(ServerError, match="cannot be reached"):
        await collect(engine, ask("Hi"))
    await engine.close()
    assert waits == []


async def test_stopping_ends_the_wait() -> None:
    waiting = asyncio.Event()

    async def wait(seconds: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    async with OpenAIServer([Refusal(503, {})]) as server:
        engine = ServerEngine(server.url, wait=wait)
        running = asyncio.create_task(collect(engine, ask("Hi")))
        await waiting.wait()
        await engine.stop()
        assert (await running).finished.reason == "cancelled"
        await engine.close()
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("3", 3.0),
        ("10", 10.0),
        ("0", 0.5),
        ("-5", 0.5),
        ("11", None),
        ("86400", None),
        ("soon", 0.5),
        ("", 0.5),
        ("nan", 0.5),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.5),
    ],
)
def test_the_server_says_how_long_to_wait(written: str, seconds: float | None) -> None:
    assert seconds_to_wait(429, {"retry-after": written}, 0.5) == seconds


def test_the_server_may_name_a_moment() -> None:
    later = datetime.now(timezone.utc) + timedelta(hours=1)
    assert seconds_to_wait(503, {"retry-after": format_datetime(later, usegmt=True)}, 0.5) is None


class Memory(KeyringBackend):
    """A keyring that holds keys by service and user, or one that is broken."""

    priority = 1.0

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring's own initialiser
        self.keys: dict[tuple[str, str], str] = {}
        self.broken = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.broken:
            raise RuntimeError("locked; stored-key")
        return self.keys.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        raise AssertionError("nothing is stored")

    def delete_password(self, service: str, username: str) -> None:
        raise AssertionError("nothing is deleted")


@pytest.fixture
def memory() -> Iterator[Memory]:
    before = keyring.get_keyring()
    memory = Memory()
    keyring.set_keyring(memory)
    yield memory
    keyring.set_keyring(before)


async def sent_key(tmp_path: Path, memory: Memory, setting: str = "") -> str | None:
    """Return what the server got as key, with one setting of the server in the configuration."""
    async with OpenAIServer() as server:
        memory.keys["smol-chat", f"127.0.0.1:{server.port}"] = "stored-key"
        config = tmp_path / "config.toml"
        config.write_text(f"[server]\n{setting}\n", "utf-8")
        assembly = Assembly.create(Options(server=server.url, config=config, data_dir=tmp_path / "data"))
        await assembly.start_engine()
        await assembly.engine.close()
        return server.headers[0].get("authorization")


async def test_the_keyring_has_the_key_of_the_servers_host(
    tmp_path: Path, memory: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert await sent_key(tmp_path, memory) == "Bearer stored-key"
    assert "stored-key" not in caplog.text


async def test_the_environment_goes_before_the_keyring(
    tmp_path: Path, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY_FOR_TEST", "own-key")
    assert await sent_key(tmp_path, memory, 'api_key_env = "KEY_FOR_TEST"') == "Bearer own-key"


async def test_a_broken_keyring_is_no_key_and_a_log_line_without_its_words(
    tmp_path: Path, memory: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    memory.broken = True
    assert await sent_key(tmp_path, memory) is None
    assert "keyring cannot be read: RuntimeError" in caplog.text
    assert "stored-key" not in caplog.text


def test_without_the_extra_there_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert keyring_secret("localhost") is None
