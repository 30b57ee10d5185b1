"""Run a call that can only be judged by what it gives, in an empty folder with the files of its example."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from smol_chat.errors import UsageError
from smol_chat.evaluation.answers import MadeCall
from smol_chat.evaluation.matchers import uses_result
from smol_chat.evaluation.suite import Example, Step
from smol_chat.tools.context import ToolWorkbench
from smol_chat.tools.egress import Egress
from smol_chat.tools.registry import ToolRegistry
from smol_chat.tools.run import run_tool
from smol_chat.tools.spec import Tool

TIMEOUT = 20.0
"""Seconds for one call."""

_MAKING_SECONDS = 5.0
_REFUSED = frozenset({sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH, sqlite3.SQLITE_PRAGMA})
"""What the SQL of a suite may not do: with these it would reach files outside the folder."""


class TryOut:
    """Run calls with the real tools; nothing they do outlives the example."""

    def __init__(self, registry: ToolRegistry, files: Mapping[str, str]) -> None:
        """Take the tools, and the suite's files by name."""
        self._registry = registry
        self._files = files

    async def results(self, example: Example, step: Step, calls: Sequence[MadeCall]) -> list[str | None]:
        """Return what each call gives; None where it fails or where the step judges it without running it."""
        by_result = {
            pattern.tool
            for alternative in step.accept
            for pattern in alternative
            if any(map(uses_result, (*pattern.required.values(), *pattern.optional.values())))
        }
        if not by_result & {call.tool for call in calls}:
            return [None] * len(calls)
        with tempfile.TemporaryDirectory(prefix="smol-chat-") as folder:
            workspace = Path(folder).resolve()
            for name in example.files:
                make_file(workspace / name, self._files[name])
            bench = ToolWorkbench(workspace, egress=Egress(offline=True), timeout=TIMEOUT)
            try:
                return [await self._result(call, bench) if call.tool in by_result else None for call in calls]
            finally:
                await bench.close()

    async def _result(self, call: MadeCall, bench: ToolWorkbench) -> str | None:
        result = await run_tool(self._tool(call.tool), call.arguments, bench)
        if not result.ok:
            return None
        # A calculation repeats its question; only its answer counts.
        text = result.data.get("text") if isinstance(result.data, dict) else None
        return text if isinstance(text, str) else result.content

    def _tool(self, name: str) -> Tool:
        tool = self._registry.get(name)
        if tool is None:
            raise UsageError(f"The suite judges calls of {name} by their result, but the tool is disabled: enable it.")
        return tool


def make_file(path: Path, content: str) -> None:
    """Write a file of a suite; a `.db` file is the database its SQL makes.

    Raises:
        UsageError: the SQL cannot be run.
    """
    if path.suffix != ".db":
        path.write_text(content, encoding="utf-8")
        return
    database = sqlite3.connect(path)
    database.set_authorizer(lambda action, *rest: sqlite3.SQLITE_DENY if action in _REFUSED else sqlite3.SQLITE_OK)
    database.set_progress_handler(_expired(time.monotonic() + _MAKING_SECONDS), 100_000)
    try:
        database.executescript(content)
        database.commit()
    except sqlite3.Error as error:
        raise UsageError(f"The suite's file {path.name} cannot be made: {error}.") from error
    finally:
        database.close()


def _expired(deadline: float) -> Callable[[], bool]:
    return lambda: time.monotonic() > deadline
