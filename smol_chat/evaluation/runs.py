"""Runs on disk: one file each, a line for how it was made and one for each answer, written as they come.

A run that was interrupted lacks answers; the same command finds it and goes on with it.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from smol_chat.errors import UsageError
from smol_chat.evaluation.answers import Answer, as_json, read_answer

_FORMAT = 1
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class RunKey:
    """What makes two runs the same: with equal keys the answers are equal too."""

    suite: str
    suite_digest: str
    examples: int
    model: str
    model_state: str
    """Sizes and times of the model's and the adapter's file, or the server's address."""
    decoding: str
    seed: int
    prompt_digest: str
    """Of the system prompt, the tools on offer and the sampling."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it is on disk."""

    id: str
    path: Path
    key: RunKey
    answers: dict[str, Answer]
    """By the example's id."""

    @property
    def complete(self) -> bool:
        """Whether every example has its answer."""
        return len(self.answers) >= self.key.examples


def begin_or_resume(folder: Path, key: RunKey) -> Run:
    """Return the run with this key that lacks answers, the latest there is; else a new one.

    Raises:
        UsageError: the folder cannot be written.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = [run for run in _runs(folder) if run.key == key and not run.complete]
        return unfinished[-1] if unfinished else _begin(folder, key)
    except OSError as error:
        raise UsageError(f"The runs in {str(folder)!r} cannot be written: {error.strerror}.") from error


def find_run(folder: Path, name: str) -> Run:
    """Return a run by the beginning of its id, or by its file.

    Raises:
        UsageError: there is none, several begin so, or it cannot be read.
    """
    path = Path(name).expanduser()
    if path.is_file():
        run = _read(path)
        if run is None:
            raise UsageError(f"{name!r} is no run of an evaluation.")
        return run
    runs = list(_runs(folder))
    found = [run for run in runs if run.id == name] or [run for run in runs if run.id.startswith(name)]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(run.id for run in (found or runs)[-_SHOWN:])
    if not listed:
        raise UsageError("There is no run yet: smol-chat eval makes one.")
    problem = "Several runs begin with" if found else "There is no run"
    raise UsageError(f"{problem} {name!r}; there are {listed}.")


@contextmanager
def appending(run: Run) -> Iterator[Callable[[Answer], None]]:
    """Open a run to add answers, each kept as soon as it is given; nobody else can meanwhile.

    Raises:
        UsageError: it cannot be written, or somebody else is adding to it.
    """
    try:
        with run.path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.truncate(_end_of_last_line(run.path.read_bytes()))
            file.seek(0, os.SEEK_END)

            def keep(answer: Answer) -> None:
                file.write(f"{json.dumps(as_json(answer))}\n".encode())
                file.flush()

            yield keep
    except BlockingIOError:
        raise UsageError(f"Another smol-chat is at the run {run.id}: wait for it, or stop it.") from None
    except OSError as error:
        raise UsageError(f"The run {run.id} cannot be written: {error.strerror}. The same command goes on.") from error


def _begin(folder: Path, key: RunKey) -> Run:
    started = datetime.now(timezone.utc)
    model = re.sub(r"[^a-z0-9.]+", "-", key.model.lower()).strip("-.")[:40] or "model"
    stem = f"{started:%Y%m%d-%H%M%S}-{model}-{key.decoding}"
    head = {"evaluation": _FORMAT, "started": started.isoformat(timespec="seconds"), "key": asdict(key)}
    for number in range(1, 1000):
        path = folder / (f"{stem}.jsonl" if number == 1 else f"{stem}-{number}.jsonl")
        try:
            with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
                file.write(f"{json.dumps(head)}\n")
        except FileExistsError:
            continue
        return Run(path.stem, path, key, {})
    raise FileExistsError(17, "there are too many runs of this second")


def _runs(folder: Path) -> Iterator[Run]:
    for path in sorted(folder.glob("*.jsonl"), key=lambda path: path.stem):
        run = _read(path)
        if run is not None:
            yield run


def _read(path: Path) -> Run | None:
    """Read a run; None where it is none. A last line that was cut off is left out."""
    try:
        data = path.read_bytes()
        lines = data[: _end_of_last_line(data)].decode().splitlines()
        head = json.loads(lines[0])
        key = RunKey(**head["key"])
        answers = [read_answer(json.loads(line)) for line in lines[1:]]
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError):
        return None
    return Run(path.stem, path, key, {answer.example: answer for answer in answers})


def _end_of_last_line(data: bytes) -> int:
    return data.rfind(b"\n") + 1
