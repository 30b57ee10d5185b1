"""One statement on CSV, Parquet and JSON files by DuckDB, which is cut off from everything else. Runs in the worker."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from smol_chat.tools.database.cells import collected, fetched
from smol_chat.tools.database.refused import Refused
from smol_chat.tools.database.statements import schema_request

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_READERS = {"csv": "read_csv", "tsv": "read_csv", "parquet": "read_parquet"}
"""By the ending of the name; everything else is JSON."""
_MEMORY = "512MB"
_OPTIONS: dict[str, str | bool | int | float | list[str]] = {
    "memory_limit": _MEMORY,
    "threads": "2",
    "temp_directory": "",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
}


def query_files(job: dict[str, Any]) -> dict[str, Any]:
    """Read the files into tables, cut DuckDB off, and run the statement."""
    import duckdb

    connection = duckdb.connect(":memory:", config=_OPTIONS)
    clock = threading.Timer(job["seconds"], connection.interrupt)
    clock.daemon = True
    clock.start()
    try:
        for table in job["tables"]:
            _load(connection, table)
        connection.execute("SET enable_external_access=false")
        connection.execute("SET lock_configuration=true")
        wanted = schema_request(job["sql"])
        if wanted is not None:
            return _schema(connection, wanted)
        _check(job["sql"])
        cursor = connection.execute(job["sql"])
        columns = [entry[0] for entry in cursor.description or ()]
        return collected(columns, fetched(cursor.fetchone), job["max_rows"], job["max_bytes"])
    except duckdb.InterruptException:
        raise Refused("timeout", f"The statement was stopped after {job['seconds']:g} seconds.") from None
    except duckdb.OutOfMemoryException:
        raise Refused("limit", f"The statement needs more memory than it may take ({_MEMORY}).") from None
    except duckdb.PermissionException:
        raise Refused("blocked", "Only the named files can be read, and nothing can be written.") from None
    except duckdb.Error as error:
        reason = " ".join(str(error).partition("LINE 1:")[0].split()).rstrip(".")[:500]
        raise Refused("failed", f"DuckDB: {reason}.{_tables(connection)}") from None
    finally:
        clock.cancel()


def _load(connection: DuckDBPyConnection, table: dict[str, Any]) -> None:
    """Copy one file, inherited as a descriptor, into a table of its name."""
    reader = _READERS.get(table["format"], "read_json")
    name = table["name"].replace('"', '""')
    # Opening a descriptor's name again opens the very file, whatever lies at its path by now.
    connection.execute(f"CREATE TABLE \"{name}\" AS SELECT * FROM {reader}('/dev/fd/{int(table['descriptor'])}')")


def _check(sql: str) -> None:
    """Refuse whatever is not one statement that reads."""
    import duckdb

    statements = duckdb.extract_statements(sql)
    if len(statements) != 1:
        raise Refused("invalid_arguments", "Send one statement a call.")
    allowed = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
    if statements[0].type not in allowed:
        raise Refused("blocked", "Data files can only be read: send a SELECT.")


def _schema(connection: DuckDBPyConnection, table: str) -> dict[str, Any]:
    """Return each table's columns in the form of the statement that would make it."""
    sql = (
        "SELECT table_name, column_name, data_type FROM information_schema.columns "
        "ORDER BY table_name, ordinal_position"
    )
    tables: dict[str, list[str]] = {}
    for name, column, kind in connection.execute(sql).fetchall():
        if not table or name.casefold() == table.casefold():
            tables.setdefault(name, []).append(f'"{column}" {kind}')
    if table and not tables:
        raise Refused("not_found", f"There is no table {table!r}.{_tables(connection)}")
    schema = [f'TABLE "{name}" ({", ".join(columns)})' for name, columns in tables.items()]
    return {"columns": [], "rows": [], "more": False, "schema": schema}


def _tables(connection: DuckDBPyConnection) -> str:
    """Say which tables there are."""
    rows = connection.execute("SELECT table_name FROM information_schema.tables ORDER BY 1 LIMIT 30").fetchall()
    return f" The tables are {', '.join(str(row[0])[:60] for row in rows)}." if rows else ""
