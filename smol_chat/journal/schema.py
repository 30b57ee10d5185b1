"""The database's tables, how an old one is brought up to date, and how a connection is opened."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from smol_chat.errors import JournalError
from smol_chat.paths import open_private

APPLICATION_ID = 0x536D6F6C
"""Marks the file as a history of this program ("Smol")."""

BUSY_MS = 3000
"""How long a write waits for another running program to finish its own."""

KEPT = ".version-"
"""What follows in the name of the copy that is kept of a database before it is brought up to date, with its version."""

MIGRATIONS: Sequence[Sequence[str]] = (
    (
        """CREATE TABLE conversations (
            id TEXT PRIMARY KEY,
            title TEXT NOT NULL,
            model TEXT NOT NULL,
            started REAL NOT NULL,  -- seconds since 1970, as all times here
            updated REAL NOT NULL
        ) WITHOUT ROWID""",
        "CREATE INDEX conversations_updated ON conversations (updated)",
        """CREATE TABLE turns (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            conversation TEXT NOT NULL REFERENCES conversations ON DELETE CASCADE,
            started REAL NOT NULL
        )""",
        "CREATE INDEX turns_conversation ON turns (conversation)",
        """CREATE TABLE events (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            turn INTEGER NOT NULL REFERENCES turns ON DELETE CASCADE,
            kind TEXT NOT NULL,
            body TEXT NOT NULL  -- the event's fields as JSON
        )""",
        "CREATE INDEX events_turn ON events (turn)",
    ),
    (  # turns as a tree; who named a conversation; how far the index of its words has come
        # No foreign keys: where damage took a turn, those that followed it are still there.
        "ALTER TABLE turns ADD COLUMN parent INTEGER",  # the turn it follows; NULL: it begins the conversation
        "ALTER TABLE turns ADD COLUMN indexed INTEGER NOT NULL DEFAULT 0",  # the last of its events that search knows
        "UPDATE turns SET parent = (SELECT max(id) FROM turns AS earlier"
        " WHERE earlier.conversation = turns.conversation AND earlier.id < turns.id)",
        "ALTER TABLE conversations ADD COLUMN active INTEGER",  # the last turn of the branch that is open
        "UPDATE conversations SET active = (SELECT max(id) FROM turns WHERE conversation = conversations.id)",
        "ALTER TABLE conversations ADD COLUMN named_by TEXT NOT NULL DEFAULT 'text'",  # 'text', 'model' or 'user'
        "ALTER TABLE conversations ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0",
    ),
    (
        "ALTER TABLE turns ADD COLUMN program TEXT",  # which running program writes it; NULL: it was written before
        "ALTER TABLE events ADD COLUMN at REAL",  # when it was first stored; NULL as above
        "CREATE INDEX events_calls ON events (kind) WHERE kind = 'tool_call'",
    ),
    (  # what a conversation is opened with, found without reading its text
        "CREATE INDEX events_marks ON events (turn, kind) WHERE kind IN ('tool_call', 'summarised', 'pinned')",
    ),
)
"""Statements that lead from each version to the next; the version is how many of them a database has behind it."""


def connect(path: Path) -> sqlite3.Connection:
    """Open the database, made for this user alone where there is none.

    Raises:
        sqlite3.Error, OSError: it cannot be opened.
    """
    # Only ever opened here when it is new: closing a descriptor of the file would drop the locks that other connections
    # of this process hold on it, and another program would then take the log away under them.
    with contextlib.suppress(FileExistsError):
        os.close(open_private(str(path), os.O_CREAT | os.O_EXCL | os.O_RDWR))
    # Each connection is used by one thread at a time, not always by the one that opened it.
    connection = sqlite3.connect(path, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
    try:
        _use_wal(connection)
        connection.execute("PRAGMA synchronous = NORMAL")  # a killed program loses nothing; only a power cut may
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")  # what is deleted is gone from the file
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def connect_read_only(path: Path) -> sqlite3.Connection | None:
    """Open a database in a folder that cannot be written, for reading; None where that cannot be or is not so."""
    if not path.exists() or os.access(path.parent, os.W_OK):
        return None
    # Nobody changes it there, so no locks are needed; they would have to be written.
    where = f"{path.absolute().as_uri()}?immutable=1"
    connection = sqlite3.connect(where, uri=True, isolation_level=None, check_same_thread=False)
    try:
        if _version(connection, path, MIGRATIONS) == len(MIGRATIONS):
            return connection
    except (sqlite3.Error, JournalError):
        pass
    connection.close()
    return None


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch a new database to a write-ahead log; SQLite does not wait while another program does the same."""
    deadline = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Bring the database up to date, in one transaction: another program that starts at the same time waits.

    Raises:
        JournalError: it belongs to another program or to a newer version of this one.
        sqlite3.Error: it is damaged or cannot be written.
    """
    if _version(connection, path, migrations) == len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection, path, migrations)
        if 0 < version < len(migrations):
            _keep(path, path.with_name(f"{path.name}{KEPT}{version}"))
        for statements in migrations[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _keep(path: Path, copy: Path) -> None:
    """Copy the database while its caller lets nobody write."""
    unfinished = copy.with_name(f"{copy.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    os.close(open_private(str(unfinished), os.O_CREAT | os.O_EXCL | os.O_RDWR))
    try:
        # A connection of its own: a copy through the one that holds the lock would wait for itself.
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(unfinished)) as target:
            source.backup(target)
        unfinished.replace(copy)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def _version(connection: sqlite3.Connection, path: Path, migrations: Sequence[Sequence[str]]) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if owner != APPLICATION_ID and (tables or version):
        raise JournalError(f"{path} belongs to another program; move it away or choose another --data-dir.")
    if version > len(migrations):
        raise JournalError(
            f"The history {path} was written by a newer smol-chat (format {version}, this one reads up to "
            f"{len(migrations)}); update smol-chat, or choose another --data-dir."
        )
    return version
