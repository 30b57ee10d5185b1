"""The screen in a browser: one page, one websocket and the program behind it, for one user who has the address.

Who can open the page can use the tools, so all that is between a stranger and them is here: the address holds a random
token; a page of another site cannot connect, whatever name it gives itself (the Host and Origin headers must name this
server); and the page loads nothing from anywhere else.
"""

from __future__ import annotations

import asyncio
import hmac
import html
import json
import secrets
import signal
import socket
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import textual_serve
from aiohttp import WSCloseCode, WSMsgType, web
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager
from typing_extensions import override

from smol_chat.errors import UsageError

WAIT = 5.0
"""Seconds, so that a page can be loaded again: the window before it takes a moment to close."""

GRACE = 5.0
"""Seconds the program has to end in an orderly way when its window is gone."""

LARGEST = 1000
"""Columns or rows of a terminal; no window has more."""

_STATIC = Path(textual_serve.__file__).resolve().parent / "static"

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>smol-chat</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="static/css/xterm.css">
<style>
@font-face {{ font-family: "Roboto Mono"; src: url("static/fonts/RobotoMono-VariableFont_wght.ttf"); }}
@font-face {{
  font-family: "Roboto Mono"; font-style: italic; src: url("static/fonts/RobotoMono-Italic-VariableFont_wght.ttf");
}}
html, body, #terminal {{ margin: 0; height: 100%; background: #111; overflow: hidden; }}
#ended {{
  display: none; position: fixed; inset: 0; z-index: 10; align-items: center; justify-content: center;
  background: #111d; color: #eee; font: 16px "Roboto Mono", monospace;
}}
body.-closed #ended {{ display: flex; }}
a {{ color: #8cf; margin-left: 1em; }}
</style>
<script src="static/js/textual.js"></script>
</head>
<body>
<div id="ended">Not connected: you left, or another window has the screen. <a href="./">Again</a></div>
<div id="terminal" class="textual-terminal" data-session-websocket-url="{websocket}" data-font-size="16"></div>
</body>
</html>
"""

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ScreenServer:
    """Serve the screen at an address that nobody can guess, to one window at a time."""

    def __init__(self, command: Sequence[str], address: str, port: int, *, wait: float = WAIT) -> None:
        """Prepare to serve.

        Args:
            command: program and arguments that open the screen.
            address: IP address to listen on.
            port: TCP port; 0: any that is free.
            wait: seconds a new window waits for the one before it.
        """
        self.port = port
        self.token = secrets.token_urlsafe(24)
        self._command = command
        self._address = ip_address(address)
        self._wait = wait
        self._one_at_a_time = asyncio.Lock()
        self._window: web.WebSocketResponse | None = None

    async def run(self, ready: Callable[[str], None]) -> None:
        """Serve until the program is interrupted or terminated; `ready` is told the address to open.

        Raises:
            UsageError: the port is taken, or the address is none of this machine.
        """
        runner = web.AppRunner(self._application(), access_log=None)
        await runner.setup()
        try:
            site = web.SockSite(runner, self._listen())
            await site.start()
            ready(f"http://{self._name()}/{self.token}/")
            await _interrupted()
        finally:
            await runner.cleanup()

    def _listen(self) -> socket.socket:
        family = socket.AF_INET6 if self._address.version == 6 else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((str(self._address), self.port))
        except OSError as error:
            listening.close()
            raise UsageError(
                f"Port {self.port} of {self._address} cannot be used ({error.strerror}); choose another with --port."
            ) from error
        self.port = listening.getsockname()[1]
        return listening

    def _name(self) -> str:
        """Return address and port as they stand in a URL."""
        host = "127.0.0.1" if self._address.is_unspecified else str(self._address)
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[self._guard])
        application.add_routes(
            [
                web.get("/{token}/", self._page),
                web.get("/{token}/ws", self._websocket),
                web.get("/{token}/static/{file:.+}", self._static),
            ]
        )
        application.on_shutdown.append(self._close_window)
        return application

    # --- who may come in ------------------------------------------------------------------------

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Let through who has the token and speaks to this server by its own name."""
        token = request.match_info.get("token", "")
        origin = request.headers.get("Origin")
        if not self._is_ours(request.headers.get("Host", "")):
            raise web.HTTPForbidden(text="This is not the address the server was started for.")
        if origin is not None and urlsplit(origin).netloc != request.headers["Host"]:
            raise web.HTTPForbidden(text="A page of another site may not connect.")
        if not hmac.compare_digest(token.encode("utf-8", "replace"), self.token.encode()):
            raise web.HTTPNotFound(text="Nothing is here; open the address that smol-chat serve has printed.")
        response = await handler(request)
        if not response.prepared:
            response.headers.update(_headers(request.headers["Host"]))
        return response

    def _is_ours(self, host: str) -> bool:
        """Tell whether a Host header names this server. A name that only resolves to it may be anybody's."""
        try:
            named = urlsplit(f"//{host}")
            if (named.port or 80) != self.port or named.hostname is None:
                return False
            if named.hostname == "localhost":
                return self._address.is_loopback or self._address.is_unspecified
            address = ip_address(named.hostname)
        except ValueError:
            return False
        return self._address.is_unspecified or address == self._address

    # --- what is served -------------------------------------------------------------------------

    async def _page(self, request: web.Request) -> web.Response:
        websocket = f"ws://{request.headers['Host']}/{self.token}/ws"
        return web.Response(text=_PAGE.format(websocket=html.escape(websocket)), content_type="text/html")

    async def _static(self, request: web.Request) -> web.StreamResponse:
        file = (_STATIC / request.match_info["file"]).resolve()
        if not file.is_relative_to(_STATIC) or not file.is_file():
            raise web.HTTPNotFound(text="There is no such file.")
        return web.FileResponse(file)

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Run the screen in one window; another one is turned away while it is open."""
        if "Origin" not in request.headers:
            raise web.HTTPForbidden(text="Only a browser's page may connect.")
        websocket = web.WebSocketResponse(heartbeat=15)
        await websocket.prepare(request)
        try:
            await asyncio.wait_for(self._one_at_a_time.acquire(), self._wait)
        except asyncio.TimeoutError:
            await websocket.close(message=b"another window has the screen")
            return websocket
        self._window = websocket
        try:
            size = [_cells(request.query.get(name, "")) for name in ("width", "height")]
            await self._show(websocket, size[0] or 80, size[1] or 24)
        finally:
            self._window = None
            self._one_at_a_time.release()
        return websocket

    async def _show(self, websocket: web.WebSocketResponse, width: int, height: int) -> None:
        """Run the program until it ends or the window is gone."""
        program = _Program(self._command, websocket)
        try:
            await program.start(width, height)
            async for message in websocket:
                if message.type is WSMsgType.TEXT:
                    await program.take(message.data)
        finally:
            await program.end()
            await websocket.close()

    async def _close_window(self, application: web.Application) -> None:
        """Tell the window that the end has come, and wait until the program behind it has ended."""
        if self._window is not None:
            await self._window.close(code=WSCloseCode.GOING_AWAY)
        await self._one_at_a_time.acquire()


class _Program(AppService):
    """The screen in a process of its own. What the library leaves open is waited for or ended here."""

    def __init__(self, command: Sequence[str], websocket: web.WebSocketResponse) -> None:
        super().__init__(
            "",
            write_bytes=websocket.send_bytes,
            write_str=websocket.send_str,
            close=self._close,
            download_manager=DownloadManager(),
        )
        self._words = command
        self._websocket = websocket

    async def _close(self) -> None:
        await self._websocket.close()

    @override
    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        """Start the program itself, without a shell."""
        environment = self._build_environment(width=width, height=height)
        process = await asyncio.create_subprocess_exec(
            *self._words, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment
        )
        self._process, self._stdin = process, process.stdin
        return process

    async def take(self, text: str) -> None:
        """Pass on what the page says; what makes no sense is left."""
        with suppress(ValueError, RecursionError):
            match json.loads(text):
                case ["stdin", str(keys)]:
                    await self.send_bytes(keys.encode("utf-8", "replace"))
                case ["resize", {"width": int(width), "height": int(height)}]:
                    await self.set_terminal_size(max(1, min(width, LARGEST)), max(1, min(height, LARGEST)))
                case ["ping", str() | int() | float() as sent]:
                    await self._websocket.send_json(["pong", sent])
                case ["blur", *_]:
                    await self.blur()
                case ["focus", *_]:
                    await self.focus()
                case _:
                    pass

    async def end(self) -> None:
        """Have the program end, by force where it does not."""
        if self._process is None:
            return
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.stop(), GRACE)
        if self._process.returncode is None:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._process.wait(), GRACE)
        if self._process.returncode is None:
            self._process.kill()
        await self._process.communicate()  # closes what is left of its pipes


def _cells(text: str) -> int:
    """Return a number of columns or rows; 0 where it is none."""
    return min(int(text[:5]), LARGEST) if text.isascii() and text.isdigit() else 0


def _headers(host: str) -> dict[str, str]:
    """Keep the page to itself: it loads from here, tells nobody its address and stands in no other page's frame."""
    return {
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
            f"font-src 'self'; connect-src 'self' ws://{host}; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        ),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


async def _interrupted() -> None:
    """Wait for Ctrl+C or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
