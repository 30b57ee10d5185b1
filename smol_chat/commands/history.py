"""List, show and remove conversations; list what left this machine; take a write back."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING

from smol_chat.assembly import Assembly
from smol_chat.commands.history_export import export, take_in
from smol_chat.commands.history_search import search
from smol_chat.commands.json_lines import json_line, json_objects
from smol_chat.commands.output import call_line, result_line
from smol_chat.commands.start import assemble
from smol_chat.errors import UsageError
from smol_chat.events import (
    ContentDelta,
    Decided,
    FileAttached,
    MalformedCall,
    Notice,
    ReasoningDelta,
    ToolCallProposed,
    ToolFinished,
    TurnEvent,
    TurnFailed,
    TurnFinished,
    TurnStarted,
)
from smol_chat.journal import ConversationSummary, Journal
from smol_chat.messages import JsonObject
from smol_chat.sanitise import single_line, visible

if TYPE_CHECKING:
    from smol_chat.tools.egress import Connection


def run(arguments: argparse.Namespace) -> int:
    """List, show or remove conversations, list connections or take a write back."""
    assembly = assemble(arguments)
    if arguments.action == "egress":
        return _egress(assembly, arguments.limit, as_json=arguments.json)
    if arguments.action == "undo":
        return asyncio.run(_undo(assembly))
    if arguments.action == "repair":
        return _repair(assembly)
    with closing(assembly.journal()) as journal:
        match arguments.action:
            case "list":
                return _list(journal.conversations(arguments.limit), as_json=arguments.json)
            case "show":
                return _show(journal, arguments)
            case "rename":
                return _rename(journal, arguments.id, " ".join(arguments.title))
            case "pin":
                return _pin(journal, arguments.ids, on=not arguments.off)
            case "export":
                return export(assembly, journal, arguments)
            case "import":
                return take_in(assembly, journal, arguments.file)
            case "search":
                return search(assembly.search(), " ".join(arguments.words), arguments.limit, as_json=arguments.json)
            case "calls":
                return _calls(journal, arguments)
            case _:
                return _remove(journal, arguments.ids)


def _list(conversations: list[ConversationSummary], *, as_json: bool) -> int:
    if as_json:
        print(json_line([_described(conversation) for conversation in conversations]))
        return 0
    for conversation in conversations:
        when = datetime.fromtimestamp(conversation.updated).strftime("%Y-%m-%d %H:%M")
        turns = f"{conversation.turns} turn{'s' if conversation.turns != 1 else ''}"
        pinned = "◆ " if conversation.pinned else ""
        print(f"{conversation.id}  {when}  {turns:>9}  {pinned}{single_line(conversation.title, 80)}")
    if not conversations:
        print("There is no conversation yet.", file=sys.stderr)
    return 0


def _described(conversation: ConversationSummary) -> JsonObject:
    return {
        "id": conversation.id,
        "title": conversation.title,
        "model": conversation.model,
        "started": _iso(conversation.started),
        "updated": _iso(conversation.updated),
        "turns": conversation.turns,
        "pinned": bool(conversation.pinned),
        "named_by": conversation.named_by,
    }


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds")


def _show(journal: Journal, arguments: argparse.Namespace) -> int:
    conversation = journal.find(arguments.id)
    if arguments.all:
        return _show_all(journal, conversation, arguments)
    events = journal.events(conversation)
    if arguments.json:
        _print_events(events)
    else:
        _print_text(paragraphs(events, show_reasoning=arguments.show_reasoning))
    return 0


def _show_all(journal: Journal, conversation: str, arguments: argparse.Namespace) -> int:
    """Print every turn, below a line or behind an object that says where in the tree it stands."""
    tree = journal.tree(conversation)
    shown = set(tree.path(tree.active))
    for turn in journal.turns(conversation):
        siblings = tree.siblings(turn.id)
        version, versions = siblings.index(turn.id) + 1, len(siblings)
        if arguments.json:
            where: JsonObject = {"turn": turn.id, "parent": turn.parent, "open": turn.id in shown}
            print(json_line({"type": "turn", **where, "version": version, "versions": versions}))
            _print_events(turn.events)
            continue
        follows = f"follows {turn.parent}" if turn.parent is not None else "begins the conversation"
        which = f", version {version} of {versions}" if versions > 1 else ""
        heading = f"--- turn {turn.id}, {follows}{which}{', open' if turn.id in shown else ''}"
        _print_text([heading, *paragraphs(turn.events, show_reasoning=arguments.show_reasoning)])
        print()
    return 0


def _print_events(events: Iterable[TurnEvent]) -> None:
    for event in events:
        for value in json_objects(event, with_text=True):
            print(json_line(value))


def _print_text(parts: list[str]) -> None:
    text = "\n\n".join(parts) + "\n"
    if sys.stdout.isatty():
        text = visible(text, prose=True)
    sys.stdout.write(text.encode("utf-8", "replace").decode())


def _calls(journal: Journal, arguments: argparse.Namespace) -> int:
    from smol_chat.commands.history_calls import list_calls  # late: as the others below

    conversation = journal.find(arguments.conversation) if "conversation" in vars(arguments) else None
    found = journal.calls(conversation=conversation, tool=arguments.tool, limit=arguments.limit)
    return list_calls(found, as_json=arguments.json)


def _repair(assembly: Assembly) -> int:
    from smol_chat.journal.repair import repair  # late: seldom needed

    result = repair(assembly.paths.history_db)
    if result.kept is None:
        print("The history is whole; nothing had to be repaired.")
        return 0
    saved = ", ".join(f"{count:,} {table}" for table, count in result.rows.items())
    lost = f"; {result.unreadable:,} rows could not be read" if result.unreadable else ""
    found = f"; {result.made_up:,} of them were put together from what was left" if result.made_up else ""
    print(f"Saved {saved}{found}{lost}.")
    print(f"The damaged file is kept as {result.kept}; what you remove from the history later stays in it.")
    return 0


def _rename(journal: Journal, prefix: str, title: str) -> int:
    if not title.strip():
        raise UsageError("A title has at least one letter.")
    journal.rename(journal.find(prefix), title)
    return 0


def _pin(journal: Journal, prefixes: Iterable[str], *, on: bool) -> int:
    for conversation in [journal.find(prefix) for prefix in prefixes]:
        journal.pin(conversation, on)
    return 0


def _remove(journal: Journal, prefixes: Iterable[str]) -> int:
    found = dict.fromkeys(journal.find(prefix) for prefix in prefixes)  # all are looked up before any is gone
    journal.delete(*found)
    for conversation in found:
        print(f"Removed {conversation}.")
    return 0


def _egress(assembly: Assembly, limit: int, *, as_json: bool) -> int:
    from smol_chat.tools.egress import Ledger  # late: listing conversations does not need it

    with closing(Ledger(assembly.paths.egress_db)) as ledger:
        connections = ledger.read(limit)
    if as_json:
        print(json_line([_connection(connection) for connection in connections]))
        return 0
    for made in connections:
        when = datetime.fromtimestamp(made.time).strftime("%Y-%m-%d %H:%M:%S")
        where, size = _where(made), _size(made)
        call = " ".join(part for part in (made.caller.tool, made.caller.call_id, made.caller.conversation[:8]) if part)
        print(f"{when}  {single_line(where, 70)}  {size}  {single_line(call, 60)}")
    if not connections:
        print("No tool has connected to anything yet.", file=sys.stderr)
    return 0


def _where(made: Connection) -> str:
    port = f":{made.port}" if made.port else ""
    return f"{made.host}{port}{f' ({made.address})' if made.address else ''}"


def _size(made: Connection) -> str:
    if made.state != "closed":
        return made.state
    if not made.exact and not made.sent + made.received:
        return "bytes not known"
    return f"{'' if made.exact else 'about '}{made.sent:,} B out, {made.received:,} B in"


def _connection(made: Connection) -> JsonObject:
    return {
        "time": _iso(made.time),
        "host": made.host,
        "port": made.port,
        "address": made.address,
        "state": made.state,
        "sent": made.sent,
        "received": made.received,
        "exact": made.exact,
        "tool": made.caller.tool,
        "call": made.caller.call_id,
        "conversation": made.caller.conversation,
    }


async def _undo(assembly: Assembly) -> int:
    undone = await assembly.workbench().files.undo()
    print(visible(undone.sentence, keep_newlines=False))
    return 0


def paragraphs(events: Iterable[TurnEvent], *, show_reasoning: bool) -> list[str]:
    """Return a conversation as text, a paragraph for each thing said or done."""
    shown = (_paragraph(event, show_reasoning=show_reasoning) for event in events)
    return [paragraph for paragraph in shown if paragraph]


def _paragraph(event: TurnEvent, *, show_reasoning: bool) -> str:
    match event:
        case TurnStarted(text=text):
            return "\n".join(f"> {line}" for line in text.split("\n"))
        case FileAttached(attachment=file):
            return f"[attached] {file.path}"
        case ContentDelta(text=text):
            return text.strip("\n")
        case ReasoningDelta(text=text) if show_reasoning:
            return f"(thought) {text.strip()}"
        case ToolCallProposed(call=call):
            return f"[call] {call_line(call)}"
        case Decided(decision="deny", reason=reason):
            return f"[denied] {reason}".rstrip()
        case ToolFinished(result=result):
            return f"[result] {result_line(result)}" + (f"\n{result.content}" if result.ok else "")
        case MalformedCall():
            return f"[unreadable call] {event.message}\n{event.raw}"
        case Notice(message=message) | TurnFailed(message=message):
            return f"[notice] {message}"
        case TurnFinished(message=message) if message:
            return f"[notice] {message}"
        case _:  # what has meaning only while it happens
            return ""
