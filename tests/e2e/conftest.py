"""The real program in a terminal of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from terminal import Terminal, program

from support.person import Start


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the program with a data folder and a workspace of the test's own."""
    (tmp_path / "work").mkdir()
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data" / "tour_shown").touch()
    opened: list[Terminal] = []

    def begin(*words: str) -> Terminal:
        command = program("--data-dir", str(tmp_path / "data"), "--workspace", str(tmp_path / "work"), *words)
        opened.append(Terminal(f"{command}; echo program ended; sleep 600"))
        return opened[-1]

    yield begin
    for terminal in opened:
        terminal.close_and_wait()
