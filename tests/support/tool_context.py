"""A workbench for tests: a temporary workspace, no name resolves but those the test gives."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from smol_chat.messages import JsonObject, ToolResult
from smol_chat.tools import Tool, ToolRegistry, ToolWorkbench, run_tool
from smol_chat.tools.context import Completion
from smol_chat.tools.egress import Egress
from smol_chat.tools.network import Connector
from smol_chat.tools.undo import UndoStore

T = TypeVar("T")


class Names:
    """A resolver that knows the names it is given; it remembers what it was asked."""

    def __init__(self, **names: Sequence[str]) -> None:
        self.names = {name.replace("_", "."): list(addresses) for name, addresses in names.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            pass
        if host not in self.names:
            raise OSError(f"unknown name {host}")
        return self.names[host]


@asynccontextmanager
async def workbench(
    workspace: Path,
    *,
    allow: Sequence[str] = (),
    settings: Mapping[type[Any], object] | None = None,
    names: Names | None = None,
    connector: Connector | None = None,
    result_limit: int = 16_000,
    timeout: float = 60.0,
    egress: Egress | None = None,
    undo: UndoStore | None = None,
    cache_folder: Path | None = None,
    complete: Completion | None = None,
) -> AsyncIterator[ToolWorkbench]:
    """Make a workbench and close it."""

    def lookup(name: str, cls: type[T], /) -> T:
        given = (settings or {}).get(cls)
        return given if isinstance(given, cls) else cls()

    bench = ToolWorkbench(
        workspace,
        settings=lookup,
        network_allow=allow,
        resolver=names or Names(),
        connector=connector,
        result_limit=result_limit,
        timeout=timeout,
        egress=egress,
        undo=undo,
        cache_folder=cache_folder,
        complete=complete,
        data_folder=workspace.with_name(f"{workspace.name}-data"),
    )
    try:
        yield bench
    finally:
        await bench.close()


def the_tool(name: str) -> Tool:
    """Return one of the built-in tools, loaded as the program loads it."""
    found = ToolRegistry.load().get(name)
    assert found is not None, f"there is no tool {name}"
    return found


async def call(bench: ToolWorkbench, name: str, **arguments: Any) -> ToolResult:  # noqa: ANN401  # as a model's JSON
    """Run a built-in tool as an approved call runs."""
    given: JsonObject = arguments
    return await run_tool(the_tool(name), given, bench, call_id="call-1")


def failure(result: ToolResult) -> tuple[str, str]:
    """Return kind and sentence of a call that failed."""
    assert result.error is not None, f"it worked: {result.content}"
    assert not result.ok
    assert result.content == result.error.message
    return result.error.kind, result.error.message
