"""Frames between the program and its worker: a four-byte length, then a JSON object. Never pickle."""

from __future__ import annotations

import asyncio
import json
import struct
from typing import BinaryIO, cast

from smol_chat.messages import JsonObject, JsonValue

MAX_FRAME = 64 * 1024 * 1024
"""Bytes; a conversation that fills the largest context window in use is a tenth of it."""

_LENGTH = struct.Struct(">I")


class FrameError(Exception):
    """Report bytes that are no frame, or a frame that lacks a field."""


def pack(frame: JsonObject) -> bytes:
    """Return the frame as bytes."""
    body = json.dumps(frame, separators=(",", ":")).encode()
    return _LENGTH.pack(len(body)) + body


async def receive(stream: asyncio.StreamReader) -> JsonObject:
    """Read one frame.

    Raises:
        asyncio.IncompleteReadError: the stream ended.
        FrameError: what came is no frame.
    """
    length = _length(await stream.readexactly(_LENGTH.size))
    return _parse(await stream.readexactly(length))


def read(stream: BinaryIO) -> JsonObject | None:
    """Read one frame, blocking; None at the end of the stream."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    length = _length(head)
    body = stream.read(length)
    return _parse(body) if len(body) == length else None


def _length(head: bytes) -> int:
    (length,) = _LENGTH.unpack(head)
    if length > MAX_FRAME:
        raise FrameError(f"a frame of {length:,} bytes")
    return cast(int, length)


def _parse(body: bytes) -> JsonObject:
    try:
        frame = json.loads(body)
    except ValueError as error:
        raise FrameError(f"not JSON: {body[:40]!r}") from error
    if not isinstance(frame, dict):
        raise FrameError(f"not an object: {body[:40]!r}")
    return cast(JsonObject, frame)


def text(frame: JsonObject, key: str) -> str:
    """Return a text field."""
    value = frame.get(key)
    if not isinstance(value, str):
        raise FrameError(f"{key!r} is no text in {str(frame)[:80]}")
    return value


def number(frame: JsonObject, key: str) -> int:
    """Return a whole number."""
    value = frame.get(key)
    if not isinstance(value, int):
        raise FrameError(f"{key!r} is no whole number in {str(frame)[:80]}")
    return value


def real(frame: JsonObject, key: str) -> float:
    """Return a number."""
    value = frame.get(key)
    if not isinstance(value, (int, float)):
        raise FrameError(f"{key!r} is no number in {str(frame)[:80]}")
    return float(value)


def objects(frame: JsonObject, key: str) -> list[JsonObject]:
    """Return a list of objects."""
    value: JsonValue = frame.get(key)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise FrameError(f"{key!r} is no list of objects in {str(frame)[:80]}")
    return cast("list[JsonObject]", value)
