"""Real SQLite files and DuckDB: what is read, what a change shows first, and what no statement can do."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from smol_chat.messages import JsonObject, Origin, ToolResult
from smol_chat.tools import Effect, Preview, ToolWorkbench, preview_call
from support.tool_context import call, failure, the_tool, workbench
from tool_impls.database_query import DatabaseSettings

PEOPLE = """
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, age INT);
INSERT INTO people VALUES (1, 'Ana', 30), (2, 'Bo', 25), (3, 'Cy', NULL);
CREATE VIEW adults AS SELECT * FROM people WHERE age > 26;
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return make(tmp_path / "shop.db", PEOPLE)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[ToolWorkbench]:
    async with workbench(tmp_path) as made:
        yield made


def make(path: Path, script: str) -> Path:
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    return path


def rows(path: Path, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


async def ask(bench: ToolWorkbench, query: str, database: str | None = None) -> ToolResult:
    return await call(bench, "database_query", query=query, **({"database": database} if database else {}))


async def shown(bench: ToolWorkbench, query: str, database: str | None = None) -> Preview:
    arguments: JsonObject = {"query": query, **({"database": database} if database else {})}
    return await preview_call(the_tool("database_query"), arguments, bench)


def effect(query: str) -> Effect:
    return the_tool("database_query").effect_of({"query": query})


# --- reading --------------------------------------------------------------------------------------


async def test_rows_come_as_a_table_for_the_model_and_as_data(bench: ToolWorkbench, shop: Path) -> None:
    result = await ask(bench, "SELECT name, age FROM people ORDER BY id")
    assert result.content == "name | age\nAna | 30\nBo | 25\nCy | NULL\n(3 rows)"
    assert result.data == {
        "database": "shop.db",
        "columns": ["name", "age"],
        "rows": [["Ana", 30], ["Bo", 25], ["Cy", None]],
        "more": False,
    }
    assert result.origin is Origin.DATABASE


@pytest.mark.parametrize("request_", [".schema", ".tables", "tables", "SHOW TABLES;", "schema"])
async def test_the_schema_is_told_when_asked_for(bench: ToolWorkbench, shop: Path, request_: str) -> None:
    assert effect(request_) is Effect.READ
    result = await ask(bench, request_)
    assert "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, age INT)" in result.content
    assert "CREATE VIEW adults" in result.content


async def test_the_schema_of_one_table(bench: ToolWorkbench, shop: Path) -> None:
    assert (await ask(bench, "describe people")).content.count("CREATE") == 1
    assert failure(await ask(bench, ".schema nobody")) == (
        "not_found",
        "There is no table 'nobody'. The tables are adults, people.",
    )
    assert "name | TEXT" in (await ask(bench, "PRAGMA table_info(people)")).content


async def test_values_that_are_no_plain_text_are_described(bench: ToolWorkbench, tmp_path: Path) -> None:
    make(tmp_path / "odd.db", "CREATE TABLE t (a); INSERT INTO t VALUES (x'00ff'), (1e999), (CAST(x'ff41' AS TEXT))")
    result = await ask(bench, "SELECT a, 'x|y' || char(10) || 'z' AS b FROM t")
    assert result.content == "a | b\n<2 bytes> | x\\|y z\ninf | x\\|y z\n\ufffdA | x\\|y z\n(3 rows)"
    json.dumps(result.data, allow_nan=False)


async def test_the_only_database_is_meant_and_of_several_one_must_be_named(
    bench: ToolWorkbench, shop: Path, tmp_path: Path
) -> None:
    (tmp_path / "table.csv").write_text("a\n1\n")
    assert (await ask(bench, "SELECT 1 AS one")).ok
    (tmp_path / "deep").mkdir()
    make(tmp_path / "deep" / "other.sqlite", "CREATE TABLE t (a)")
    kind, message = failure(await ask(bench, "SELECT 1"))
    assert (kind, message) == ("invalid_arguments", "Name one of these in `database`: deep/other.sqlite, shop.db.")
    assert (await ask(bench, "SELECT * FROM t", "deep/other.sqlite")).ok


async def test_without_a_database_it_says_so(bench: ToolWorkbench) -> None:
    assert failure(await ask(bench, "SELECT 1"))[0] == "not_found"


async def test_the_settings_name_a_database_and_cap_the_rows(tmp_path: Path) -> None:
    make(tmp_path / "a.db", "CREATE TABLE t (a)")
    make(tmp_path / "b.db", PEOPLE)
    settings = {DatabaseSettings: DatabaseSettings(database="b.db", max_rows=2)}
    async with workbench(tmp_path, settings=settings) as bench:
        result = await ask(bench, "SELECT id FROM people")
    assert result.content.splitlines()[:3] == ["id", "1", "2"]
    assert "the first 2 rows are shown" in result.content
    assert isinstance(result.data, dict) and result.data["more"] is True


async def test_reading_leaves_nothing_behind_even_beside_a_write_ahead_log(
    bench: ToolWorkbench, tmp_path: Path
) -> None:
    path = make(tmp_path / "w.db", f"PRAGMA journal_mode=WAL; {PEOPLE}")
    before = path.read_bytes()
    assert (await ask(bench, "SELECT count(*) FROM people")).ok
    assert [entry.name for entry in tmp_path.iterdir()] == ["w.db"]
    assert path.read_bytes() == before


async def test_what_another_program_has_just_written_is_read_from_the_log(bench: ToolWorkbench, tmp_path: Path) -> None:
    path = make(tmp_path / "w.db", f"PRAGMA journal_mode=WAL; {PEOPLE}")
    other = sqlite3.connect(path)
    other.execute("INSERT INTO people VALUES (4, 'Di', 1)")
    other.commit()
    result = await ask(bench, "SELECT count(*) FROM people")
    other.close()
    assert "\n4\n" in result.content


# --- changing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1", Effect.READ),
        ("  -- note\n/* x */ select 1", Effect.READ),
        ("WITH d AS (DELETE FROM t) SELECT 1", Effect.READ),
        ("WITH a AS (SELECT 1) SELECT * FROM a", Effect.READ),
        ("VALUES (1)", Effect.READ),
        ("EXPLAIN QUERY PLAN SELECT 1", Effect.READ),
        ("PRAGMA main.table_info('people')", Effect.READ),
        ("WITH a AS (SELECT 1) DELETE FROM t", Effect.WRITE),
        ("WITH a AS (SELECT ')') INSERT INTO t SELECT * FROM a", Effect.WRITE),
        ('WITH "a)" AS (SELECT 1) UPDATE t SET a = 1', Effect.WRITE),
        ("/* SELECT */ DELETE FROM t", Effect.WRITE),
        ("--SELECT\nDROP TABLE t", Effect.WRITE),
        ("UPDATE t SET a = 1", Effect.WRITE),
        ("PRAGMA journal_mode=DELETE", Effect.WRITE),
        ("PRAGMA user_version(7)", Effect.WRITE),
        ("ATTACH 'x' AS y", Effect.WRITE),
        ("", Effect.WRITE),
        ("nonsense", Effect.WRITE),
    ],
)
def test_a_change_has_the_effect_of_a_change(sql: str, expected: Effect) -> None:
    assert effect(sql) is expected


async def test_a_change_shows_the_rows_before_and_after_and_changes_nothing_yet(
    bench: ToolWorkbench, shop: Path, tmp_path: Path
) -> None:
    before, modified = shop.read_bytes(), shop.stat().st_mtime_ns
    preview = await shown(bench, "UPDATE people SET age = age + 1 WHERE age < 40")
    assert preview.summary == "Change shop.db: 2 rows of people updated."
    assert preview.body == "UPDATE people SET age = age + 1 WHERE age < 40"
    assert preview.changes.splitlines() == [
        "@@ people: 2 updated (id | name | age) @@",
        "- 1 | Ana | 30",
        "+ 1 | Ana | 31",
        "- 2 | Bo | 25",
        "+ 2 | Bo | 26",
    ]
    assert (shop.read_bytes(), shop.stat().st_mtime_ns) == (before, modified)
    assert [entry.name for entry in tmp_path.iterdir()] == ["shop.db"]


async def test_the_approved_change_is_made(bench: ToolWorkbench, shop: Path) -> None:
    sql = "DELETE FROM people WHERE age IS NULL"
    await shown(bench, sql)
    result = await ask(bench, sql)
    assert result.content == "Done: 1 row changed in shop.db."
    assert rows(shop, "SELECT name FROM people") == [("Ana",), ("Bo",)]


async def test_a_change_may_return_rows(bench: ToolWorkbench, shop: Path) -> None:
    result = await ask(bench, "INSERT INTO people (name) VALUES ('Di'), ('Ed') RETURNING id")
    assert result.content == "Done: 2 rows changed in shop.db.\nid\n4\n5\n(2 rows)"
    assert rows(shop, "SELECT count(*) FROM people") == [(5,)]


async def test_more_rows_are_returned_than_kept_and_all_are_changed(tmp_path: Path, shop: Path) -> None:
    async with workbench(tmp_path, settings={DatabaseSettings: DatabaseSettings(max_rows=1)}) as bench:
        assert (await ask(bench, "UPDATE people SET age = 1 RETURNING id")).ok
    assert rows(shop, "SELECT count(*) FROM people WHERE age = 1") == [(3,)]


async def test_a_change_is_refused_when_the_file_changed_since_it_was_shown(bench: ToolWorkbench, shop: Path) -> None:
    sql = "DELETE FROM people"
    await shown(bench, sql)
    make(shop, "INSERT INTO people VALUES (9, 'New', 1)")
    kind, message = failure(await ask(bench, sql))
    assert (kind, "has changed since" in message) == ("blocked", True)
    assert rows(shop, "SELECT count(*) FROM people") == [(4,)]
    assert "4 rows of people deleted" in (await shown(bench, sql)).summary
    assert (await ask(bench, sql)).ok


async def test_a_change_in_the_write_ahead_log_counts_too(bench: ToolWorkbench, tmp_path: Path) -> None:
    path = make(tmp_path / "w.db", f"PRAGMA journal_mode=WAL; {PEOPLE}")
    other = sqlite3.connect(path)
    other.execute("UPDATE people SET age = 7")
    other.commit()
    sql = "DELETE FROM people"
    await shown(bench, sql)
    other.execute("UPDATE people SET age = 8")
    other.commit()
    assert failure(await ask(bench, sql))[0] == "blocked"
    other.close()


async def test_what_could_not_be_shown_is_not_done(bench: ToolWorkbench, shop: Path) -> None:
    holder = sqlite3.connect(shop, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    sql = "DELETE FROM people"
    assert (await shown(bench, sql)).summary == (
        "This call would fail: Another program is writing to the database; try again."
    )
    holder.execute("ROLLBACK")
    holder.close()
    kind, message = failure(await ask(bench, sql))
    assert (kind, "could not be shown" in message) == ("blocked", True)
    assert rows(shop, "SELECT count(*) FROM people") == [(3,)]


async def test_replaced_cascaded_and_triggered_rows_are_shown(bench: ToolWorkbench, tmp_path: Path) -> None:
    make(
        tmp_path / "shop.db",
        """
        CREATE TABLE owner (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
        CREATE TABLE pet (name TEXT, owner REFERENCES owner ON DELETE CASCADE);
        INSERT INTO owner VALUES (1, 'Ana'), (2, 'Bo');
        INSERT INTO pet VALUES ('Rex', 1), ('Tom', 1);
        """,
    )
    replaced = await shown(bench, "REPLACE INTO owner VALUES (3, 'Bo')")
    assert "1 row of owner deleted, 1 row of owner inserted" in replaced.summary
    deleted = await shown(bench, "DELETE FROM owner WHERE id = 1")
    assert "2 rows of pet deleted" in deleted.summary
    make(
        tmp_path / "shop.db",
        "CREATE TABLE log (what); CREATE TRIGGER t AFTER INSERT ON pet BEGIN INSERT INTO log VALUES (new.name); END",
    )
    logged = await shown(bench, "INSERT INTO pet VALUES ('Kit', 2)")
    assert "1 row of log inserted, 1 row of pet inserted" in logged.summary


async def test_many_rows_are_counted_and_the_first_hundred_shown(bench: ToolWorkbench, tmp_path: Path) -> None:
    make(
        tmp_path / "n.db",
        "CREATE TABLE n AS WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM r LIMIT 5000) SELECT i FROM r",
    )
    preview = await shown(bench, "DELETE FROM n")
    assert "5,000 rows of n deleted" in preview.summary
    assert preview.changes.count("\n- ") == 100
    assert preview.changes.endswith("@@ and 4,900 more @@")


async def test_changed_tables_are_shown_with_their_rows(bench: ToolWorkbench, shop: Path) -> None:
    make(shop, "DROP VIEW adults")
    assert (
        "- CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, age INT)  (3 rows)"
        in (await shown(bench, "DROP TABLE people")).changes
    )
    renamed = await shown(bench, "ALTER TABLE people RENAME TO folk")
    assert '+ CREATE TABLE "folk"' in renamed.changes
    for sql in ("ALTER TABLE people RENAME TO folk", "CREATE TABLE t (a)", "CREATE INDEX i ON folk (age)"):
        await shown(bench, sql)
        assert (await ask(bench, sql)).ok
    assert rows(shop, "SELECT name FROM sqlite_master ORDER BY 1") == [("folk",), ("i",), ("t",)]


async def test_hostile_names_of_tables_and_columns_are_quoted(bench: ToolWorkbench, tmp_path: Path) -> None:
    make(tmp_path / "q.db", 'CREATE TABLE "a"";DROP TABLE x;--" ("c""\'1" INT, "select" TEXT); CREATE TABLE x (y)')
    preview = await shown(bench, 'INSERT INTO "a"";DROP TABLE x;--" VALUES (1, \'two\')')
    assert "+ 1 | two" in preview.changes
    assert rows(tmp_path / "q.db", "SELECT count(*) FROM x") == [(0,)]


@pytest.mark.parametrize("name", ["a?mode=rw&x.db", "100%25.db", "file:x.db", "a#b.db", "ü ñ.db"])
async def test_the_name_of_a_database_is_only_a_name(bench: ToolWorkbench, tmp_path: Path, name: str) -> None:
    make(tmp_path / "x.db", "CREATE TABLE other (a)")
    connection = sqlite3.connect(tmp_path / name)
    connection.executescript(PEOPLE)
    connection.close()
    assert (await ask(bench, "SELECT name FROM people", name)).ok
    assert failure(await ask(bench, "SELECT * FROM people, people p2 WHERE (DELETE)", name))[0] == "failed"


# --- attacks --------------------------------------------------------------------------------------

ATTACKS = [
    "ATTACH DATABASE '{secret}' AS s",
    "ATTACH 'evil.db' AS e",
    "DETACH DATABASE main",
    "VACUUM INTO '{outside}'",
    "VACUUM",
    "PRAGMA journal_mode=OFF",
    "PRAGMA writable_schema=ON",
    "PRAGMA query_only=OFF",
    "PRAGMA trusted_schema=ON",
    "PRAGMA temp_store_directory='{folder}'",
    "PRAGMA database_list",
    "PRAGMA user_version=3",
    "PRAGMA table_info=people; DELETE FROM people",
    "SELECT * FROM pragma_database_list",
    "SELECT load_extension('{secret}')",
    "SELECT writefile('{outside}', 'x')",
    "SELECT readfile('{secret}')",
    "SELECT edit('x', 'touch {outside}')",
    "SELECT fts3_tokenizer('x')",
    "SELECT 1; DELETE FROM people",
    "SELECT 1;; DELETE FROM people",
    "SELECT 1; -- \nDELETE FROM people",
    "SELECT 1 /* ; */; DROP TABLE people",
    "SELECT 1 WHERE 1=1 --\n; DELETE FROM people",
    "WITH d AS (DELETE FROM people RETURNING id) SELECT * FROM d",
    "EXPLAIN SELECT 1; DELETE FROM people",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT s",
    "RELEASE s",
    "CREATE TRIGGER t AFTER INSERT ON people BEGIN DELETE FROM people; END",
    "CREATE TEMP TRIGGER t AFTER INSERT ON people BEGIN DELETE FROM people; END",
    "CREATE TEMP TABLE t (a)",
    "CREATE VIRTUAL TABLE v USING fts5(a)",
    "CREATE VIRTUAL TABLE v USING csv(filename='{secret}')",
    "CREATE TABLE t AS SELECT load_extension('x')",
    "INSERT INTO sqlite_master VALUES ('table', 'x', 'x', 1, 'x')",
    "UPDATE sqlite_master SET sql = ''",
    "DELETE FROM sqlite_master",
    "INSERT INTO temp.sqlite_master VALUES (1, 2, 3, 4, 5)",
    "SELECT * FROM dbstat",
    "SELECT * FROM '{secret}'",
    "SELECT * FROM csv_read('{secret}')",
    ".import {secret} people",
    ".shell touch {outside}",
    ".system touch {outside}",
    ".output {outside}",
    ".read {secret}",
    "SELECT \x00 1",
    "\ud800",
    "SELECT " + "(" * 5000 + "1" + ")" * 5000,
    "SELECT " + "+".join(["1"] * 5000),
    " UNION ALL ".join(["SELECT 1"] * 2000),
    "SELECT * FROM people WHERE name LIKE '" + "%a" * 30_000 + "'",
    "SELECT '" + "x" * 200_000 + "'",
]


@pytest.mark.parametrize("number", range(len(ATTACKS)))
async def test_no_statement_reads_or_writes_elsewhere_or_does_more_than_it_says(number: int, tmp_path: Path) -> None:
    work, outside = tmp_path / "work", tmp_path / "outside"
    work.mkdir()
    outside.mkdir()
    (outside / "secret.db").write_text("root:canary")
    path = make(work / "shop.db", PEOPLE)
    before = path.read_bytes()
    sql = (
        ATTACKS[number]
        .replace("{secret}", str(outside / "secret.db"))
        .replace("{outside}", str(outside / "made"))
        .replace("{folder}", str(outside))
    )
    async with workbench(work) as bench:
        preview = await shown(bench, sql)
        assert "could not be shown" not in preview.summary
        result = await ask(bench, sql)
        after = await ask(bench, "SELECT count(*) FROM people")
    kind, message = failure(result)
    assert kind in ("blocked", "failed", "invalid_arguments", "limit")
    assert "canary" not in message
    assert message.count("\n") == 0
    assert "\n3\n" in after.content
    assert path.read_bytes() == before
    assert [entry.name for entry in work.iterdir()] == ["shop.db"]
    assert [entry.name for entry in outside.iterdir()] == ["secret.db"]


@pytest.mark.parametrize(
    "sql",
    [
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) INSERT INTO people (age) SELECT i FROM n",
        "SELECT count(*) FROM big a, big b, big c, big d",
        "SELECT count(printf('%.*c', 50000000, 'x')) FROM big",
        "WITH RECURSIVE n(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM n) SELECT length(s) FROM n",
        "SELECT group_concat(printf('%.*c', 9000000, 'x')) FROM big",
        "SELECT zeroblob(2000000000)",
        "SELECT hex(randomblob(900000000))",
    ],
)
async def test_a_bomb_ends_in_a_clear_error_and_the_next_statement_runs(sql: str, tmp_path: Path) -> None:
    path = make(
        tmp_path / "shop.db",
        PEOPLE
        + "CREATE TABLE big AS WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM r LIMIT 20000) "
        + "SELECT i FROM r",
    )
    before = path.read_bytes()
    async with workbench(tmp_path, settings={DatabaseSettings: DatabaseSettings(timeout=0.5)}) as bench:
        kind, message = failure(await ask(bench, sql))
        assert kind in ("timeout", "limit")
        assert message.endswith(".")
        assert (await ask(bench, "SELECT 1")).ok
    assert path.read_bytes() == before


async def test_one_operation_that_cannot_be_interrupted_is_killed(tmp_path: Path) -> None:
    make(tmp_path / "shop.db", PEOPLE)
    sql = "SELECT printf('%.*c', 500000000 + a.id, 'x') FROM people a, people b, people c"
    async with workbench(tmp_path, settings={DatabaseSettings: DatabaseSettings(timeout=0.2)}) as bench:
        assert failure(await ask(bench, sql)) == ("timeout", "The statement was stopped after 0.2 seconds.")


async def test_wide_and_many_results_are_capped(bench: ToolWorkbench, shop: Path) -> None:
    result = await ask(
        bench,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000) "
        "SELECT printf('%.*c', 100000, 'x') FROM n",
    )
    assert isinstance(result.data, dict)
    assert len(json.dumps(result.data)) < 1_200_000
    assert "100,000 characters" in json.dumps(result.data)
    assert len(result.content.encode()) < 17_000


@pytest.mark.parametrize(
    "path", ["../secret.db", "/etc/passwd", "link.db", "folder-link/secret.db", "a/../../secret.db"]
)
async def test_no_path_leads_out_of_the_workspace(tmp_path: Path, path: str) -> None:
    work = tmp_path / "work"
    work.mkdir()
    make(tmp_path / "secret.db", "CREATE TABLE canary (a)")
    (work / "link.db").symlink_to(tmp_path / "secret.db")
    (work / "folder-link").symlink_to(tmp_path)
    async with workbench(work) as bench:
        for sql in (".schema", "DROP TABLE canary"):
            kind, message = failure(await ask(bench, sql, path))
            assert kind in ("blocked", "not_found", "failed")
            assert "canary (a)" not in message
    assert rows(tmp_path / "secret.db", "SELECT name FROM sqlite_master") == [("canary",)]


async def test_a_journal_that_is_a_link_leads_nowhere(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    path = make(work / "shop.db", PEOPLE)
    victim = tmp_path / "victim"
    victim.write_text("canary")
    for suffix in ("-journal", "-wal", "-shm"):
        (work / f"shop.db{suffix}").symlink_to(victim)
    async with workbench(work) as bench:
        for sql in ("SELECT 1 FROM people", "DELETE FROM people", "UPDATE people SET age = 1"):
            await shown(bench, sql)
            await ask(bench, sql)
    assert victim.read_text() == "canary"
    assert path.exists()


@pytest.mark.parametrize("content", [b"text", b"SQLite format 3\x00" + b"\xff" * 5000, b"\x7fELF" + bytes(200)])
async def test_a_file_that_is_no_database_is_one_sentence(bench: ToolWorkbench, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.db").write_bytes(content)
    for sql in ("SELECT * FROM t", "DELETE FROM t"):
        kind, message = failure(await ask(bench, sql))
        assert kind == "failed"
        assert message.count(".") <= 3


async def test_a_pipe_is_refused_at_once(bench: ToolWorkbench, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.db")
    assert failure(await ask(bench, "SELECT 1", "p.db"))[0] == "blocked"


async def test_functions_that_a_hostile_schema_names_do_not_run(bench: ToolWorkbench, tmp_path: Path) -> None:
    make(tmp_path / "x.db", "CREATE VIEW v AS SELECT load_extension('/tmp/evil') AS a; CREATE TABLE t (a)")
    assert failure(await ask(bench, "SELECT * FROM v"))[0] == "blocked"


async def test_cancelling_ends_the_process_and_changes_nothing(bench: ToolWorkbench, shop: Path) -> None:
    before = shop.read_bytes()
    sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) INSERT INTO people (age) SELECT i FROM n"
    running = asyncio.ensure_future(ask(bench, sql))
    await _locked(shop)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await ask(bench, "UPDATE people SET age = 99 WHERE id = 1")).ok
    make(shop, "UPDATE people SET age = 30 WHERE id = 1")
    assert rows(shop, "SELECT count(*) FROM people") == [(3,)]
    assert len(shop.read_bytes()) == len(before)


async def _locked(path: Path) -> None:
    """Wait until another process holds the database for writing."""
    for _ in range(500):
        connection = sqlite3.connect(path, timeout=0, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return
        finally:
            connection.close()
        await asyncio.sleep(0.01)
    raise AssertionError("nobody began to write")


# --- data files -----------------------------------------------------------------------------------


needs_duckdb = pytest.mark.skipif(sys.version_info < (3, 11), reason="DuckDB needs Python 3.11")


def data_files(folder: Path) -> None:
    (folder / "people.csv").write_text("name,age\nAna,30\nBo,25\n")
    (folder / "towns.json").write_text('[{"town": "Oslo", "who": "Ana"}, {"town": "Rome", "who": "Bo"}]')
    (folder / "lines.jsonl").write_text('{"a": 1}\n{"a": 2}\n')


@needs_duckdb
async def test_csv_json_and_parquet_are_asked_in_sql(bench: ToolWorkbench, tmp_path: Path) -> None:
    import duckdb

    data_files(tmp_path)
    duckdb.sql(f"COPY (SELECT 7 AS seven) TO '{tmp_path / 'p.parquet'}' (FORMAT parquet)")
    asked = {
        "people.csv": ("SELECT sum(age) AS s FROM people", "s\n55\n(1 row)"),
        "lines.jsonl": ("SELECT max(a) AS m FROM lines", "m\n2\n(1 row)"),
        "p.parquet": ("SELECT seven FROM p", "seven\n7\n(1 row)"),
    }
    for name, (sql, expected) in asked.items():
        result = await ask(bench, sql, name)
        assert (result.content, result.origin) == (expected, Origin.DATABASE)


@needs_duckdb
async def test_the_files_of_a_folder_are_tables_that_can_be_joined(bench: ToolWorkbench, tmp_path: Path) -> None:
    data_files(tmp_path)
    result = await ask(bench, "SELECT town FROM people JOIN towns ON name = who WHERE age > 26", ".")
    assert result.content == "town\nOslo\n(1 row)"
    schema = await ask(bench, ".schema people", ".")
    assert schema.content == 'TABLE "people" ("name" VARCHAR, "age" BIGINT)'


@needs_duckdb
async def test_the_only_data_file_is_meant(bench: ToolWorkbench, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    assert (await ask(bench, "SELECT x FROM a")).content == "x\n1\n(1 row)"


@needs_duckdb
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM 'other.csv'",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM read_csv('https://127.0.0.1/x.csv')",
        "SELECT * FROM read_csv('/dev/fd/0')",
        "SELECT * FROM sqlite_scan('x.db', 't')",
        "SELECT 1; SELECT 2",
        "FROM people; COPY people TO 'out.csv'",
        "EXPLAIN ANALYZE COPY people TO 'out.csv'",
        "SELECT * FROM query('COPY people TO ''out.csv''')",
        "SELECT * FROM duckdb_secrets()",
        "SELECT nonsense FROM people",
        "SELECT repeat('x', 3000000000)",
        "SELECT list(x) FROM (SELECT repeat('x', 100000) AS x FROM range(1000000))",
        "SELECT count(*) FROM range(1000000000000)",
    ],
)
async def test_nothing_but_the_named_file_can_be_reached(sql: str, tmp_path: Path) -> None:
    data_files(tmp_path)
    (tmp_path / "other.csv").write_text("canary\n1\n")
    before = sorted(entry.name for entry in tmp_path.iterdir())
    async with workbench(tmp_path, settings={DatabaseSettings: DatabaseSettings(timeout=3)}) as bench:
        kind, message = failure(await ask(bench, sql, "people.csv"))
    assert kind in ("blocked", "failed", "invalid_arguments", "limit", "timeout")
    assert "root:" not in message
    assert sorted(entry.name for entry in tmp_path.iterdir()) == before


@needs_duckdb
@pytest.mark.parametrize(
    "sql",
    [
        "COPY people TO 'out.csv'",
        "CREATE TABLE t (a INT)",
        "ATTACH 'x.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET memory_limit = '9GB'",
        "PRAGMA enable_profiling",
        "EXPORT DATABASE 'x'",
        "CALL pragma_version()",
        "DELETE FROM people",
    ],
)
async def test_data_files_are_never_changed(bench: ToolWorkbench, tmp_path: Path, sql: str) -> None:
    data_files(tmp_path)
    assert effect(sql) is Effect.WRITE
    assert (await shown(bench, sql, "people.csv")).summary.startswith("This call would fail: ")
    assert failure(await ask(bench, sql, "people.csv"))[0] == "blocked"


@needs_duckdb
async def test_a_broken_data_file_is_one_sentence(bench: ToolWorkbench, tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1 no parquet")
    kind, message = failure(await ask(bench, "SELECT 1", "x.parquet"))
    assert (kind, message.startswith("DuckDB: ")) == ("failed", True)
