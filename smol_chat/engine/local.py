"""A GGUF model on this machine, in a worker process of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from smol_chat.engine import wire
from smol_chat.engine.base import EngineInfo, GenerationRequest
from smol_chat.engine.plan import fewer_layers
from smol_chat.engine.process import WorkerProcess
from smol_chat.errors import (
    ContextOverflowError,
    EngineCrashedError,
    EngineError,
    ModelFileError,
)
from smol_chat.events import (
    EngineEvent,
    EngineNotice,
    GenerationFinished,
    PromptProgress,
    PromptReady,
    TextDelta,
)
from smol_chat.messages import JsonObject, Timings, Usage
from smol_chat.protocol.chat import as_chat

PROMPT_SECONDS = 15.0
"""Rendering and tokenising take milliseconds; the worker itself gives up on a template after three seconds."""

HEARTBEAT_SECONDS = 30.0
"""A worker that decodes but says nothing for so long hangs. Prefill reports each chunk, but a chunk may take longer."""

STOP_SECONDS = 2.0
"""After this a worker that was asked to stop is killed."""


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """How to run a model; None means what suits this machine."""

    context_size: int = 4096
    """Tokens; at most what the model was trained on."""
    may_shrink: bool = False
    """A smaller context will do where this one does not fit into memory."""
    threads: int | None = None
    """Compute threads: physical cores minus one."""
    ubatch: int | None = None
    """Prompt tokens evaluated at a time: 128 on a processor, 512 on a GPU."""
    gpu_layers: int | None = None
    """Layers on the GPU, where llama.cpp was built for one: as many as fit."""
    kv_type: Literal["auto", "f16", "q8_0"] = "auto"
    """Precision of keys and values: f16, or q8_0 where only that fits."""
    adapter: str = ""
    """A LoRA adapter's GGUF file; empty for none."""
    adapter_scale: float = 1.0
    tuning_file: str | None = None
    """Where measurements of this machine are remembered."""

    def __post_init__(self) -> None:
        for name, lowest in (("context_size", 1), ("threads", 1), ("ubatch", 1), ("gpu_layers", 0)):
            value = getattr(self, name)
            if value is not None and value < lowest:
                raise EngineError(f"{name} is {value}, but must be at least {lowest}.")


class LocalEngine:
    """Implement `Engine` on a worker process that is started when needed and again when it has crashed."""

    def __init__(
        self,
        model: Path,
        options: LocalOptions,
        *,
        log_file: Path,
        snapshots: Path | None = None,
        name: str = "",
        start_worker: Callable[[Path], Awaitable[WorkerProcess]] = WorkerProcess.start,
    ) -> None:
        """Make an engine; `start` loads the model.

        Args:
            model: the GGUF file.
            options: how to run it.
            log_file: where the worker writes its log.
            snapshots: folder of stored states; None to keep none.
            name: what the model is called where its file's name does not tell.
            start_worker: starts the process.
        """
        self._model = model.absolute()
        self._name = name
        self._start_worker = start_worker
        self._gpu_layers = 0
        """How many layers the worker that loads wants on the graphics processor."""
        self._options = options
        self._log_file = log_file
        self._snapshots = snapshots
        self._worker: WorkerProcess | None = None
        self._loading: asyncio.Task[EngineInfo] | None = None
        self._turn = asyncio.Lock()
        self._last_job = 0
        self._running: int | None = None
        """The generation that runs, if one does."""
        self._stopped = asyncio.Event()
        self._killer: asyncio.TimerHandle | None = None
        self._notice = ""
        self._closed = False

    @property
    def worker_pid(self) -> int | None:
        """Process id of the worker, where one runs."""
        return self._worker.pid if self._worker else None

    async def start(self) -> EngineInfo:
        """Load the model; return at once when that is done already.

        Raises:
            ModelFileError: the file is no usable model.
            EngineError: the model cannot be loaded on this machine.
        """
        loading = self._load_task()
        await asyncio.wait({loading})
        if loading.cancelled():
            raise EngineError("The engine is closed.")
        return loading.result()

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[EngineEvent, None]:
        """Stream one generation, as `Engine.generate` says.

        A crash before any output is retried once, with a notice; one after output is raised, and what was streamed
        stays valid.
        """
        async with self._turn:
            self._stopped.clear()
            self._running = self._next_job()
            try:
                async with aclosing(self._with_retry(request)) as events:
                    async for event in events:
                        yield event
            finally:
                self._cancel_running()  # left early; a generation that has ended does not mind
                self._running = None
                self._drop_killer()

    async def stop(self) -> None:
        """End the running generation; a worker that does not obey is killed."""
        if self._running is None:
            return
        self._stopped.set()
        self._cancel_running()
        if self._worker and not self._killer:
            self._killer = asyncio.get_running_loop().call_later(STOP_SECONDS, self._worker.kill)

    async def count_prompt(self, request: GenerationRequest) -> int | None:
        """Return how many tokens the request's prompt has."""
        async with self._turn:
            await self.start()
            job = self._next_job()
            worker = self._require_worker()
            await worker.send({"type": "count", "id": job, **_conversation(request)})
            try:
                return wire.number(await self._receive(worker, job, PROMPT_SECONDS), "tokens")
            except (EngineCrashedError, wire.FrameError) as error:
                raise await self._forget(worker, error) from error

    async def warm(self, request: GenerationRequest) -> None:
        """Have the worker evaluate what the next prompt will begin with, until it is asked for something else.

        Nothing is waited for, and whatever goes wrong is told to whoever asks for an answer.
        """
        try:
            await self.start()
        except EngineError:
            return
        if self._worker and not self._turn.locked():
            self._worker.post({"type": "warm", "id": self._next_job(), **_conversation(request)})

    async def close(self) -> None:
        """End the worker."""
        self._closed = True
        self._drop_killer()
        if self._loading and not self._loading.done():
            self._loading.cancel()
            await asyncio.wait({self._loading})
        if self._worker:
            worker, self._worker = self._worker, None
            await worker.close()

    async def _with_retry(self, request: GenerationRequest) -> AsyncGenerator[EngineEvent, None]:
        seen = output = False
        for attempt in (1, 2):
            if not await self._loaded_or_stopped():
                yield GenerationFinished("cancelled", Usage(), Timings())
                return
            if self._notice:
                notice, self._notice = self._notice, ""
                yield EngineNotice(notice)
            try:
                async with aclosing(self._attempt(self._require_worker(), request)) as events:
                    async for event in events:
                        output = output or isinstance(event, TextDelta)
                        if seen and isinstance(event, PromptReady):
                            continue  # known from the first attempt
                        seen = seen or isinstance(event, PromptReady)
                        yield event
                return
            except EngineCrashedError as crash:
                if output or self._closed:
                    raise
                if attempt == 2:
                    raise EngineCrashedError(
                        f"{crash.message} It happened twice on this request, so it is not tried again. "
                        "Try another model or a shorter text."
                    ) from crash
                self._running = self._next_job()

    async def _attempt(self, worker: WorkerProcess, request: GenerationRequest) -> AsyncGenerator[EngineEvent, None]:
        job = self._running
        assert job is not None
        reading = _Reading()
        sampling = asdict(request.sampling)
        await worker.send(
            {"type": "generate", "id": job, **_conversation(request), **_calls(request), "sampling": sampling}
        )
        while True:
            try:
                event = reading.event(await self._receive(worker, job, reading.timeout))
            except (EngineCrashedError, wire.FrameError) as error:
                crash = await self._forget(worker, error)
                if not self._stopped.is_set():
                    raise crash from error
                event = reading.cut()
            yield event
            if isinstance(event, GenerationFinished):
                return

    async def _receive(self, worker: WorkerProcess, job: int, timeout: float | None) -> JsonObject:
        """Return the next frame of a job; those of jobs that were left early are dropped."""
        while True:
            frame = await worker.receive(timeout)
            if wire.number(frame, "id") != job:
                continue
            if wire.text(frame, "type") == "failed":
                raise _failure(frame)
            return frame

    def _forget_failed_load(self, loading: asyncio.Task[EngineInfo]) -> None:
        """Let the next request try again."""
        if self._loading is loading and (loading.cancelled() or loading.exception() is not None):
            self._loading = None

    def _load_task(self) -> asyncio.Task[EngineInfo]:
        if self._closed:
            raise EngineError("The engine is closed.")
        if self._loading is None:
            self._loading = asyncio.create_task(self._load(), name="load model")
            self._loading.add_done_callback(self._forget_failed_load)
            # a failure nobody waits for any more, after a stop, is not worth a warning
            self._loading.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._loading

    async def _load(self) -> EngineInfo:
        """Load with fewer and fewer layers on the graphics processor until it works: each try in a fresh worker."""
        options = self._options
        while True:
            try:
                return await self._load_with(options)
            except ModelFileError:
                raise
            except EngineError as error:
                if not self._gpu_layers:
                    raise
                options = replace(options, gpu_layers=fewer_layers(self._gpu_layers))
                self._notice = (
                    f"The graphics processor could not take {self._gpu_layers} layers of the model ({error.message}) "
                    f"It was tried with {options.gpu_layers}."
                )

    async def _load_with(self, options: LocalOptions) -> EngineInfo:
        worker = self._worker = await self._start_worker(self._log_file)
        self._gpu_layers = 0
        job = self._next_job()
        try:
            request: JsonObject = {"type": "load", "id": job, "model": str(self._model), "name": self._name}
            if self._snapshots:
                request["snapshots"] = str(self._snapshots.absolute())
            await worker.send({**request, **asdict(options)})
            frame = await self._receive(worker, job, None)
            if wire.text(frame, "type") == "planned":
                self._gpu_layers = wire.number(frame, "gpu_layers")
                frame = await self._receive(worker, job, None)
            return EngineInfo(
                name=wire.text(frame, "name"),
                context_size=wire.number(frame, "context_size"),
                detail=wire.text(frame, "detail"),
                template_has_tools=bool(frame.get("template_has_tools")),
            )
        except BaseException as error:
            self._worker = None
            await worker.close()
            if isinstance(error, (EngineCrashedError, wire.FrameError)):
                raise EngineCrashedError(
                    f"The model {self._model.name!r} cannot be loaded. {_sentence(error)} Try another build of it."
                ) from error
            raise

    async def _loaded_or_stopped(self) -> bool:
        """Wait until the model is loaded; False when the generation is stopped before."""
        loading = asyncio.ensure_future(self.start())
        stopped = asyncio.create_task(self._stopped.wait())
        try:
            await asyncio.wait({loading, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if self._stopped.is_set():
                return False
            await loading
            return True
        finally:
            for task in (loading, stopped):
                task.cancel()
            await asyncio.gather(loading, stopped, return_exceptions=True)

    async def _forget(self, worker: WorkerProcess, error: EngineCrashedError | wire.FrameError) -> EngineCrashedError:
        """Leave a worker that failed; the next request starts another and tells why."""
        if self._worker is worker:
            self._worker = self._loading = None
            await worker.close()
        if self._closed:
            return EngineCrashedError("The engine is closed.")
        message = "The engine did not stop in time and was ended." if self._stopped.is_set() else _sentence(error)
        self._notice = f"{message} It was started again."
        return EngineCrashedError(message)

    def _require_worker(self) -> WorkerProcess:
        if self._worker is None:
            raise EngineError("The engine is closed.")
        return self._worker

    def _cancel_running(self) -> None:
        if self._worker and self._running is not None:
            self._worker.post({"type": "cancel", "id": self._running})

    def _drop_killer(self) -> None:
        if self._killer:
            self._killer.cancel()
            self._killer = None

    def _next_job(self) -> int:
        self._last_job += 1
        return self._last_job


class _Reading:
    """Make events of a generation's frames; `timeout` is how long the next one may take."""

    def __init__(self) -> None:
        self.timeout: float | None = PROMPT_SECONDS
        self._sent = time.monotonic()
        self._first_token = 0.0
        self._usage = Usage()

    def event(self, frame: JsonObject) -> EngineEvent:
        match wire.text(frame, "type"):
            case "prompt":
                self._usage = Usage(wire.number(frame, "tokens"))
                self.timeout = None
                return PromptReady(self._usage.prompt_tokens, bool(frame.get("starts_in_reasoning")))
            case "progress":
                done, total, reused = (wire.number(frame, key) for key in ("done", "total", "reused"))
                self._usage = replace(self._usage, reused_tokens=reused)
                self.timeout = HEARTBEAT_SECONDS if done == total else None
                return PromptProgress(done, total, reused)
            case "text":
                tokens = wire.number(frame, "tokens")
                self._first_token = self._first_token or time.monotonic() - self._sent
                self._usage = replace(self._usage, completion_tokens=self._usage.completion_tokens + tokens)
                return TextDelta(wire.text(frame, "text"), tokens)
            case "finished":
                return self._finished(frame)
            case other:
                raise wire.FrameError(f"unknown frame type {other[:40]!r}")

    def _finished(self, frame: JsonObject) -> GenerationFinished:
        reason = _REASONS.get(wire.text(frame, "reason"))
        if reason is None:
            raise wire.FrameError(f"unknown reason in {str(frame)[:80]}")
        usage = Usage(*(wire.number(frame, f"{kind}_tokens") for kind in ("prompt", "reused", "completion")))
        timings = Timings(
            ttft_ms=round(self._first_token * 1000),
            prompt_tok_s=_rate(usage.prompt_tokens - usage.reused_tokens, wire.real(frame, "prefill_seconds")),
            decode_tok_s=_rate(usage.completion_tokens, wire.real(frame, "decode_seconds")),
        )
        return GenerationFinished(reason, usage, timings)

    def cut(self) -> GenerationFinished:
        """Return the last event of a generation whose worker had to be killed to stop it."""
        return GenerationFinished("cancelled", self._usage, Timings(ttft_ms=round(self._first_token * 1000)))


_REASONS: dict[str, Literal["stop", "length", "cancelled"]] = {
    "stop": "stop",
    "length": "length",
    "cancelled": "cancelled",
}


def _conversation(request: GenerationRequest) -> JsonObject:
    tools = () if request.tool_choice == "none" else request.tools
    return {"messages": [*as_chat(request.messages)], "tools": [tool.as_openai() for tool in tools]}


def _calls(request: GenerationRequest) -> JsonObject:
    return {"tool_choice": request.tool_choice, "constrain": request.constrain}


def _rate(tokens: int, seconds: float) -> float:
    return round(tokens / seconds, 2) if seconds > 0 else 0.0


def _sentence(error: EngineCrashedError | wire.FrameError) -> str:
    if isinstance(error, EngineCrashedError):
        return error.message
    return f"The engine sent something unreadable ({error})."


def _failure(frame: JsonObject) -> EngineError:
    message = wire.text(frame, "message")
    if frame.get("kind") == ContextOverflowError.kind:
        return ContextOverflowError(
            message,
            prompt_tokens=wire.number(frame, "prompt_tokens"),
            context_size=wire.number(frame, "context_size"),
        )
    return ModelFileError(message) if frame.get("kind") == ModelFileError.kind else EngineError(message)
