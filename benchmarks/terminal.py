"""Drive a program in a tmux pane of its own and measure it from outside. Linux only (reads /proc)."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
HERE = Path(__file__).resolve().parent
_COUNTER = itertools.count()


class Terminal:
    """One tmux server with one window of 120 by 40."""

    def __init__(self, command: str, *, env: dict[str, str] | None = None, size: tuple[int, int] = (120, 40)) -> None:
        self._socket = f"smol-{os.getpid()}-{next(_COUNTER)}"
        extra = [word for name, value in (env or {}).items() for word in ("-e", f"{name}={value}")]
        self.started = time.time()
        width, height = map(str, size)
        self._tmux("-f", "/dev/null", "new-session", "-d", "-s", "b", "-x", width, "-y", height, *extra, command)
        self.pid = int(self._tmux("list-panes", "-t", "b", "-F", "#{pane_pid}").split()[0])

    def _tmux(self, *words: str) -> str:
        done = subprocess.run(["tmux", "-L", self._socket, *words], capture_output=True, text=True, check=False)
        return done.stdout

    def screen(self) -> str:
        """Return what the pane shows."""
        return self._tmux("capture-pane", "-p", "-t", "b")

    def title(self) -> str:
        """Return the window title the program has set."""
        return self._tmux("list-panes", "-t", "b", "-F", "#{pane_title}").strip()

    def keys(self, *keys: str) -> None:
        """Press named keys."""
        self._tmux("send-keys", "-t", "b", *keys)

    def text(self, text: str) -> None:
        """Type text."""
        self._tmux("send-keys", "-t", "b", "-l", text)

    def wait(self, shown: Callable[[str], bool], timeout: float = 30.0, every: float = 0.01) -> float:
        """Return the time at which the screen first satisfied `shown`.

        Raises:
            TimeoutError: it never did; carries the screen.
        """
        end = time.time() + timeout
        while time.time() < end:
            if shown(self.screen()):
                return time.time()
            time.sleep(every)
        raise TimeoutError(f"not shown within {timeout} s:\n{self.screen()}")

    def close(self) -> None:
        """Take the terminal away from the program, with its tmux server."""
        self._tmux("kill-server")

    def close_and_wait(self, timeout: float = 20.0) -> None:
        """Take the terminal away and wait until the program and all it started have ended.

        Raises:
            TimeoutError: something of it still runs.
        """
        running = processes(self.pid)
        self.close()
        end = time.time() + timeout
        while left := [pid for pid in running if Path(f"/proc/{pid}/cmdline").exists() and not _is_zombie(pid)]:
            if time.time() > end:
                raise TimeoutError(f"still running without a terminal: {left}")
            time.sleep(0.05)


def _is_zombie(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return stat[stat.rindex(")") + 2] == "Z"


def processes(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
        except OSError:
            continue
        children.setdefault(int(stat[stat.rindex(")") + 2 :].split()[1]), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        current = todo.pop()
        found.append(current)
        todo += children.get(current, [])
    return found


def cpu_seconds(pids: list[int]) -> float:
    """Return user + system time of the processes that still live."""
    total = 0
    for pid in pids:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            continue
        fields = stat[stat.rindex(")") + 2 :].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def resident_mb(pids: list[int]) -> float:
    """Return the resident memory of the processes in MiB."""
    total = 0
    for pid in pids:
        try:
            found = re.search(r"^Rss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
        except OSError:
            continue
        total += int(found.group(1)) if found else 0
    return total / 1024


@contextmanager
def fake_server() -> Iterator[tuple[str, Path]]:
    """Run the streaming server; yield its address and the log of its streams."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "stream.jsonl"
        command = [sys.executable, str(HERE / "fake_openai.py"), "--log", str(log)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            port = server.stdout.readline().rsplit(":", 1)[1].strip()
            try:
                yield f"http://127.0.0.1:{port}/v1", log
            finally:
                server.terminate()


def last_stream(log: Path) -> dict[str, float]:
    """Return the times of the newest finished stream."""
    record: dict[str, float] = json.loads(log.read_text().splitlines()[-1])
    return record


def program(*words: str) -> str:
    """Return the shell command that starts smol-chat from this interpreter's environment."""
    return " ".join([str(Path(sys.executable).with_name("smol-chat")), *words])
