"""The model's state after what every conversation begins with, kept on disk from one start to the next.

Reading 2,500 tokens of system message and tools again costs a 4B model almost a minute on two cores; reading its state
from a file costs a quarter of a second. llama.cpp's own functions for such files end the process on a damaged one, so
header, checksum and reading are ours, and llama.cpp gets only bytes that are known to be whole.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import struct
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from smol_chat.engine.checkpoints import digest
from smol_chat.engine.llama import Llama, StateBuffer

MAGIC, VERSION = b"SMOLSNAP", 1
_HEADER = struct.Struct("<8sII32sQ32s")
"""Magic, version, number of tokens, key, length of the state, its checksum."""

MAX_FILES = 3
MAX_BYTES = 1024 * 1024 * 1024
"""Of all snapshots together."""

LEAST_TOKENS = 64
"""A shorter beginning is evaluated in a moment."""

_SAMPLES, _SAMPLE_BYTES, _HEAD_BYTES = 16, 64 * 1024, 1024 * 1024


class _UnusableError(Exception):
    """Say what is wrong with a snapshot."""


class Snapshots:
    """The snapshots of one model, loaded in one way; the folder may hold those of others."""

    def __init__(self, folder: Path, fingerprint: bytes) -> None:
        self._folder = folder
        self._fingerprint = fingerprint

    def load(self, ids: Sequence[int]) -> StateBuffer | None:
        """Return the state after `ids`; None when there is none that can be used."""
        if len(ids) < LEAST_TOKENS:
            return None
        path = self._path(ids)
        try:
            state = self._read(path, ids)
            os.utime(path)  # the ones used last are kept
            return state
        except FileNotFoundError:
            return None
        except (OSError, MemoryError, _UnusableError) as error:
            self._refuse(path, str(error))
            return None

    def _read(self, path: Path, ids: Sequence[int]) -> StateBuffer:
        with path.open("rb", buffering=0) as file:
            header = file.read(_HEADER.size)
            length = os.fstat(file.fileno()).st_size - _HEADER.size
            if not 0 < length <= MAX_BYTES:
                raise _UnusableError("its length is impossible")
            state = (ctypes.c_uint8 * length)()
            view, read = memoryview(state), 0
            while count := file.readinto(view[read:]):
                read += count
        if header != self._header(ids, view[:read]):
            raise _UnusableError("it is damaged or of another model")
        return state

    def store(self, model: Llama) -> None:
        """Keep the state of the memory as it is now, unless that is done already; a full disk is no failure."""
        ids, path = model.ids, self._path(model.ids)
        if len(ids) < LEAST_TOKENS or path.exists():
            return
        size = model.state_size(partial=False)
        if not 0 < size <= MAX_BYTES // 2:
            return
        state = (ctypes.c_uint8 * size)()
        view = memoryview(state)[: model.read_state(state, partial=False)]
        if not view:
            return
        try:
            self._write(path, self._header(ids, view), view)
            self._prune(path)
        except OSError as error:
            _log(f"the snapshot {path.name} was not written: {error}")

    def reject(self, ids: Sequence[int]) -> None:
        """Remove a snapshot whose state llama.cpp did not take."""
        self._refuse(self._path(ids), "llama.cpp does not take its state")

    def _path(self, ids: Sequence[int]) -> Path:
        return self._folder / f"{self._key(ids).hex()}.state"

    def _key(self, ids: Sequence[int]) -> bytes:
        return hashlib.blake2b(self._fingerprint + digest(ids), digest_size=32).digest()

    def _header(self, ids: Sequence[int], state: memoryview) -> bytes:
        checksum = hashlib.blake2b(state, digest_size=32).digest()
        return _HEADER.pack(MAGIC, VERSION, len(ids), self._key(ids), len(state), checksum)

    def _write(self, path: Path, header: bytes, state: memoryview) -> None:
        """Write beside the place and rename: whoever reads finds a whole file or none."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix="new-", dir=self._folder)  # for this user only
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(header)
                file.write(state)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _prune(self, newest: Path) -> None:
        """Remove the files that were not used for the longest time, and what an interrupted writer left."""
        files = [path for path in self._folder.iterdir() if path.suffix == ".state" and path != newest]
        files.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        kept, size = 1, newest.stat().st_size
        for path in files:
            size += path.stat().st_size
            kept += 1
            if kept > MAX_FILES or size > MAX_BYTES:
                path.unlink(missing_ok=True)
        for path in self._folder.glob("new-*"):
            path.unlink(missing_ok=True)

    def _refuse(self, path: Path, why: str) -> None:
        _log(f"the snapshot {path.name} is ignored: {why}")
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            _log(f"it cannot be removed: {error}")


def fingerprint(files: Iterable[Path], parts: Iterable[object]) -> bytes:
    """Return what changes whenever a state would mean something else: the model's files and how they are used.

    Of each file its size, its beginning and samples all over it are looked at: all of it would take seconds.
    """
    hasher = hashlib.blake2b(digest_size=32)
    for path in files:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            hasher.update(struct.pack("<Q", size))
            hasher.update(file.read(_HEAD_BYTES))
            for number in range(1, _SAMPLES + 1):
                file.seek(max(0, size * number // _SAMPLES - _SAMPLE_BYTES))
                hasher.update(file.read(_SAMPLE_BYTES))
    for part in parts:
        text = str(part).encode()
        hasher.update(struct.pack("<I", len(text)) + text)
    return hasher.digest()


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # the worker's standard error is the engine's log
