"""The record of connections: append-only, written before anything leaves, and shared by what runs at the same time."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from pathlib import Path

import httpcore
import pytest

from smol_chat.errors import SmolChatError, ToolError
from smol_chat.tools.egress import OFFLINE, Caller, Egress, Ledger
from smol_chat.tools.network import GuardedClient
from support.http_servers import Reply, serve
from support.tool_context import Names

LOOPBACK = ("127.0.0.1",)
CALLER = Caller("get_webpage", "call_1", "conversation")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "egress.db")


def client(egress: Egress, **options: object) -> GuardedClient:
    return GuardedClient(allow=LOOPBACK, resolver=Names(), egress=egress, **options).for_call(CALLER)  # type: ignore[arg-type]  # passed on


async def test_bytes_are_those_that_went_over_the_connection(ledger: Ledger) -> None:
    async with serve(lambda _: Reply(b"x" * 70_000)) as server:
        await client(Egress(ledger)).request("POST", server.url, content=b"y" * 40_000)
    [made] = ledger.read(10)
    assert (made.caller, made.host, made.port, made.address) == (CALLER, "127.0.0.1", server.port, "127.0.0.1")
    assert 40_000 < made.sent < 40_500
    assert 70_000 < made.received < 70_500
    assert (made.state, made.exact) == ("closed", True)


async def test_what_is_not_there_is_on_record_as_refused(ledger: Ledger) -> None:
    async with serve(lambda _: Reply()) as server:
        gone = server.url
    with pytest.raises(ToolError):
        await client(Egress(ledger)).get(gone)
    [made] = ledger.read(10)
    assert (made.state, made.sent, made.received) == ("refused", 0, 0)


async def test_a_connection_is_on_record_before_it_is_made(ledger: Ledger) -> None:
    seen: list[str] = []

    async def connect(address: str, port: int, timeout: float | None) -> httpcore.AsyncNetworkStream:
        seen.extend(f"{made.state} {made.address}" for made in ledger.read(10))
        raise httpcore.ConnectError("nothing is there")

    with pytest.raises(ToolError):
        await client(Egress(ledger), connector=connect).get("http://127.0.0.1/")
    assert seen == ["unfinished 127.0.0.1"]


async def test_what_is_blocked_makes_no_connection(ledger: Ledger) -> None:
    egress = Egress(ledger)
    with pytest.raises(ToolError):
        await client(egress).get("http://10.0.0.1/")
    assert (ledger.read(10), egress.connections) == ([], 0)


async def test_nothing_is_sent_that_cannot_be_recorded(tmp_path: Path) -> None:
    (tmp_path / "egress.db").write_bytes(b"garbage" * 1000)
    async with serve(lambda _: Reply(b"reached")) as server:
        with pytest.raises(ToolError) as caught:
            await client(Egress(Ledger(tmp_path / "egress.db"))).get(server.url)
    assert caught.value.kind == "unavailable"
    assert "nothing is sent without it" in caught.value.message
    assert server.requests == []


async def test_offline_not_even_a_name_is_asked_for(ledger: Ledger) -> None:
    names = Names(page_test=("127.0.0.1",))
    guarded = GuardedClient(allow=LOOPBACK, resolver=names, egress=Egress(ledger, offline=True))
    with pytest.raises(ToolError) as caught:
        await guarded.get("http://page.test/")
    assert (caught.value.kind, caught.value.message) == ("blocked", OFFLINE)
    assert (names.asked, ledger.read(10)) == ([], [])


async def test_the_switch_works_in_the_middle_of_a_program(ledger: Ledger) -> None:
    egress = Egress(ledger)
    async with serve(lambda _: Reply(b"x")) as server:
        await client(egress).get(server.url)
        egress.offline = True
        with pytest.raises(ToolError):
            await client(egress).get(server.url)
        egress.offline = False
        await client(egress).get(server.url)
    assert (egress.connections, len(ledger.read(10))) == (2, 2)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE connections SET host = 'x'",
        "DELETE FROM connections",
        "UPDATE ends SET sent = 0",
        "DELETE FROM ends",
    ],
)
def test_no_row_is_changed_or_taken_away(tmp_path: Path, statement: str) -> None:
    ledger = Ledger(tmp_path / "egress.db")
    Egress(ledger).open(CALLER, "a.test", 80, "93.184.216.34").close()
    ledger.close()
    database = sqlite3.connect(tmp_path / "egress.db")
    with pytest.raises(sqlite3.IntegrityError, match="append only"):
        database.execute(statement)
    database.close()
    assert len(ledger.read(10)) == 1
    ledger.close()


def test_a_connection_ends_once(ledger: Ledger) -> None:
    passage = Egress(ledger).open(CALLER, "a.test", 80, "93.184.216.34")
    passage.connected, passage.sent = True, 5
    passage.close()
    passage.sent = 9
    passage.close()
    assert [made.sent for made in ledger.read(10)] == [5]


def test_the_latest_come_first_and_only_as_many_as_are_wanted(ledger: Ledger) -> None:
    for number in range(5):
        Egress(ledger).open(CALLER, f"{number}.test", 80, "93.184.216.34").close()
    assert [made.host for made in ledger.read(2)] == ["4.test", "3.test"]


def test_the_file_is_for_its_user_alone(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "egress.db")
    before = os.umask(0)
    try:
        Egress(ledger).open(CALLER, "a.test", 80, "93.184.216.34")
        modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    finally:
        os.umask(before)
        ledger.close()
    assert modes == {0o600}


def test_two_programs_write_at_the_same_time(tmp_path: Path) -> None:
    ledgers = [Ledger(tmp_path / "egress.db") for _ in range(3)]

    def write(ledger: Ledger) -> None:
        for _ in range(20):
            Egress(ledger).open(CALLER, "a.test", 80, "93.184.216.34").close()

    threads = [threading.Thread(target=write, args=(ledger,)) for ledger in ledgers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [made.state for made in ledgers[0].read(100)] == ["refused"] * 60
    for ledger in ledgers:
        ledger.close()


def test_a_record_that_is_none_yet_or_damaged_is_said(tmp_path: Path) -> None:
    assert Ledger(tmp_path / "none.db").read(10) == []
    (tmp_path / "bad.db").write_bytes(b"garbage" * 1000)
    with pytest.raises(SmolChatError, match="cannot be read"):
        Ledger(tmp_path / "bad.db").read(10)
