"""Commands about the history: other versions of a message, other branches, search, titles, files."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING

from smol_chat.ui.command_list import CommandProblem, command

if TYPE_CHECKING:  # the screen's commands import this module
    from smol_chat.journal import ConversationSummary
    from smol_chat.journal.search import Hit
    from smol_chat.ui.screens.chat import ChatScreen


@command("edit", "edit a message and send it again; the old one is kept", "[number]")
async def _edit(chat: ChatScreen, argument: str) -> None:
    chat.branches.edit(chat.branches.position_of(argument))


@command("regenerate", "answer a message again; the old answer is kept", "[number]")
async def _regenerate(chat: ChatScreen, argument: str) -> None:
    await chat.branches.regenerate(chat.branches.position_of(argument))


@command("branch", "go on from an earlier message, on a branch of its own", "[number]")
async def _branch(chat: ChatScreen, argument: str) -> None:
    await chat.branches.branch(chat.branches.position_of(argument))


@command("search", "find words in all conversations", "[words]")
async def _search(chat: ChatScreen, argument: str) -> None:
    from smol_chat.ui.screens.history_search import HistorySearch  # late: start-up; opened seldom

    def chosen(hit: Hit | None) -> None:
        if hit is not None:
            words = next((text for text, is_match in hit.passage if is_match), "")
            chat.run_worker(chat.open_at(hit.conversation, hit.turn, words), group="command")

    chat.app.push_screen(HistorySearch(chat.backend.search, argument), chosen)


@command("branches", "the branches of this conversation")
async def _branches(chat: ChatScreen, _: str) -> None:
    from smol_chat.ui.pickers import pick_branch  # late: start-up; lists are opened seldom

    await pick_branch(chat)


@command("rename", "give this conversation a title", "[title]")
async def _rename(chat: ChatScreen, argument: str) -> None:
    summary = await _summary(chat)
    if not argument:
        chat.composer.write(f"/rename {summary.title}")
        return
    await asyncio.to_thread(chat.backend.journal().rename, summary.id, argument)
    chat.say(f"This conversation is now called {argument!r}.")


@command("favorite", "list this conversation before all others, or no longer")
async def _favorite(chat: ChatScreen, _: str) -> None:
    summary = await _summary(chat)
    await asyncio.to_thread(chat.backend.journal().pin, summary.id, not summary.pinned)
    chat.say(f"This conversation is listed {'as others are' if summary.pinned else 'before all others'}.")


@command("delete", "remove this conversation for good; asks first")
async def _delete(chat: ChatScreen, _: str) -> None:
    from smol_chat.ui.pickers import ask_to_delete  # late: as above

    ask_to_delete(chat, await _summary(chat))


@command("export", "write this conversation as Markdown, HTML or messages", "[markdown|html|jsonl] [file]")
async def _export(chat: ChatScreen, argument: str) -> None:
    from smol_chat.agent.export.files import SUFFIXES, write, written  # late: as above

    wanted, _, name = argument.partition(" ")
    kind = next((kind for kind in SUFFIXES if kind == (wanted or "markdown")), None)
    if kind is None:
        raise CommandProblem("Write /export markdown, /export html or /export jsonl, and a file's name if you like.")
    summary = await _summary(chat)
    file = Path(name.strip() or f"{_file_name(summary.title)}{SUFFIXES[kind]}").expanduser()
    target = chat.backend.workspace / file  # an absolute one stays as it is

    def export() -> None:
        write(written(chat.backend.journal(), summary, kind), str(target), force=False)

    await asyncio.to_thread(export)
    chat.say(f"Wrote {target}.")


async def _summary(chat: ChatScreen) -> ConversationSummary:
    """Return what the history knows of the conversation that is shown."""
    conversation = chat.conversation
    stored = await asyncio.to_thread(chat.backend.journal().summary, conversation.id) if conversation else None
    if stored is None:
        raise CommandProblem("This conversation has no turn yet.")
    return stored


def _file_name(title: str) -> str:
    """Return a title as a name that every file system takes."""
    return "-".join(re.findall(r"\w+", title.lower()))[:60] or "conversation"
