"""Server-sent events: bytes in, the data of whole events out."""

from __future__ import annotations

MAX_EVENT = 16 * 1024 * 1024
"""Bytes of one event; a tool call that a server sends in one piece is far smaller."""


class EventTooLongError(Exception):
    """Report an event that does not end."""


class EventReader:
    """Take the stream as it comes, in any pieces."""

    def __init__(self) -> None:
        self._unread = bytearray()
        self._data: list[bytes] = []
        self._length = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the data of the events that `chunk` completes.

        Comments and other fields are dropped; a line `error: …` or a bare JSON object counts as data, as some servers
        report errors so.

        Raises:
            EventTooLongError: an event has more than `MAX_EVENT` bytes.
        """
        seen = max(0, len(self._unread) - 1)
        self._unread += chunk
        end = max(self._unread.rfind(b"\n", seen), self._unread.rfind(b"\r", seen, -1))
        if end < 0:
            if len(self._unread) > MAX_EVENT:
                raise EventTooLongError
            return []
        block = bytes(self._unread[: end + 1])
        del self._unread[: end + 1]
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        events: list[bytes] = []
        for line in block[:-1].split(b"\n"):
            self._take(line, events)
        return events

    def finish(self) -> list[bytes]:
        """Return the last event where the stream ended without the empty line."""
        events: list[bytes] = []
        if self._unread:
            self._take(bytes(self._unread).rstrip(b"\r"), events)
            self._unread.clear()
        self._take(b"", events)
        return events

    def _take(self, line: bytes, events: list[bytes]) -> None:
        if not line:
            if self._data:
                events.append(b"\n".join(self._data))
                self._data.clear()
                self._length = 0
            return
        if line.startswith((b"data:", b"error:")):
            value = line.partition(b":")[2].removeprefix(b" ")
        elif line.startswith(b"{"):
            value = line
        else:
            return
        self._length += len(value)
        if self._length > MAX_EVENT:
            raise EventTooLongError
        self._data.append(value)
