"""One statement on an SQLite file, held to what it may do by SQLite's own means. Runs in the worker."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, NoReturn
from urllib.parse import quote

from smol_chat.tools.database import changes
from smol_chat.tools.database.cells import collected, fetched
from smol_chat.tools.database.refused import Refused
from smol_chat.tools.database.statements import PRAGMAS, changes_schema, schema_request

# Action codes of sqlite3_set_authorizer; Python names only some of them.
_CREATE_INDEX, _CREATE_TABLE, _CREATE_VIEW, _DELETE, _DROP_INDEX, _DROP_TABLE, _DROP_VIEW = 1, 2, 8, 9, 10, 11, 17
_INSERT, _PRAGMA, _READ, _SELECT, _UPDATE, _ALTER_TABLE, _REINDEX, _ANALYZE = 18, 19, 20, 21, 23, 26, 27, 28
_FUNCTION, _RECURSIVE = 31, 33
READING = frozenset((_READ, _SELECT, _FUNCTION, _RECURSIVE))
"""What a statement does that only reads."""
_ROWS = frozenset((_INSERT, _UPDATE, _DELETE))
_TABLES = frozenset(
    (
        _CREATE_INDEX,
        _CREATE_TABLE,
        _CREATE_VIEW,
        _DROP_INDEX,
        _DROP_TABLE,
        _DROP_VIEW,
        _ALTER_TABLE,
        _REINDEX,
        _ANALYZE,
    )
)
_REFUSED_FUNCTIONS = frozenset(("load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"))

# Categories of sqlite3_limit with what a statement may have; bytes, or counts.
_LIMITS = {0: 64_000_000, 1: 100_000, 3: 200, 4: 100, 6: 100, 7: 0, 8: 5_000, 10: 50, 11: 0}
_BUSY_SECONDS = 3.0
NOTHING = "nothing"
"""In place of a fingerprint: an attempt to show the change failed."""
_STEPS = 1_000
"""Instructions of SQLite's machine between two looks at the clock."""


def query(job: dict[str, Any]) -> dict[str, Any]:
    """Run a statement that reads, or list the schema where that is asked for."""
    connection = _opened(job, writable=False)
    try:
        wanted = schema_request(job["sql"])
        if wanted is not None:
            return _schema(connection, wanted)
        guard = Guard(connection, READING, job["seconds"])
        return _run(connection, guard, job)
    finally:
        connection.close()


def preview(job: dict[str, Any]) -> dict[str, Any]:
    """Run a statement that changes something, tell what it changed, and roll it back.

    The journal stays in memory and no page leaves the cache before a commit that never comes: the file is not written.
    """
    connection = _opened(job, writable=True)
    try:
        connection.execute("PRAGMA cache_spill=OFF")
        if not _is_wal(job["file"]):
            connection.execute("PRAGMA journal_mode=MEMORY")
        watch = changes.watch_tables if changes_schema(job["sql"]) else changes.watch_rows
        with _refusing(connection, job["seconds"]):
            connection.execute("BEGIN IMMEDIATE")
            watched = watch(connection)
        guard = Guard(connection, READING | _ROWS | _TABLES, job["seconds"], watched.prefix)
        result = _run(connection, guard, job)
        guard.lift()
        return {**result, **watched.told(), "file": _fingerprint(job)}
    finally:
        if connection.in_transaction:
            connection.rollback()
        connection.close()


def write(job: dict[str, Any]) -> dict[str, Any]:
    """Run a statement that changes something and commit it, unless the file is no longer the one that was shown."""
    connection = _opened(job, writable=True)
    try:
        with _refusing(connection, job["seconds"]):
            connection.execute("BEGIN IMMEDIATE")
        unseen = job["expected"] == NOTHING
        if job["expected"] is not None and not unseen and job["expected"] != _fingerprint(job):
            raise Refused(
                "blocked", "The database has changed since the change was shown. Nothing was done; ask again."
            )
        guard = Guard(connection, READING | _ROWS | _TABLES, job["seconds"])
        before = connection.total_changes
        result = _run(connection, guard, job)
        guard.lift()
        changed = connection.total_changes - before
        if unseen:
            raise Refused("blocked", "The change could not be shown before, so it was not made; ask again.")
        with _refusing(connection, job["seconds"]):
            connection.execute("COMMIT")
        return {**result, "changed": changed}
    finally:
        if connection.in_transaction:
            connection.rollback()
        connection.close()


# --- opening ----------------------------------------------------------------------------------------


def _opened(job: dict[str, Any], *, writable: bool) -> sqlite3.Connection:
    """Open the very file whose descriptor was inherited; SQLite needs its name for the journal beside it."""
    os.fchdir(job["folder"])
    before = _open_files()
    uri = f"file:./{quote(job['name'])}?mode={'rw' if writable else 'ro'}"
    if not writable and _is_wal(job["file"]) and not os.access(f"{job['name']}-wal", os.F_OK):
        uri += "&immutable=1"  # nobody has it open; reading it any other way would leave two files beside it
    try:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_BUSY_SECONDS)
    except sqlite3.Error as error:
        _refuse(str(error), None)
    status = os.fstat(job["file"])
    if _open_files() - before != Counter({(status.st_dev, status.st_ino): 1}):
        connection.close()
        raise Refused("blocked", "The file was exchanged for another one while it was opened.")
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    with _refusing(connection, job["seconds"]):
        pragmas = ["trusted_schema=OFF", "temp_store=MEMORY", "cell_size_check=ON", "foreign_keys=ON"]
        for pragma in pragmas if writable else [*pragmas, "query_only=ON"]:
            connection.execute(f"PRAGMA {pragma}")
    if hasattr(connection, "setlimit"):  # Python 3.11; before, limits on memory and time have to do
        for category, value in _LIMITS.items():
            connection.setlimit(category, value)
    return connection


def _open_files() -> Counter[tuple[int, int]]:
    """Count how often this process has each file open."""
    found: Counter[tuple[int, int]] = Counter()
    for descriptor in range(3, 64):
        with contextlib.suppress(OSError):
            status = os.fstat(descriptor)
            found[status.st_dev, status.st_ino] += 1
    return found


def _is_wal(descriptor: int) -> bool:
    """Tell whether the file's header asks for a write-ahead log."""
    return os.pread(descriptor, 2, 18) == b"\x02\x02"


def _fingerprint(job: dict[str, Any]) -> list[Any]:
    """Return what changes with the database: its status, its header with the change counter, its write-ahead log."""
    status = os.fstat(job["file"])
    log: list[int] = []
    with contextlib.suppress(FileNotFoundError):
        beside = os.stat(f"{job['name']}-wal", follow_symlinks=False)  # noqa: PTH116  # relative to the folder
        log = [beside.st_size, beside.st_mtime_ns] if beside.st_size else []
    header = os.pread(job["file"], 100, 0).hex()
    return [status.st_ino, status.st_size, status.st_mtime_ns, header, log]


# --- running ----------------------------------------------------------------------------------------


class Guard:
    """The authorizer and the clock of one connection, from now until they are lifted."""

    def __init__(
        self, connection: sqlite3.Connection, actions: frozenset[int], seconds: float, own_prefix: str | None = None
    ) -> None:
        self._connection = connection
        self._actions = actions
        self._own_prefix = own_prefix
        self.refused = ""
        """What the authorizer refused last."""
        connection.set_authorizer(self._judge)
        _limit_time(connection, seconds)

    def lift(self) -> None:
        """Stop judging: what follows is our own."""
        self._connection.set_authorizer(_everything)

    def _judge(self, action: int, first: str | None, second: str | None, where: str | None, inside: str | None) -> int:
        if self._allows(action, (first or ""), (second or ""), where or "", inside or ""):
            return sqlite3.SQLITE_OK
        self.refused = _ACTIONS.get(action, "this kind of statement")
        return sqlite3.SQLITE_DENY

    def _allows(self, action: int, first: str, second: str, where: str, inside: str) -> bool:
        if self._own_prefix is not None and inside.startswith(self._own_prefix):
            return True  # what the temporary triggers of a preview do
        if action == _FUNCTION:
            return second.lower() not in _REFUSED_FUNCTIONS
        if action == _PRAGMA:
            return first.upper() in PRAGMAS and _READ in self._actions
        if action in _ROWS | _TABLES:
            # Creating or dropping a table also writes into SQLite's own tables of the same file.
            own = first.startswith("sqlite_") and where == "temp"  # renaming a table looks there too
            return action in self._actions and (where in ("main", "") or own)
        return action in self._actions


def _everything(*_: object) -> int:
    """Allow it; Python 3.10 has no other way to take an authorizer away."""
    return sqlite3.SQLITE_OK


_ACTIONS = {
    19: "this PRAGMA",
    22: "a transaction of its own",
    24: "attaching another file",
    25: "detaching a file",
    21: "this query",
    29: "a virtual table",
    30: "a virtual table",
    31: "this function",
    32: "a savepoint",
    **dict.fromkeys((3, 4, 5, 6, 12, 13, 14, 15), "a temporary table"),
    **dict.fromkeys((7, 16), "a trigger"),
    **dict.fromkeys(_ROWS | _TABLES, "a change"),
}


def _run(connection: sqlite3.Connection, guard: Guard, job: dict[str, Any]) -> dict[str, Any]:
    with _refusing(connection, job["seconds"], guard):
        cursor = connection.execute(job["sql"])
        columns = [entry[0] for entry in cursor.description or ()]
        result = collected(columns, fetched(cursor.fetchone), job["max_rows"], job["max_bytes"])
        for _ in cursor if job["task"] != "query" else ():
            pass  # a change that returns rows is done only when all of them were taken
        cursor.close()
        return result


def _schema(connection: sqlite3.Connection, table: str) -> dict[str, Any]:
    """Return the statements that made the tables, or one of them."""
    sql = "SELECT name, type, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY name"
    with _refusing(connection, 10):
        rows = connection.execute(sql).fetchall()
    named = [row for row in rows if not table or row[0].casefold() == table.casefold()]
    if table and not named:
        raise Refused("not_found", f"There is no table {table!r}.{_tables(connection)}")
    return {"columns": [], "rows": [], "more": False, "schema": [" ".join(row[2].split()) for row in named]}


def _limit_time(connection: sqlite3.Connection, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)


@contextlib.contextmanager
def _refusing(connection: sqlite3.Connection, seconds: float, guard: Guard | None = None) -> Iterator[None]:
    """Turn SQLite's errors into sentences."""
    try:
        yield
    except (sqlite3.Error, sqlite3.Warning) as error:
        reason = str(error)
        if "one statement at a time" in reason:
            raise Refused("invalid_arguments", "Send one statement a call.") from error
        if guard is not None:
            guard.lift()
            if "not authorized" in reason or "prohibited" in reason:
                raise Refused("blocked", f"SQLite is not allowed {guard.refused or 'this'} here.") from error
        _refuse(reason, connection, seconds)
    except (ValueError, OverflowError) as error:
        raise Refused("invalid_arguments", f"This is no statement: {error}.") from error


_KINDS: tuple[tuple[str, str, str], ...] = (
    ("interrupted", "timeout", "The statement was stopped after {seconds:g} seconds."),
    ("locked", "unavailable", "Another program is writing to the database; try again."),
    ("readonly", "blocked", "The database may only be read here; this statement would change it."),
    ("unsafe use", "blocked", "The database itself asks for something that is not allowed: {reason}."),
    ("too big", "limit", "The statement makes a value that is too large."),
    ("too large", "limit", "The statement is too large: {reason}."),
    ("too many", "limit", "The statement is too large: {reason}."),
    ("out of memory", "limit", "The statement needs more memory than it may take."),
    ("not a database", "failed", "The file is no SQLite database, or it is encrypted."),
    ("malformed", "failed", "The database is damaged: {reason}."),
    ("unable to open", "failed", "The database cannot be opened: {reason}."),
    ("no such", "failed", "SQLite: {reason}.{tables}"),
)


def _refuse(reason: str, connection: sqlite3.Connection | None, seconds: float = 0.0) -> NoReturn:
    reason = reason[:500] or "no reason given"
    for mark, kind, sentence in _KINDS:
        if mark in reason:
            tables = _tables(connection) if connection is not None and mark == "no such" else ""
            raise Refused(kind, sentence.format(reason=reason, seconds=seconds, tables=tables))
    raise Refused("failed", f"SQLite: {reason}.")


def _tables(connection: sqlite3.Connection) -> str:
    """Say which tables there are."""
    try:
        connection.set_authorizer(_everything)
        sql = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY 1"
        names = [str(row[0])[:60] for row in connection.execute(f"{sql} LIMIT 30")]
    except sqlite3.Error:
        return ""
    return f" The tables are {', '.join(names)}." if names else " There are no tables."
