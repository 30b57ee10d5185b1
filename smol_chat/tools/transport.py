"""Connections to checked addresses only. Imported by the first call that uses the network: httpcore is heavy."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

import httpcore
from typing_extensions import override

if TYPE_CHECKING:
    from smol_chat.tools.network import Connector

_CONNECT_SECONDS = 8.0


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Connects to what `addresses` returns for a host; the name is still what TLS checks."""

    def __init__(self, addresses: Callable[[str, int], Awaitable[list[str]]], connector: Connector | None) -> None:
        self._addresses = addresses
        self._connector = connector or _tcp

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
            try:
                return await self._connector(address, port, timeout)
            except (httpcore.ConnectError, httpcore.ConnectTimeout, OSError) as error:
                failure = error
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


async def _tcp(address: str, port: int, timeout: float | None) -> httpcore.AsyncNetworkStream:
    return await httpcore.AnyIOBackend().connect_tcp(address, port, timeout=_CONNECT_SECONDS)


def connection_pool(
    addresses: Callable[[str, int], Awaitable[list[str]]],
    connector: Connector | None,
    ssl_context: ssl.SSLContext | None,
) -> httpcore.AsyncConnectionPool:
    """Return a pool for one request: nothing is kept, so every request meets the check."""
    return httpcore.AsyncConnectionPool(
        ssl_context=ssl_context,
        max_connections=1,
        max_keepalive_connections=0,
        network_backend=CheckedBackend(addresses, connector),
    )
