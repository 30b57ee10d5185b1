"""Connections to checked addresses only. Imported by the first call that uses the network: httpcore is heavy."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

import httpcore
from typing_extensions import override

from smol_chat.tools.egress import Passage

if TYPE_CHECKING:
    from smol_chat.tools.network import Connector

_CONNECT_SECONDS = 8.0

Recorder = Callable[[str, int, str], Passage]
"""Records a connection to a host and port at an address before it is made."""


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Connects to what `addresses` returns for a host; the name is still what TLS checks."""

    def __init__(
        self,
        addresses: Callable[[str, int], Awaitable[list[str]]],
        connector: Connector | None,
        recorder: Recorder,
    ) -> None:
        self._addresses = addresses
        self._connector = connector or _tcp
        self._recorder = recorder

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failure: Exception | None = None
        for address in await self._addresses(host, port):
            passage = self._recorder(host, port, address)
            try:
                stream = await self._connector(address, port, timeout)
            except (httpcore.ConnectError, httpcore.ConnectTimeout, OSError) as error:
                failure = error
                continue
            passage.connected = True
            return CountedStream(stream, passage)
        raise httpcore.ConnectError(str(failure)) from failure

    @override
    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise httpcore.ConnectError("tools reach no local sockets")

    @override
    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError("nothing is tried again")


class CountedStream(httpcore.AsyncNetworkStream):
    """A connection that counts what passes through it; with TLS what is encrypted, not what encryption makes of it."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, passage: Passage) -> None:
        self._stream = stream
        self._passage = passage

    @override
    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = await self._stream.read(max_bytes, timeout)
        self._passage.received += len(data)
        return data

    @override
    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._passage.sent += len(buffer)  # before: what a failed write has sent is not known, and may be all of it
        await self._stream.write(buffer, timeout)

    @override
    async def aclose(self) -> None:
        await self._stream.aclose()

    @override
    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        return CountedStream(await self._stream.start_tls(ssl_context, server_hostname, timeout), self._passage)

    @override
    def get_extra_info(self, info: str) -> Any:  # as the library's own
        return self._stream.get_extra_info(info)


async def _tcp(address: str, port: int, timeout: float | None) -> httpcore.AsyncNetworkStream:
    return await httpcore.AnyIOBackend().connect_tcp(address, port, timeout=_CONNECT_SECONDS)


def connection_pool(
    addresses: Callable[[str, int], Awaitable[list[str]]],
    connector: Connector | None,
    ssl_context: ssl.SSLContext | None,
    recorder: Recorder,
) -> httpcore.AsyncConnectionPool:
    """Return a pool for one request: nothing is kept, so every request meets the check."""
    return httpcore.AsyncConnectionPool(
        ssl_context=ssl_context,
        max_connections=1,
        max_keepalive_connections=0,
        network_backend=CheckedBackend(addresses, connector, recorder),
    )
