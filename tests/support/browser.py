"""A real browser without a window, driven over its debugging protocol, and what its terminal shows."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pyte

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
"""Path of the browser; None: it is not installed."""

_FLAGS = (
    "--headless",
    "--no-sandbox",  # containers have no user namespaces for it; it opens one page of ours
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
    "--window-size=1280,800",
)


class Page:
    """One page. `addresses` are those of everything it asked for; `shown` is its terminal."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse[bool]) -> None:
        self.addresses: list[str] = []
        self.sockets_closed = 0
        self.shown = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self.shown)
        self._socket = socket
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._numbers = itertools.count(1)
        self._changed = asyncio.Condition()

    async def listen(self) -> None:
        """Take in what the browser says until the connection ends."""
        async for message in self._socket:
            said: dict[str, Any] = message.json()
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said.get("result", {}))
                continue
            async with self._changed:
                self._happened(said["method"], said["params"])
                self._changed.notify_all()

    def _happened(self, what: str, about: dict[str, Any]) -> None:
        match what:
            case "Network.requestWillBeSent":
                self.addresses.append(about["request"]["url"])
            case "Network.webSocketCreated":
                self.addresses.append(about["url"])
                size = parse_qs(urlsplit(about["url"]).query)
                self.shown.reset()
                self.shown.resize(int(size["height"][0]), int(size["width"][0]))
            case "Network.webSocketClosed":
                self.sockets_closed += 1
            case "Network.webSocketFrameReceived" if about["response"]["opcode"] == 2:
                self._stream.feed(base64.b64decode(about["response"]["payloadData"]))
            case _:
                pass

    async def command(self, method: str, **parameters: object) -> dict[str, Any]:
        """Have the browser do something and return its answer."""
        number = next(self._numbers)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        return await answer

    async def evaluate(self, script: str) -> Any:  # noqa: ANN401  # whatever JavaScript has
        """Return what a script in the page comes to."""
        result = await self.command("Runtime.evaluate", expression=script, returnByValue=True)
        return result["result"].get("value")

    async def open(self, address: str) -> None:
        """Load an address; its terminal begins empty, as large as the page makes it."""
        await self.command("Network.enable")
        await self.command("Page.navigate", url=address)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something holds of the page."""
        async with self._changed:
            await self._changed.wait_for(condition)

    async def click_until(self, text: str, condition: Callable[[], bool]) -> None:
        """Click on a text as a person does who sees that nothing has happened yet, until something holds."""
        while not condition():
            await self.click(text)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.until(condition), 0.5)

    @property
    def text(self) -> str:
        """What the terminal shows."""
        return "\n".join(self.shown.display)

    async def type(self, text: str) -> None:
        """Press the keys of a text one after the other."""
        for character in text:
            key = {"\r": "Enter"}.get(character, character)
            code = 13 if character == "\r" else 0
            down = {"key": key, "text": character, "windowsVirtualKeyCode": code}
            await self.command("Input.dispatchKeyEvent", type="keyDown", **down)
            await self.command("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    async def click(self, text: str) -> None:
        """Click with the mouse on a text that the terminal shows."""
        row = next(number for number, line in enumerate(self.shown.display) if text in line)
        column = self.shown.display[row].index(text) + len(text) / 2
        left, top, width, height = await self.evaluate(
            "(r => [r.left, r.top, r.width, r.height])(document.querySelector('.xterm-screen').getBoundingClientRect())"
        )
        place = {
            "x": left + width * column / self.shown.columns,
            "y": top + height * (row + 0.5) / self.shown.lines,
            "button": "left",
            "clickCount": 1,
        }
        await self.command("Input.dispatchMouseEvent", type="mouseMoved", x=place["x"], y=place["y"])
        await self.command("Input.dispatchMouseEvent", type="mousePressed", **place)
        await self.command("Input.dispatchMouseEvent", type="mouseReleased", **place)


@asynccontextmanager
async def browser() -> AsyncIterator[Page]:
    """Start the browser with a profile of its own and yield its first page."""
    assert CHROMIUM is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [CHROMIUM, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            port = await _port(Path(profile) / "DevToolsActivePort", process)
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    pages = [page for page in await answer.json() if page["type"] == "page"]
                async with session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    page = Page(socket)
                    listening = asyncio.create_task(page.listen())
                    yield page
                    listening.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await listening
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


async def _port(file: Path, process: subprocess.Popen[bytes]) -> int:
    while not (file.exists() and (lines := file.read_text().split())):
        assert process.poll() is None, "the browser has ended"
        await asyncio.sleep(0.05)  # it tells in no other way that it is ready
    return int(lines[0])
