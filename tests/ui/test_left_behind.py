"""What a shell finds on its terminal after the program, however it ended: read by a terminal emulator."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pyte
import pytest

from support.on_terminal import OnTerminal

TESTS = Path(__file__).parent.parent
SWITCHES = (1000, 1003, 1004, 1006, 1015, 1049)
"""Private modes the screen uses and a shell does not: mouse, focus, the other screen."""


class Shell(OnTerminal):
    """An interactive shell that starts the program, and what its terminal looks like."""

    def __init__(self, root: Path, term: str) -> None:
        environment = {"TERM": term, "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin", "HOME": str(root), "PS1": "$ "}
        environment["PYTHONPATH"] = f"{TESTS}:{TESTS.parent}"
        super().__init__(["/bin/bash", "--norc", "--noprofile", "-i"], cwd=root, environment=environment)

    def starts(self, root: Path) -> int:
        """Start the program; return its process."""
        self.sees("$ ")
        self.types(f"{sys.executable} -m support.screen_program {root}\n")
        self.sees("for commands")
        (child,) = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(child)

    def left_on(self) -> list[int]:
        """Return what is still switched on, and check that lines are echoed and wrapped and the cursor shown."""
        self.types("stty -a | tr ' ' '\\n' | grep -x -e -echo -e -icanon; echo modes read\n")
        self.sees("modes read\r\n")
        assert not re.search(r"^-(echo|icanon)", self.seen[self._looked - 60 :], re.MULTILINE)
        screen = pyte.Screen(80, 24)
        pyte.Stream(screen).feed(self.seen)
        assert not screen.cursor.hidden
        assert pyte.modes.DECAWM in screen.mode
        pushed, popped = len(re.findall(r"\x1b\[>\d+u", self.seen)), len(re.findall(r"\x1b\[<\d*u", self.seen))
        assert pushed == popped  # the keyboard protocol
        return [mode for mode in SWITCHES if mode << 5 in screen.mode]


@pytest.fixture(params=["xterm-256color", "xterm", "screen"])
def shell(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shell]:
    with Shell(tmp_path, request.param) as shell:
        yield shell
        shell.types("exit\n")
        shell.process.wait()


def test_nothing_is_left_after_quitting(shell: Shell, tmp_path: Path) -> None:
    shell.starts(tmp_path)
    shell.types("\x11")
    shell.sees("$ ")
    assert shell.left_on() == []


def test_nothing_is_left_while_it_is_suspended_and_after_it_came_back(shell: Shell, tmp_path: Path) -> None:
    shell.starts(tmp_path)
    shell.types("\x1a")
    shell.sees("Stopped")
    assert shell.left_on() == []
    shell.types("fg\n")
    shell.sees("\x1b[?1049h")
    shell.sees("for commands")
    shell.types("\x11")
    shell.sees("\x1b[?1049l")
    shell.sees("$ ")
    assert shell.left_on() == []


def test_nothing_is_left_after_a_kill(shell: Shell, tmp_path: Path) -> None:
    program = shell.starts(tmp_path)
    children = Path(f"/proc/{program}/task/{program}/children")
    while "sh" not in [Path(f"/proc/{child}/comm").read_text().strip() for child in children.read_text().split()]:
        os.sched_yield()
    os.kill(program, signal.SIGKILL)
    shell.sees("was killed")
    assert shell.left_on() == []
