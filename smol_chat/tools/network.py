"""HTTP for tools: every address is checked before it is connected to, sizes and times are bounded."""

from __future__ import annotations

import copy
import re
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from smol_chat import __version__
from smol_chat.errors import ToolError
from smol_chat.tools.addresses import AllowList
from smol_chat.tools.egress import Caller, Egress, Passage
from smol_chat.tools.http_response import HttpResponse, media_type

if TYPE_CHECKING:
    import ssl

    import httpcore
    import httpx

Resolver = Callable[[str, int], Awaitable[list[str]]]
"""Turns a host and a port into addresses; raises OSError where there is none."""
Connector = Callable[[str, int, "float | None"], "Awaitable[httpcore.AsyncNetworkStream]"]
"""Opens a connection to an address and a port within seconds."""

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "REPORT"]

USER_AGENT = f"Mozilla/5.0 (compatible; smol-chat/{__version__})"
MAX_BYTES = 8 * 1024 * 1024
REDIRECTS = 5
_MAX_URL = 8000
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_REDIRECT_CODES = frozenset((301, 302, 303, 307, 308))
_HARMLESS = frozenset(("accept", "accept-language", "user-agent"))
"""Headers that may go on to another origin; any other could be a secret."""


class GuardedClient:
    """An HTTP client for addresses that a model, a file or a web page chose.

    A name is resolved once and connected to at the address that was checked; each redirect is checked again. No proxy,
    cookie, password or certificate comes from the environment. Connections are not kept.
    """

    def __init__(
        self,
        *,
        allow: Sequence[str] = (),
        resolver: Resolver | None = None,
        connector: Connector | None = None,
        ssl_context: ssl.SSLContext | None = None,
        egress: Egress | None = None,
    ) -> None:
        self._allow = AllowList(allow)
        self._resolver = resolver or system_resolver
        self._connector = connector
        self._trust = _Trust(ssl_context)
        self._egress = egress or Egress()
        self._caller = Caller()

    def for_call(self, caller: Caller) -> GuardedClient:
        """Return the same client, whose connections are recorded as those of `caller`."""
        client = copy.copy(self)
        client._caller = caller
        return client

    @property
    def offline(self) -> bool:
        """Whether everything is refused because the user wants nothing to leave this machine."""
        return self._egress.offline

    def require_online(self) -> None:
        """Do nothing unless the user wants nothing to leave this machine.

        Raises:
            ToolError: `blocked`.
        """
        self._egress.require_online()

    async def get(
        self,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        media_types: Sequence[str] = (),
        max_bytes: int = MAX_BYTES,
        timeout: float = 20.0,
    ) -> HttpResponse:
        """Fetch a page; see `request`."""
        return await self.request(
            "GET", url, params=params, headers=headers, media_types=media_types, max_bytes=max_bytes, timeout=timeout
        )

    async def request(
        self,
        method: Method,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        media_types: Sequence[str] = (),
        max_bytes: int = MAX_BYTES,
        timeout: float = 20.0,
    ) -> HttpResponse:
        """Send a request, follow up to five redirects and return the whole answer, whatever its status.

        Args:
            method: HTTP method.
            url: absolute http or https address.
            params: added to the query.
            headers: sent besides our own; they do not follow a redirect to another origin.
            content: the body.
            media_types: beginnings of the content types that are wanted; others are refused unread. Empty: all.
            max_bytes: largest body, as sent and as decompressed.
            timeout: seconds for everything together.

        Raises:
            ToolError: `invalid_arguments` (the address is none), `blocked` (it may not be reached), `unavailable`
                (it could not be), `timeout`, `limit` (too large) or `failed` (the answer cannot be used).
        """
        import anyio  # late: only a call that uses the network pays for it

        address = _parsed(url, params)
        fields = {"user-agent": USER_AGENT, "accept": "*/*", "accept-encoding": "identity"}
        fields |= {name.lower(): value for name, value in (headers or {}).items()}
        wanted = _Wanted(tuple(media_types), max_bytes)
        try:
            with anyio.fail_after(timeout):
                return await self._follow(method, address, fields, content, wanted)
        except TimeoutError:
            raise ToolError("timeout", f"{_host(address)} did not answer within {timeout:g} seconds.") from None

    def host(self, url: str) -> str:
        """Return the host of an address in ASCII, and the port where it is named, for showing it.

        Raises:
            ToolError: `invalid_arguments` or `blocked`, as `request`.
        """
        return _parsed(url).netloc.decode("ascii")

    async def check(self, url: str) -> None:
        """Refuse an address that `request` would refuse.

        Raises:
            ToolError: `invalid_arguments`, `blocked` or `unavailable`.
        """
        address = _parsed(url)
        await self._addresses(_host(address), _port(address))

    async def passage(self, url: str) -> Passage:
        """Check an address as `request` does and record the connection, for a library that connects on its own.

        What is returned is to be told the bytes and closed.

        Raises:
            ToolError: `invalid_arguments`, `blocked` or `unavailable`.
        """
        address = _parsed(url)
        found = await self._addresses(_host(address), _port(address))
        return self._egress.open(self._caller, _host(address), _port(address), found[0], exact=False)

    async def _follow(
        self, method: Method, url: httpx.URL, headers: dict[str, str], content: bytes | None, wanted: _Wanted
    ) -> HttpResponse:
        for _ in range(REDIRECTS + 1):
            response = await self._send(method, url, headers, content, wanted)
            location = response.headers.get("location")
            if response.status not in _REDIRECT_CODES or not location:
                return response
            target = _parsed(location, base=url)
            if response.status in (301, 302, 303) and method != "HEAD":
                method, content = "GET", None
            if _origin(target) != _origin(url):
                if content is not None:
                    raise ToolError(
                        "blocked", f"{_host(url)} passes what was sent on to {_host(target)}; that is refused."
                    )
                headers = {name: value for name, value in headers.items() if name in _HARMLESS} | {
                    "accept-encoding": "identity"
                }
            url = target
        raise ToolError("failed", f"{_host(url)} redirected more than {REDIRECTS} times.")

    async def _send(
        self, method: Method, url: httpx.URL, headers: dict[str, str], content: bytes | None, wanted: _Wanted
    ) -> HttpResponse:
        import httpcore

        from smol_chat.tools.transport import connection_pool

        fields = [(b"host", url.netloc)]
        try:
            fields += [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]
        except UnicodeEncodeError:
            raise ToolError("invalid_arguments", "A header may hold only Latin letters, digits and signs.") from None
        if content is not None:
            fields.append((b"content-length", str(len(content)).encode()))
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        opened: list[Passage] = []

        def record(host: str, port: int, address: str) -> Passage:
            opened.append(self._egress.open(self._caller, host, port, address))
            return opened[-1]

        try:
            async with (
                connection_pool(self._addresses, self._connector, self._trust.context(url.scheme), record) as pool,
                pool.stream(method, target, headers=fields, content=content) as answer,
            ):
                return await _received(str(url), answer, wanted, bodyless=method == "HEAD")
        except (httpcore.NetworkError, httpcore.TimeoutException) as error:
            raise _unreachable(url, error) from error
        except httpcore.LocalProtocolError as error:
            raise ToolError("invalid_arguments", f"The request cannot be sent: {error}.") from error
        except httpcore.RemoteProtocolError as error:
            raise ToolError("failed", f"{_host(url)} broke off or did not answer in HTTP.") from error
        finally:
            for passage in opened:
                passage.close()

    async def _addresses(self, host: str, port: int) -> list[str]:
        """Resolve a host and return its addresses, every one of them checked."""
        from ipaddress import ip_address

        self._egress.require_online()  # asking for the name would already leave this machine
        try:
            found = await self._resolver(host, port)
        except (OSError, UnicodeError):
            found = []
        if not found:
            raise ToolError("unavailable", f"Could not reach {host}: its name was not found. Is this machine online?")
        for text in found:
            if not self._allow.allows(host, port, ip_address(text.partition("%")[0])):
                raise ToolError(
                    "blocked",
                    f"{host} is at {text}, which is not on the public internet; to let tools reach it, "
                    "name it in the setting network.allow.",
                )
        return found


class _Trust:
    """The certificates to trust; reading them takes 20 ms, so they are read once, by the first that needs them."""

    def __init__(self, given: ssl.SSLContext | None) -> None:
        self._context = given

    def context(self, scheme: str) -> ssl.SSLContext | None:
        if self._context is None and scheme == "https":
            import httpx  # late: heavy

            self._context = httpx.create_ssl_context(trust_env=False)
        return self._context


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What of an answer is read."""

    media_types: tuple[str, ...]
    max_bytes: int


async def system_resolver(host: str, port: int) -> list[str]:
    """Resolve with the system's resolver."""
    import asyncio
    import socket

    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _parsed(url: str, params: Mapping[str, str] | None = None, *, base: httpx.URL | None = None) -> httpx.URL:
    """Read an address.

    Raises:
        ToolError: `invalid_arguments` or `blocked`.
    """
    import httpx  # late: 60 ms that a call without network does not pay

    try:
        if len(url) > _MAX_URL:
            raise httpx.InvalidURL("too long")
        parsed = base.join(url) if base is not None else httpx.URL(url)
        parsed = parsed.copy_merge_params(params) if params else parsed
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise ToolError("invalid_arguments", f"{url[:200]!r} is no web address ({error}).") from None
    if parsed.scheme not in ("http", "https"):
        raise ToolError(
            "invalid_arguments", f"{url[:200]!r} is no web address: it must begin with https:// or http://."
        )
    if parsed.userinfo:
        raise ToolError("blocked", "A web address may not hold a user name or password.")
    if not _HOST.fullmatch(_host(parsed)) or not 0 < _port(parsed) < 65536:
        raise ToolError("invalid_arguments", f"{url[:200]!r} names no host and port that there can be.")
    return parsed


def _host(url: httpx.URL) -> str:
    """Return the host in ASCII: a name that only looks like another one shows its true form."""
    return url.raw_host.decode("ascii")


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, _host(url), _port(url)


async def _received(url: str, answer: httpcore.Response, wanted: _Wanted, *, bodyless: bool) -> HttpResponse:
    headers: dict[str, str] = {}
    for name, value in answer.headers:
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    response = HttpResponse(url, answer.status, headers, b"")
    redirected = answer.status in _REDIRECT_CODES and "location" in headers
    if bodyless or redirected:
        return response
    kind = media_type(headers)
    if answer.status < 400 and wanted.media_types and kind and not kind.startswith(wanted.media_types):
        raise ToolError("failed", f"{url} is {kind}, which cannot be read as text.")
    return HttpResponse(url, answer.status, headers, await _body(answer, headers, wanted.max_bytes, response.host))


async def _body(answer: httpcore.Response, headers: Mapping[str, str], max_bytes: int, host: str) -> bytes:
    """Read the body with both its size on the wire and its decompressed size bounded."""
    inflate = _inflater(headers.get("content-encoding", "identity").strip().lower(), host)
    received = 0
    body = bytearray()
    async for chunk in answer.aiter_stream():
        received += len(chunk)
        body += inflate(chunk, max_bytes + 1 - len(body))
        if received > max_bytes or len(body) > max_bytes:
            raise ToolError("limit", f"{host} sent more than {max_bytes:,} bytes; the rest was not read.")
    return bytes(body)


def _inflater(encoding: str, host: str) -> Callable[[bytes, int], bytes]:
    if encoding in ("identity", ""):
        return lambda chunk, _: chunk
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise ToolError("failed", f"{host} sent a compressed answer ({encoding[:40]}) that was not asked for.")
    stream = zlib.decompressobj(47)  # gzip or zlib, told by the header

    def inflate(chunk: bytes, most: int) -> bytes:
        try:
            return stream.decompress(chunk, max(most, 1))
        except zlib.error:
            raise ToolError("failed", f"{host} sent a damaged compressed answer.") from None

    return inflate


def _unreachable(url: httpx.URL, error: Exception) -> ToolError:
    reason = str(error)
    if "certificate" in reason.lower() or "ssl" in reason.lower():
        return ToolError(
            "unavailable", f"Could not reach {_host(url)}: its secure connection cannot be trusted ({reason})."
        )
    return ToolError("unavailable", f"Could not reach {_host(url)}: the connection failed. Is this machine online?")
