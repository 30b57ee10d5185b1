"""A conversation as Markdown, to read and to paste elsewhere."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence

from smol_chat.agent.export.records import CallRecord, RoundRecord, TurnRecord
from smol_chat.journal import ConversationSummary
from smol_chat.sanitise import single_line, visible


def markdown(summary: ConversationSummary, turns: Sequence[TurnRecord]) -> Iterator[str]:
    """Yield the conversation part by part. What was thought is quoted, what calls took and gave is in fences."""
    date = time.strftime("%Y-%m-%d", time.localtime(summary.started))
    yield f"# {_line(summary.title)}\n\n{date} · {_line(summary.model)}\n"
    for turn in turns:
        yield f"\n## You\n\n{visible(turn.question, prose=True)}\n"
        for file in turn.attachments:
            yield f"\nAttached: {_code(file.path)}\n\n{_fence(file.text)}\n"
        yield "\n## Assistant\n"
        for one in turn.rounds:
            yield from _round(one)
        for notice in turn.notices:
            yield f"\n*{_line(notice)}*\n"


def _round(one: RoundRecord) -> Iterator[str]:
    if one.reasoning.strip():
        quoted = "\n".join(f"> {line}".rstrip() for line in visible(one.reasoning.strip(), prose=True).split("\n"))
        yield f"\n> Thought:\n>\n{quoted}\n"
    if one.content.strip():
        yield f"\n{visible(one.content.strip(), prose=True)}\n"
    for record in one.calls:
        yield from _call(record)
    for bad in one.malformed:
        yield f"\n**A call that could not be read:** {_line(bad.message)}\n\n{_fence(bad.raw)}\n"


def _call(record: CallRecord) -> Iterator[str]:
    decision, result = record.decision, record.result
    said = ""
    if decision is not None and decision.decision == "deny":
        said = f" · denied{f': {_line(decision.reason)}' if decision.reason else ''}"
    elif record.is_edited:
        said = " · with other arguments than the model wrote"
    arguments = json.dumps(record.ran.arguments, ensure_ascii=False, indent=2)
    yield f"\n**Call** {_code(record.call.name)}{said}\n\n{_fence(arguments, 'json')}\n"
    if result is not None:
        text = result.content if result.full_content is None else result.full_content
        yield f"\n**Result**{'' if result.ok else ' · failed'}\n\n{_fence(text)}\n"


def _line(text: str) -> str:
    """Return text as one line in which nothing is markup."""
    return re.sub(r"([\\`*_\[\]<>#])", r"\\\1", single_line(text, 300))


def _code(text: str) -> str:
    """Return text as a code span."""
    shown = single_line(text, 300)
    ticks = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    pad = " " if "`" in shown else ""
    return f"{ticks}{pad}{shown}{pad}{ticks}"


def _fence(text: str, language: str = "") -> str:
    """Return text in a fence that nothing in it can close."""
    shown = visible(text.rstrip("\n"), prose=True)
    ticks = "`" * max(3, 1 + max(map(len, re.findall("`+", shown)), default=0))
    return f"{ticks}{language}\n{shown}\n{ticks}"
