"""A conversation as a file: written whole or not at all, and never over another."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

from smol_chat.agent.export.records import turn_records
from smol_chat.errors import UsageError
from smol_chat.journal import ConversationSummary, Journal

Format = Literal["markdown", "html", "jsonl", "trl"]
SUFFIXES: dict[Format, str] = {"markdown": ".md", "html": ".html", "jsonl": ".jsonl"}
"""Of the formats that hold what was said."""
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP)
"""What a file system without hard links says."""


def written(journal: Journal, summary: ConversationSummary, kind: Format, *, every: bool = False) -> Iterator[str]:
    """Yield a conversation in one of the formats, of jsonl `every` branch if wanted, each as a line."""
    if kind == "jsonl":
        from smol_chat.agent.export.messages import messages_line  # each is only loaded when it is written

        leaves = [end.turn for end in reversed(journal.branch_ends(summary.id))] if every else [None]
        for leaf in leaves:
            yield messages_line(summary, turn_records(journal.events(summary.id, leaf)))
        return
    turns = turn_records(journal.events(summary.id))
    if kind == "html":
        from smol_chat.agent.export.html import html

        yield from html(summary, turns)
    else:
        from smol_chat.agent.export.markdown import markdown

        yield from markdown(summary, turns)


def write(parts: Iterable[str], output: str, *, force: bool) -> None:
    """Write all of it or nothing: to standard output for `-`, else to a file that is not there yet.

    Raises:
        UsageError: the file is there, or cannot be written.
    """
    if output == "-":
        for part in parts:
            sys.stdout.write(part.encode("utf-8", "replace").decode())
        return
    target = Path(output).expanduser()
    if target.exists() and not force:
        raise UsageError(f"There is a file {output!r} already; choose another name, or overwrite it with --force.")
    try:
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise UsageError(f"{output!r} cannot be written: {error.strerror}.") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as stream:
            stream.writelines(parts)
            stream.flush()
            os.fsync(stream.fileno())
        if force:
            Path(name).replace(target)
        else:
            _put(Path(name), target)
    except FileExistsError as error:
        raise UsageError(f"There is a file {output!r} already; overwrite it with --force.") from error
    except OSError as error:
        raise UsageError(f"{output!r} cannot be written: {error.strerror}.") from error
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()


def _put(file: Path, target: Path) -> None:
    """Give a finished file its name, but never that of a file that is there."""
    try:
        os.link(file, target)  # unlike a rename, this replaces nothing that appeared meanwhile
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        file.replace(target)
