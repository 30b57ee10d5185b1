"""Databases that the settings name by a URL, asked through SQLAlchemy: an SQLite file outside of the workspace."""

from __future__ import annotations

import contextlib
import importlib.util
import sqlite3
from pathlib import Path

import pytest

from smol_chat.errors import ToolError
from smol_chat.messages import Origin, ToolResult
from smol_chat.tools import Effect, preview_call
from smol_chat.tools.database.connections import Connection, find_connection
from smol_chat.tools.egress import OFFLINE, Egress, Ledger
from support.tool_context import call, failure, the_tool, workbench
from tool_impls.database_query import DatabaseSettings


@pytest.fixture
def settings(tmp_path: Path) -> DatabaseSettings:
    with contextlib.closing(sqlite3.connect(tmp_path / "elsewhere.db")) as database, database:
        database.execute("CREATE TABLE people (name TEXT, age INTEGER)")
        database.executemany("INSERT INTO people VALUES (?, ?)", [("Ana", 40), ("Bo", None), ("Cy; 100%", 7)])
        database.execute("CREATE VIEW adults AS SELECT * FROM people WHERE age >= 18")
    (tmp_path / "workspace").mkdir()
    return DatabaseSettings(connections=(f"shop=sqlite:///{tmp_path}/elsewhere.db",), timeout=2.0, max_rows=2)


async def ask(tmp_path: Path, own: DatabaseSettings, query: str, database: str = "shop") -> ToolResult:
    async with workbench(tmp_path / "workspace", settings={DatabaseSettings: own}) as bench:
        return await call(bench, "database_query", query=query, database=database)


async def test_it_is_asked_by_its_name_and_rows_are_capped(tmp_path: Path, settings: DatabaseSettings) -> None:
    result = await ask(tmp_path, settings, "SELECT name, age FROM people ORDER BY name;")
    assert result.content.splitlines()[:3] == ["name | age", "Ana | 40", "Bo | NULL"]
    assert "[cut: the first 2 rows are shown" in result.content
    assert result.origin is Origin.DATABASE


async def test_signs_of_other_databases_in_a_statement_are_only_text(
    tmp_path: Path, settings: DatabaseSettings
) -> None:
    result = await ask(tmp_path, settings, "SELECT 'a:b %s %(x)s ?' AS text, name FROM people WHERE name LIKE '%100%'")
    assert result.content.splitlines()[1] == "a:b %s %(x)s ? | Cy; 100%"


async def test_the_schema_is_listed(tmp_path: Path, settings: DatabaseSettings) -> None:
    listed = await ask(tmp_path, settings, ".schema")
    assert listed.content.splitlines()[1] == 'TABLE "people" ("name" TEXT, "age" INTEGER)'
    assert (await ask(tmp_path, settings, ".schema adults")).content.startswith('TABLE "adults" (')
    missing = await ask(tmp_path, settings, ".schema nobody")
    assert failure(missing) == ("not_found", "There is no table 'nobody'. The tables are adults, people.")


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("DELETE FROM people", "blocked"),
        ("EXPLAIN DELETE FROM people", "blocked"),
        ("WITH x AS (SELECT 1) DELETE FROM people", "blocked"),
        ("SELECT 1; DELETE FROM people", "invalid_arguments"),
        ("SELECT ';'", "invalid_arguments"),
        ("ATTACH 'workspace/new.db' AS a", "blocked"),
        ("SELECT load_extension('x')", "blocked"),
        ("PRAGMA writable_schema", "blocked"),
        ("PRAGMA table_info(people); VACUUM", "invalid_arguments"),
        ("SELECT nothing FROM people", "failed"),
        ("SELECT FROM", "failed"),
        ("  ", "invalid_arguments"),
        ("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r", "timeout"),
    ],
)
async def test_nothing_is_changed_and_each_way_to_fail_has_its_kind(
    statement: str, kind: str, tmp_path: Path, settings: DatabaseSettings
) -> None:
    before = (tmp_path / "elsewhere.db").read_bytes()
    result = await ask(tmp_path, settings, statement)
    assert failure(result)[0] == kind, result.content
    assert (tmp_path / "elsewhere.db").read_bytes() == before
    assert list((tmp_path / "workspace").iterdir()) == []


async def test_a_change_is_refused_on_the_card_already(tmp_path: Path, settings: DatabaseSettings) -> None:
    async with workbench(tmp_path / "workspace", settings={DatabaseSettings: settings}) as bench:
        arguments = {"query": "DELETE FROM people", "database": "shop"}
        shown = await preview_call(the_tool("database_query"), {**arguments}, bench)
        read = await preview_call(the_tool("database_query"), {**arguments, "query": "SELECT 1"}, bench)
    assert shown.summary == "This call would fail: Databases of the settings are only read: send a SELECT."
    assert (read.summary, read.hosts) == ("Read from the database shop of your settings.", ())


async def test_a_model_can_name_no_url_of_its_own(tmp_path: Path, settings: DatabaseSettings) -> None:
    result = await ask(tmp_path, settings, "SELECT 1", database=f"sqlite:///{tmp_path}/elsewhere.db")
    assert failure(result)[0] in ("not_found", "blocked")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("shop", "An entry of tools.database_query.connections is not of the form"),
        ("shop=sqlite:///{}/missing.db", "The database shop cannot be reached: unable to open database file."),
        ("shop=oracle://me@host/x", "The connection shop is to oracle, which cannot be held to reading here;"),
        ("shop=postgresql+nothing://host/x", "SQLAlchemy knows no driver 'postgresql+nothing'."),
        ("shop=postgresql+pg8000://me@127.0.0.1/x", "The connection shop needs the Python package pg8000; install it."),
        ("shop=postgresql://[::1/x", "The URL of the connection shop is none that SQLAlchemy reads."),
        ("shop=sqlite:///${{NOT_SET}}/x", "The environment variable 'NOT_SET', which the connection shop names,"),
    ],
)
async def test_what_is_wrong_with_a_setting_is_said(entry: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    result = await ask(tmp_path, DatabaseSettings(connections=(entry.format(tmp_path),)), "SELECT 1")
    assert failure(result)[0] == "unavailable"
    assert result.content.startswith(message)


async def test_a_password_comes_from_the_environment_and_is_never_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "geheim")
    (tmp_path / "workspace").mkdir()
    own = DatabaseSettings(connections=("shop=sqlite://me:${SHOP_PASSWORD}@/geheim.db",))
    result = await ask(tmp_path, own, "SELECT 1")
    assert failure(result)[0] == "unavailable"
    assert "geheim" not in result.content
    monkeypatch.setenv("SHOP_PASSWORD", "a@b/c")
    opened = Connection("shop", "x://me:${SHOP_PASSWORD}@host/${SHOP_PASSWORD}").opened()
    assert opened == "x://me:a%40b%2Fc@host/a@b/c"


def test_a_connection_to_another_machine_leaves_this_one() -> None:
    tool = the_tool("database_query")
    urls = ("here=postgresql://me@localhost/x", "file=sqlite:////x.db", "away=postgresql+psycopg://me@db.example.org/x")
    own = DatabaseSettings(connections=urls)
    effects = [
        tool.effect_of({"query": "SELECT 1", "database": name}, own) for name in ("here", "file", "away", "a.db")
    ]
    assert effects == [Effect.READ, Effect.READ, Effect.NETWORK, Effect.READ]
    away = find_connection("away", urls)
    assert away is not None
    assert away.address == ("db.example.org", 5432)
    with pytest.raises(ToolError):
        find_connection("away", ("nonsense",))


async def test_another_machine_is_recorded_and_not_asked_when_offline(tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    own = {DatabaseSettings: DatabaseSettings(connections=("away=postgresql+nothing://me@db.example.org/x",))}
    ledger = Ledger(tmp_path / "egress.db")
    arguments = {"query": "SELECT 1", "database": "away"}
    egress = Egress(ledger)
    async with workbench(tmp_path / "workspace", settings=own, egress=egress) as bench:
        assert (await preview_call(the_tool("database_query"), {**arguments}, bench)).hosts == ("db.example.org",)
        await call(bench, "database_query", **arguments)
        (made,) = ledger.read(10)
        egress.offline = True
        refused = await call(bench, "database_query", **arguments)
        shown = await preview_call(the_tool("database_query"), {**arguments}, bench)
        ledger.close()
    assert (made.host, made.port, made.state, made.exact) == ("db.example.org", 5432, "refused", False)
    assert failure(refused) == ("blocked", OFFLINE)
    assert shown.summary == f"This call would fail: {OFFLINE}"


async def test_without_sqlalchemy_it_says_how_to_get_it(
    tmp_path: Path, settings: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    result = await ask(tmp_path, settings, "SELECT 1")
    advice = "Connections to databases need SQLAlchemy: pip install 'smol-chat[databases]'."
    assert failure(result) == ("unavailable", advice)
