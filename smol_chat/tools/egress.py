"""What leaves this machine through tools: the switch that stops all of it, and the record of every connection."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from smol_chat.errors import SmolChatError, ToolError
from smol_chat.paths import open_private

if TYPE_CHECKING:
    import sqlite3

OFFLINE = (
    "smol-chat is set to offline, so no tool may leave this machine; "
    "the command /offline off or the setting network.offline ends that."
)

ANY_HOST = "any host"
"""In place of a name, where a program connects to what it wants and nobody sees to what."""

_log = logging.getLogger(__name__)

_BUSY_SECONDS = 3.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS connections (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time REAL NOT NULL,  -- seconds since 1970, before the connection is made
    conversation TEXT NOT NULL,
    call_id TEXT NOT NULL,
    tool TEXT NOT NULL,
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    address TEXT NOT NULL,
    exact INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS ends (
    connection INTEGER PRIMARY KEY REFERENCES connections,
    connected INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    received INTEGER NOT NULL
);
CREATE TRIGGER IF NOT EXISTS connections_stay BEFORE UPDATE ON connections
    BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER IF NOT EXISTS connections_kept BEFORE DELETE ON connections
    BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER IF NOT EXISTS ends_stay BEFORE UPDATE ON ends
    BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER IF NOT EXISTS ends_kept BEFORE DELETE ON ends
    BEGIN SELECT RAISE(ABORT, 'append only'); END;
"""


@dataclass(frozen=True, slots=True)
class Caller:
    """The call on whose behalf something connects; `conversation` is empty for a call outside of any."""

    tool: str = ""
    call_id: str = ""
    conversation: str = ""


@dataclass(frozen=True, slots=True)
class Connection:
    """One line of the record. Bytes are those of HTTP or of the protocol spoken, as they are before encryption."""

    time: float
    """Seconds since 1970."""
    caller: Caller
    host: str
    port: int
    address: str
    state: Literal["closed", "refused", "unfinished"]
    """`refused`: no connection came about. `unfinished`: it is open, or the program ended before it was closed."""
    sent: int
    received: int
    exact: bool
    """False where a library connects on its own and only contents are counted, or a process of its own, and nothing is.

    Without a port: a program had the network, and nothing is known of what it did there.
    """


class Ledger:
    """The record as a file: rows are added, never changed or taken away. Opened with the first row."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None

    def begin(self, caller: Caller, host: str, port: int, address: str, *, exact: bool) -> int:
        """Write down that a connection is about to be made and return its number.

        Raises:
            ToolError: `unavailable` where that cannot be written: nothing leaves without a record.
        """
        row = (time.time(), caller.conversation, caller.call_id, caller.tool, host, port, address, exact)
        return self._insert(
            "INSERT INTO connections (time, conversation, call_id, tool, host, port, address, exact)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )

    def end(self, number: int, *, connected: bool, sent: int, received: int) -> None:
        """Write down how it ended."""
        self._insert("INSERT OR IGNORE INTO ends VALUES (?, ?, ?, ?)", (number, connected, sent, received))

    def _insert(self, statement: str, row: tuple[object, ...]) -> int:
        import sqlite3  # late: most calls connect to nothing

        try:
            with self._lock:
                return self._opened().execute(statement, row).lastrowid or 0
        except (sqlite3.Error, OSError) as error:
            raise ToolError(
                "unavailable",
                f"The record of connections {self._path} cannot be written ({error}), and nothing is sent without it; "
                "free space, or move the file away if it is damaged.",
            ) from error

    def read(self, limit: int) -> list[Connection]:
        """Return the latest connections, the newest first.

        Raises:
            SmolChatError: the record cannot be read.
        """
        import sqlite3  # late: as above

        if not self._path.exists():
            return []
        try:
            with self._lock:
                rows = self._opened().execute(
                    "SELECT time, tool, call_id, conversation, host, port, address, exact, connected, sent, received"
                    " FROM connections LEFT JOIN ends ON connection = id ORDER BY id DESC LIMIT ?",
                    (limit,),
                )
                return [_connection(row) for row in rows]
        except (sqlite3.Error, OSError) as error:
            raise SmolChatError(
                f"The record of connections {self._path} cannot be read ({error}); move it away and a new one is begun."
            ) from error

    def close(self) -> None:
        """Close the file; the next row opens it again."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None

    def _opened(self) -> sqlite3.Connection:
        if self._database is None:
            import sqlite3  # late: as above

            # Only made here, never opened: closing another descriptor of a database drops SQLite's locks on it.
            with contextlib.suppress(FileExistsError):
                os.close(open_private(str(self._path), os.O_CREAT | os.O_EXCL | os.O_RDWR))
            # A library's requests are recorded in its thread, one at a time under the lock.
            database = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            try:
                database.execute("PRAGMA synchronous = NORMAL")
                # The lock is taken first: programs that begin at the same time wait for each other.
                database.executescript(f"BEGIN IMMEDIATE; {_SCHEMA}; COMMIT;")
            except sqlite3.Error:
                database.close()
                raise
            self._database = database
        return self._database


def _connection(row: tuple[float, str, str, str, str, int, str, int, int | None, int | None, int | None]) -> Connection:
    when, tool, call_id, conversation, host, port, address, exact, connected, sent, received = row
    state: Literal["closed", "refused", "unfinished"] = "unfinished"
    if connected is not None:
        state = "closed" if connected else "refused"
    return Connection(
        when, Caller(tool, call_id, conversation), host, port, address, state, sent or 0, received or 0, bool(exact)
    )


class Passage:
    """One connection while it lasts: whoever moves bytes adds them here and closes it once."""

    def __init__(self, end: Callable[[Passage], None]) -> None:
        self.connected = False
        self.sent = 0
        self.received = 0
        self._end: Callable[[Passage], None] | None = end

    def close(self) -> None:
        """Write down how it ended; a second time does nothing."""
        end, self._end = self._end, None
        if end is not None:
            end(self)


class Egress:
    """The way out for all tools of a program."""

    def __init__(self, ledger: Ledger | None = None, *, offline: bool = False) -> None:
        self.ledger = ledger
        self.offline = offline
        """True: everything that would leave this machine is refused."""
        self.connections = 0
        """How many were opened since the program started."""

    def require_online(self) -> None:
        """Do nothing unless the switch is set to offline.

        Raises:
            ToolError: `blocked`.
        """
        if self.offline:
            raise ToolError("blocked", OFFLINE)

    def open(self, caller: Caller, host: str, port: int, address: str, *, exact: bool = True) -> Passage:
        """Record a connection that is about to be made; the caller closes what is returned.

        Raises:
            ToolError: `blocked` when offline, `unavailable` where it cannot be recorded.
        """
        self.require_online()
        ledger = self.ledger
        number = 0 if ledger is None else ledger.begin(caller, host, port, address, exact=exact)
        self.connections += 1

        def ended(passage: Passage) -> None:
            if ledger is None:
                return
            try:
                ledger.end(number, connected=passage.connected, sent=passage.sent, received=passage.received)
            except ToolError as error:  # it is over; its beginning is on record
                _log.error("The end of a connection to %s was not recorded: %s", host, error.message)

        return Passage(ended)

    @contextlib.contextmanager
    def unseen(self, caller: Caller, host: str = ANY_HOST, port: int = 0) -> Iterator[None]:
        """Record that a process of its own has the network for as long as this lasts; its bytes are not counted.

        Raises:
            ToolError: as `open`.
        """
        passage = self.open(caller, host, port, "", exact=False)
        passage.connected = True
        try:
            yield
        except ToolError as error:
            passage.connected = error.kind != "unavailable"  # then it was not run, or found nobody
            raise
        finally:
            passage.close()

    def close(self) -> None:
        """Close the record."""
        if self.ledger is not None:
            self.ledger.close()
