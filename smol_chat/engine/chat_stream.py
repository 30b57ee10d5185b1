"""The chunks of an OpenAI-compatible streaming answer, made into engine events."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Literal, Union

from smol_chat.engine.server_errors import failure_in_stream
from smol_chat.errors import ServerError
from smol_chat.events import ServerReasoning, ServerToolCall, TextDelta
from smol_chat.messages import JsonObject, JsonValue, Usage

StreamEvent = Union[TextDelta, ServerReasoning]


@dataclass(slots=True)
class _OpenCall:
    index: int | None
    id: str = ""
    name: str = ""
    arguments: str = ""


class ChatStream:
    """Read one answer. Afterwards `reason`, `usage`, `calls` and the rates say how it came out."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._calls: list[_OpenCall] = []
        self.reason: Literal["stop", "length"] | None = None
        """Set once the server said that the answer is complete."""
        self.filtered = False
        """The server's content filter ended the answer."""
        self.tokens = 0
        self.usage = Usage()
        self.prompt_tok_s = 0.0
        """As told by the server, 0 where it does not; likewise `decode_tok_s`."""
        self.decode_tok_s = 0.0

    def read(self, events: list[bytes]) -> list[StreamEvent]:
        """Return what a batch of event data says; neighbouring texts become one delta.

        Raises:
            EngineError: the server reports an error, or sends what is no chunk.
        """
        out: list[StreamEvent] = []
        for data in events:
            if data.strip() == b"[DONE]":
                self.reason = self.reason or "stop"
                continue
            for delta in self._chunk(data):
                if out and type(out[-1]) is type(delta):
                    out[-1] = replace(out[-1], text=out[-1].text + delta.text, tokens=out[-1].tokens + delta.tokens)
                else:
                    out.append(delta)
        return out

    def calls(self) -> list[ServerToolCall]:
        """Return the tool calls, in order; only sensible once `reason` is set."""
        return [
            ServerToolCall(call.id or f"call_{number}", call.name, call.arguments)
            for number, call in enumerate(self._calls, 1)
            if call.name or call.arguments
        ]

    def _chunk(self, data: bytes) -> list[StreamEvent]:
        try:
            chunk: JsonValue = json.loads(data)
        except ValueError as error:
            raise ServerError(
                f"The server {self._host} sent something that is not JSON ({data[:40]!r}). "
                "Try again, or look at its log."
            ) from error
        if not isinstance(chunk, dict):
            return []
        if chunk.get("error"):
            raise failure_in_stream(chunk["error"], host=self._host)
        self._take_counts(chunk)
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        return self._choice(choice) if isinstance(choice, dict) else []

    def _choice(self, choice: JsonObject) -> list[StreamEvent]:
        delta = choice.get("delta") or choice.get("message")  # a server that does not stream sends the whole message
        out: list[StreamEvent] = []
        if isinstance(delta, dict):
            if reasoning := _text(delta.get("reasoning_content")) or _text(delta.get("reasoning")):
                out.append(ServerReasoning(reasoning))
            if content := _text(delta.get("content")):
                out.append(TextDelta(content))
            calls = delta.get("tool_calls")
            for call in calls if isinstance(calls, list) else ():
                if isinstance(call, dict):
                    self._call(call)
            self.tokens += 1 if out or calls else 0
        self._finish(choice.get("finish_reason"))
        return out

    def _finish(self, reason: JsonValue) -> None:
        if not isinstance(reason, str):
            return
        if reason in ("error", "abort"):
            raise failure_in_stream(None, host=self._host)
        self.filtered = reason == "content_filter"
        self.reason = "length" if reason == "length" else "stop"

    def _call(self, delta: JsonObject) -> None:
        function = delta.get("function")
        fields = function if isinstance(function, dict) else {}
        call_id, name = _text(delta.get("id")), _text(fields.get("name"))
        index = delta.get("index")
        call = self._open_call(index if isinstance(index, int) else None, call_id, name)
        call.id = call.id or call_id
        if name and name != call.name:
            call.name += name
        arguments = fields.get("arguments")
        if isinstance(arguments, str):
            call.arguments += arguments
        elif arguments is not None:
            call.arguments += json.dumps(arguments)

    def _open_call(self, index: int | None, call_id: str, name: str) -> _OpenCall:
        """Return the call a delta belongs to; servers differ in what they tell of index, id and name."""
        candidates = [call for call in self._calls if call.index == index] if index is not None else self._calls
        if index is None and call_id:
            candidates = [call for call in self._calls if call.id == call_id]
        if candidates:
            call = candidates[-1]
            other_id = bool(call_id and call.id and call_id != call.id)
            other_name = bool(name and call.name and call.arguments and not (call_id and call_id == call.id))
            if not other_id and not (other_name and (name != call.name or index is None)):
                return call
        call = _OpenCall(index)
        self._calls.append(call)
        return call

    def _take_counts(self, chunk: JsonObject) -> None:
        usage, timings = chunk.get("usage"), chunk.get("timings")
        if isinstance(usage, dict):
            details = usage.get("prompt_tokens_details")
            cached = details.get("cached_tokens") if isinstance(details, dict) else 0
            self.usage = Usage(
                _count(usage.get("prompt_tokens")), _count(cached), _count(usage.get("completion_tokens"))
            )
        if isinstance(timings, dict):
            self.prompt_tok_s = _rate(timings.get("prompt_per_second"))
            self.decode_tok_s = _rate(timings.get("predicted_per_second"))


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""


def _count(value: JsonValue) -> int:
    return value if isinstance(value, int) else 0


def _rate(value: JsonValue) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0
