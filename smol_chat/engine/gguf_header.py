"""Read the header of a GGUF file out of a buffer: metadata and tensors, within bounds whatever the bytes claim."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Union

MAX_ENTRIES = 1_000_000
"""Metadata entries or tensors; real files have some hundred."""

MAX_DIMENSIONS = 4
MAX_ALIGNMENT = 1024 * 1024
MAX_TEXT = 256 * 1024
"""Bytes of a text that is kept; chat templates have some ten thousand."""

MAX_KEPT_ITEMS = 4096
"""Numbers of an array that is kept; per-layer lists have at most some hundred."""

BLOCKS = {
    **{0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 40)},
    **{10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292)},
    **{16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82)},
    **{23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2)},
    **{34: (256, 54), 35: (256, 66), 39: (32, 17), 40: (64, 36), 41: (128, 18)},
}
"""GGML's tensor types: values in a block, bytes of a block. A type that is not here is left to llama.cpp."""

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_LENGTH = struct.Struct("<Q")

Scalar = Union[bool, int, float]
Value = Union[Scalar, str, "list[Scalar]"]


class DamagedError(Exception):
    """Say that the header contradicts itself or the file's size."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor: its GGML type, how many values it has, how many bytes (0 for a type that is not known here)."""

    name: str
    kind: int
    dimensions: int
    values: int
    size: int


@dataclass(slots=True)
class Header:
    """What a file says of itself. Texts and arrays that are too long to matter are left out of `values`."""

    values: dict[str, Value] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)
    """How many items each array has."""
    tensors: list[Tensor] = field(default_factory=list)
    end: int = 0
    """Bytes the whole file must have."""

    def text(self, key: str) -> str:
        """Return a text; empty where there is none."""
        value = self.values.get(key)
        return value if isinstance(value, str) else ""

    def number(self, key: str, default: int = 0) -> int:
        """Return a whole number that is not negative; of a list, its largest."""
        value = self.values.get(key)
        if isinstance(value, list):
            value = max(value, default=default)
        return max(0, value) if isinstance(value, int) else default


def read_header(data: mmap.mmap | bytes) -> Header:
    """Return the header of the GGUF file in `data`, whose magic has been looked at.

    Raises:
        DamagedError: it is cut off, or claims what cannot be.
    """
    return _Reader(data).header()


class _Reader:
    """Walk the header once."""

    def __init__(self, data: mmap.mmap | bytes) -> None:
        self._data = data
        self._size = len(data)
        self._position = 4

    def header(self) -> Header:
        version = self._whole("I")
        if version not in (2, 3):
            raise DamagedError(f"GGUF version {version} is unknown")
        tensors, entries = self._whole("Q"), self._whole("Q")
        if max(tensors, entries) > MAX_ENTRIES:
            raise DamagedError(f"it claims {tensors:,} tensors and {entries:,} entries")
        header = Header()
        for _ in range(entries):
            self._entry(header)
        alignment = header.values.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 0 < alignment <= MAX_ALIGNMENT:
            raise DamagedError(f"an alignment of {alignment}")
        last = 0
        for tensor, offset in self._tensors(tensors):
            header.tensors.append(tensor)
            last = max(last, offset + tensor.size)
        header.end = -(-self._position // alignment) * alignment + last
        return header

    def _entry(self, header: Header) -> None:
        key = self._string()
        kind = self._whole("I")
        if kind == _STRING:
            header.values[key] = self._string()
        elif kind == _ARRAY:
            self._array(key, header)
        elif kind in _SCALARS:
            header.values[key] = self._scalar(_SCALARS[kind])
        else:
            raise DamagedError(f"a value of unknown type {kind}")

    def _array(self, key: str, header: Header) -> None:
        kind, count = self._whole("I"), self._whole("Q")
        header.lengths[key] = count
        if kind == _STRING:
            self._skip_strings(count)
        elif kind in _SCALARS:
            if count > self._size:
                raise DamagedError(f"it claims {count:,} values in one array")
            form = f"<{count}{_SCALARS[kind]}"
            start = self._position
            self._advance(struct.calcsize(form))
            if count <= MAX_KEPT_ITEMS:
                header.values[key] = [*struct.unpack_from(form, self._data, start)]
        else:
            raise DamagedError(f"an array of unknown type {kind}")

    def _skip_strings(self, count: int) -> None:
        """Step over a vocabulary: a quarter of a million texts, so this loop does nothing else."""
        if count * _LENGTH.size > self._size:
            raise DamagedError(f"it claims {count:,} strings in one array")
        position, limit, data, unpack = self._position, self._size - _LENGTH.size, self._data, _LENGTH.unpack_from
        for _ in range(count):
            if position > limit:
                break
            position += unpack(data, position)[0] + _LENGTH.size
        else:
            if position <= self._size:
                self._position = position
                return
        raise DamagedError("it ends in the middle of its header")

    def _tensors(self, count: int) -> Iterator[tuple[Tensor, int]]:
        for _ in range(count):
            name = self._string()
            dimensions = self._whole("I")
            if dimensions > MAX_DIMENSIONS:
                raise DamagedError(f"a tensor of {dimensions} dimensions")
            values = 1
            for _ in range(dimensions):
                values *= self._whole("Q")
            kind, offset = self._whole("I"), self._whole("Q")
            block, size = BLOCKS.get(kind, (1, 0))
            yield Tensor(name, kind, dimensions, values, values // block * size), offset

    def _string(self) -> str:
        length = self._whole("Q")
        start = self._position
        self._advance(length)
        return self._data[start : start + length].decode("utf-8", "replace") if length <= MAX_TEXT else ""

    def _whole(self, form: str) -> int:
        return int(self._scalar(form))

    def _scalar(self, form: str) -> Scalar:
        start = self._position
        self._advance(struct.calcsize("<" + form))
        value: Scalar = struct.unpack_from("<" + form, self._data, start)[0]
        return value

    def _advance(self, length: int) -> None:
        self._position += length
        if self._position > self._size:
            raise DamagedError("it ends in the middle of its header")
