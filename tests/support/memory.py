"""A model with its cache in this process, and what a fresh one would have said."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from llama_cpp import llama_cpp as lib

from smol_chat.engine.cache import TurnCache
from smol_chat.engine.decode import Generation
from smol_chat.engine.llama import AbortFlag, Llama, LoadOptions, LogTail
from smol_chat.engine.prompt import Prompt, PromptBuilder
from smol_chat.engine.snapshot import Snapshots
from smol_chat.messages import JsonObject, Message
from smol_chat.protocol.chat import as_chat

GREEDY: JsonObject = {"temperature": 0.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0, "repeat_penalty": 1.0}

LOG = LogTail()
"""llama.cpp calls it for as long as the process lives."""


class CountedAbort(AbortFlag):
    """Abort by itself, in the middle of a computation, after `nodes` more steps of any."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes: int | None = None
        self._counting = lib.ggml_abort_callback(self._count)

    def _count(self, _data: object) -> bool:
        if self.nodes is not None:
            self.nodes -= 1
            if self.nodes <= 0:
                self.set()
        return self.is_set()

    def watch(self, context: lib.llama_context_p, *, inside: bool) -> None:
        callback = self._counting if inside else self._never
        lib.llama_set_abort_callback(context, callback, ctypes.c_void_p(0))


class Memory:
    """What the worker has: model, prompts, cache; `checkpoints` are places of the cache."""

    def __init__(self, path: Path, *, context_size: int = 2048, snapshots: Snapshots | None = None) -> None:
        self.abort = CountedAbort()
        self.model = Llama(path, LoadOptions(context_size, threads=1, ubatch=64, gpu_layers=0), LOG, self.abort)
        self.prompts = PromptBuilder(self.model)
        self.cache = TurnCache(self.model, snapshots)
        self.reused = 0

    def restart(self, snapshots: Snapshots | None = None) -> None:
        """Lose everything, as a worker that is started again does."""
        self.model.clear()
        self.prompts = PromptBuilder(self.model)
        self.cache = TurnCache(self.model, snapshots)

    def generate(self, messages: Sequence[Message], *, tokens: int = 8, cancel_at: int | None = None) -> Generation:
        """Generate as the worker does; `cancel_at`: the flag is set when so many frames were sent."""
        frames = 0

        def send(frame: JsonObject) -> None:
            nonlocal frames
            frames += 1
            if cancel_at is not None and frames >= cancel_at:
                self.abort.set()

        prompt = self.prompt = self.prompts.build(as_chat(messages), [])
        generation = Generation(self.model, self.cache, self.abort, send)
        self.finished = generation.run(prompt, {**GREEDY, "max_tokens": tokens})
        if generation.generated:
            self.prompts.remember(prompt, generation.generated, generation.text)
        self.abort.clear()
        self.abort.nodes = None
        return generation

    def bring_to(self, prompt: Prompt, *, leave: int = 1, steps: int = 10_000) -> int:
        """Prefill, at most some steps of it; return how many tokens were reused."""
        reused = self.cache.rewind(prompt, leave=leave)
        left = iter(range(steps))
        self.cache.prefill(prompt, chunk=32, report=lambda _done: None, go_on=lambda: next(left, None) is not None)
        return reused

    def logits(self) -> np.ndarray:
        """Return the scores after the last token evaluated."""
        scores = lib.llama_get_logits_ith(self.model._context, -1)
        return np.array(np.ctypeslib.as_array(scores, shape=(self.model.vocabulary.size,)))


class Fresh:
    """A model that starts from nothing each time."""

    def __init__(self, path: Path, *, context_size: int = 2048) -> None:
        self._memory = Memory(path, context_size=context_size)

    def logits(self, ids: Sequence[int]) -> np.ndarray:
        """Return the scores after `ids`."""
        model = self._memory.model
        model.clear()
        for start in range(0, len(ids), model.chunk_size()):
            assert model.evaluate(ids[start : start + model.chunk_size()], abortable=False)
        return self._memory.logits()

    def continuation(self, ids: Sequence[int], tokens: int) -> list[int]:
        """Return the likeliest next tokens."""
        model, said = self._memory.model, list[int]()
        scores = self.logits(ids)
        while len(said) < tokens:
            token = int(scores.argmax())
            if model.vocabulary.ends_turn(token):
                break
            said.append(token)
            assert model.evaluate((token,), abortable=False)
            scores = self._memory.logits()
        return said
