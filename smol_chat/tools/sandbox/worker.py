"""The process that runs one program, or those of one conversation.

Started as a script, `python -I -S worker.py PATH…`, with the folders it imports from. It imports everything, waits for
the terms of a job on standard input, gives up what it no longer needs, then reads a program, runs it and tells what
came of it, as long as there are programs. All it reads and tells are frames: one byte of kind, four bytes of length,
the content.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import struct
import sys
import types
from collections.abc import Callable

TERMS, STARTED, PROGRAM, OUTPUT, REPORT = b"t", b"s", b"p", b"o", b"r"
HEADER = struct.Struct(">cI")

_PACKAGE = "smol_chat.tools"


def main() -> None:
    """Run the programs of this process."""
    _die_with_parent()
    _import_from(sys.argv[1:])
    from smol_chat.tools.sandbox import landlock, seccomp
    from smol_chat.tools.sandbox.policy import facades
    from smol_chat.tools.sandbox.policy.program import Interpreter

    Interpreter(lambda text: None).run("1")  # the compiler and the guards have run once before it matters
    _warm_up()
    job = json.loads(_frame(0))
    if job["zones"]:
        facades.preload_zones()  # 0.1 s, so only for a program that asks
    for package in job["packages"]:
        facades.preload_package(package)
    source, channel = _own_channels()
    held = _lock(job, landlock, seccomp)
    _send(channel, STARTED, json.dumps(held).encode())  # from here the program's time runs
    output = _Output(channel, int(job["output"]))
    interpreter = Interpreter(output.write)
    while True:
        # Nothing of a program has been read before here; where there is none any more, the process ends at once.
        code = _frame(source).decode("utf-8", "surrogatepass")
        output.begin()
        try:
            report = interpreter.run(code)
        except MemoryError:
            report = {"ended": "memory", "error": "MemoryError"}
        report["output_cut"] = output.cut
        _send(channel, REPORT, json.dumps(report).encode())


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


def _own_channels() -> tuple[int, int]:
    """Keep what standard input and output were, and point the three standard descriptors at nothing."""
    source, channel = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.close(nothing)
    return source, channel


def _exactly(source: int, size: int) -> bytes:
    """Read so many bytes; where the other side is closed the process ends: no finaliser, no exit handler."""
    read = bytearray()
    while len(read) < size:
        piece = os.read(source, size - len(read))
        if not piece:
            os._exit(0)
        read += piece
    return bytes(read)


def _frame(source: int) -> bytes:
    return _exactly(source, HEADER.unpack(_exactly(source, HEADER.size))[1])


def _lock(job: dict[str, object], landlock: types.ModuleType, seccomp: types.ModuleType) -> dict[str, bool]:
    """Give up every right for good, and say which layers were tried and hold."""
    held = {"landlock": False, "seccomp": False}
    if job["landlock"]:
        landlock.restrict(landlock.abi())
        held["landlock"] = _refused(lambda: os.listdir("/"), errno.EACCES)  # noqa: PTH208
    _limit(job)
    if job["seccomp"]:
        seccomp.load(seccomp.computing_filter(os.uname().machine))
        held["seccomp"] = _refused(lambda: os.open(os.devnull, os.O_RDONLY), errno.EPERM) and _refused(
            os.pipe, errno.EPERM
        )
    return held


def _refused(attempt: Callable[[], object], reason: int) -> bool:
    try:
        attempt()
    except OSError as error:
        return error.errno == reason
    return False


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
    """What a program prints, passed on at once (it may be stopped any time) up to a number of bytes."""

    def __init__(self, channel: int, limit: int) -> None:
        self._channel = channel
        self._limit = limit
        self.begin()

    def begin(self) -> None:
        """Count from nothing again: another program prints."""
        self._left = self._limit
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
