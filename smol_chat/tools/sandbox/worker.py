"""The process that runs one program.

Started as a script, `python -I -S worker.py PATH…`, with the folders it imports from. It imports everything, waits for
a job on standard input, takes away what it no longer needs, runs the job and ends. What it tells goes to standard
output in frames: one byte of kind, four bytes of length, the content.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import types

STARTED, OUTPUT, REPORT = b"s", b"o", b"r"
HEADER = struct.Struct(">cI")

_PACKAGE = "smol_chat.tools"


def main() -> None:
    """Run the one job of this process."""
    _die_with_parent()
    _import_from(sys.argv[1:])
    from smol_chat.tools.sandbox.policy import facades
    from smol_chat.tools.sandbox.policy.program import Program

    Program("1", lambda text: None).run()  # the compiler and the guards have run once before it matters
    _warm_up()
    job = json.loads(sys.stdin.buffer.read())
    code = str(job["code"])
    if "zoneinfo" in code:
        facades.preload_zones()  # 0.1 s, so only for a program that asks
    channel = _own_channel()
    _limit(job)
    _send(channel, STARTED, b"")  # from here the program's time runs
    output = _Output(channel, int(job["output"]))
    try:
        report = Program(code, output.write).run()
    except MemoryError:
        report = {"ended": "memory", "error": "MemoryError"}
    report["output_cut"] = output.cut
    _send(channel, REPORT, json.dumps(report).encode())
    os._exit(0)  # nothing of the program's runs any more: no finaliser, no exit handler


def _import_from(paths: list[str]) -> None:
    """Make the policy importable without the packages around it, which import what only the program itself needs."""
    sys.path[:0] = paths
    package = types.ModuleType(_PACKAGE)
    package.__path__ = [os.path.join(paths[0], *_PACKAGE.split("."))]  # noqa: PTH118  # pathlib costs 10 ms
    sys.modules[_PACKAGE] = package


def _warm_up() -> None:
    """Do once what would otherwise open files later: codecs, local time."""
    import time

    for encoding in ("ascii", "latin-1", "cp1252", "utf-16", "utf-32", "utf-8-sig", "unicode_escape", "hex", "base64"):
        "x".encode(encoding) if encoding not in ("hex", "base64") else __import__("codecs").lookup(encoding)
    time.localtime()


def _own_channel() -> int:
    """Keep standard output for frames and point the three standard descriptors at nothing."""
    channel = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.close(nothing)
    return channel


def _die_with_parent() -> None:
    """Never gain rights, never outlive the program (both are Linux only)."""
    if sys.platform != "linux":
        return
    import ctypes

    prctl = ctypes.CDLL(None).prctl
    death_signal, no_new_privileges, kill = 1, 38, 9
    prctl(death_signal, kill, 0, 0, 0)
    prctl(no_new_privileges, 1, 0, 0, 0)


def _limit(job: dict[str, object]) -> None:
    """Limit the process for good. No further descriptor can be made, so nothing can be opened or connected."""
    import resource

    seconds, memory = int(str(job["seconds"])), int(str(job["memory"]))
    limits = {"CPU": seconds, "AS": memory, "FSIZE": 0, "CORE": 0, "NPROC": 0, "NOFILE": 0, "MEMLOCK": 0}
    for name, value in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}", None)
        if kind is None:
            continue
        try:
            resource.setrlimit(kind, (value, value))
        except (ValueError, OSError):
            # macOS takes no limit on address space; every other limit has to hold.
            if name != "AS":
                raise


class _Output:
    """What the program prints, passed on at once (it may be stopped any time) up to a number of bytes."""

    def __init__(self, channel: int, limit: int) -> None:
        self._channel = channel
        self._left = limit
        self.cut = False

    def write(self, text: str) -> None:
        if not self._left:
            self.cut = self.cut or bool(text)
            return
        data = text[: self._left].encode("utf-8", "backslashreplace")
        self.cut = len(text) > self._left or len(data) > self._left
        data = data[: self._left]
        self._left -= len(data)
        _send(self._channel, OUTPUT, data)


def _send(channel: int, kind: bytes, content: bytes) -> None:
    data = memoryview(HEADER.pack(kind, len(content)) + content)
    while data:
        data = data[os.write(channel, data) :]


if __name__ == "__main__":
    main()
