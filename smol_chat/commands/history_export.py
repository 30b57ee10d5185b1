"""Write conversations into a file, and take them in from one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from smol_chat.agent.export.files import Format, write, written
from smol_chat.agent.export.records import TurnRecord, turn_records
from smol_chat.errors import UsageError
from smol_chat.journal import ConversationSummary, Journal
from smol_chat.sanitise import single_line

if TYPE_CHECKING:
    from smol_chat.agent.export.training import TrainingExport
    from smol_chat.assembly import Assembly

_ALL = 1_000_000


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
