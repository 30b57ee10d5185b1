"""Commands about the history: other versions of a message, other branches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smol_chat.ui.command_list import command

if TYPE_CHECKING:  # the screen's commands import this module
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
