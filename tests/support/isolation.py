"""The kinds of isolation of this machine, and what is running on it."""

from __future__ import annotations

from pathlib import Path

from smol_chat.tools.sandbox.backends import found_backends

CONTAINED = [backend for backend in found_backends() if backend.isolation.contained]
"""Those that keep a command from files outside; tests run once in each."""


def running(mark: str) -> list[str]:
    """Return the command lines of all processes that have `mark` in theirs."""
    lines = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if f"sleep {mark}" in line and "python" not in line:
                lines.append(line)
    return lines
