"""An OpenAI-compatible server on loopback that plays a script and remembers what it was asked."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Union

from typing_extensions import Self

from smol_chat.messages import JsonObject, JsonValue

Chunk = Union[JsonObject, bytes]


@dataclass(frozen=True)
class Stream:
    """A streamed answer: objects become events, bytes are sent as they are."""

    chunks: Sequence[Chunk]
    done: bool = True
    """Send `[DONE]` at the end."""
    cut: bool = False
    """Drop the connection instead of ending the answer."""
    hold_after: int | None = None
    """Send nothing more after so many chunks, until `OpenAIServer.release`."""
    line_end: bytes = b"\n"
    in_one_piece: bool = False
    """Send all chunks in one write, so that many events arrive at once."""


@dataclass(frozen=True)
class Refusal:
    """An answer that is no stream."""

    status: int
    body: JsonValue | bytes
    content_type: str = "application/json"


Answer = Union[Stream, Refusal]


def content(*pieces: str) -> list[JsonObject]:
    """Return one chunk per piece of answer text."""
    return [_chunk({"content": piece}) for piece in pieces]


def reasoning(*pieces: str, field_name: str = "reasoning_content") -> list[JsonObject]:
    """Return one chunk per piece of separated reasoning."""
    return [_chunk({field_name: piece}) for piece in pieces]


def tool_call(name: str, arguments: str, *, call_id: str = "call_a", index: int = 0) -> list[JsonObject]:
    """Return a call as servers stream it: the name first, then the arguments in pieces."""
    first: JsonObject = {"index": index, "id": call_id, "function": {"name": name, "arguments": ""}}
    middle = len(arguments) // 2
    rest: list[JsonObject] = [
        {"index": index, "function": {"arguments": part}} for part in (arguments[:middle], arguments[middle:])
    ]
    return [_chunk({"tool_calls": [call]}) for call in (first, *rest)]


def finish(reason: str = "stop", usage: JsonObject | None = None) -> list[JsonObject]:
    """Return the last chunk, with token counts in one of their own where given."""
    last: JsonObject = {**_chunk({})}
    last["choices"] = [{"index": 0, "delta": {}, "finish_reason": reason}]
    return [last, {**_chunk({}), "choices": [], "usage": usage}] if usage else [last]


def listed(*names: str, **fields: JsonValue) -> JsonObject:
    """Return the answer of `GET /models`; every entry has the fields."""
    return {"object": "list", "data": [{"id": name, **fields} for name in names]}


def _chunk(delta: JsonObject) -> JsonObject:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "fake",
        "choices": [{"index": 0, "delta": delta, "finish_reason": None}],
    }


@dataclass
class OpenAIServer:
    """Serve on a free port of 127.0.0.1 while it is entered; answers are given in order."""

    answers: list[Answer] = field(default_factory=list)
    models: JsonValue = field(default_factory=lambda: listed("fake", "other"))
    models_status: int = 200
    props: JsonValue = None
    requests: list[JsonObject] = field(default_factory=list)
    """Bodies of the chat requests."""
    headers: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    def __post_init__(self) -> None:
        self.holding = asyncio.Event()
        self.released = asyncio.Event()
        self.hung_up = asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        self.released.set()
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def release(self) -> None:
        """Let an answer go on that holds."""
        self.released.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            self.hung_up.set()
        finally:
            self._connections.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve one request; return whether the connection stays open."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        request_line, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        method, path, _ = request_line.split(" ", 2)
        self.headers.append(headers)
        if method == "GET" and path.endswith("/models"):
            await _respond(writer, self.models_status, self.models)
        elif method == "GET" and path == "/props" and self.props is not None:
            await _respond(writer, 200, self.props)
        elif method == "POST" and path.endswith("/chat/completions"):
            self.requests.append(json.loads(body))
            return await self._answer(reader, writer)
        else:
            await _respond(writer, 404, {"error": {"message": f"no {path} here"}})
        return True

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        assert self.answers, f"the script has no answer {len(self.requests)}"
        answer = self.answers.pop(0)
        if isinstance(answer, Refusal):
            await _respond(writer, answer.status, answer.body, answer.content_type)
            return True
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        pieces = [event_bytes(chunk, answer.line_end) for chunk in answer.chunks]
        if answer.done and not answer.cut:
            pieces.append(b"data: [DONE]" + answer.line_end * 2)
        if answer.in_one_piece:
            pieces = [b"".join(pieces)]
        for number, piece in enumerate(pieces):
            if number == answer.hold_after:
                await self._hold(reader)
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
        if answer.cut:
            return False
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    async def _hold(self, reader: asyncio.StreamReader) -> None:
        """Wait until released or until the other side hangs up."""
        self.holding.set()
        released = asyncio.create_task(self.released.wait())
        gone = asyncio.create_task(reader.read(1))
        try:
            await asyncio.wait({released, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            released.cancel()
            gone.cancel()
            await asyncio.gather(released, gone, return_exceptions=True)
        if not self.released.is_set():
            raise ConnectionResetError


def event_bytes(chunk: Chunk, line_end: bytes = b"\n") -> bytes:
    return chunk if isinstance(chunk, bytes) else b"data: " + json.dumps(chunk).encode() + line_end * 2


async def _respond(
    writer: asyncio.StreamWriter, status: int, body: JsonValue | bytes, content_type: str = "application/json"
) -> None:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\nContent-Length: {len(data)}\r\n\r\n"
    writer.write(head.encode() + data)
    await writer.drain()
