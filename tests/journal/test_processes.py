"""Several programs on one history, and a program that is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from smol_chat.errors import JournalError
from smol_chat.events import ContentDelta, ReasoningDelta, TurnFailed, TurnStarted
from smol_chat.journal import Journal
from smol_chat.journal.store import ELSEWHERE, INTERRUPTED

KILLED = """
import asyncio, sqlite3, sys
from contextlib import aclosing
from pathlib import Path
from smol_chat.events import ContentDelta, ReasoningDelta, TurnStarted
from smol_chat.journal import Journal

path = Path(sys.argv[1])
conversation = "c1"

def is_stored(text):
    bodies = other.execute("SELECT body FROM events").fetchall()
    return any(text in body for (body,) in bodies)

async def turn():
    yield TurnStarted(conversation, "Hello")
    yield ReasoningDelta("thinking…")
    for number in range(10**9):
        yield ContentDelta(f"<{number}>")
        if number % 50 == 0:
            # No event arrives until the text was flushed; then it is acknowledged to whoever is going to kill us.
            while not is_stored(f"<{number}>"):
                await asyncio.sleep(0)
            print(number, flush=True)

async def main():
    journal = Journal.open(path)
    async with aclosing(journal.record(conversation, turn())) as events:
        async for event in events:
            pass

other = None
Journal.open(path).close()
other = sqlite3.connect(path)
asyncio.run(main())
"""

MANY_TURNS = """
import asyncio, sys
from contextlib import aclosing
from pathlib import Path
from smol_chat.events import ContentDelta, TurnFinished, TurnStarted
from smol_chat.journal import Journal
from smol_chat.messages import Timings, Usage

name, turns = sys.argv[2], int(sys.argv[3])

async def turn(number):
    yield TurnStarted(name, f"{name} {number}")
    yield ContentDelta(f"answer {number}")
    yield TurnFinished("stop", Usage(), Timings())

async def main():
    sys.stdin.readline()  # both start at once, on a database that neither has made yet
    journal = Journal.open(Path(sys.argv[1]))
    for number in range(turns):
        async with aclosing(journal.record(name, turn(number))) as events:
            shown = [type(event).__name__ async for event in events]
            assert shown == ["TurnStarted", "ContentDelta", "TurnFinished"], shown
    journal.close()

asyncio.run(main())
"""


def test_a_killed_program_loses_nothing_that_was_flushed(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    command = [sys.executable, "-c", KILLED, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        acknowledged = [int(program.stdout.readline()) for _ in range(5)]
        program.send_signal(signal.SIGKILL)
        acknowledged += [int(line) for line in program.stdout.read().splitlines()]
    assert program.returncode == -signal.SIGKILL
    with closing(Journal.open(path)) as journal:
        started, reasoning, content, end = journal.events("c1")
    assert started == TurnStarted("c1", "Hello")
    assert reasoning == ReasoningDelta("thinking…")
    assert isinstance(content, ContentDelta)
    assert content.text.startswith("".join(f"<{number}>" for number in range(acknowledged[-1] + 1)))
    assert isinstance(end, TurnFailed)


ONLY_OPEN = """
import sys
from pathlib import Path
from smol_chat.journal import Journal
sys.stdin.readline()
journal = Journal.open(Path(sys.argv[1]))
journal.conversations()
journal.close()
"""


def test_programs_that_make_the_history_at_the_same_moment_wait_for_each_other(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ONLY_OPEN, str(tmp_path / "history.db")]
    programs = [subprocess.Popen(command, stdin=subprocess.PIPE, text=True) for _ in range(6)]
    for program in programs:
        assert program.stdin is not None
        program.stdin.write("\n")
        program.stdin.flush()
    for program in programs:
        program.communicate()
    assert [program.returncode for program in programs] == [0] * 6


def test_two_programs_that_write_at_once_lose_no_row(tmp_path: Path) -> None:
    path, turns = tmp_path / "history.db", 60
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", MANY_TURNS, str(path), name, str(turns)], stdin=subprocess.PIPE, text=True
        )
        for name in ("one", "two")
    ]
    for program in programs:
        assert program.stdin is not None
        program.stdin.write("\n")
        program.stdin.flush()
    for program in programs:
        program.communicate()
    assert [program.returncode for program in programs] == [0, 0]
    with closing(Journal.open(path)) as journal:
        for name in ("one", "two"):
            events = journal.events(name)
            texts = [event.text for event in events if isinstance(event, TurnStarted)]
            answers = [event.text for event in events if isinstance(event, ContentDelta)]
            assert texts == [f"{name} {number}" for number in range(turns)]
            assert answers == [f"answer {number}" for number in range(turns)]


AT_A_TURN = """
import asyncio, sys
from contextlib import aclosing
from pathlib import Path
from smol_chat.events import RoundStarted, ToolCallProposed, TurnStarted
from smol_chat.journal import Journal
from smol_chat.messages import ToolCall

async def turn():
    yield TurnStarted("c1", "Hello")
    yield RoundStarted(1)
    yield ToolCallProposed(ToolCall("call_1", "note", {}))
    print("waits", flush=True)
    await asyncio.Event().wait()

async def main():
    journal = Journal.open(Path(sys.argv[1]))
    async with aclosing(journal.record("c1", turn())) as events:
        async for event in events:
            pass

asyncio.run(main())
"""


def test_a_turn_that_waits_in_another_program_is_not_taken_from_it_until_that_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    command = [sys.executable, "-c", AT_A_TURN, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "waits\n"
        with closing(Journal.open(path)) as one, closing(Journal.open(path)) as two:
            assert one.events("c1")[-1] == ELSEWHERE
            turn = one.branch("c1").turns[-1]
            with pytest.raises(JournalError, match="Another smol-chat"):
                one.claim(turn)
            program.kill()
            program.wait()
            assert one.events("c1")[-1] == INTERRUPTED
            one.claim(turn)
            assert two.events("c1")[-1] == ELSEWHERE
            with pytest.raises(JournalError, match="it can be answered there"):
                two.claim(turn)
            one.claim(turn)  # its own again
