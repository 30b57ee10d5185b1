"""One answer of a server on its way from the task that receives it to the generator that hands it on."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Literal

from smol_chat.engine.chat_stream import ChatStream, StreamEvent
from smol_chat.engine.sse import EventReader, EventTooLongError
from smol_chat.errors import EngineError, ServerError
from smol_chat.events import EngineEvent, EngineNotice, GenerationFinished, PromptReady
from smol_chat.messages import Timings

FLUSH_SECONDS = 0.025
"""What arrives is handed on this often, so that a fast stream does not wake the screen for every token."""

MAX_UNREAD_CHUNKS = 1000


class Answer:
    """What arrives from a server; `open`, `put` and `end` are called by who receives it, `events` reads it."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._stream = ChatStream(host)
        self._reader = EventReader()
        self._chunks: deque[bytes] = deque()
        self._changed = asyncio.Event()
        self._taken = asyncio.Event()
        self._ended = self._stopped = False
        self._news: deque[EngineNotice | PromptReady] = deque()
        self._error: EngineError | None = None
        self._started = time.monotonic()
        self._first_token = self._last_token = 0.0

    def notify(self, message: str) -> None:
        """Tell the user something before the answer begins."""
        self._news.append(EngineNotice(message))
        self._changed.set()

    def open(self) -> None:
        """The server accepted the request."""
        self._news.append(PromptReady(0, False))
        self._changed.set()

    async def put(self, chunk: bytes) -> None:
        """Hand on bytes; wait while many have not been read."""
        self._chunks.append(chunk)
        self._changed.set()
        while len(self._chunks) > MAX_UNREAD_CHUNKS:
            self._taken.clear()
            await self._taken.wait()

    def end(self, error: EngineError | None = None) -> None:
        """Nothing more arrives."""
        if not self._ended:
            self._ended = True
            self._error = error
            self._changed.set()

    def stop(self) -> None:
        """The user wants no more."""
        self._stopped = True
        self._changed.set()

    async def events(self) -> AsyncGenerator[EngineEvent, None]:
        """Stream what arrives.

        Raises:
            EngineError: the server failed or vanished.
        """
        while not self._stopped:
            await self._changed.wait()
            self._changed.clear()
            ended = self._ended  # before reading: what is read now is then all there is
            while self._news:
                yield self._news.popleft()
            read = self._read(ended)
            for event in read:
                yield event
            if ended:
                break
            if read:
                await asyncio.sleep(FLUSH_SECONDS)
        if self._stopped:
            yield self._finished("cancelled")
            return
        if self._stream.reason is None:
            raise self._error or ServerError(
                f"The server {self._host} broke off in the middle of the answer. Try again."
            )
        for call in self._stream.calls():
            yield call
        if self._stream.filtered:
            yield EngineNotice(f"The content filter of {self._host} ended the answer.")
        yield self._finished(self._stream.reason)

    def _read(self, ended: bool) -> list[StreamEvent]:
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._taken.set()
        try:
            complete = self._reader.feed(data) + (self._reader.finish() if ended else [])
        except EventTooLongError:
            raise ServerError(f"The server {self._host} sent an event without an end. Try again.") from None
        events = self._stream.read(complete)
        if events:
            self._last_token = time.monotonic()
            self._first_token = self._first_token or self._last_token
        return events

    def _finished(self, reason: Literal["stop", "length", "cancelled"]) -> GenerationFinished:
        stream = self._stream
        usage = stream.usage
        if not usage.completion_tokens:
            usage = replace(usage, completion_tokens=stream.tokens)
        waited = max(0.0, self._first_token - self._started)
        evaluated = usage.prompt_tokens - usage.reused_tokens
        decoding = self._last_token - self._first_token
        timings = Timings(
            ttft_ms=round(waited * 1000),
            prompt_tok_s=stream.prompt_tok_s or (round(evaluated / waited, 2) if waited else 0.0),
            decode_tok_s=stream.decode_tok_s or (round(usage.completion_tokens / decoding, 2) if decoding else 0.0),
        )
        return GenerationFinished(reason, usage, timings)
