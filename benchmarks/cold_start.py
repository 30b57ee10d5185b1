"""Time to the first token of a program that was just started, with a stored snapshot and without.

System message and tools take about 2,500 tokens. The model is the bundled one. Prints JSON.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from contextlib import aclosing
from pathlib import Path

from smol_chat.engine.base import GenerationRequest, Sampling
from smol_chat.engine.local import LocalEngine, LocalOptions
from smol_chat.events import GenerationFinished, PromptProgress, TextDelta
from smol_chat.messages import SystemMessage, UserMessage

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from support.gguf_models import bundled_model

RUNS = 3
SYSTEM = "The quick brown fox jumps over the lazy dog near the old river bank. " * 155
REQUEST = GenerationRequest(
    (SystemMessage(SYSTEM), UserMessage("Hello.")), sampling=Sampling(temperature=0.0, max_tokens=2)
)


async def first_token(folder: Path) -> tuple[float, int, int]:
    """Start an engine, ask, and return seconds to the first token, tokens reused and tokens of the prompt."""
    started, first, reused, tokens = time.monotonic(), 0.0, 0, 0
    options = LocalOptions(context_size=4096, threads=1)
    engine = LocalEngine(bundled_model(), options, log_file=folder / "engine.log", snapshots=folder / "snapshots")
    try:
        async with aclosing(engine.generate(REQUEST)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    first = first or time.monotonic() - started
                elif isinstance(event, PromptProgress):
                    reused, tokens = event.reused, event.total
                elif isinstance(event, GenerationFinished):
                    break
    finally:
        await engine.close()
    return first, reused, tokens


def main() -> None:
    """Measure once without, then with the snapshot that left behind."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        without, reused, tokens = asyncio.run(first_token(folder))
        assert reused == 0
        with_snapshot = [asyncio.run(first_token(folder)) for _ in range(RUNS)]
        assert all(run[1] > tokens * 0.9 for run in with_snapshot), "the snapshot was not used"
    seconds = statistics.median(run[0] for run in with_snapshot)
    print(
        json.dumps(
            {
                "prompt_tokens": tokens,
                "without_s": round(without, 3),
                "with_s": round(seconds, 3),
                "ratio": round(seconds / without, 4),
            }
        )
    )


if __name__ == "__main__":
    main()
