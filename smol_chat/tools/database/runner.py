"""Statements on databases of the workspace, each in a process of its own that is killed when its time is over."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smol_chat.errors import ToolError
from smol_chat.messages import JsonValue
from smol_chat.tools.database.connections import Connection
from smol_chat.tools.database.sqlite import NOTHING
from smol_chat.tools.files import OpenFile, WorkspaceFiles
from smol_chat.tools.sandbox.ending import end_group

SQLITE_SUFFIXES = (".db", ".sqlite", ".sqlite3", ".db3")
DATA_SUFFIXES = (".csv", ".tsv", ".parquet", ".json", ".jsonl", ".ndjson")
_SQLITE_HEADER = b"SQLite format 3\x00"
_SQLITE_MEMORY = 512 * 1024 * 1024
_CONNECTED_MEMORY = 1024 * 1024 * 1024
_FILES_MEMORY = 4 * 1024 * 1024 * 1024
"""Address space, which DuckDB takes far more of than memory; its own limit is in `data_files`."""
_GRACE = 2.0
"""Seconds after which a worker is killed that should have stopped itself."""
_ANSWER_BYTES = 16 * 1024 * 1024
_SHOWN = 32
"""Changes that were shown and may still be approved."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """What one statement may take."""

    seconds: float = 10.0
    rows: int = 200
    bytes: int = 1024 * 1024
    """Characters of all values together."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A result: rows, or the statements that made the tables where the schema was asked for."""

    columns: list[str]
    rows: list[list[JsonValue]]
    more: bool
    """There were more rows than are here."""
    schema: list[str] | None = None
    changed: int = 0
    """Rows that were inserted, updated or deleted."""


@dataclass(frozen=True, slots=True)
class RowChange:
    """What a statement does to the rows of one table: the first of them, each with values before and after."""

    table: str
    verb: str
    columns: list[str]
    count: int
    rows: list[list[JsonValue]]


@dataclass(frozen=True, slots=True)
class TableChange:
    """A table, index or view that goes or comes; `rows` where it has some."""

    sign: str
    sql: str
    rows: int | None


@dataclass(frozen=True, slots=True)
class Changes:
    """What a statement would change."""

    rows: list[RowChange]
    tables: list[TableChange]


class Database:
    """Runs statements on SQLite files and, where DuckDB is installed, on data files.

    It remembers the state of a database whose change was shown: the change is made to that state or not at all.
    """

    def __init__(self, files: WorkspaceFiles, python: str = sys.executable) -> None:
        self._files = files
        self._python = python
        self._shown: dict[tuple[str, str], JsonValue] = {}

    async def read(self, path: str, sql: str, limits: QueryLimits) -> Rows:
        """Run a statement that reads a database, a data file or a folder of data files.

        Raises:
            ToolError: every method here.
        """
        if _is_data(path) or path in ("", ".") or await self._is_folder(path):
            return _rows(await self._read_files(path, sql, limits))
        return _rows(await self._on_sqlite("query", path, sql, limits))

    async def ask(self, connection: Connection, sql: str, limits: QueryLimits) -> Rows:
        """Run a statement that reads a database which the settings name by a URL."""
        job = {"name": connection.name, "url": connection.opened()}
        folders = _library_folders(
            "sqlalchemy", "Connections to databases need SQLAlchemy: pip install 'smol-chat[databases]'."
        )
        return _rows(await self._run("connected", job, sql, limits, [], folders, _CONNECTED_MEMORY))

    async def show_change(self, path: str, sql: str, limits: QueryLimits) -> Changes:
        """Tell what a statement would change; nothing is changed."""
        self._refuse_data(path)
        key = self._files.relative(path), sql
        while len(self._shown) >= _SHOWN:
            del self._shown[next(iter(self._shown))]
        self._shown[key] = NOTHING  # where showing it fails, what nobody saw does not happen later either
        answer = await self._on_sqlite("preview", path, sql, limits)
        self._shown[key] = answer["file"]
        rows = [RowChange(**change) for change in answer["changes"]]
        tables = [TableChange(sign, sql, count) for sign, sql, count in answer["schema_changes"]]
        return Changes(rows, tables)

    async def change(self, path: str, sql: str, limits: QueryLimits) -> Rows:
        """Run a statement that changes a database; refused where the database is not what `show_change` saw."""
        self._refuse_data(path)
        expected = self._shown.pop((self._files.relative(path), sql), None)
        return _rows(await self._on_sqlite("write", path, sql, limits, expected))

    async def found(self) -> tuple[list[str], list[str]]:
        """Return the SQLite files and the data files of the workspace."""
        listing = await self._files.list_folder(".", depth=4, limit=5000)
        names = [entry.path for entry in listing.entries if entry.kind in ("file", "link")]
        plain = [name for name in names if not any(part.startswith(".") for part in name.split("/"))]
        return (
            [name for name in plain if name.lower().endswith(SQLITE_SUFFIXES)],
            [name for name in plain if name.lower().endswith(DATA_SUFFIXES)],
        )

    def _refuse_data(self, path: str) -> None:
        if _is_data(path):
            raise ToolError("blocked", f"{path!r} is a data file; only SQLite databases can be changed.")

    async def _is_folder(self, path: str) -> bool:
        try:
            await self._files.list_folder(path, limit=1)
        except ToolError:
            return False
        return True

    async def _on_sqlite(
        self, task: str, path: str, sql: str, limits: QueryLimits, expected: JsonValue = None
    ) -> dict[str, Any]:
        opened = await self._files.open_file(path)
        try:
            header = os.pread(opened.file, len(_SQLITE_HEADER), 0)
            if header and header != _SQLITE_HEADER:
                raise ToolError("failed", f"{opened.path!r} is no SQLite database.")
            job = {"folder": opened.folder, "file": opened.file, "name": opened.name, "expected": expected}
            return await self._run(task, job, sql, limits, (opened.folder, opened.file), [], _SQLITE_MEMORY)
        finally:
            opened.close()

    async def _read_files(self, path: str, sql: str, limits: QueryLimits) -> dict[str, Any]:
        folders = _library_folders(
            "duckdb", "Data files need DuckDB (Python 3.11 or newer): pip install 'smol-chat[data]'."
        )
        opened: list[OpenFile] = []
        try:
            for name in [path] if _is_data(path) else await self._data_files(path):
                opened.append(await self._files.open_file(name))
            tables: list[JsonValue] = [
                {"name": name, "descriptor": file.file, "format": file.name.rpartition(".")[2].lower()}
                for name, file in _named(opened).items()
            ]
            descriptors = [file.file for file in opened]
            return await self._run("files", {"tables": tables}, sql, limits, descriptors, folders, _FILES_MEMORY)
        finally:
            for file in opened:
                file.close()

    async def _data_files(self, folder: str) -> list[str]:
        listing = await self._files.list_folder(folder or ".")
        prefix = self._files.relative(folder or ".")
        names = [entry.path for entry in listing.entries if entry.kind == "file" and _is_data(entry.path)]
        if not names:
            raise ToolError("not_found", f"There is no data file in {folder!r}; name one in `database`.")
        if len(names) > 20:
            raise ToolError("limit", f"{folder!r} has {len(names)} data files; name one of them in `database`.")
        return [name if prefix == "." else f"{prefix}/{name}" for name in names]

    async def _run(
        self,
        task: str,
        job: dict[str, Any],
        sql: str,
        limits: QueryLimits,
        descriptors: Sequence[int],
        folders: Sequence[str],
        memory: int,
    ) -> dict[str, Any]:
        job = {**job, "task": task, "sql": sql, "seconds": limits.seconds, "memory": memory}
        job |= {"max_rows": limits.rows, "max_bytes": limits.bytes}
        process = await self._start(descriptors, folders)
        try:
            sent = json.dumps(job).encode()
            output = await asyncio.wait_for(_exchange(process, sent), limits.seconds + _GRACE)
        except asyncio.TimeoutError:
            raise ToolError("timeout", f"The statement was stopped after {limits.seconds:g} seconds.") from None
        finally:
            await end_group(process)
        return _answer(output, process.returncode, limits.seconds)

    async def _start(self, descriptors: Sequence[int], folders: Sequence[str]) -> asyncio.subprocess.Process:
        ours = str(Path(__file__).parents[3])
        script = str(Path(__file__).with_name("worker.py"))
        try:
            return await asyncio.create_subprocess_exec(
                *(self._python, "-I", "-S", "-X", "utf8", script, ours, *folders),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                cwd="/",
                env={},
                pass_fds=tuple(descriptors),
                start_new_session=True,
            )
        except OSError as error:
            raise ToolError(
                "unavailable", f"No process could be started for the statement: {error.strerror}."
            ) from error


_OUT_OF_TIME = (-signal.SIGXCPU, -signal.SIGKILL)
"""How the limit on processor time ends a worker, first and last."""


async def _exchange(process: asyncio.subprocess.Process, sent: bytes) -> bytes:
    assert process.stdin is not None  # both are pipes
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(sent)
        await process.stdin.drain()
        process.stdin.close()
    output = bytearray()
    while chunk := await process.stdout.read(65536):
        output += chunk
        if len(output) > _ANSWER_BYTES:
            raise ToolError("limit", "The result is too large.")
    return bytes(output)


def _answer(output: bytes, code: int | None, seconds: float) -> dict[str, Any]:
    try:
        answer = json.loads(output)
    except ValueError:
        if code in _OUT_OF_TIME:
            raise ToolError("timeout", f"The statement was stopped after {seconds:g} seconds.") from None
        _log.warning("A database worker ended with code %s and without an answer", code)
        raise ToolError("limit", "The statement took more memory or time than it may take.") from None
    error = answer.get("error")
    if error is not None:
        raise ToolError(error["kind"], error["message"])
    return dict(answer)


def _rows(answer: dict[str, Any]) -> Rows:
    return Rows(answer["columns"], answer["rows"], answer["more"], answer.get("schema"), answer.get("changed", 0))


def _is_data(path: str) -> bool:
    return path.lower().endswith(DATA_SUFFIXES)


def _named(opened: Sequence[OpenFile]) -> dict[str, OpenFile]:
    """Give each file a table's name: what stands before its ending, numbered where two would be equal."""
    named: dict[str, OpenFile] = {}
    for file in opened:
        stem = base = file.name.rpartition(".")[0] or file.name
        number = 1
        while stem.casefold() in (name.casefold() for name in named):
            number += 1
            stem = f"{base}_{number}"
        named[stem] = file
    return named


def _library_folders(package: str, advice: str) -> list[str]:
    """Return where an extra's package is installed, which the worker finds no other way.

    Raises:
        ToolError: `unavailable` with the advice where it is not.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ToolError("unavailable", advice)
    return [str(Path(spec.origin).parents[1])]
