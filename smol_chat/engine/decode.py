"""One generation inside the worker: prefill in chunks, then token by token, text out as it becomes whole."""

from __future__ import annotations

import codecs
import time
from collections.abc import Callable
from typing import Literal

from smol_chat.engine.cache import TurnCache
from smol_chat.engine.constrain import CallRules, CallWriter
from smol_chat.engine.llama import AbortFlag, Llama, Sampler
from smol_chat.engine.prompt import Prompt
from smol_chat.messages import JsonObject

FLUSH_SECONDS = 0.025
"""Text is sent this often, so that the screen's process wakes up some forty times a second whatever the speed."""

SLOW_TOKEN_SECONDS = 0.15
"""From here on a token is aborted in the middle, although recurrent memory is lost with it."""

Reason = Literal["stop", "length", "cancelled"]


class TextOut:
    """Make text of tokens and send it in batches; a character whose bytes are spread over tokens comes out whole."""

    def __init__(self, send: Callable[[JsonObject], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._send = send
        self._clock = clock
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._unsent: list[str] = []
        self._tokens = 0
        self._all: list[str] = []
        self._sent_at = float("-inf")

    def add(self, piece: bytes) -> None:
        """Take one token's bytes; send when it is time, the first token at once."""
        self._unsent.append(self._decoder.decode(piece))
        self._tokens += 1
        now = self._clock()
        if now - self._sent_at >= FLUSH_SECONDS:
            self._flush(now)

    def finish(self) -> str:
        """Send the rest and return the whole text."""
        self._unsent.append(self._decoder.decode(b"", final=True))
        if self._tokens:
            self._flush(self._clock())
        return "".join(self._all)

    def _flush(self, now: float) -> None:
        text = "".join(self._unsent)
        self._send({"type": "text", "text": text, "tokens": self._tokens})
        self._all.append(text)
        self._unsent.clear()
        self._tokens = 0
        self._sent_at = now


class Generation:
    """Run one request on the model; `generated` and `text` hold what came of it, also when it was cancelled."""

    def __init__(self, model: Llama, cache: TurnCache, abort: AbortFlag, send: Callable[[JsonObject], None]) -> None:
        self._model = model
        self._cache = cache
        self._abort = abort
        self._send = send
        self.generated: list[int] = []
        self.text = ""

    def run(self, prompt: Prompt, sampling: JsonObject, calls: CallRules | None = None) -> JsonObject:
        """Generate, sending progress and text frames; return the last frame. `calls`: what holds for tool calls."""
        started = time.monotonic()
        reused = self._cache.rewind(prompt)
        reason: Reason | None = self._prefill(prompt, reused)
        prefilled = time.monotonic()
        if reason is None:
            sampler = self._model.sampler(sampling)
            try:
                sampler.accept(prompt.ids)
                reason = self._decode(sampler, sampling, prompt, calls)
            finally:
                sampler.free()
        return {
            "type": "finished",
            "reason": reason,
            "prompt_tokens": len(prompt.ids),
            "reused_tokens": reused,
            "completion_tokens": len(self.generated),
            "prefill_seconds": prefilled - started,
            "decode_seconds": time.monotonic() - prefilled,
        }

    def _prefill(self, prompt: Prompt, reused: int) -> Reason | None:
        def report(done: int) -> None:
            self._send({"type": "progress", "done": done, "total": len(prompt.ids), "reused": reused})

        report(reused)
        done = self._cache.prefill(
            prompt, chunk=self._model.chunk_size(), report=report, go_on=lambda: not self._abort.is_set()
        )
        return None if done else "cancelled"

    def _decode(self, sampler: Sampler, sampling: JsonObject, prompt: Prompt, calls: CallRules | None) -> Reason:
        out = TextOut(self._send)
        writer = None
        if calls is not None:
            writer = CallWriter(self._model, sampler, calls, starts_in_reasoning=prompt.starts_in_reasoning)
        try:
            return self._decode_into(out, sampler, writer, sampling)
        finally:
            self.text = out.finish()
            if writer is not None:
                writer.free()

    def _decode_into(self, out: TextOut, sampler: Sampler, writer: CallWriter | None, sampling: JsonObject) -> Reason:
        model, vocabulary, abort, generated = self._model, self._model.vocabulary, self._abort, self.generated
        limit = sampling.get("max_tokens")
        most = limit if isinstance(limit, int) else model.context_size
        abortable = not model.is_recurrent
        while not abort.is_set():
            token = writer.next() if writer is not None else sampler.sample()
            if vocabulary.ends_turn(token):
                return "stop"
            generated.append(token)
            out.add(vocabulary.piece(token))
            if writer is not None:
                writer.follow(token)
                if writer.call_is_too_long:
                    return "length"
            if len(generated) >= most or len(model.ids) >= model.context_size:
                return "length"
            before = time.monotonic()
            if not model.evaluate((token,), abortable=abortable):
                break
            if model.is_recurrent:
                abortable = time.monotonic() - before > SLOW_TOKEN_SECONDS
        return "cancelled"
