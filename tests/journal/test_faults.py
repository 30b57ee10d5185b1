"""A disk that is full, read-only, slow or fails: what was acknowledged is kept, and the chat goes on."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

import pytest

from smol_chat.events import ContentDelta, Notice, RoundStarted, TurnEvent, TurnFinished, TurnStarted
from smol_chat.journal import Journal
from smol_chat.journal.schema import connect
from smol_chat.messages import Timings, Usage

TURNS = """
import asyncio, json, os, resource, sys
from contextlib import aclosing
from pathlib import Path
from smol_chat.events import ContentDelta, Notice, TurnFinished, TurnStarted
from smol_chat.journal import Journal
from smol_chat.messages import Timings, Usage

async def turn(number):
    yield TurnStarted("c1", f"question {number}")
    for part in range(4):
        yield ContentDelta(f"<{number}.{part}>" + "x" * 3000)
    yield TurnFinished("stop", Usage(), Timings())

async def main(path, fails, recovers):
    journal = Journal.open(path)
    acknowledged, notices, passed_on = [], 0, 0
    for number in range(30):
        if number == 10:
            fails()
        if number == 20:
            recovers()
        async with aclosing(journal.record("c1", turn(number))) as events:
            async for event in events:
                passed_on += not isinstance(event, Notice)
                notices += isinstance(event, Notice)
                if isinstance(event, TurnFinished) and not journal.failure:
                    acknowledged.append(number)
    at_risk = journal.failure
    journal.close()
    print(json.dumps([acknowledged, notices, passed_on, at_risk]))
"""

FULL = (
    TURNS
    + """
limit = lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
asyncio.run(main(Path(sys.argv[1]), lambda: limit(8192), lambda: limit(resource.RLIM_INFINITY)))
"""
)

NO_SYNC = (
    TURNS
    + """
mark = Path(os.environ["FAILS"])
asyncio.run(main(Path(sys.argv[1]), mark.touch, mark.unlink))
"""
)

FAULTY_SYNC = """
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
static int answer(void) {
    if (access(getenv("FAILS"), F_OK) != 0) return 0;
    errno = EIO;
    return -1;
}
int fsync(int descriptor) { (void)descriptor; return answer(); }
int fdatasync(int descriptor) { (void)descriptor; return answer(); }
"""


def recorded(program: str, path: Path, **environment: str) -> tuple[list[int], int, int, str]:
    """Run the turns in a process; return the turns that were kept when they ended, notices, events, and the failure."""
    run = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=True,
    )
    acknowledged, notices, passed_on, failure = json.loads(run.stdout)
    return acknowledged, notices, passed_on, failure


def stored(path: Path) -> list[int]:
    """Return the numbers of the turns that are whole in the history, in order."""
    with closing(Journal.open(path)) as journal:
        events = journal.events("c1")
    assert len(events) % 3 == 0
    numbers = []
    for started, answer, end in zip(events[::3], events[1::3], events[2::3], strict=True):
        assert isinstance(started, TurnStarted) and isinstance(answer, ContentDelta) and isinstance(end, TurnFinished)
        number = int(started.text.split()[1])
        assert answer.text == "".join(f"<{number}.{part}>" + "x" * 3000 for part in range(4))
        numbers.append(number)
    return numbers


def test_a_disk_that_is_full_for_a_while_costs_nothing_but_a_notice(tmp_path: Path) -> None:
    acknowledged, notices, passed_on, failure = recorded(FULL, tmp_path / "history.db")
    assert set(range(10)) <= set(acknowledged)
    assert not set(range(11, 20)) & set(acknowledged)  # nobody was told that these were kept
    assert (notices, passed_on, failure) == (1, 30 * 6, "")
    assert stored(tmp_path / "history.db") == list(range(30))  # they came after, in their order, once


def test_a_disk_that_does_not_sync_loses_nothing_while_the_machine_runs(tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("the fault is made with a C compiler on Linux")
    library = tmp_path / "faulty.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-x", "c", "-", "-o", str(library)], input=FAULTY_SYNC, text=True, check=True
    )
    mark = tmp_path / "fails"
    _, _, passed_on, failure = recorded(NO_SYNC, tmp_path / "history.db", LD_PRELOAD=str(library), FAILS=str(mark))
    assert (passed_on, failure) == (30 * 6, "")
    assert stored(tmp_path / "history.db") == list(range(30))


class Fault(sqlite3.Connection):
    """Fails to commit, or waits before it does, as long as it is told to."""

    fails = False
    may_commit = threading.Event()

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:  # noqa: ANN401  # as sqlite3 has it
        if sql == "COMMIT":
            self.may_commit.wait()
            if self.fails:
                super().execute("ROLLBACK")  # as SQLite does when a write fails
                raise sqlite3.OperationalError("disk I/O error")
        return super().execute(sql, parameters)


def faulty(path: Path) -> sqlite3.Connection:
    connect(path).close()
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Fault)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


@pytest.fixture(autouse=True)
def _no_fault() -> None:
    Fault.fails = False
    Fault.may_commit.set()


async def play(*events: TurnEvent) -> AsyncGenerator[TurnEvent, None]:
    for event in events:
        yield event


END = TurnFinished("stop", Usage(), Timings())


async def test_what_failed_to_the_end_is_tried_once_more_when_the_program_leaves(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    journal = Journal.open(path, connect=faulty)
    Fault.fails = True
    turn: list[TurnEvent] = [TurnStarted("c1", "Hi"), ContentDelta("Hello"), END]
    async with aclosing(journal.record("c1", play(*turn))) as events:
        shown = [event async for event in events]
    assert [event for event in shown if not isinstance(event, Notice)] == turn
    (notice,) = (event.message for event in shown if isinstance(event, Notice))
    assert "disk I/O error" in notice and "may not be kept" in notice
    Fault.fails = False
    journal.close()
    with closing(Journal.open(path)) as again:
        assert again.events("c1") == turn


async def test_text_flows_on_while_a_slow_disk_writes(tmp_path: Path) -> None:
    with closing(Journal.open(tmp_path / "history.db", connect=faulty)) as journal:
        seen: list[TurnEvent] = []

        async def slow() -> AsyncGenerator[TurnEvent, None]:
            yield TurnStarted("c1", "Hi")
            Fault.may_commit.clear()  # from now on the disk takes its time
            yield RoundStarted(1)
            for number in range(50):
                yield ContentDelta(f"{number} ")
            assert len(seen) == 52  # all of it was passed on, nothing of it is stored
            Fault.may_commit.set()
            yield END

        async with aclosing(journal.record("c1", slow())) as events:
            async for event in events:
                seen.append(event)
        text = "".join(f"{number} " for number in range(50))
        assert journal.events("c1") == [TurnStarted("c1", "Hi"), RoundStarted(1), ContentDelta(text), END]


READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'

ONE_TURN = """
import asyncio, sys
from contextlib import aclosing
from pathlib import Path
from smol_chat.events import ContentDelta, TurnStarted
from smol_chat.journal import Journal

async def turn():
    yield TurnStarted("c2", "Hi")
    yield ContentDelta("Hello")

async def main():
    journal = Journal.open(Path(sys.argv[1]))
    print([entry.title for entry in journal.conversations()])
    print([type(event).__name__ for event in journal.events("c1")])
    async with aclosing(journal.record("c2", turn())) as events:
        print([type(event).__name__ async for event in events])
    journal.close()

asyncio.run(main())
"""


async def test_on_a_read_only_disk_the_history_is_read_and_the_chat_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "data" / "history.db"
    path.parent.mkdir()
    with closing(Journal.open(path)) as journal:
        async with aclosing(journal.record("c1", play(TurnStarted("c1", "First"), ContentDelta("Yes"), END))) as events:
            assert len([event async for event in events]) == 3
    command = ["unshare", "-rm", "sh", "-c", READ_ONLY, "sh", str(path.parent)]
    if shutil.which("unshare") is None or subprocess.run([*command, "true"], capture_output=True).returncode:
        pytest.skip("this system lets nobody mount anything")
    before = path.read_bytes()
    run = subprocess.run(
        [*command, sys.executable, "-c", ONE_TURN, str(path)], capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines() == [
        "['First']",
        "['TurnStarted', 'ContentDelta', 'TurnFinished']",
        "['TurnStarted', 'Notice', 'ContentDelta']",
    ]
    assert path.read_bytes() == before
