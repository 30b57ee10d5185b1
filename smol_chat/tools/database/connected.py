"""One statement on a database that a URL names, by SQLAlchemy; it can only read. Runs in the worker."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

from smol_chat.tools.database.cells import collected, fetched
from smol_chat.tools.database.refused import Refused
from smol_chat.tools.database.sqlite import READING, Guard
from smol_chat.tools.database.statements import first_word, schema_request

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

_KINDS = ("sqlite", "postgresql")
"""Those that can be held to reading by their own means."""
_LIBPQ = {"client_encoding": "utf8", "connect_timeout": 10}
_STREAMED = ("SELECT", "VALUES", "WITH")
_TABLES = 200


def query_connected(job: dict[str, Any]) -> dict[str, Any]:
    """Connect, make the connection one that only reads, and run the statement or list the schema."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(job["url"])
    except (ArgumentError, ValueError):
        raise Refused(
            "unavailable", f"The URL of the connection {job['name']} is none that SQLAlchemy reads."
        ) from None
    try:
        return _ask(url, job)
    except Refused as refused:
        if url.password:  # whatever a driver repeats
            refused.message = refused.message.replace(str(url.password), "••••••")
        raise


def _ask(url: URL, job: dict[str, Any]) -> dict[str, Any]:
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    if ";" in job["sql"].rstrip().rstrip(";"):  # how a text is cut into statements differs between databases
        raise Refused("invalid_arguments", "Send one statement a call, without a semicolon in it.")
    engine = _engine(url, job)
    try:
        connection = engine.connect()
    except Exception as error:  # the border to drivers, which raise what they like
        raise Refused("unavailable", f"The database {job['name']} cannot be reached: {_reason(error)}.") from None
    try:
        _only_read(connection, job["seconds"])
        wanted = schema_request(job["sql"])
        return _rows(connection, job) if wanted is None else _schema(connection, wanted)
    except DBAPIError as error:
        _refuse(error, job["seconds"])
    except (SQLAlchemyError, ArithmeticError, TypeError, ValueError) as error:  # a value the driver cannot read, too
        raise Refused("failed", f"The database: {_reason(error)}.") from None
    finally:
        connection.close()


def _engine(url: URL, job: dict[str, Any]) -> Engine:
    from sqlalchemy import create_engine
    from sqlalchemy.exc import NoSuchModuleError
    from sqlalchemy.pool import NullPool

    if url.get_backend_name() not in _KINDS:
        raise Refused(
            "unavailable",
            f"The connection {job['name']} is to {url.get_backend_name()}, which cannot be held to reading here; "
            f"there are {' and '.join(_KINDS)}.",
        )
    try:
        if url.get_backend_name() == "sqlite":
            path = f"file:{quote(url.database or '')}?mode=ro"
            return create_engine("sqlite://", creator=lambda: sqlite3.connect(path, uri=True), poolclass=NullPool)
        options = _LIBPQ if url.get_driver_name() in ("psycopg", "psycopg2") else {}
        return create_engine(url, poolclass=NullPool, connect_args=options)
    except NoSuchModuleError:
        raise Refused("unavailable", f"SQLAlchemy knows no driver {url.drivername!r}.") from None
    except ImportError as error:
        raise Refused(
            "unavailable", f"The connection {job['name']} needs the Python package {error.name}; install it."
        ) from None


def _only_read(connection: Connection, seconds: float) -> None:
    if connection.dialect.name == "sqlite":
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)  # the engine was made so
        Guard(raw, READING, seconds)
        return
    connection.execution_options(postgresql_readonly=True)
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")


def _rows(connection: Connection, job: dict[str, Any]) -> dict[str, Any]:
    # Without this a library would hold the whole result; what does not return rows as a cursor is short anyway.
    stream = first_word(job["sql"]) in _STREAMED
    options = connection.execution_options(no_parameters=True, stream_results=stream, max_row_buffer=100)
    result = options.exec_driver_sql(job["sql"])
    rows = fetched(result.fetchone)
    return collected(list(result.keys()), (tuple(row) for row in rows), job["max_rows"], job["max_bytes"])


def _schema(connection: Connection, table: str) -> dict[str, Any]:
    """Return each table's columns in the form of the statement that would make it."""
    from sqlalchemy import inspect

    found = inspect(connection)
    names = sorted([*found.get_table_names(), *found.get_view_names()])
    wanted = [name for name in names if not table or name.casefold() == table.casefold()]
    if table and not wanted:
        known = f" The tables are {', '.join(names[:30])}." if names else " There are no tables."
        raise Refused("not_found", f"There is no table {table!r}.{known}")
    schema = [
        f'TABLE "{name}" ({", ".join(_column(column) for column in found.get_columns(name))})'
        for name in wanted[:_TABLES]
    ]
    return {"columns": [], "rows": [], "more": False, "schema": schema}


def _column(column: Any) -> str:  # noqa: ANN401  # SQLAlchemy's mapping
    return f'"{column["name"]}" {column["type"]}'


_MARKS = (
    ("statement timeout", "timeout", "The statement was stopped after {seconds:g} seconds."),
    ("interrupted", "timeout", "The statement was stopped after {seconds:g} seconds."),
    ("read-only", "blocked", "Connections are only read; this statement would change something."),
    ("not authorized", "blocked", "Connections are only read; this statement would do something else."),
    ("prohibited", "blocked", "Connections are only read; this statement would do something else."),
)


def _refuse(error: Exception, seconds: float) -> NoReturn:
    reason = _reason(error)
    for mark, kind, sentence in _MARKS:
        if mark in reason:
            raise Refused(kind, sentence.format(seconds=seconds)) from None
    raise Refused("failed", f"The database: {reason}.") from None


def _reason(error: Exception) -> str:
    said = getattr(error, "orig", None) or error
    plain = " ".join(str(said).partition("LINE 1:")[0].split())  # what follows repeats the statement
    return plain[:500].rstrip(".") or type(said).__name__
