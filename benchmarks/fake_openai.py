"""A streaming OpenAI-compatible server on loopback that paces a deterministic Markdown reply.

    python benchmarks/fake_openai.py --port 0 --log stream.jsonl

The model's name picks the behaviour: `fake-<rate>-<tokens>[-think]`, as in `fake-200-5000` (200 tokens a second) or
`fake-max-5000` (as fast as they go). Each stream leaves one JSON line with the times of request, first and last token.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import time
from pathlib import Path

END_MARK = "END-MARK-7731"
"""Text of the last line of every reply; whoever sees it on the screen has drawn everything."""

WORDS = re.findall(
    r"\w+",
    "model token laptop offline search weather calendar approve stream latency memory cache python "
    "function value result budget window thread event render screen scroll prompt local context",
)


def make_tokens(count: int, seed: int = 7) -> list[str]:
    """Return about `count` small pieces of varied Markdown: prose, lists, tables, code, quotes."""
    source = random.Random(seed)
    pieces: list[str] = []
    number = 0
    while len(pieces) < count:
        number += 1
        pieces += re.findall(r"\s?\w{1,7}|\s+|[^\w\s]{1,3}", section(source, number))
    pieces = pieces[: count - 5]
    closing = "\n```\n" if "".join(pieces).count("```") % 2 else "\n"
    return [*pieces, closing, "\n", "\n", END_MARK, "\n"]


def sentence(source: random.Random, length: int) -> str:
    """Return a sentence, some words marked up."""
    words = [source.choice(WORDS) for _ in range(length)]
    if source.random() < 0.3:
        words[2] = f"**{words[2]}**"
    if source.random() < 0.3:
        words[5] = f"`{words[5]}`"
    return " ".join(words).capitalize() + ". "


def section(source: random.Random, number: int) -> str:
    """Return a heading, prose, a list and a quote, in turn with a table and code."""
    text = f"\n\n## Section {number}\n\n" + "".join(sentence(source, 12) for _ in range(5)) + "\n\n"
    text += "".join(f"- {sentence(source, 7)}\n" for _ in range(5)) + "\n"
    if number % 2 == 0:
        rows = (f"| {source.choice(WORDS)} | {source.randint(1, 999)} | {source.choice(WORDS)} |\n" for _ in range(6))
        text += "| name | value | note |\n|---|---:|---|\n" + "".join(rows) + "\n"
    if number % 3 != 2:
        functions = (
            f"def {source.choice(WORDS)}_{i}(x: int) -> int:\n"
            f"    return x * {source.randint(2, 99)}  # {source.choice(WORDS)}\n"
            for i in range(5)
        )
        text += "```python\n" + "".join(functions) + "```\n"
    return text + "\n> " + sentence(source, 9) + "\n"


class Server:
    """Answer `GET /v1/models` and `POST /v1/chat/completions`."""

    def __init__(self, log: Path | None) -> None:
        self._log = log

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin1")
                found = re.search(r"(?i)^content-length:\s*(\d+)", head, re.MULTILINE)
                body = await reader.readexactly(int(found.group(1)) if found else 0)
                if head.startswith("POST") and "/chat/completions" in head:
                    await self._stream(writer, json.loads(body))
                else:
                    await _answer(writer, {"object": "list", "data": [{"id": "fake-200-5000", "object": "model"}]})
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _stream(self, writer: asyncio.StreamWriter, request: dict[str, object]) -> None:
        requested = time.time()
        model = str(request.get("model"))
        found = re.match(r"fake-(max|\d+)-(\d+)", model)
        rate = float(found.group(1)) if found and found.group(1) != "max" else 0.0
        count = int(found.group(2)) if found else 200
        deltas: list[dict[str, str]] = []
        if "think" in model:
            deltas += [{"reasoning_content": piece} for piece in make_tokens(min(count, 400), 3)[:-5]]
        deltas += [{"content": piece} for piece in make_tokens(count)]
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        start = time.perf_counter()
        first = time.time()
        for number, delta in enumerate(deltas):
            if rate:
                await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
            elif number % 64 == 0:
                await writer.drain()
            _put(writer, {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        usage = {"prompt_tokens": 12, "completion_tokens": len(deltas), "total_tokens": 12 + len(deltas)}
        _put(writer, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage})
        writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
        await writer.drain()
        self._note({"model": model, "n": len(deltas), "t_req": requested, "t_first": first, "t_last": time.time()})

    def _note(self, record: dict[str, object]) -> None:
        if self._log is not None:
            with self._log.open("a") as file:
                file.write(json.dumps(record) + "\n")


def _put(writer: asyncio.StreamWriter, chunk: dict[str, object]) -> None:
    data = b"data: " + json.dumps({"id": "c", "object": "chat.completion.chunk", **chunk}).encode() + b"\n\n"
    writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


async def _answer(writer: asyncio.StreamWriter, value: dict[str, object]) -> None:
    data = json.dumps(value).encode()
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n".encode())
    writer.write(data)
    await writer.drain()


async def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path)
    arguments = parser.parse_args()
    server = await asyncio.start_server(Server(arguments.log).handle, "127.0.0.1", arguments.port)
    print(f"listening on 127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
