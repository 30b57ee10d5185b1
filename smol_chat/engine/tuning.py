"""What `models tune` measured, remembered for each model on this machine with this version of llama.cpp."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

from smol_chat.engine.hardware import cores, processor_name
from smol_chat.engine.plan import Tuned

HEAD_BYTES = 64 * 1024
"""Of a model file: with its size enough to tell models apart."""

KEPT = 50
"""Measurements; the oldest are forgotten."""


def tuning_key(model: Path) -> str:
    """Return what a measurement holds for: this file, this machine, this library.

    Raises:
        OSError: the file cannot be read.
    """
    with model.open("rb") as file:
        head = file.read(HEAD_BYTES)
    parts = (
        hashlib.sha256(head).hexdigest(),
        str(model.stat().st_size),
        processor_name(),
        str(cores().count),
        metadata.version("llama-cpp-python"),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def tuned_for(model: Path, file: Path) -> Tuned | None:
    """Return what was measured for a model; None where nothing was, or the file is damaged."""
    try:
        found = _read(file).get(tuning_key(model))
    except OSError:
        return None
    if not isinstance(found, dict):
        return None
    threads, ubatch, repack = (found.get(key) for key in ("threads", "ubatch", "repack"))
    if type(threads) is int and type(ubatch) is int and isinstance(repack, bool) and threads > 0 and ubatch > 0:
        return Tuned(threads, ubatch, repack)
    return None


def remember(model: Path, tuned: Tuned, file: Path) -> None:
    """Keep a measurement.

    Raises:
        OSError: it cannot be written.
    """
    key = tuning_key(model)
    known = {other: value for other, value in _read(file).items() if other != key}
    kept = dict([*known.items(), (key, {"model": model.name, **asdict(tuned)})][-KEPT:])
    descriptor, written = tempfile.mkstemp(dir=file.parent, prefix=".tuning-")  # 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            json.dump(kept, out, indent=1)
        Path(written).replace(file)
    except OSError:
        Path(written).unlink(missing_ok=True)
        raise


def _read(file: Path) -> dict[str, object]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
