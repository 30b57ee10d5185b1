"""What is left of the screen when the program ends, on a real terminal."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from support.on_terminal import OnTerminal

TESTS = Path(__file__).parent.parent
SWITCHED_OFF = ["\x1b[?1049l", "\x1b[?1000l", "\x1b[?1003l", "\x1b[?1006l", "\x1b[?2004l", "\x1b[?1004l", "\x1b[?25h"]


class HangingUp(OnTerminal):
    """A terminal whose window can be closed."""

    def hangs_up(self) -> None:
        os.close(self._person)
        self._person = os.open(os.devnull, os.O_RDWR)


def program(root: Path, *more: str) -> HangingUp:
    environment = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin", "HOME": str(root)}
    environment["PYTHONPATH"] = f"{TESTS}:{TESTS.parent}"
    return HangingUp(
        [sys.executable, "-m", "support.screen_program", str(root), *more], cwd=root, environment=environment
    )


def is_clean(seen: str) -> bool:
    """Tell whether everything that was switched on is off again at the end."""
    return all(seen.rfind(off) > seen.rfind(off[:-1] + ("l" if off.endswith("h") else "h")) for off in SWITCHED_OFF)


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)],
    ids=lambda value: str(value),
)
def test_a_signal_leaves_the_terminal_clean(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with program(tmp_path) as running:
        running.sees("for commands")
        running.process.send_signal(number)
        running.sees("\x1b[23;2t")
        assert running.process.wait() == code
        assert is_clean(running.seen)
        assert "Traceback" not in running.seen


def test_a_key_leaves_it_clean_too_and_the_title_is_a_constant(tmp_path: Path) -> None:
    with program(tmp_path) as running:
        running.sees("\x1b]2;smol-chat\x07")
        running.sees("for commands")
        running.types("\x11")
        running.sees("\x1b[23;2t")
        assert running.process.wait() == 0
        assert is_clean(running.seen)


def test_a_fault_is_one_sentence_on_a_clean_terminal(tmp_path: Path) -> None:
    with program(tmp_path, "fault") as running:
        running.sees("ended because of a fault of its own")
        running.sees("logs")
        assert running.process.wait() == 1
        assert is_clean(running.seen)
        assert "secret detail" not in running.seen
        assert "Traceback" not in running.seen


def test_the_program_ends_when_its_terminal_goes_away(tmp_path: Path) -> None:
    with program(tmp_path) as running:
        running.sees("for commands")
        running.hangs_up()
        running.process.wait()  # or the test's time limit
