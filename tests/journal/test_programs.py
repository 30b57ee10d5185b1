"""Who else has the history open."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from smol_chat.journal.programs import Programs

OPEN_UNTIL_KILLED = """
import sys
from pathlib import Path
from smol_chat.journal.programs import Programs
print(Programs(Path(sys.argv[1])).own, flush=True)
sys.stdin.read()
"""


def test_a_program_runs_until_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    command = [sys.executable, "-c", OPEN_UNTIL_KILLED, str(path)]
    with closing(Programs(path)) as programs:
        assert programs.running(programs.own)
        assert not programs.others()
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout is not None
            name = other.stdout.readline().strip()
            assert programs.running(name)
            assert programs.others()
            other.send_signal(signal.SIGKILL)
        assert not programs.running(name)
        assert not programs.others()
    assert list(tmp_path.rglob("*")) == [tmp_path / "history.db-programs"]


LEAVES_A_CHILD = """
import os, sys, time
from pathlib import Path
from smol_chat.journal.programs import Programs
programs = Programs(Path(sys.argv[1]))
if os.fork() == 0:
    os.close(1)
    time.sleep(100)
print(programs.own, flush=True)
sys.stdin.read()
"""


def test_a_child_that_outlives_its_program_does_not_count_as_it(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    command = [sys.executable, "-c", LEAVES_A_CHILD, str(path)]
    with (
        closing(Programs(path)) as programs,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        ) as other,
    ):
        assert other.stdout is not None
        name = other.stdout.readline().strip()
        assert programs.running(name)
        other.kill()
        other.wait()
        try:
            assert not programs.running(name)
        finally:
            os.killpg(other.pid, signal.SIGKILL)


def test_two_journals_of_one_program_know_each_other(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with closing(Programs(path)) as one:
        with closing(Programs(path)) as two:
            assert one.running(two.own)
            assert two.running(one.own)
        assert not one.running(two.own)


def test_a_name_that_was_never_there_does_not_run(tmp_path: Path) -> None:
    with closing(Programs(tmp_path / "history.db")) as programs:
        assert not programs.running("0" * 16)
