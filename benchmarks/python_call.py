"""One sandboxed `execute_python` call: a worker started ahead, and one from nothing."""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

from smol_chat.tools import ToolRegistry, ToolWorkbench, run_tool

RUNS = 15


async def call_ms(workbench: ToolWorkbench) -> float:
    """Return how long one small program takes, whole call, in milliseconds."""
    tool = ToolRegistry.load().get("execute_python")
    assert tool is not None
    start = time.perf_counter()
    result = await run_tool(tool, {"code": "sum(range(10))"}, workbench)
    elapsed = (time.perf_counter() - start) * 1000
    assert result.content.strip().endswith("45"), result.content
    return elapsed


async def main() -> None:
    """Measure and print one JSON object."""
    cold: list[float] = []
    warm: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(RUNS):
            workbench = ToolWorkbench(Path(folder))
            cold.append(await call_ms(workbench))
            await asyncio.sleep(0.3)  # idle time, in which the next worker is made
            warm.append(await call_ms(workbench))
            await workbench.close()
    print(json.dumps({"cold_ms": round(statistics.median(cold), 1), "warm_ms": round(statistics.median(warm), 1)}))


if __name__ == "__main__":
    asyncio.run(main())
