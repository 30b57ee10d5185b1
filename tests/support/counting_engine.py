"""An engine with a window: it counts four bytes to a token, refuses what does not fit, and answers by a function."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable

from smol_chat.engine.base import EngineInfo, GenerationRequest
from smol_chat.errors import ContextOverflowError
from smol_chat.events import EngineEvent, GenerationFinished, PromptProgress, PromptReady, TextDelta
from smol_chat.messages import Timings, Usage
from smol_chat.protocol.chat import as_chat

HEADER = 6
"""Tokens around each message."""


def count(request: GenerationRequest) -> int:
    tools = sum(len(json.dumps(tool.as_openai())) for tool in request.tools)
    texts = sum(len(json.dumps(message)) // 4 + HEADER for message in as_chat(request.messages))
    return tools // 4 + texts


class CountingEngine:
    """Keep every request that was answered, and how many tokens it had."""

    def __init__(self, answer: Callable[[GenerationRequest], str], *, window: int = 4096, counts: bool = True) -> None:
        self.requests: list[GenerationRequest] = []
        self.counted: list[int] = []
        self.window = window
        self._answer = answer
        self._counts = counts

    async def start(self) -> EngineInfo:
        return EngineInfo("counting", self.window, "counts", template_has_tools=True)

    async def generate(self, request: GenerationRequest) -> AsyncGenerator[EngineEvent, None]:
        tokens = count(request)
        if tokens >= self.window:
            raise ContextOverflowError("too long", prompt_tokens=tokens, context_size=self.window)
        self.requests.append(request)
        self.counted.append(tokens)
        yield PromptReady(tokens, False)
        yield PromptProgress(tokens, tokens, 0)
        said = self._answer(request)
        yield TextDelta(said, tokens=len(said) // 4 + 1)
        yield GenerationFinished("stop", Usage(tokens, 0, len(said) // 4 + 1), Timings())

    async def stop(self) -> None:
        pass

    async def count_prompt(self, request: GenerationRequest) -> int | None:
        return count(request) if self._counts else None

    async def warm(self, request: GenerationRequest) -> None:
        pass

    async def close(self) -> None:
        pass
