"""What a statement changes, watched inside the transaction that a preview rolls back. Runs in the worker."""

from __future__ import annotations

import secrets
import sqlite3
from typing import Any, Protocol

from smol_chat.tools.database.cells import cell

ROWS = 100
"""Most changed rows of one kind in one table that are shown; all are counted."""
_TABLES = 200


class Watch(Protocol):
    """A look at the database before a change, and what to say of it after."""

    prefix: str
    """What the names of its triggers begin with."""

    def told(self) -> dict[str, Any]:
        """Return the changes since."""
        ...


class RowWatch:
    """Temporary triggers note each row that is inserted, updated or deleted."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.prefix = f"watch_{secrets.token_hex(8)}_"
        self._connection = connection
        self._watched: list[tuple[str, str, list[str], str]] = []
        connection.execute(f"CREATE TEMP TABLE {self.prefix}n (id INTEGER PRIMARY KEY, n INTEGER)")
        if not _has_triggers(connection):
            # Otherwise REPLACE deletes rows without telling; where the file has triggers they might call themselves.
            connection.execute("PRAGMA recursive_triggers=ON")
        for table in _ordinary_tables(connection):
            for verb in ("DELETE", "UPDATE", "INSERT"):
                self._watch(table, verb, _columns(connection, table))

    def _watch(self, table: str, verb: str, columns: list[str]) -> None:
        number = len(self._watched)
        log = f"{self.prefix}{number}"
        before = [f"old.{_quoted(column)}" for column in columns] if verb != "INSERT" else []
        after = [f"new.{_quoted(column)}" for column in columns] if verb != "DELETE" else []
        names = ", ".join(f"c{index}" for index in range(len(before) + len(after)))
        count = f"(SELECT n FROM {self.prefix}n WHERE id = {number})"
        self._connection.execute(f"CREATE TEMP TABLE {log} ({names})")
        self._connection.execute(f"INSERT INTO temp.{self.prefix}n VALUES ({number}, 0)")
        self._connection.execute(
            f"CREATE TEMP TRIGGER {self.prefix}t{number} AFTER {verb} ON main.{_quoted(table)} BEGIN "
            f"UPDATE {self.prefix}n SET n = n + 1 WHERE id = {number}; "
            f"INSERT INTO {log} SELECT {', '.join(before + after)} WHERE {count} <= {ROWS}; END"
        )
        self._watched.append((table, verb, columns, log))

    def told(self) -> dict[str, Any]:
        """Return the rows before and after, by table and kind of change."""
        counts = dict(self._connection.execute(f"SELECT id, n FROM temp.{self.prefix}n WHERE n > 0"))
        told = []
        for number, (table, verb, columns, log) in enumerate(self._watched):
            if number not in counts:
                continue
            rows = [[cell(value) for value in row] for row in self._connection.execute(f"SELECT * FROM temp.{log}")]
            told.append({"table": table, "verb": verb, "columns": columns, "count": counts[number], "rows": rows})
        return {"changes": told, "schema_changes": []}


class TableWatch:
    """The schema and the number of rows of each table, before and after."""

    prefix = "\0"  # no trigger of ours
    _SQL = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name LIMIT 1000"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._before = self._look()

    def told(self) -> dict[str, Any]:
        """Return what is gone, what has come, and how many rows each had or has."""
        after = self._look()
        gone = [["-", *entry] for key, entry in self._before.items() if after.get(key) != entry]
        come = [["+", *entry] for key, entry in after.items() if self._before.get(key) != entry]
        return {"changes": [], "schema_changes": gone + come}

    def _look(self) -> dict[tuple[str, str], list[Any]]:
        """Return statement and number of rows of each table, index and view."""
        seen: dict[tuple[str, str], list[Any]] = {}
        plain = set(_ordinary_tables(self._connection))
        for kind, name, sql in self._connection.execute(self._SQL).fetchall():
            count = None
            if name in plain:
                count = self._connection.execute(f"SELECT count(*) FROM main.{_quoted(name)}").fetchone()[0]
            seen[kind, name] = [cell(" ".join(sql.split())), count]
        return seen


def watch_rows(connection: sqlite3.Connection) -> Watch:
    """Begin to watch rows."""
    return RowWatch(connection)


def watch_tables(connection: sqlite3.Connection) -> Watch:
    """Begin to watch the schema."""
    return TableWatch(connection)


def _ordinary_tables(connection: sqlite3.Connection) -> list[str]:
    """Return the tables that hold rows themselves: a trigger cannot watch a virtual one."""
    sql = (
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
        f"AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name LIMIT {_TABLES}"
    )
    return [row[0] for row in connection.execute(sql).fetchall()]


def _has_triggers(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'trigger' LIMIT 1").fetchone() is not None


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    rows = connection.execute(f"PRAGMA main.table_xinfo({_quoted(table)})").fetchall()
    return [row[1] for row in rows if row[6] != 1][:200]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
