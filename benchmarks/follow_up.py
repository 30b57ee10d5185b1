"""A question after a long conversation: tokens evaluated for each new one, and how much sooner the answer begins.

The conversation is about 2,500 tokens long. Its next turn is asked twice: by an engine that holds it in memory, and by
one that has just been started. Runs on the bundled model and on a hybrid one (random weights, the same code paths as a
4B hybrid model). Prints one JSON object for each.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from contextlib import aclosing
from pathlib import Path

from smol_chat.engine.base import GenerationRequest, Sampling
from smol_chat.engine.local import LocalEngine, LocalOptions
from smol_chat.events import GenerationFinished, TextDelta
from smol_chat.messages import AssistantMessage, Message, UserMessage

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from support.gguf_models import bundled_model, write_hybrid_model

TOKENS = 2500
SENTENCE = "The quick brown fox jumps over the lazy dog near the old river bank. "
QUESTION = "And what did the dog do then?"


def an_engine(model: Path, folder: Path) -> LocalEngine:
    return LocalEngine(model, LocalOptions(context_size=4096, threads=1), log_file=folder / "engine.log")


async def ask(engine: LocalEngine, messages: list[Message]) -> tuple[str, GenerationFinished]:
    """Return a short greedy answer and how it came about."""
    request = GenerationRequest(tuple(messages), sampling=Sampling(temperature=0.0, max_tokens=12))
    said = []
    async with aclosing(engine.generate(request)) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                said.append(event.text)
            elif isinstance(event, GenerationFinished):
                return "".join(said), event
    raise AssertionError("the engine ended without an end")


async def measure(model: Path, folder: Path) -> dict[str, float]:
    """Ask the same question of an engine that knows the conversation and of one that does not."""
    knowing, fresh = an_engine(model, folder), an_engine(model, folder)
    try:
        sentences = 10
        sample = GenerationRequest((UserMessage(SENTENCE * sentences),))
        counted = await knowing.count_prompt(sample)
        assert counted is not None
        history: list[Message] = [UserMessage(SENTENCE * (TOKENS * sentences // counted))]
        said, _finished = await ask(knowing, history)
        history += [AssistantMessage(said.rpartition("</think>")[2]), UserMessage(QUESTION)]
        _said, with_memory = await ask(knowing, history)
        await fresh.start()
        _said, without = await ask(fresh, history)
        # what a follow-up may cost: the last answer as the history has it, and the question
        first = await fresh.count_prompt(GenerationRequest(tuple(history[:1])))
        assert first is not None
        evaluated = with_memory.usage.prompt_tokens - with_memory.usage.reused_tokens
        new = with_memory.usage.prompt_tokens - first
        return {
            "prompt_tokens": with_memory.usage.prompt_tokens,
            "evaluated": evaluated,
            "new": new,
            "ttft_s": with_memory.timings.ttft_ms / 1000,
            "ttft_fresh_s": without.timings.ttft_ms / 1000,
            "sooner": round(without.timings.ttft_ms / max(1, with_memory.timings.ttft_ms), 1),
            "beyond_new": evaluated - new,
        }
    finally:
        await knowing.close()
        await fresh.close()


def main() -> None:
    """Measure both models; `sooner` is a ratio of times to the first token."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Wide enough that computing, not the fixed cost of a request, decides the time.
        hybrid = write_hybrid_model(folder / "hybrid.gguf", width=1024, ffn=4096)
        models = {"hybrid": hybrid, "bundled": bundled_model()}
        for model, path in models.items():
            print(json.dumps({"model": model, **asyncio.run(measure(path, folder))}), flush=True)


if __name__ == "__main__":
    main()
