"""Commands about what is on the screen: find, jump, fold, copy, look closer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smol_chat.ui.command_list import command

if TYPE_CHECKING:  # the screen's commands import this module
    from smol_chat.ui.screens.chat import ChatScreen


@command("find", "find words in this conversation", "[words]")
async def _find(chat: ChatScreen, argument: str) -> None:
    await chat.action_find(argument)


@command("attach", "attach a file: its text goes with the message", "[path]")
async def _attach(chat: ChatScreen, argument: str) -> None:
    if argument:
        chat.attach_file(argument)
    else:
        from smol_chat.ui.pickers import pick_file  # late: start-up; lists are opened seldom

        await pick_file(chat)
