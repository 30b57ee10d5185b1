"""One short generation beside the conversation: only the answer's text counts."""

from __future__ import annotations

from contextlib import aclosing
from typing import Literal

from smol_chat.engine.base import Engine, GenerationRequest, Sampling
from smol_chat.errors import ToolError
from smol_chat.events import GenerationFinished, PromptReady, TextDelta
from smol_chat.messages import SystemMessage, UserMessage
from smol_chat.protocol import ContentDelta, MalformedCall, ParserEvent, StreamParser

REASONING_TOKENS = 2000
"""What a model that thinks first may take for it, beyond the answer."""


async def complete(engine: Engine, system: str, text: str, *, max_tokens: int) -> str:
    """Return what the model answers to one message.

    Raises:
        EngineError: the model cannot be used.
        ToolError: `limit` where the answer was cut, `failed` where it was stopped.
    """
    said, reason = await answer(engine, system, text, max_tokens=max_tokens)
    if reason == "length":
        raise ToolError("limit", "The answer was longer than it may be; send a shorter text.")
    return said


async def answer(engine: Engine, system: str, text: str, *, max_tokens: int) -> tuple[str, Literal["stop", "length"]]:
    """Return what the model answers to one message, and whether it came to an end or was cut.

    Raises:
        EngineError: the model cannot be used.
        ToolError: `failed` where it was stopped.
    """
    sampling = Sampling(temperature=0.0, max_tokens=max_tokens + REASONING_TOKENS)
    request = GenerationRequest((SystemMessage(system), UserMessage(text)), sampling=sampling)
    return await reply(engine, request, max_tokens=max_tokens)


async def reply(
    engine: Engine, request: GenerationRequest, *, max_tokens: int
) -> tuple[str, Literal["stop", "length"]]:
    """Return the text of the answer to a request, and whether it came to an end or was cut.

    Raises:
        EngineError: the model cannot be used.
        ToolError: `failed` where it was stopped.
    """
    await engine.start()
    parser, said, written = StreamParser(()), list[str](), 0
    reason: Literal["stop", "length", "cancelled"] = "stop"
    async with aclosing(engine.generate(request)) as events:
        async for event in events:
            match event:
                case PromptReady():
                    parser = StreamParser((), starts_in_reasoning=event.starts_in_reasoning)
                case TextDelta():
                    parts = [_content(part) for part in parser.feed(event.text)]
                    said += parts
                    written += event.tokens if any(parts) else 0
                    if written > max_tokens:
                        reason = "length"
                        break
                case GenerationFinished():
                    reason = event.reason
                case _:
                    pass
    said += map(_content, parser.finish())
    if reason == "cancelled":
        raise ToolError("failed", "The generation was stopped.")
    return "".join(said), reason


def _content(event: ParserEvent) -> str:
    """Return what belongs to the answer: no reasoning, but text that only looks like a call."""
    match event:
        case ContentDelta(text):
            return text
        case MalformedCall(raw=raw):
            return raw
        case _:
            return ""
