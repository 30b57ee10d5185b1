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


@command("editor", "write the message in your editor ($VISUAL, $EDITOR)")
async def _edit(chat: ChatScreen, _: str) -> None:
    await chat.action_edit()


@command("written", "find what you wrote before and take it back")
async def _written(chat: ChatScreen, _: str) -> None:
    chat.action_search_history()


@command("settings", "every setting, changed in place")
async def _settings(chat: ChatScreen, _: str) -> None:
    chat.action_settings()


@command("machine", "what the machine is doing: processor, memory, heat, power")
async def _machine(chat: ChatScreen, _: str) -> None:
    await chat.action_machine()


@command("zoom", "a result, reasoning or answer on the whole screen")
async def _zoom(chat: ChatScreen, _: str) -> None:
    chat.action_zoom()


@command("tour", "the tour of the first start again")
async def _tour(chat: ChatScreen, _: str) -> None:
    await chat.begin_tour()
