"""Start-up: `--version`, first paint, a composer that takes a key, memory without a model."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from terminal import Terminal, fake_server, processes, program, resident_mb

RUNS = 5


def version_seconds() -> float:
    """Return how long `smol-chat --version` takes, whole process."""
    start = time.perf_counter()
    subprocess.run(program("--version").split(), check=True, capture_output=True)
    return time.perf_counter() - start


def interpreter_seconds() -> float:
    """Return how long the bare interpreter takes: what no program can be faster than."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.perf_counter() - start


def screen_seconds(server: str) -> tuple[float, float, float]:
    """Return seconds to first paint, seconds to a typed character on the screen, resident MiB afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        command = program("--data-dir", folder, "--server", server, "--workspace", folder)
        terminal = Terminal(command)
        try:
            painted = terminal.wait(lambda screen: bool(screen.strip())) - terminal.started
            usable = 0.0
            while not usable:
                terminal.text("q")
                try:
                    usable = terminal.wait(lambda screen: "q" in _composer(screen), timeout=0.1) - terminal.started
                except TimeoutError:
                    continue
            time.sleep(1.5)
            return painted, usable, resident_mb(processes(terminal.pid))
        finally:
            terminal.close()


def _composer(screen: str) -> str:
    return "\n".join(line for line in screen.splitlines()[-8:] if "qq" in line or line.rstrip(" │┃").endswith("q"))


def main() -> None:
    """Measure and print one JSON object; times in seconds, memory in MiB."""
    with fake_server() as (server, _):
        runs = [screen_seconds(server) for _ in range(RUNS)]
    version = statistics.median(version_seconds() for _ in range(RUNS))
    print(
        json.dumps(
            {
                "interpreter_s": round(statistics.median(interpreter_seconds() for _ in range(RUNS)), 3),
                "version_s": round(version, 3),
                "first_paint_s": round(statistics.median(run[0] for run in runs), 3),
                "usable_composer_s": round(statistics.median(run[1] for run in runs), 3),
                "memory_mb": round(max(run[2] for run in runs), 1),
            }
        )
    )


if __name__ == "__main__":
    if not Path("/proc").exists():
        sys.exit("This benchmark reads /proc: run it on Linux.")
    main()
