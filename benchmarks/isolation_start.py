"""What each isolation of this machine costs: a shell command that does nothing, from nothing to its end."""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

from smol_chat.tools import ShellLimits
from smol_chat.tools.sandbox.backends import found_backends
from smol_chat.tools.sandbox.shell import IsolatedShell

RUNS = 20


async def command_ms(shell: IsolatedShell) -> float:
    """Return how long `true` takes, in milliseconds."""
    start = time.perf_counter()
    outcome = await shell.run("true", ShellLimits())
    assert outcome.code == 0, outcome
    return (time.perf_counter() - start) * 1000


async def main() -> None:
    """Measure in turns, so that all have the same machine, and print one JSON object."""
    with tempfile.TemporaryDirectory() as folder:
        shells = {
            backend.isolation.name: IsolatedShell(Path(folder), allow_unisolated=True, backends=[backend])
            for backend in found_backends()
        }
        probed: dict[str, float] = {}
        for name, shell in shells.items():  # the first call tries the isolation out
            start = time.perf_counter()
            await command_ms(shell)
            probed[name] = (time.perf_counter() - start) * 1000
        taken: dict[str, list[float]] = {name: [] for name in shells}
        for _ in range(RUNS):
            for name, shell in shells.items():
                taken[name].append(await command_ms(shell))
    figures = {f"{name}.command_ms": round(statistics.median(each), 1) for name, each in taken.items()}
    figures |= {f"{name}.trial_ms": round(took, 1) for name, took in probed.items()}
    print(json.dumps(figures))


if __name__ == "__main__":
    asyncio.run(main())
