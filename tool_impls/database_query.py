"""Ask an SQLite database of the workspace, or its data files; a change shows the rows it touches first."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from smol_chat.tools import (
    Effect,
    JsonObject,
    JsonValue,
    Origin,
    Preview,
    QueryLimits,
    ToolContext,
    ToolError,
    ToolOutput,
    find_connection,
    reads_only,
    setting,
    tool,
)

if TYPE_CHECKING:
    from smol_chat.tools.database.connections import Connection
    from smol_chat.tools.database.runner import Changes, RowChange, Rows

_MAX_SQL = 100_000
_CELL = 200
"""Characters of one value in the table the model reads."""
_SIGNS = {"INSERT": ("inserted", "+"), "DELETE": ("deleted", "-"), "UPDATE": ("updated", "")}


@dataclass(frozen=True)
class DatabaseSettings:
    """What one statement may take."""

    database: str = setting("", "Database that is asked where the call names none: in the workspace, or a connection.")
    connections: tuple[str, ...] = setting(
        (),
        'Databases asked by name, read only, as in "shop=postgresql+psycopg://reader:${SHOP_PASSWORD}@host/shop"; '
        "${…} is a variable of the environment.",
    )
    max_rows: int = setting(200, "Rows of a result; more are cut.", minimum=1, maximum=10_000)
    timeout: float = setting(10.0, "Seconds after which a statement is stopped.", minimum=0.1, maximum=50)


def _effect(arguments: JsonObject, settings: object) -> Effect:
    if not reads_only(str(arguments["query"])):
        return Effect.WRITE
    own = settings if isinstance(settings, DatabaseSettings) else DatabaseSettings()
    connection = _connection(str(arguments.get("database") or ""), own)
    return Effect.NETWORK if connection and connection.address else Effect.READ


@tool(
    effect=Effect.READ,
    effect_of=_effect,
    settings=DatabaseSettings,
    keywords="database sql table query sqlite select rows customers orders db records",
)
async def database_query(
    query: Annotated[str, "One SQL statement, or .schema"],
    database: Annotated[str | None, "Database, CSV, Parquet or JSON file in the workspace"] = None,
    *,
    ctx: ToolContext,
) -> ToolOutput:
    """Run one SQL query on the local database and return rows."""
    connection = _connection(database or "", ctx.settings(DatabaseSettings))
    if connection is not None:
        _check_reading(query)
        away = connection.address
        with ctx.egress.unseen(ctx.caller, *away) if away else contextlib.nullcontext():
            found = await ctx.database.ask(connection, query, _limits(ctx))
        return ToolOutput(_shown(found), data=_data(connection.name, found), origin=Origin.DATABASE)
    path = await _path(query, database, ctx)
    if reads_only(query):
        found = await ctx.database.read(path, query, _limits(ctx))
        return ToolOutput(_shown(found), data=_data(path, found), origin=Origin.DATABASE)
    found = await ctx.database.change(path, query, _limits(ctx))
    done = f"Done: {found.changed:,} {'row' if found.changed == 1 else 'rows'} changed in {path}."
    content = f"{done}\n{_shown(found)}" if found.columns else done
    return ToolOutput(content, data={**_data(path, found), "changed": found.changed}, origin=Origin.DATABASE)


@database_query.preview
async def _preview(query: str, database: str | None = None, *, ctx: ToolContext) -> Preview:
    connection = _connection(database or "", ctx.settings(DatabaseSettings))
    if connection is not None:
        _check_reading(query)
        if connection.address:
            ctx.egress.require_online()
        hosts = (connection.address[0],) if connection.address else ()
        return Preview(f"Read from the database {connection.name} of your settings.", query, "sql", hosts=hosts)
    path = await _path(query, database, ctx)
    if reads_only(query):
        return Preview(f"Read from {path}.", query, "sql")
    changes = await ctx.database.show_change(path, query, _limits(ctx))
    return Preview(f"Change {path}: {_summary(changes)}.", query, "sql", "\n".join(_diff(changes)))


# --- which database -------------------------------------------------------------------------------


def _connection(database: str, own: DatabaseSettings) -> Connection | None:
    """Return the connection that is meant, None where it is a file."""
    return find_connection(database or own.database, own.connections)


def _check(query: str) -> None:
    if not query.strip():
        raise ToolError("invalid_arguments", "Write a statement, or .schema for the tables.")
    if len(query) > _MAX_SQL:
        raise ToolError("invalid_arguments", f"A statement may have at most {_MAX_SQL:,} characters.")


def _check_reading(query: str) -> None:
    _check(query)
    if not reads_only(query):
        raise ToolError("blocked", "Databases of the settings are only read: send a SELECT.")


async def _path(query: str, database: str | None, ctx: ToolContext) -> str:
    """Return the database that is meant: the one named, the one set, or the only one there is."""
    _check(query)
    named = database or ctx.settings(DatabaseSettings).database
    if named:
        return ctx.files.relative(named)
    databases, data_files = await ctx.database.found()
    if len(databases) == 1:
        return databases[0]
    if not databases and len(data_files) == 1:
        return data_files[0]
    candidates = databases or data_files
    if not candidates:
        raise ToolError("not_found", "There is no database in the workspace: no .db, .sqlite, .csv, .parquet or .json.")
    more = f" and {len(candidates) - 20} more" if len(candidates) > 20 else ""
    raise ToolError(
        "invalid_arguments", f"Name one of these in `database`: {', '.join(sorted(candidates)[:20])}{more}."
    )


def _limits(ctx: ToolContext) -> QueryLimits:
    own = ctx.settings(DatabaseSettings)
    return QueryLimits(seconds=own.timeout, rows=own.max_rows)


# --- what it says ---------------------------------------------------------------------------------


def _shown(found: Rows) -> str:
    if found.schema is not None:
        return "\n".join(found.schema) or "The database has no tables."
    if not found.rows:
        return f"No rows. Columns: {', '.join(found.columns)}." if found.columns else "No rows."
    lines = [" | ".join(map(_cell, found.columns))]
    lines += [" | ".join(map(_cell, row)) for row in found.rows]
    if found.more:
        lines.append(
            f"[cut: the first {len(found.rows):,} rows are shown; ask for fewer columns or use LIMIT and OFFSET]"
        )
    else:
        lines.append(f"({len(found.rows):,} {'row' if len(found.rows) == 1 else 'rows'})")
    return "\n".join(lines)


def _cell(value: JsonValue) -> str:
    if value is None:
        return "NULL"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split()).replace("|", "\\|") if isinstance(value, str) else text
    return text if len(text) <= _CELL else f"{text[:_CELL]}…"


def _data(path: str, found: Rows) -> JsonObject:
    if found.schema is not None:
        return {"database": path, "schema": [*found.schema]}
    return {"database": path, "columns": [*found.columns], "rows": [*found.rows], "more": found.more}


def _summary(changes: Changes) -> str:
    parts = [
        f"{change.count:,} {'row' if change.count == 1 else 'rows'} of {change.table} {_SIGNS[change.verb][0]}"
        for change in changes.rows
    ]
    if changes.tables:
        parts.append("the tables change as shown")
    return ", ".join(parts) or "no row is touched"


def _diff(changes: Changes) -> list[str]:
    """Return the rows before and after as lines of a diff."""
    lines = []
    for table in changes.tables:
        rows = "" if table.rows is None else f"  ({table.rows:,} {'row' if table.rows == 1 else 'rows'})"
        lines.append(f"{table.sign} {table.sql}{rows}")
    for change in changes.rows:
        lines += _row_lines(change)
    return lines


def _row_lines(change: RowChange) -> list[str]:
    word, sign = _SIGNS[change.verb]
    lines = [f"@@ {change.table}: {change.count:,} {word} ({' | '.join(map(_cell, change.columns))}) @@"]
    for row in change.rows:
        if sign:
            lines.append(f"{sign} {' | '.join(map(_cell, row))}")
            continue
        half = len(row) // 2
        lines += [f"- {' | '.join(map(_cell, row[:half]))}", f"+ {' | '.join(map(_cell, row[half:]))}"]
    if change.count > len(change.rows):
        lines.append(f"@@ and {change.count - len(change.rows):,} more @@")
    return lines
