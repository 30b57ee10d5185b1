"""Sixty turns with tool results on the bundled model in a window of 4,096 tokens: that every turn ends as it should.

For the form of it, not for what the model says: results of up to 16,000 characters stand in the conversation, as if it
had called tools, and between them it answers for itself. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from contextlib import aclosing
from pathlib import Path

from smol_chat.agent.session import Session, SessionOptions
from smol_chat.engine.base import Sampling
from smol_chat.engine.local import LocalEngine, LocalOptions
from smol_chat.events import Notice, Summarised, ToolCallProposed, ToolFinished, TurnFailed, TurnFinished

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from support.approvers import ALLOW, FixedApprover
from support.gguf_models import bundled_model
from support.library import Library

PINNED = "Remember this: my locker number is 7731."


async def talk(turns: int, folder: Path) -> dict[str, object]:
    """Hold the conversation; every other turn is made to begin with a call."""
    chance = random.Random(2)
    library = Library(lambda: chance.choice([200, 2000, 9000, 16000]))
    engine = LocalEngine(bundled_model(), LocalOptions(context_size=4096), log_file=folder / "engine.log")
    session = Session(
        "c",
        engine=engine,
        toolbox=library,
        approver=FixedApprover({"fetch": ALLOW}),
        options=SessionOptions(
            system="Be brief.", sampling=Sampling(temperature=0.0, max_tokens=60, repeat_penalty=1.1), tools_on=True
        ),
    )
    counts = {"summaries": 0, "shortenings": 0, "calls": 0, "results": 0, "failed": 0}
    reasons: dict[str, int] = {}
    started = time.monotonic()
    for number in range(turns):
        if number % 2:
            session.choose_tool("fetch")
        text = PINNED if number == 0 else f"Question {number}: what do you think about boats and trains?"
        async with aclosing(session.run_turn(text)) as events:
            async for event in events:
                match event:
                    case Summarised():
                        counts["summaries"] += 1
                    case Notice(message) if "shortened" in message:
                        counts["shortenings"] += 1
                    case ToolCallProposed():
                        counts["calls"] += 1
                    case ToolFinished():
                        counts["results"] += 1
                    case TurnFailed(message=message):
                        counts["failed"] += 1
                        print(message, file=sys.stderr)
                    case TurnFinished(reason=reason):
                        reasons[reason] = reasons.get(reason, 0) + 1
                    case _:
                        pass
        if number == 0:
            session.pin(0, True)
    report = await session.context_report()
    await engine.close()
    return {
        "turns": turns,
        **counts,
        **{f"ended_{reason}": count for reason, count in reasons.items()},
        "pinned_is_there": report.pinned == (PINNED,),
        "tokens_at_the_end": report.used,
        "seconds": round(time.monotonic() - started, 1),
    }


def main() -> None:
    """Talk and print what happened."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=60)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(asyncio.run(talk(arguments.turns, Path(folder)))))


if __name__ == "__main__":
    main()
