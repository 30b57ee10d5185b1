"""What the transcript costs: CPU for a streamed reply, time for one paint, opening a long conversation.

Run it with `python benchmarks/transcript.py [--tokens 5000] [--rate 200] [--profile FILE]`. The widget runs in a
headless app of 120 by 40 cells and is fed in process: no HTTP, no JSON, no terminal.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import time
from collections.abc import Iterator

from fake_openai import make_tokens, section, sentence
from textual.app import App, ComposeResult

from smol_chat.events import ContentDelta, ReasoningDelta, ReasoningFinished, TurnEvent, TurnFinished, TurnStarted
from smol_chat.messages import Timings, Usage
from smol_chat.ui.transcript.view import Transcript


def stored_turns(count: int) -> list[list[TurnEvent]]:
    """Return finished turns of a long conversation."""
    chance = random.Random(3)
    return [
        [
            TurnStarted("benchmark", sentence(chance, 9)),
            ReasoningDelta(sentence(chance, 40)),
            ReasoningFinished(1_200, 40),
            ContentDelta(section(chance, number)),
            TurnFinished("stop", Usage(), Timings()),
        ]
        for number in range(count)
    ]


class TranscriptApp(App[None]):
    """Nothing but the transcript."""

    def compose(self) -> ComposeResult:
        """Mount the widget under test."""
        yield Transcript()


class Paints:
    """Counts layouts and how long they take."""

    def __init__(self, transcript: Transcript) -> None:
        self.spent: list[float] = []
        lay_out = transcript._lay_out

        def timed() -> None:
            start = time.perf_counter()
            lay_out()
            self.spent.append(time.perf_counter() - start)

        transcript._lay_out = timed  # type: ignore[method-assign]  # measured from outside


def paced(pieces: list[str], rate: float) -> Iterator[tuple[float, str]]:
    """Yield each token with the second at which it is due."""
    for number, piece in enumerate(pieces):
        yield (number / rate if rate else 0.0), piece


async def stream(count: int, rate: float) -> None:
    """Feed a reply and report what it cost."""
    app = TranscriptApp()
    async with app.run_test(size=(120, 40)) as pilot:
        transcript = app.query_one(Transcript)
        await pilot.pause()
        paints = Paints(transcript)
        started, cpu = time.perf_counter(), time.process_time()
        transcript.feed(TurnStarted("benchmark", "Tell me everything."))
        for due, piece in paced(make_tokens(count), rate):
            wait = started + due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            transcript.feed(ContentDelta(piece))
        transcript.feed(TurnFinished("stop", Usage(), Timings()))
        ended = time.perf_counter()
        while transcript._changed:
            await asyncio.sleep(0.002)
        drawn = time.perf_counter() - ended
        spent = sorted(paints.spent)
        print(
            f"{count:,} tokens at {rate or 'unlimited'}/s: {time.process_time() - cpu:.2f} CPU s in "
            f"{time.perf_counter() - started:.1f} s, {len(spent)} layouts, "
            f"median {spent[len(spent) // 2] * 1e3:.1f} ms, longest {spent[-1] * 1e3:.1f} ms, "
            f"drawn {drawn * 1e3:.0f} ms after the end"
        )


async def reopen(count: int) -> None:
    """Open a stored conversation and scroll through some of it."""
    turns = stored_turns(count)
    app = TranscriptApp()
    async with app.run_test(size=(120, 40)) as pilot:
        transcript = app.query_one(Transcript)
        await pilot.pause()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.perf_counter()
        transcript.load(turns)
        transcript.follow_end()
        opened = time.perf_counter() - start
        start = time.perf_counter()
        for _ in range(100):
            transcript.scroll_page_up()
            await pilot.pause()
        page = (time.perf_counter() - start) / 100
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        print(f"{count:,} turns: open {opened * 1e3:.0f} ms, page up {page * 1e3:.1f} ms, {grown:.1f} MB more")


def main() -> None:
    """Run all measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=5_000)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--profile", help="write a profile of the paced stream to this file")
    options = parser.parse_args()
    if options.profile:
        import cProfile

        profile = cProfile.Profile()
        profile.runcall(asyncio.run, stream(options.tokens, options.rate))
        profile.dump_stats(options.profile)
        return
    asyncio.run(stream(options.tokens, options.rate))
    asyncio.run(stream(options.tokens, 0.0))
    asyncio.run(reopen(500))
    asyncio.run(reopen(5_000))


if __name__ == "__main__":
    main()
