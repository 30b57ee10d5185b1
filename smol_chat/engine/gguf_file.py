"""Look at a model file before llama.cpp does, so that whatever is wrong with it gets one clear sentence."""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass, field
from pathlib import Path

from smol_chat.errors import ModelFileError

MAX_ENTRIES = 1_000_000
"""Metadata entries or tensors; real files have some hundred."""

MAX_DIMENSIONS = 4
MAX_ALIGNMENT = 1024 * 1024

_BLOCKS = {
    **{0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 40)},
    **{10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292)},
    **{16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82)},
    **{23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2)},
    **{34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36), 41: (128, 18)},
}
"""GGML's tensor types: values in a block, bytes of a block. A type that is not here is left to llama.cpp."""

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9


def check_model_file(path: Path) -> None:
    """Do nothing when the file looks like a whole GGUF model.

    Raises:
        ModelFileError: it does not; the sentence says what it is instead and what to do.
    """
    if not path.exists():
        raise ModelFileError(
            f"There is no model file at {str(path)!r}. Check the path, or list models: smol-chat models."
        )
    if path.is_dir():
        raise ModelFileError(f"{str(path)!r} is a folder. Name the GGUF file in it.")
    if not path.is_file():
        raise ModelFileError(f"{str(path)!r} is not a regular file. Name a GGUF file.")
    try:
        with path.open("rb") as file:
            head = file.read(512)
            _check_kind(path, head)
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                _check_layout(path, data)
    except OSError as error:
        raise ModelFileError(f"The model file {str(path)!r} cannot be read: {error.strerror}.") from error


def _check_kind(path: Path, head: bytes) -> None:
    name = repr(str(path))
    start = head.lstrip().lower()
    if not head:
        raise ModelFileError(f"The model file {name} is empty. Download it again.")
    if start.startswith(b"version https://git-lfs"):
        raise ModelFileError(
            f"{name} is a Git LFS pointer, not the model itself. Fetch the real file: run `git lfs pull` beside it."
        )
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        raise ModelFileError(
            f"{name} is a web page, not a model; the download probably needed a login. Download the GGUF file itself."
        )
    if head.startswith(b"FUGG"):
        raise ModelFileError(f"{name} is a GGUF file for big-endian machines. Get the ordinary build of this model.")
    if head[:4] != b"GGUF":
        raise ModelFileError(f"{name} is not a GGUF model. Get the model in GGUF format.")


class _DamagedError(Exception):
    """Say that the header contradicts itself or the file's size."""


def _check_layout(path: Path, data: mmap.mmap) -> None:
    try:
        header = _Reader(data).header()
    except _DamagedError as error:
        raise ModelFileError(
            f"The header of {str(path)!r} is damaged or cut off ({error}). Download the model again."
        ) from error
    if header.kind != "model":
        raise ModelFileError(
            f"{str(path)!r} is a GGUF file, but holds {header.kind!r}, not a model. Name the model's file."
        )
    if header.end > len(data):
        raise ModelFileError(
            f"{str(path)!r} is incomplete: it has {_size(len(data))} of {_size(header.end)}. Download it again."
        )


@dataclass(slots=True)
class _Header:
    kind: str = "model"
    alignment: int = 32
    tensor_ends: list[int] = field(default_factory=list)
    end: int = 0
    """Bytes the whole file must have."""


class _Reader:
    """Walk the header once, within bounds; of the metadata only what matters here is kept."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._position = 4

    def header(self) -> _Header:
        version = self._unpack("I")
        if version not in (2, 3):
            raise _DamagedError(f"GGUF version {version} is unknown")
        tensors, entries = self._unpack("Q"), self._unpack("Q")
        if max(tensors, entries) > MAX_ENTRIES:
            raise _DamagedError(f"it claims {tensors:,} tensors and {entries:,} entries")
        header = _Header()
        for _ in range(entries):
            self._entry(header)
        for _ in range(tensors):
            header.tensor_ends.append(self._tensor_end())
        start = -(-self._position // header.alignment) * header.alignment
        header.end = start + max(header.tensor_ends, default=0)
        return header

    def _entry(self, header: _Header) -> None:
        key = self._string()
        kind = self._unpack("I")
        if key == b"general.type" and kind == _STRING:
            header.kind = self._string().decode("utf-8", "replace")
        elif key == b"general.alignment" and kind == 4:
            header.alignment = self._unpack("I")
            if not 0 < header.alignment <= MAX_ALIGNMENT:
                raise _DamagedError(f"an alignment of {header.alignment}")
        else:
            self._skip(kind)

    def _skip(self, kind: int) -> None:
        if kind == _STRING:
            self._string()
        elif kind == _ARRAY:
            self._skip_array()
        elif kind in _SCALARS:
            self._advance(struct.calcsize("<" + _SCALARS[kind]))
        else:
            raise _DamagedError(f"a value of unknown type {kind}")

    def _skip_array(self) -> None:
        kind, count = self._unpack("I"), self._unpack("Q")
        if kind in _SCALARS:
            self._advance(count * struct.calcsize("<" + _SCALARS[kind]))
        elif kind == _STRING:
            if count * 8 > len(self._data):
                raise _DamagedError(f"it claims {count:,} strings in one array")
            for _ in range(count):
                self._string()
        else:
            raise _DamagedError(f"an array of unknown type {kind}")

    def _tensor_end(self) -> int:
        self._string()
        dimensions = self._unpack("I")
        if dimensions > MAX_DIMENSIONS:
            raise _DamagedError(f"a tensor of {dimensions} dimensions")
        values = 1
        for _ in range(dimensions):
            values *= self._unpack("Q")
        kind, offset = self._unpack("I"), self._unpack("Q")
        block, size = _BLOCKS.get(kind, (1, 0))
        return int(offset + values // block * size)

    def _string(self) -> bytes:
        length = self._unpack("Q")
        start = self._position
        self._advance(length)
        return self._data[start : start + length] if length < 256 else b""

    def _unpack(self, form: str) -> int:
        start = self._position
        self._advance(struct.calcsize("<" + form))
        (value,) = struct.unpack_from("<" + form, self._data, start)
        return int(value)

    def _advance(self, length: int) -> None:
        self._position += length
        if self._position > len(self._data):
            raise _DamagedError("it ends in the middle of its header")


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count:,} bytes"
