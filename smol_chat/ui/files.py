"""The files of the workspace that can be attached to a message, found by a part of their name."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

MOST = 20_000
"""Files that are listed; a workspace with more says so."""
_LONGEST_S = 3.0
"""Seconds after which the list ends where it is: a disk may be slow, or a network."""
_IGNORE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class FileList:
    """Paths relative to the workspace, folders before their files; `complete` False where there are more."""

    paths: Sequence[str] = ()
    complete: bool = True


def list_files(root: Path) -> FileList:
    """Walk the workspace: what `.gitignore` files name and links to folders are left out. Meant for a thread."""
    paths: list[str] = []
    until = time.monotonic() + _LONGEST_S
    for path in _walk(root, "", ()):
        if len(paths) >= MOST or time.monotonic() > until:
            return FileList(paths, complete=False)
        paths.append(path)
    return FileList(paths)


def mention(path: str) -> str:
    """Return how a path is written in a message."""
    return f'@"{path}"' if " " in path else f"@{path}"


def best(paths: Sequence[str], wanted: str, most: int) -> list[str]:
    """Return the paths that hold the letters of `wanted` in this order, the likeliest first."""
    letters = wanted.lower()
    if not letters:
        return list(paths[:most])
    finds = re.compile(".*?".join(map(re.escape, letters)), re.IGNORECASE | re.DOTALL)
    scored = sorted((_score(path, match, letters), path) for path in paths if (match := finds.search(path)))
    return [path for _, path in scored[:most]]


def _score(path: str, match: re.Match[str], wanted: str) -> tuple[bool, bool, bool, int, int]:
    """Order: the name begins with it, holds it, the path holds it; then letters close together, then short paths."""
    whole, name = path.lower(), path.lower().rpartition("/")[2]
    spread = match.end() - match.start()
    return not name.startswith(wanted), wanted not in name, wanted not in whole, spread, len(path)


def _walk(folder: Path, under: str, rules: tuple[tuple[str, GitIgnoreSpec], ...]) -> Iterator[str]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    if (own := _rules_of(folder)) is not None:
        rules = (*rules, (under, own))
    folders = [entry for entry in entries if entry.is_dir(follow_symlinks=False) and entry.name != ".git"]
    for entry in entries:
        path = under + entry.name
        # A path that cannot be written into a message, or shown, cannot be asked for.
        if path.isprintable() and _is_file(entry) and not _is_ignored(path, rules):
            yield path
    for entry in folders:
        path = f"{under}{entry.name}/"
        if path.isprintable() and not _is_ignored(path, rules):
            yield from _walk(folder / entry.name, path, rules)


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _rules_of(folder: Path) -> GitIgnoreSpec | None:
    file = folder / ".gitignore"
    try:
        if not file.is_file() or file.stat().st_size > _IGNORE_BYTES:
            return None
        lines = file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    from pathspec import GitIgnoreSpec  # late: start-up; only the list of files needs it

    try:
        return GitIgnoreSpec.from_lines(lines)
    except ValueError:  # a pattern git would not take either
        return None


def _is_ignored(path: str, rules: Sequence[tuple[str, GitIgnoreSpec]]) -> bool:
    """Tell whether a rule leaves the path out; the rules of the nearest folder that say anything decide, as in git."""
    for under, spec in reversed(rules):
        verdict = spec.check_file(path[len(under) :]).include
        if verdict is not None:
            return verdict
    return False
