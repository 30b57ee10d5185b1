"""Look at a model file before llama.cpp does, so that whatever is wrong with it gets one clear sentence."""

from __future__ import annotations

import mmap
from pathlib import Path

from smol_chat.engine.gguf_header import DamagedError, Header, read_header
from smol_chat.errors import ModelFileError

MAX_LAYERS = 512
"""Of a model; llama.cpp ends the process above it."""


def check_model_file(path: Path) -> Header:
    """Return the header of a file that looks like a whole GGUF model.

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
                return _check_layout(path, data)
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


def _check_layout(path: Path, data: mmap.mmap) -> Header:
    try:
        header = read_header(data)
    except DamagedError as error:
        raise ModelFileError(
            f"The header of {str(path)!r} is damaged or cut off ({error}). Download the model again."
        ) from error
    kind = header.text("general.type") or "model"
    if kind != "model":
        raise ModelFileError(f"{str(path)!r} is a GGUF file, but holds {kind!r}, not a model. Name the model's file.")
    if header.end > len(data):
        raise ModelFileError(
            f"{str(path)!r} is incomplete: it has {_size(len(data))} of {_size(header.end)}. Download it again."
        )
    layers = header.number(f"{header.text('general.architecture')}.block_count")
    if layers > MAX_LAYERS:
        raise ModelFileError(
            f"The model {path.name!r} cannot be loaded: it claims {layers:,} layers, but no model has more than "
            f"{MAX_LAYERS}. Get another build of it."
        )
    return header


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count:,} bytes"
