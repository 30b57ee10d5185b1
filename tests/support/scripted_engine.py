"""An engine that plays a script and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Union

from smol_chat.engine.base import EngineInfo, GenerationRequest
from smol_chat.events import (
    EngineEvent,
    GenerationFinished,
    PromptProgress,
    PromptReady,
    TextDelta,
)
from smol_chat.messages import Timings, Usage


class WaitForStop:
    """A place in a script where the engine waits until it is stopped."""


Step = Union[str, EngineEvent, Exception, WaitForStop]

TIMINGS = Timings(ttft_ms=5, prompt_tok_s=100.0, decode_tok_s=10.0)


class ScriptedEngine:
    """Play one list of steps per generation: text, engine events, an exception to raise, or a wait for `stop`."""

    def __init__(
        self, rounds: Sequence[Sequence[Step]], *, context_size: int = 4096, starts_in_reasoning: bool = False
    ) -> None:
        self.requests: list[GenerationRequest] = []
        self.warmed: list[GenerationRequest] = []
        self.waiting = asyncio.Event()
        self._rounds = list(rounds)
        self._info = EngineInfo("scripted", context_size, "plays a script", template_has_tools=True)
        self._starts_in_reasoning = starts_in_reasoning
        self._stopped = asyncio.Event()

    async def start(self) -> EngineInfo:
        return self._info

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[EngineEvent, None]:
        self.requests.append(request)
        if not self._rounds:
            raise AssertionError(f"the script has no round {len(self.requests)}")
        self._stopped.clear()
        tokens = 0
        reason: str = "stop"
        yield PromptReady(10, self._starts_in_reasoning)
        yield PromptProgress(10, 10, 0)
        for step in self._rounds.pop(0):
            if isinstance(step, Exception):
                raise step
            if isinstance(step, WaitForStop):
                self.waiting.set()
                await self._stopped.wait()
            elif isinstance(step, str):
                tokens += 1
                yield TextDelta(step)
            elif isinstance(step, GenerationFinished):
                yield step
                return
            else:
                yield step
            if self._stopped.is_set():
                reason = "cancelled"
                break
        yield GenerationFinished("cancelled" if reason == "cancelled" else "stop", Usage(10, 4, tokens), TIMINGS)

    async def stop(self) -> None:
        self._stopped.set()

    async def count_prompt(self, request: GenerationRequest) -> int | None:
        return 10

    async def warm(self, request: GenerationRequest) -> None:
        self.warmed.append(request)

    async def close(self) -> None:
        self._stopped.set()
