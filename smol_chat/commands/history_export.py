"""Write conversations into a file, and take them in from one."""

from __future__ import annotations

import argparse
import errno
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from smol_chat.agent.export.records import TurnRecord, turn_records
from smol_chat.errors import UsageError
from smol_chat.journal import ConversationSummary, Journal
from smol_chat.sanitise import single_line

if TYPE_CHECKING:
    from smol_chat.agent.export.training import TrainingExport
    from smol_chat.assembly import Assembly

Format = Literal["markdown", "html", "jsonl", "trl"]
_ALL = 1_000_000
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP)
"""What a file system without hard links says."""
FORMATS: tuple[Format, ...] = ("markdown", "html", "jsonl", "trl")


def export(assembly: Assembly, journal: Journal, arguments: argparse.Namespace) -> int:
    """Write the conversations that were named; without any name the last one, or all for a format that takes many.

    Raises:
        UsageError: there is no such conversation, or the file is there already.
    """
    kind: Format = arguments.format
    chosen = [journal.find(prefix) for prefix in arguments.ids]
    if kind in ("markdown", "html"):
        if len(chosen) > 1:
            raise UsageError(f"A {kind} file holds one conversation; name one, or write jsonl.")
        if not chosen and not (latest := journal.latest()):
            raise UsageError("There is no conversation to export yet.")
        chosen = chosen or [latest or ""]
    training = _training(assembly, arguments) if kind == "trl" else None
    summaries = [one for one in journal.conversations(_ALL) if not chosen or one.id in chosen]
    if training is not None:
        parts = _examples(journal, summaries, training)
    else:
        parts = (part for summary in summaries for part in written(journal, summary, kind, every=arguments.all))
    write(parts, arguments.output, force=arguments.force)
    if training is not None:
        for sentence in training.report():
            print(sentence, file=sys.stderr)
    elif arguments.output != "-":
        count = f"{len(summaries):,} conversation{'' if len(summaries) == 1 else 's'}"
        print(f"Wrote {count} to {arguments.output}.", file=sys.stderr)
    return 0


def take_in(assembly: Assembly, journal: Journal, file: str) -> int:
    """Import conversations from a file of messages, all of them or none.

    Raises:
        UsageError: the file cannot be read, or a line of it is no conversation.
        JournalError: the history cannot be written.
    """
    from smol_chat.agent.export.importing import conversations  # late: only an import needs them
    from smol_chat.journal.adding import add

    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).expanduser().read_bytes()
    except OSError as error:
        raise UsageError(f"{file!r} cannot be read: {error.strerror}.") from error
    try:
        found = conversations(data.decode().split("\n"))
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UsageError(f"Nothing was imported: line {line} is no UTF-8.") from error
    for name, conversation in zip(add(journal, assembly.paths.history_db, found), found, strict=True):
        print(f"{name}  {single_line(conversation.title, 80)}")
    return 0


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


def _training(assembly: Assembly, arguments: argparse.Namespace) -> TrainingExport:
    from smol_chat.agent.export.training import TrainingExport  # as above

    registry = assembly.registry()
    tools = [tool.schema for name in registry.names() if (tool := registry.get(name)) is not None]
    return TrainingExport(tools, mask=not arguments.no_mask, only=arguments.only or "")


def _examples(journal: Journal, summaries: Iterable[ConversationSummary], training: TrainingExport) -> Iterator[str]:
    """Yield the examples of every turn of every branch, each turn once."""
    for summary in summaries:
        before: dict[int | None, list[TurnRecord]] = {None: []}
        for turn in journal.turns(summary.id):
            before[turn.id] = before[turn.parent]
            for record in turn_records(turn.events):
                yield from training.lines(before[turn.parent], record)
                before[turn.id] = [*before[turn.parent], record]


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
