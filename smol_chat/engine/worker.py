"""The process the model runs in: requests come in as frames on standard input, answers go out on standard output.

llama.cpp ends the process on many a broken file and a few bad inputs. Here that costs the running answer only. When the
program goes away standard input ends, and so does the worker.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from smol_chat.engine import wire
from smol_chat.engine.adapter import read_adapter_file
from smol_chat.engine.probe import plan_load
from smol_chat.errors import ContextOverflowError, EngineError, SmolChatError
from smol_chat.messages import JsonObject, JsonValue

if TYPE_CHECKING:
    from smol_chat.engine.cache import TurnCache
    from smol_chat.engine.constrain import CallGrammars
    from smol_chat.engine.llama import AbortFlag, Llama, LoadOptions
    from smol_chat.engine.plan import Plan
    from smol_chat.engine.prompt import Prompt, PromptBuilder


WARM_CHUNK = 32
"""Tokens evaluated ahead at a time: a request that comes meanwhile waits for no more than these."""


class Worker:
    """Answer one frame after the other; a cancel frame is heard at once, on the thread that reads."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink
        self._jobs: queue.SimpleQueue[JsonObject] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._current = 0
        self._cancelled = 0
        self._abort: AbortFlag | None = None
        self._model: Llama | None = None
        self._cache: TurnCache | None = None
        self._prompts: PromptBuilder | None = None
        self._grammars: CallGrammars | None = None

    def run(self) -> None:
        """Serve until the program goes away."""
        threading.Thread(target=self._listen, name="frames", daemon=True).start()
        while True:
            job = self._jobs.get()
            try:
                self._serve(job)
            except SmolChatError as error:
                self._send_failure(job, error)
            except Exception as error:  # the worker's border: whatever happens becomes a sentence
                traceback.print_exc()
                failure = EngineError(f"The engine failed: {error!r:.200}. Its log has the details.")
                self._send_failure(job, failure)

    def _listen(self) -> None:
        while True:
            try:
                frame = wire.read(self._source)
            except wire.FrameError as error:
                print(f"bad frame: {error}", file=sys.stderr, flush=True)
                os._exit(1)
            if frame is None:
                os._exit(0)  # the program is gone; the model need not finish its token
            if frame.get("type") == "cancel":
                self._cancel(wire.number(frame, "id"))
            else:
                self._jobs.put(frame)

    def _cancel(self, job: int) -> None:
        with self._lock:
            self._cancelled = max(self._cancelled, job)
            if self._abort is not None and self._current <= self._cancelled:
                self._abort.set()

    def _begin(self, job: int) -> None:
        assert self._abort is not None
        with self._lock:
            self._current = job
            if job <= self._cancelled:
                self._abort.set()
            else:
                self._abort.clear()

    def _serve(self, job: JsonObject) -> None:
        kind = wire.text(job, "type")
        if kind == "load":
            self._load(Path(wire.text(job, "model")), job)
            return
        self._begin(wire.number(job, "id"))
        if kind == "generate":
            self._generate(job)
        elif kind == "warm":
            self._warm(job)
        elif kind == "count":
            self._send(job, {"type": "counted", "tokens": self._count(job)})
        else:
            raise wire.FrameError(f"unknown frame type {kind!r}")

    def _load(self, path: Path, job: JsonObject) -> None:
        try:
            # late: a build of llama.cpp that cannot be loaded must become a sentence too
            from smol_chat.engine.constrain import CallGrammars
            from smol_chat.engine.llama import AbortFlag, Llama, LoadOptions, LogTail
            from smol_chat.engine.prompt import PromptBuilder
        except (ImportError, OSError, RuntimeError, AttributeError) as error:
            raise EngineError(
                f"llama-cpp-python cannot be loaded: {error}. Install it again: "
                "pip install --force-reinstall llama-cpp-python==0.3.36."
            ) from error
        plan, facts = plan_load(job)
        self._send(job, {"type": "planned", "gpu_layers": plan.gpu_layers})
        options = LoadOptions(plan.context_size, plan.threads, plan.ubatch, plan.gpu_layers, plan.kv_type, plan.repack)
        self._abort = AbortFlag()
        model = self._model = Llama(path, options, LogTail(), self._abort)
        self._prompts = PromptBuilder(model, _adapt(model, job))
        self._cache = _cache(model, path, options, job)
        self._grammars = CallGrammars(model, self._prompts.call_form)
        self._send(
            job,
            {
                "type": "loaded",
                "name": name if isinstance(name := job.get("name"), str) and name else path.stem,
                "context_size": model.context_size,
                "detail": f"{model.describe()}, {_where(plan, facts.layers)}",
                "template_has_tools": self._prompts.has_tools,
            },
        )

    def _generate(self, job: JsonObject) -> None:
        from smol_chat.engine.decode import Generation  # imports llama.cpp, see _load

        assert self._model is not None and self._prompts is not None and self._abort is not None
        assert self._cache is not None
        assert self._grammars is not None
        choice, constrain = wire.text(job, "tool_choice"), job.get("constrain") is True
        calls = self._grammars.rules(wire.objects(job, "tools"), choice, constrain=constrain)
        prompt = self._build(job)
        self._check_fit(len(prompt.ids))
        self._send(
            job, {"type": "prompt", "tokens": len(prompt.ids), "starts_in_reasoning": prompt.starts_in_reasoning}
        )
        generation = Generation(self._model, self._cache, self._abort, self._sender(job))
        finished = generation.run(prompt, cast(JsonObject, job["sampling"]), calls)
        if generation.generated:
            self._prompts.remember(prompt, generation.generated, generation.text)
        self._send(job, finished)

    def _warm(self, job: JsonObject) -> None:
        """Evaluate what the next prompt will begin with, until something else is to be done."""
        from smol_chat.engine.prompt import PromptTooLongError  # imports llama.cpp, see _load

        assert self._model is not None and self._prompts is not None and self._cache is not None
        abort = self._abort
        assert abort is not None
        try:
            prompt = self._prompts.ahead(wire.objects(job, "messages"), [*wire.objects(job, "tools")])
        except (EngineError, PromptTooLongError) as error:  # whoever asks for an answer will be told
            print(f"nothing was prepared: {error}", file=sys.stderr, flush=True)
            return
        if len(prompt.ids) >= self._model.context_size:
            return
        self._cache.rewind(prompt, leave=0)
        self._cache.prefill(
            prompt,
            chunk=WARM_CHUNK,
            report=lambda _done: None,
            go_on=lambda: not abort.is_set() and self._jobs.empty(),
        )

    def _build(self, job: JsonObject) -> Prompt:
        from smol_chat.engine.prompt import PromptTooLongError  # imports llama.cpp, see _load

        assert self._prompts is not None
        tools: list[JsonValue] = [*wire.objects(job, "tools")]
        try:
            return self._prompts.build(wire.objects(job, "messages"), tools)
        except PromptTooLongError as error:
            self._check_fit(error.at_least)
            raise

    def _count(self, job: JsonObject) -> int:
        try:
            return len(self._build(job).ids)
        except ContextOverflowError as error:
            return error.prompt_tokens

    def _check_fit(self, tokens: int) -> None:
        assert self._model is not None
        size = self._model.context_size
        if tokens >= size:
            raise ContextOverflowError(
                f"The conversation has {tokens:,} tokens, but the context window holds {size:,}. "
                "Start a new conversation, send less text, or set a larger context size.",
                prompt_tokens=tokens,
                context_size=size,
            )

    def _sender(self, job: JsonObject) -> Callable[[JsonObject], None]:
        return lambda frame: self._send(job, frame)

    def _send(self, job: JsonObject, frame: JsonObject) -> None:
        try:
            self._sink.write(wire.pack({"id": job["id"], **frame}))
            self._sink.flush()
        except BrokenPipeError:
            os._exit(0)  # the program is gone

    def _send_failure(self, job: JsonObject, error: SmolChatError) -> None:
        frame: JsonObject = {"type": "failed", "kind": error.kind, "message": error.message}
        if isinstance(error, ContextOverflowError):
            frame.update(prompt_tokens=error.prompt_tokens, context_size=error.context_size)
        self._send(job, frame)


def _cache(model: Llama, path: Path, options: LoadOptions, job: JsonObject) -> TurnCache:
    from smol_chat.engine.cache import TurnCache  # imports llama.cpp, see Worker._load
    from smol_chat.engine.snapshot import Snapshots, fingerprint

    folder = job.get("snapshots")
    if not isinstance(folder, str):
        return TurnCache(model)
    adapter = wire.text(job, "adapter")
    files = [path, Path(adapter)] if adapter else [path]
    parts = (model.version(), options.kv_type, options.gpu_layers, wire.real(job, "adapter_scale"))
    return TurnCache(model, Snapshots(Path(folder), fingerprint(files, parts)))


def _adapt(model: Llama, job: JsonObject) -> str:
    """Add the adapter, where there is one, and return the chat template it brings; empty where it brings none."""
    adapter = wire.text(job, "adapter")
    if not adapter:
        return ""
    template = read_adapter_file(Path(adapter))
    model.adapt(Path(adapter), wire.real(job, "adapter_scale"))
    return template


def _where(plan: Plan, layers: int) -> str:
    """Say what computes, and what of it is not as usual."""
    threads = "1 thread" if plan.threads == 1 else f"{plan.threads} threads"
    place = f"CPU, {threads}"
    if plan.gpu_layers > layers:
        place = "GPU"
    elif plan.gpu_layers:
        place = f"GPU {plan.gpu_layers} of {layers + 1} layers, {threads}"
    return place if plan.kv_type == "f16" else f"{place}, {plan.kv_type} context"


def main() -> None:
    """Take standard input and output for frames, so that nothing else can write between them, and serve."""
    source, sink = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)  # whatever llama.cpp prints goes to the log
    Worker(os.fdopen(source, "rb"), os.fdopen(sink, "wb")).run()


if __name__ == "__main__":
    main()
