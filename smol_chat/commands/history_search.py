"""Search the conversations and print where the words stand."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING

from smol_chat.commands.json_lines import json_line
from smol_chat.messages import JsonObject
from smol_chat.sanitise import single_line, visible

if TYPE_CHECKING:
    from smol_chat.journal.search import Hit, Search

_MANY = 100
"""Turns from which taking them in takes long enough to be said."""


def search(history: Search, query: str, limit: int, *, as_json: bool) -> int:
    """Print what fits, the best first; the exit code is 1 where nothing does, as grep's is."""
    history.update(report=_report)
    hits = history.find(query, limit)
    if as_json:
        print(json_line([_described(hit) for hit in hits]))
    else:
        for hit in hits:
            print("\n".join(_lines(hit, bold=sys.stdout.isatty())))
    if not hits:
        print("Nothing in the history fits.", file=sys.stderr)
    return 0 if hits else 1


def _report(done: int, total: int) -> None:
    if total < _MANY or not sys.stderr.isatty():
        return
    end = "\n" if done == total else ""
    print(f"\rReading older turns once: {done:,} of {total:,}", end=end, file=sys.stderr, flush=True)


def _lines(hit: Hit, *, bold: bool) -> list[str]:
    on, off = ("\x1b[1m", "\x1b[0m") if bold else ("", "")
    when = datetime.fromtimestamp(hit.time).strftime("%Y-%m-%d %H:%M")
    text = "".join(
        f"{on if is_match else ''}{visible(part, keep_newlines=False)}{off if is_match else ''}"
        for part, is_match in hit.passage
    )
    return [f"{hit.conversation}  {when}  {single_line(hit.title, 80)}", f"    {hit.field}: {text}"]


def _described(hit: Hit) -> JsonObject:
    text, matches = "", []
    for part, is_match in hit.passage:
        if is_match:
            matches.append([len(text), len(text) + len(part)])
        text += part
    return {
        "conversation": hit.conversation,
        "title": hit.title,
        "turn": hit.turn,
        "time": datetime.fromtimestamp(hit.time).astimezone().isoformat(timespec="seconds"),
        "field": hit.field,
        "passage": text,
        "matches": [[start, end] for start, end in matches],
    }
